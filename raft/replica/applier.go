package replica

import (
	"fmt"

	"redoubt/fsm"
	"redoubt/raft"
)

// Applier owns the keyspace. What it is to do comes in order, in rounds; what it
// learns goes out through its hooks. Like the Machine it has no clock, goroutine
// or file of its own.
type Applier struct {
	store       *fsm.Store
	index       uint64 // of the last entry applied, which may have been none of the store's
	hooks       ApplierHooks
	reply       []byte // of the newest entry that was not this node's
	snapshot    bool   // one is running
	checkpoints checkpoints
	seed        uint64
}

// ApplierHooks are called by the goroutine that calls the Applier.
type ApplierHooks struct {
	// Applied is called after a round that has moved the state.
	Applied func(Applied)
	// Answered is called before a batch of this node that was in the log is
	// given back.
	Answered func(*Batch)
	// Load returns the keyspace of an installed snapshot.
	Load func(raft.SnapshotMeta) (*fsm.Store, error)
	// Start begins the file of attempt run at a snapshot; the caller then
	// takes its content with SnapshotNext. Drop says that there will be no more
	// of it.
	Start func(run uint64, meta raft.SnapshotMeta)
	Drop  func()
}

// Applied tells how far the state has come.
type Applied struct {
	Index       uint64
	Hash        uint64
	ExpiryMs    int64 // log time at which the next key falls due, 0 = none
	MemoryBytes int64
	Newest      Checkpoint
	stats       fsm.Stats // on request only
}

// NewApplier returns the owner of store, which holds the state at index.
func NewApplier(store *fsm.Store, index uint64, hooks ApplierHooks) *Applier {
	return &Applier{store: store, index: index, hooks: hooks}
}

// Store returns the keyspace, which must not be changed.
func (a *Applier) Store() *fsm.Store { return a.store }

// Index returns the index of the newest entry applied.
func (a *Applier) Index() uint64 { return a.index }

// Reply returns the replies of the newest entry that was not made of a batch of
// this node, until the next.
func (a *Applier) Reply() []byte { return a.reply }

// Round does what items say, one after the other. An error ends the node: an
// installed snapshot cannot be loaded, or the state has diverged.
func (a *Applier) Round(items []ApplyItem) error {
	moved := false
	for i := range items {
		switch it := &items[i]; {
		case it.Entry.Index != 0:
			moved = true
			if err := a.entry(it); err != nil {
				return err
			}
		case it.Reads != nil:
			a.read(it.Reads)
		case it.ask != nil:
			st := a.state()
			st.stats = a.store.Stats()
			it.ask <- st
		case it.Snapshot != nil:
			a.DropSnapshot()
			a.store.BeginSnapshot()
			a.snapshot = true
			a.hooks.Start(it.Run, *it.Snapshot)
		case it.Install != nil:
			a.DropSnapshot()
			store, err := a.hooks.Load(*it.Install)
			if err != nil {
				return fmt.Errorf("replica: load snapshot at index %d: %w", it.Install.Index, err)
			}
			a.store, a.index, moved = store, it.Install.Index, true
		}
	}
	if moved {
		a.hooks.Applied(a.state())
	}
	return nil
}

func (a *Applier) state() Applied {
	st := Applied{Index: a.index, Hash: a.store.Hash(), MemoryBytes: a.store.MemoryBytes(), Newest: a.checkpoints.newest}
	if ms, ok := a.store.NextExpiry(); ok {
		st.ExpiryMs = ms
	}
	return st
}

func (a *Applier) read(batches []*Batch) {
	for _, b := range batches {
		a.seed++
		b.Reply = a.store.ReadBatch(b.Commands, a.seed, b.Reply)
		b.finish()
	}
}

func (a *Applier) entry(it *ApplyItem) error {
	e := it.Entry
	a.index = e.Index
	if e.Index%checkpointEntries == 0 {
		defer func() { a.checkpoints.note(Checkpoint{e.Index, a.store.Hash()}) }()
	}
	if e.Type != raft.EntryCommand {
		return nil
	}
	if claim, ok := decodeCheckpoint(e.Data); ok {
		return a.checkpoints.compare(claim)
	}
	if b := it.Batch; b != nil {
		b.Index = e.Index
		b.Reply = a.store.ApplyBatch(e.Index, e.Data, b.Commands, b.Reply)
		a.hooks.Answered(b)
		b.finish()
		return nil
	}
	if cap(a.reply) > maxScratchBytes {
		a.reply = nil
	}
	a.reply = a.store.Apply(e.Index, e.Data, a.reply[:0])
	return nil
}

// maxScratchBytes bounds what one large reply leaves allocated.
const maxScratchBytes = 1 << 20

// SnapshotNext serialises the next part of the running snapshot, about maxBytes
// of it; last: there is no more. The slice is the caller's.
func (a *Applier) SnapshotNext(maxBytes int) (piece []byte, last bool) {
	piece, last = a.store.SnapshotNext(nil, maxBytes)
	a.snapshot = !last
	return piece, last
}

// DropSnapshot gives up a running snapshot, because its state is replaced or
// the node stops.
func (a *Applier) DropSnapshot() {
	if !a.snapshot {
		return
	}
	a.store.AbortSnapshot()
	a.hooks.Drop()
	a.snapshot = false
}
