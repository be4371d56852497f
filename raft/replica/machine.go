package replica

import (
	"bytes"
	"math/rand/v2"
	"slices"

	"redoubt/fsm"
	"redoubt/raft"
	"redoubt/resp"
)

// Effects is what one turn of the machine asks its runtime to do.
type Effects struct {
	Writes     []raft.Write
	Sends      []raft.Message // the machine's, valid until the next Flush
	Apply      []ApplyItem
	SnapshotTo []SnapshotSend
	Compact    uint64 // the log may drop entries up to here
}

// SnapshotSend asks for the newest snapshot to be sent to a member, instead of
// what it is being sent. Its end is reported with Run.
type SnapshotSend struct {
	To  raft.NodeID
	Run uint64
}

// ApplyItem is one step of the applier. Exactly one of the first five is set.
type ApplyItem struct {
	Entry    raft.Entry         // Index 0: not an entry
	Reads    []*Batch           // serve them now
	Snapshot *raft.SnapshotMeta // begin a snapshot of the state as it is now
	Install  *raft.SnapshotMeta // replace the state by this snapshot
	ask      chan<- Applied     // tell the state
	Batch    *Batch             // with entry: the batch that it came from, to be answered
	Run      uint64             // with snapshot: the number of the attempt
}

// Limits are the machine's settings.
type Limits struct {
	Databases     int
	LocalReads    bool  // serve reads that do not say otherwise at once, from the state as it is here
	TimeoutMs     int64 // a batch is answered within this time, unless the applier already has it
	SnapshotBytes int   // log bytes that make a new snapshot due
	SnapshotAgeMs int64 // or the age of the newest one, 0 = no limit
}

// Machine holds the rules of the replica. It is driven by one event at a time,
// then flushed; it has no clock of its own: NowMs and UpMs are set before each turn.
type Machine struct {
	Core   *raft.Core
	limits Limits
	boot   uint64 // names this process life in the origin of entries
	rng    *rand.Rand
	NowMs  int64 // wall clock, for the time in the log; it may jump
	UpMs   int64 // since the process began, for deadlines; it may not

	seq     uint64
	pending map[uint64]*Batch // by seq: the entry may have been appended
	waiting []*Batch          // surely not appended; proposed again when a leader is there
	refused []*Batch          // by the leader; they wait from the next tick on

	forwards forwards
	seen     seen
	bootTerm uint64 // of the core when this process began

	reads      reads
	held       []raft.Send // wait for a write
	persisted  uint64      // newest durable write
	handed     uint64      // newest entry handed to the applier
	handedTerm uint64      // its term

	stamp    clockStamp
	applied  uint64
	expiryMs int64 // when the next key falls due, as the applier last said; 0 = none
	ticks    uint64
	heard    map[raft.NodeID]uint64 // tick of the newest message of each peer
	claimed  uint64                 // index of the newest checkpoint that this node put into the log

	requests  []*Membership
	requestID uint64

	snapshot   snapshotState
	diskFull   bool // clients' writes are refused
	diskClosed bool // commands from the leader are refused too; elections still work, so reads do
	fx         Effects
	sent       []raft.Message // what the last Flush gave out; its memory is used again
}

// clockStamp is the time that this leader last put into the log. Its clock may
// have gone back since the time before: log time, the highest, does not.
type clockStamp struct {
	term  uint64
	ms    int64
	index uint64
}

// NewMachine starts from the newest snapshot, which the keyspace was restored
// from; its meta is empty when there is none.
func NewMachine(core *raft.Core, newest raft.SnapshotMeta, boot uint64, nowMs int64, rng *rand.Rand, l Limits) *Machine {
	_, bootTerm := core.Leader()
	return &Machine{
		bootTerm: bootTerm,
		Core:     core, limits: l, boot: boot, rng: rng, NowMs: nowMs,
		pending:    map[uint64]*Batch{},
		heard:      map[raft.NodeID]uint64{},
		seen:       seen{seq: map[uint64]uint64{}, asked: map[uint64]uint64{}},
		reads:      reads{asked: map[uint64]*readGroup{}},
		snapshot:   snapshotState{meta: newest, feeding: map[raft.NodeID]uint64{}, sending: map[raft.NodeID]uint64{}},
		handed:     newest.Index,
		handedTerm: newest.Term,
		applied:    newest.Index,
	}
}

// Submit takes a batch from a connection.
func (m *Machine) Submit(b *Batch) {
	b.deadlineMs = m.UpMs + m.limits.TimeoutMs
	m.start(b)
}

