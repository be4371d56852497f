package sim

import (
	"errors"

	"redoubt/fsm"
	"redoubt/raft"
	"redoubt/raft/replica"
	"redoubt/wal"
)

// snapshotRun is a snapshot that is being written.
type snapshotRun struct {
	run    uint64
	meta   raft.SnapshotMeta
	writer *wal.SnapshotWriter
}

func (n *node) newApplier(store *fsm.Store, index uint64) *replica.Applier {
	return replica.NewApplier(store, index, replica.ApplierHooks{
		Applied:  func(a replica.Applied) { n.told = a },
		Answered: func(*replica.Batch) {},
		Load: func(m raft.SnapshotMeta) (*fsm.Store, error) {
			return replica.LoadSnapshot(n.dir, m, n.storeConfig())
		},
		Start: n.startSnapshot,
		Drop:  n.snapshotDropped,
	})
}

// runApplier lets the applier work off its queue, a little later.
func (n *node) runApplier() {
	if n.applying || len(n.applies) == 0 {
		return
	}
	n.applying = true
	delay := n.exponential(n.w.plan.Knobs.ApplyUs) + n.faults.slowApplyUs
	n.after(delay, func() {
		n.applying = false
		n.apply()
	})
}

// apply does everything that is queued, step by step so that the oracle can
// look at each.
func (n *node) apply() {
	items := n.applies
	n.applies = nil
	n.told = replica.Applied{}
	for i := range items {
		if !n.onDisk(func() error { return n.applier.Round(items[i : i+1]) }) {
			return
		}
		n.w.oracle.applied(n, &items[i])
	}
	if told := n.told; told.Index > 0 {
		n.w.markIf(told.ExpiryMs > 0 && told.ExpiryMs <= n.nowMs(), MarkKeyFellDue)
		n.w.markIf(n.applier.Store().Now() > n.nowMs(), MarkClockBehind)
		n.post(func(m *replica.Machine) { m.AppliedTo(told) })
	}
	n.wakeSessions()
	if n.up() {
		n.runApplier()
	}
}

// startSnapshot opens the file of a snapshot; its pieces follow one by one.
func (n *node) startSnapshot(run uint64, meta raft.SnapshotMeta) {
	n.w.oracle.snapshotBegins(n, meta.Index)
	s := &snapshotRun{run: run, meta: meta}
	n.snapshot = s
	n.afterDisk(n.diskUs(), func() {
		if n.snapshot != s {
			return
		}
		n.onDisk(func() (err error) {
			s.writer, err = n.dir.CreateSnapshot(meta, n.rng.Uint64())
			if err != nil {
				return n.snapshotFailed(s, err)
			}
			return nil
		})
		if n.up() {
			n.snapshotPiece(s)
		}
	})
}

// snapshotPiece writes the next part. Without a file the applier is to finish
// all the same, as it goes on offering pieces.
func (n *node) snapshotPiece(s *snapshotRun) {
	if n.snapshot != s {
		return
	}
	piece, last := n.applier.SnapshotNext(n.w.plan.Knobs.PieceBytes)
	if last {
		n.snapshot = nil
	}
	if s.writer != nil && !n.onDisk(func() error { return n.writePiece(s, piece, last) }) {
		return
	}
	if !last && n.up() {
		n.afterDisk(n.exponential(n.w.plan.Knobs.DiskUs+n.w.plan.Knobs.PieceUs), func() { n.snapshotPiece(s) })
	}
}

func (n *node) writePiece(s *snapshotRun, piece []byte, last bool) error {
	if err := s.writer.Write(piece); err != nil {
		s.writer.Abort()
		return n.snapshotFailed(s, err)
	}
	if !last {
		return nil
	}
	file, err := s.writer.Commit()
	if err != nil {
		return n.snapshotFailed(s, err)
	}
	if err := n.dir.RemoveOldSnapshots(s.meta.Index, keepSnapshots); err != nil {
		return err
	}
	n.w.mark(MarkSnapshotWritten)
	n.snapshotDone(s, file.Size, true)
	n.w.gotSnapshot(n)
	return nil
}

// snapshotFailed lets the node live on when there was just no space.
func (n *node) snapshotFailed(s *snapshotRun, err error) error {
	s.writer = nil
	if !errors.Is(err, errNoSpace) {
		return err
	}
	n.w.mark(MarkSnapshotNoSpace)
	n.snapshotDone(s, 0, false)
	return n.dir.ReleaseBallast()
}

// snapshotDropped is the applier giving up.
func (n *node) snapshotDropped() {
	s := n.snapshot
	n.w.mark(MarkSnapshotDropped)
	n.snapshot = nil
	if s.writer != nil {
		s.writer.Abort()
	}
	n.snapshotDone(s, 0, false)
}

// snapshotDone tells the loop, but not in the middle of a step.
func (n *node) snapshotDone(s *snapshotRun, size int64, ok bool) {
	n.after(0, func() {
		n.post(func(m *replica.Machine) { m.SnapshotDone(s.run, s.meta, size, ok) })
	})
}
