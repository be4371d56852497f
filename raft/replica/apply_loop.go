package replica

import (
	"time"

	"redoubt/fsm"
	"redoubt/metrics"
	"redoubt/raft"
)

// snapshotPieceBytes is how much of a running snapshot is serialised between
// two looks at the queue.
const snapshotPieceBytes = 256 << 10

// newApplier joins the applier with the node around it.
func (n *Node) newApplier(store *fsm.Store) *Applier {
	var a *Applier
	a = NewApplier(store, n.machine.handed, ApplierHooks{
		Applied: func(a Applied) {
			n.memory.Store(a.MemoryBytes)
			n.inbox.push(event{kind: evApplied, applied: a})
		},
		Answered: func(b *Batch) {
			// Whoever has the reply may count on maxmemory knowing of it.
			n.memory.Store(a.Store().MemoryBytes())
			n.metrics.Raft.CommitSeconds.Observe(b.committed.Sub(b.began).Seconds())
		},
		Load: func(m raft.SnapshotMeta) (*fsm.Store, error) {
			began := time.Now()
			s, err := LoadSnapshot(n.config.DataDir, m, n.config.Store)
			n.metrics.Snapshot.Observe(metrics.SnapshotRestore, time.Since(began).Seconds(), err)
			if file, ok, _ := n.config.DataDir.Snapshot(m.Index, m.Term); ok { // an error is LoadSnapshot's, too
				n.noteSnapshot(&file)
			}
			return s, err
		},
		Start: func(run uint64, meta raft.SnapshotMeta) { n.running = n.startSnapshot(run, meta) },
		Drop: func() {
			close(n.running.pieces)
			n.running = nil
		},
	})
	return a
}

// runApplier gives the applier its rounds, and takes the pieces of a running
// snapshot when the writer of its file asks for them.
func (n *Node) runApplier(a *Applier) {
	for {
		var want chan struct{}
		if n.running != nil {
			want = n.running.want
		}
		select {
		case <-n.quit:
			a.DropSnapshot()
			return
		case <-want:
			piece, last := a.SnapshotNext(snapshotPieceBytes)
			n.running.pieces <- snapshotPiece{piece, last} // the writer waits for it
			if last {
				n.running = nil
			}
		case <-n.applies.ready:
			began := time.Now()
			if err := a.Round(n.applies.take()); err != nil {
				n.fence(err)
				return
			}
			n.metrics.Raft.ApplySeconds.Observe(time.Since(began).Seconds())
		}
	}
}
