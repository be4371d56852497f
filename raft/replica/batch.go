package replica

import (
	"fmt"
	"time"

	"redoubt/fsm"
	"redoubt/raft"
	"redoubt/resp"
)

// Batch is what one connection has in flight: the commands of one pipeline, in
// order, and their replies. A connection has one batch and uses it again.
//
// The connection fills Commands and calls Node.Execute; until that returns the
// batch and everything it refers to belong to the node.
type Batch struct {
	Commands []fsm.Command
	// Reads says how fresh the state must be that a batch without writes looks
	// at.
	Reads Consistency
	// Reply holds the replies of all Commands, in order. Valid after Execute.
	Reply []byte
	// Index is the log index of the entry that carried the writes, 0 when there
	// was none. Valid after Execute.
	Index uint64

	entry      []byte // the writes, encoded as a log entry; nil when there are none
	needsClock bool
	seq        uint64 // names the batch among those of this process
	deadlineMs int64
	proposed   bool   // may have been appended in term
	term       uint64 // of the leader it was proposed to
	refused    string // the error that answered it instead of the keyspace; "" = none did
	unknown    bool   // it was answered without its outcome
	busy       bool   // the leader refused it, when it was last asked
	began      time.Time
	committed  time.Time // when its entry was; set before the applier gets it
	done       chan struct{}
}

// NewBatch returns an empty batch.
func NewBatch() *Batch { return &Batch{done: make(chan struct{}, 1)} }

// Reset makes the batch ready for the next pipeline, keeping its buffers.
func (b *Batch) Reset() {
	clear(b.Commands) // let go of the arguments
	b.Commands = b.Commands[:0]
	b.Reply = b.Reply[:0]
	b.Reads, b.Index, b.entry, b.needsClock, b.proposed, b.term = ReadsAsConfigured, 0, nil, false, false, 0
	b.refused, b.unknown, b.busy = "", false, false
}

// Consistency is what a read may count on.
type Consistency uint8

const (
	// ReadsAsConfigured is one of the others: Config.LocalReads says which.
	ReadsAsConfigured Consistency = iota
	// ReadsLinearizable see every write that was answered before they began.
	ReadsLinearizable
	// ReadsLocal see the state of this node, however old it is, and need no
	// leader.
	ReadsLocal
)

// Answered says, once, that the batch has its replies.
func (b *Batch) Answered() bool {
	select {
	case <-b.done:
		return true
	default:
		return false
	}
}

// Origin names the entry that carries the writes, zero when there are none. It is
// another one when they were proposed again.
func (b *Batch) Origin() fsm.Origin {
	o, _ := fsm.EntryOrigin(b.entry)
	return o
}

// Prepare encodes the writes, in the goroutine of the connection: the loop has
// better things to do.
func (b *Batch) Prepare() {
	writes := false
	for i := range b.Commands {
		if b.Commands[i].Class() == fsm.Write {
			writes = true
		}
		b.needsClock = b.needsClock || b.Commands[i].NeedsClock()
	}
	if writes {
		b.entry = fsm.AppendEntry(nil, b.Commands)
	}
}

// fail answers every command that would have looked at the keyspace with the
// error text, which must be true of all of them.
func (b *Batch) fail(text string) {
	b.refused = text
	for i := range b.Commands {
		if c := &b.Commands[i]; c.Class() == fsm.Session {
			b.Reply = append(b.Reply, c.Literal...)
		} else {
			b.Reply = resp.AppendError(b.Reply, text)
		}
	}
	b.finish()
}

// uncertain answers a batch whose entry may be committed one day. Its reads
// surely did not happen.
func (b *Batch) uncertain(why string) {
	b.unknown = true
	for i := range b.Commands {
		switch c := &b.Commands[i]; c.Class() {
		case fsm.Session:
			b.Reply = append(b.Reply, c.Literal...)
		case fsm.Read:
			b.Reply = resp.AppendError(b.Reply, resp.ErrTryAgain)
		default:
			b.Reply = resp.AppendError(b.Reply, resp.Uncertain(why))
		}
	}
	b.finish()
}

func (b *Batch) finish() {
	select {
	case b.done <- struct{}{}:
	default: // its connection may have begun to use it again
		panic(fmt.Sprintf("replica: a batch of %d commands is answered twice, now with %.100q", len(b.Commands), b.Reply))
	}
}

// leaderHint is where the core last saw a leader.
type leaderHint struct {
	id   raft.NodeID
	term uint64
}