// start sets a batch on its way, for the first time or again.
func (m *Machine) start(b *Batch) {
	if b.entry == nil && (b.Reads == ReadsLocal || b.Reads == ReadsAsConfigured && m.limits.LocalReads) {
		m.readHere(b)
		return
	}
	if b.entry == nil {
		m.reads.queue = append(m.reads.queue, b)
		return
	}
	switch {
	case len(b.entry) > maxEntryBytes:
		b.fail(resp.ErrEntryTooLarge)
	case m.diskFull:
		b.fail(resp.ErrMisconf)
	default:
		m.propose(b)
	}
}

// maxEntryBytes bounds an entry so that the log and the streams can take it. A
// pipeline is cut long before; only a transaction of large commands gets here.
const maxEntryBytes = 60 << 20

// maxForwardBytes bounds the entries of one MsgForward; one always goes.
const maxForwardBytes = 1 << 20

// propose gives the batch's entry to the leader, this node or another.
func (m *Machine) propose(b *Batch) {
	leader, term := m.Core.Leader()
	if !m.canPropose() {
		m.waiting = append(m.waiting, b)
		return
	}
	if b.proposed {
		// The bytes of the first attempt may still be in a log or on their way.
		b.entry = bytes.Clone(b.entry)
	}
	m.seq++
	fsm.SetOrigin(b.entry, fsm.Origin{Boot: m.boot, Seq: m.seq})
	b.busy = false
	if leader == m.Core.ID() {
		if _, err := m.append(b.entry); err != nil {
			b.busy = true
			m.waiting = append(m.waiting, b)
			return
		}
	} else {
		if m.forwards.leader != leader || m.forwards.term != term {
			m.recallForwards()
			m.forwards = forwards{leader: leader, term: term}
		}
		m.forwards.entries = append(m.forwards.entries, raft.Entry{Data: b.entry})
	}
	b.seq, b.term, b.proposed = m.seq, term, true
	m.pending[b.seq] = b
}

// append stamps an entry with the leader's time and seed and puts it into the
// log.
func (m *Machine) append(entry []byte) (uint64, error) {
	fsm.Stamp(entry, m.NowMs, m.rng.Uint64())
	index, err := m.Core.Propose(entry)
	if err == nil {
		_, term := m.Core.Leader()
		m.stamp = clockStamp{term: term, ms: m.NowMs, index: index}
	}
	return index, err
}

// Receive takes a message from a peer.
func (m *Machine) Receive(msg raft.Message) {
	m.heard[msg.From] = m.ticks
	switch msg.Type {
	case raft.MsgForward:
		m.forwarded(msg)
		return
	case raft.MsgForwardReply:
		m.forwardRefused(msg)
		return
	case raft.MsgChange:
		m.membershipAsked(msg)
		return
	case raft.MsgChangeReply:
		m.membershipReplied(msg)
		return
	case raft.MsgReadIndex:
		if leader, term := m.Core.Leader(); leader == m.Core.ID() && term == msg.Term {
			msg.Index = max(msg.Index, m.clockIndex(msg.Force))
		}
	case raft.MsgAppend:
		if m.diskClosed && slices.ContainsFunc(msg.Entries, isCommand) {
			return // as if lost; the leader will send it again
		}
	}
	m.Core.Receive(msg)
}

func isCommand(e raft.Entry) bool { return e.Type == raft.EntryCommand }

// Wrote is told that write seq and all before it are durable.
func (m *Machine) Wrote(seq uint64) {
	m.persisted = max(m.persisted, seq)
	m.Core.Persisted(seq)
	kept := m.held[:0]
	for _, s := range m.held {
		if s.After > m.persisted {
			kept = append(kept, s)
			continue
		}
		m.fx.Sends = append(m.fx.Sends, s.Msg)
	}
	clear(m.held[len(kept):])
	m.held = kept
}

// Flush ends a turn: it lets the core speak and gives out all effects.
func (m *Machine) Flush() Effects {
	m.retry()
	m.startReads()
	m.sendForwards()
	out := m.Core.Flush()
	if out.Write != nil {
		m.fx.Writes = append(m.fx.Writes, *out.Write)
	}
	for _, s := range out.Sends {
		if s.Msg.Type == raft.MsgReadIndex {
			s.Msg.Force = m.reads.wantClock(s.Msg.ID)
		}
		m.send(s)
	}
	if out.Install != nil {
		m.install(*out.Install)
	}
	m.handOver(out.Committed)
	m.confirmed(out.Reads, out.FailedReads)
	m.snapshotIfDue()
	m.feed(out.SnapshotTo)
	if m.Core.Removed(m.Core.ID()) {
		m.tickMembership() // the node ends now
	}
	fx := m.fx
	clear(m.sent)
	m.fx = Effects{Sends: m.sent[:0]}
	m.sent = fx.Sends
	return fx
}

