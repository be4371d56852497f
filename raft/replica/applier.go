package replica

import (
	"fmt"
	"time"

	"redoubt/fsm"
	"redoubt/metrics"
	"redoubt/raft"
)

// snapshotPieceBytes is how much of a running snapshot is serialised between
// two looks at the queue.
const snapshotPieceBytes = 256 << 10

// applier owns the keyspace. Everything it does comes through its queue, in
// order; what it learns goes back to the loop as events.
type applier struct {
	store       *fsm.Store
	index       uint64 // of the last entry applied, which may have been none of the store\'s
	queue       *queue[applyItem]
	post        func(event)
	load        func(raft.SnapshotMeta) (*fsm.Store, error)
	start       func(run uint64, meta raft.SnapshotMeta) *snapshotRun // a writer for a new snapshot
	watch       func(applied)                                         // what others may know at any time
	raft        *metrics.Raft
	reply       []byte // scratch for entries of other nodes
	snap        *snapshotRun
	checkpoints checkpoints
	seed        uint64
}

// applied is what the applier tells after each round.
type applied struct {
	index    uint64
	hash     uint64
	expiryMs int64
	memory   int64
	stats    fsm.Stats // on request only
}

// run works until quit is closed or an installed snapshot cannot be loaded.
func (a *applier) run(quit <-chan struct{}) error {
	for {
		var want chan struct{}
		if a.snap != nil {
			want = a.snap.want
		}
		select {
		case <-quit:
			a.dropSnapshot()
			return nil
		case <-want:
			a.piece()
		case <-a.queue.ready:
			if err := a.round(a.queue.take()); err != nil {
				return err
			}
		}
	}
}

func (a *applier) round(items []applyItem) error {
	began := time.Now()
	moved := false
	for i := range items {
		switch it := &items[i]; {
		case it.entry.Index != 0:
			moved = true
			if err := a.entry(it); err != nil {
				return err
			}
		case it.reads != nil:
			a.read(it.reads)
		case it.ask != nil:
			st := a.state()
			st.stats = a.store.Stats()
			it.ask <- st
		case it.snapshot != nil:
			a.dropSnapshot()
			a.store.BeginSnapshot()
			a.snap = a.start(it.run, *it.snapshot)
		case it.install != nil:
			a.dropSnapshot()
			store, err := a.load(*it.install)
			if err != nil {
				return fmt.Errorf("replica: load snapshot at index %d: %w", it.install.Index, err)
			}
			a.store, a.index, moved = store, it.install.Index, true
		}
	}
	if moved {
		a.raft.ApplySeconds.Observe(time.Since(began).Seconds())
		st := a.state()
		a.watch(st)
		a.post(event{kind: evApplied, index: st.index, expiryMs: st.expiryMs, newest: a.checkpoints.newest})
	}
	return nil
}

func (a *applier) state() applied {
	st := applied{index: a.index, hash: a.store.Hash(), memory: a.store.MemoryBytes()}
	if ms, ok := a.store.NextExpiry(); ok {
		st.expiryMs = ms
	}
	return st
}

func (a *applier) read(batches []*Batch) {
	for _, b := range batches {
		a.seed++
		b.Reply = a.store.ReadBatch(b.Commands, a.seed, b.Reply)
		b.finish()
	}
}

func (a *applier) entry(it *applyItem) error {
	e := it.entry
	a.index = e.Index
	if e.Index%checkpointEntries == 0 {
		defer func() { a.checkpoints.note(checkpoint{e.Index, a.store.Hash()}) }()
	}
	if e.Type != raft.EntryCommand {
		return nil
	}
	if claim, ok := decodeCheckpoint(e.Data); ok {
		return a.checkpoints.compare(claim)
	}
	if b := it.batch; b != nil {
		b.Index = e.Index
		b.Reply = a.store.ApplyBatch(e.Index, e.Data, b.Commands, b.Reply)
		a.raft.CommitSeconds.Observe(time.Since(b.began).Seconds())
		b.finish()
		return nil
	}
	a.reply = a.store.Apply(e.Index, e.Data, a.reply[:0])
	if cap(a.reply) > maxScratchBytes {
		a.reply = nil
	}
	return nil
}

// maxScratchBytes bounds what one large reply leaves allocated.
const maxScratchBytes = 1 << 20

// piece serialises the next part of the running snapshot.
func (a *applier) piece() {
	chunk, done := a.store.SnapshotNext(nil, snapshotPieceBytes)
	a.snap.pieces <- snapshotPiece{chunk, done} // the writer waits for it
	if done {
		a.snap = nil
	}
}

// dropSnapshot gives up a running snapshot, because its state is replaced or
// the node stops.
func (a *applier) dropSnapshot() {
	if a.snap == nil {
		return
	}
	a.store.AbortSnapshot()
	close(a.snap.pieces)
	a.snap = nil
}
