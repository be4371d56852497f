package replica

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"redoubt/fsm"
	"redoubt/metrics"
	"redoubt/raft"
	"redoubt/wal"
)

// keepSnapshots is how many snapshot files stay: one may just be on its way to
// a follower while the next is made.
const keepSnapshots = 2

// snapshotRun joins the applier, which serialises, with the goroutine that
// writes the file. The writer asks for each piece, so at most one is in memory
// and the applier never waits for the disk.
type snapshotRun struct {
	want   chan struct{}
	pieces chan snapshotPiece // closed when the applier gave up
}

type snapshotPiece struct {
	bytes []byte
	last  bool
}

var errSnapshotDropped = errors.New("replica: snapshot given up")

// startSnapshot begins writing a snapshot file, in a goroutine of its own.
func (n *Node) startSnapshot(run uint64, meta raft.SnapshotMeta) *snapshotRun {
	r := &snapshotRun{want: make(chan struct{}), pieces: make(chan snapshotPiece, 1)}
	n.wg.Go(func() {
		began := time.Now()
		file, err := n.writeSnapshot(r, meta)
		n.metrics.Snapshot.Observe(metrics.SnapshotCreate, time.Since(began).Seconds(), err)
		switch {
		case err == nil:
			n.noteSnapshot(&file)
			n.log.Info("snapshot written", "event", "snapshot", "index", meta.Index, "term", meta.Term,
				"bytes", file.Size, "seconds", time.Since(began).Seconds())
		case errors.Is(err, errSnapshotDropped):
		case errors.Is(err, syscall.ENOSPC):
			// The log is not touched by this; space may be freed.
			n.log.Error("no space for a snapshot", "event", "snapshot", "index", meta.Index, "err", err)
			if err := n.config.DataDir.ReleaseBallast(); err != nil {
				n.fence(err)
			}
		default:
			n.fence(err)
		}
		n.inbox.push(event{kind: evSnapshotDone, run: run, meta: meta, file: file, ok: err == nil})
	})
	return r
}

func (n *Node) writeSnapshot(r *snapshotRun, meta raft.SnapshotMeta) (wal.SnapshotFile, error) {
	w, err := n.config.DataDir.CreateSnapshot(meta, rand.Uint64())
	if err != nil {
		// The applier offers pieces until it is told otherwise.
		n.drain(r)
		return wal.SnapshotFile{}, err
	}
	for {
		p, ok := n.nextPiece(r)
		if !ok {
			w.Abort()
			return wal.SnapshotFile{}, errSnapshotDropped
		}
		if err := w.Write(p.bytes); err != nil {
			w.Abort()
			if !p.last {
				n.drain(r)
			}
			return wal.SnapshotFile{}, err
		}
		if p.last {
			break
		}
	}
	file, err := w.Commit()
	if err != nil {
		return wal.SnapshotFile{}, err
	}
	return file, n.config.DataDir.RemoveOldSnapshots(meta.Index, keepSnapshots)
}

// nextPiece asks the applier for a piece; false when it has given up.
func (n *Node) nextPiece(r *snapshotRun) (snapshotPiece, bool) {
	select {
	case r.want <- struct{}{}:
	case p, ok := <-r.pieces: // closed: nothing is on its way before it is asked for
		return p, ok
	case <-n.quit:
		return snapshotPiece{}, false
	}
	select {
	case p, ok := <-r.pieces:
		return p, ok
	case <-n.quit:
		return snapshotPiece{}, false
	}
}

// drain lets the applier finish a snapshot that has no file any more.
func (n *Node) drain(r *snapshotRun) {
	for {
		if p, ok := n.nextPiece(r); !ok || p.last {
			return
		}
	}
}

// sendSnapshot streams the newest snapshot file to a follower.
func (n *Node) sendSnapshot(to raft.NodeID, run uint64) {
	began := time.Now()
	done := func(ok bool) {
		var err error
		if !ok {
			err = errSnapshotDropped
		}
		n.metrics.Snapshot.Observe(metrics.SnapshotSend, time.Since(began).Seconds(), err)
		n.inbox.push(event{kind: evSnapshotSent, peer: to, run: run, ok: ok})
	}
	core := n.machine.Core
	_, term := core.Leader()
	meta := n.machine.snapshot.meta
	msg := raft.Message{
		Type: raft.MsgSnapshot, From: core.ID(), To: to, Term: term,
		Incarnation: n.config.Identity.Incarnation, Snapshot: &meta,
	}
	n.wg.Go(func() {
		file, ok, err := n.config.DataDir.LatestSnapshot()
		if err != nil {
			n.fence(err)
		}
		if err != nil || !ok {
			done(false)
			return
		}
		msg.Snapshot = &file.Meta
		n.transport.SendSnapshot(msg, file, done)
	})
}

// LoadSnapshot restores the keyspace from the snapshot file of that index, and
// removes those that it replaces: a node that is fed again and again, or
// restarts again and again, would keep them all.
func LoadSnapshot(dir wal.Dir, meta raft.SnapshotMeta, c fsm.Config) (*fsm.Store, error) {
	// Not the newest: the next one may have come in already.
	file, ok, err := dir.Snapshot(meta.Index, meta.Term)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("replica: there is no snapshot of entry %d of term %d", meta.Index, meta.Term)
	}
	r, err := file.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	store, err := fsm.Restore(bufio.NewReaderSize(r, 64<<10), c)
	if err != nil {
		return nil, fmt.Errorf("replica: %s: %w", file.Path, err)
	}
	if store.Index() > meta.Index {
		return nil, fmt.Errorf("replica: %s holds the state at index %d, its header says %d", file.Path, store.Index(), meta.Index)
	}
	return store, dir.RemoveOldSnapshots(meta.Index, 1)
}