func (m *Machine) send(s raft.Send) {
	if s.After > m.persisted {
		m.held = append(m.held, s)
		return
	}
	m.fx.Sends = append(m.fx.Sends, s.Msg)
}

// canPropose: a leader is known, and so far that the term may be named to it. What
// would have to wait for the disk is better not made: it could leave long after its
// client was answered.
func (m *Machine) canPropose() bool {
	leader, _ := m.Core.Leader()
	return leader != "" && (leader == m.Core.ID() || m.Core.TermSeq() <= m.persisted)
}

// retry proposes again what waits, once that is possible. Reads wait for a leader
// only, and the core for the rest.
func (m *Machine) retry() {
	if leader, _ := m.Core.Leader(); len(m.waiting) == 0 || leader == "" {
		return
	}
	waiting := m.waiting
	m.waiting = nil
	for _, b := range waiting {
		m.start(b)
	}
}

// handOver gives committed entries to the applier, each with the batch it came
// from, and settles the proposals that a new term has overtaken.
func (m *Machine) handOver(committed []raft.Entry) {
	for _, e := range committed {
		item := ApplyItem{Entry: e}
		if e.Type == raft.EntryCommand {
			if o, ok := fsm.EntryOrigin(e.Data); ok && o.Boot == m.boot {
				item.Batch = m.pending[o.Seq]
				delete(m.pending, o.Seq)
			}
		}
		m.fx.Apply = append(m.fx.Apply, item)
		m.handed = e.Index
		m.snapshot.bytesSince += len(e.Data) + entryOverheadBytes
		if e.Term > m.handedTerm {
			m.handedTerm = e.Term
			m.overtaken(e.Term)
		}
	}
}

// overtaken: an entry of this term is committed, so what was proposed in an
// earlier one and is not committed by now never will be.
func (m *Machine) overtaken(term uint64) {
	for _, seq := range sortedKeys(m.pending) {
		if b := m.pending[seq]; b.term < term {
			delete(m.pending, seq)
			m.waiting = append(m.waiting, b)
		}
	}
}

// expire answers every batch whose time is up.
func (m *Machine) expire() {
	kept := m.waiting[:0]
	for _, b := range m.waiting {
		if m.UpMs < b.deadlineMs {
			kept = append(kept, b)
			continue
		}
		b.fail(resp.ErrClusterDown)
	}
	clear(m.waiting[len(kept):])
	m.waiting = kept
	for _, seq := range sortedKeys(m.pending) {
		if b := m.pending[seq]; m.UpMs >= b.deadlineMs {
			delete(m.pending, seq)
			b.uncertain("no majority confirmed the write in time")
		}
	}
	m.reads.expire(m.UpMs)
}

// Stop answers everything that is still open; the node ends.
func (m *Machine) Stop() {
	m.recallForwards()
	for _, seq := range sortedKeys(m.pending) {
		m.pending[seq].uncertain("the node is stopping")
	}
	clear(m.pending)
	for _, b := range append(m.waiting, m.refused...) {
		b.fail(resp.ErrClusterDown)
	}
	m.waiting, m.refused = nil, nil
	m.reads.expire(1<<63 - 1)
	m.UpMs = 1<<63 - 1
	m.tickMembership()
}

// contactTicks is the time since this node last heard from the leader or, on
// the leader, from a majority.
func (m *Machine) contactTicks() uint64 {
	leader, _ := m.Core.Leader()
	if leader != m.Core.ID() {
		return m.ticks - m.heard[leader] // without a leader: since the start
	}
	config := m.Core.Status().Config
	age := func(id raft.NodeID) uint64 {
		if id == leader {
			return 0
		}
		return m.ticks - m.heard[id]
	}
	var ages []uint64
	for _, member := range config.Members {
		ages = append(ages, age(member.ID))
	}
	slices.Sort(ages)
	for _, limit := range ages {
		if config.HasQuorum(func(m raft.Member) bool { return age(m.ID) <= limit }) {
			return limit
		}
	}
	return m.ticks
}
