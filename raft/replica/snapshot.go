package replica

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
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
		if !errors.Is(err, errSnapshotDropped) {
			n.metrics.Snapshot.Observe(metrics.SnapshotCreate, time.Since(began).Seconds(), err)
		}
		roomMade := false
		switch {
		case err == nil:
			n.noteSnapshot(&file)
			n.log.Info("snapshot written", "event", "snapshot", "index", meta.Index, "term", meta.Term,
				"bytes", file.Size, "seconds", time.Since(began).Seconds())
		case errors.Is(err, errSnapshotDropped):
		case wal.IsPassing(err):
			// The log is not touched by this; space may be freed.
			n.log.Error("snapshot not written", "event", "snapshot", "index", meta.Index, "err", err)
			roomMade = wal.IsFull(err) && n.releaseBallast()
		default:
			n.fence(err)
		}
		n.inbox.push(event{kind: evSnapshotDone, run: run, meta: meta, file: file, ok: err == nil})
		if roomMade {
			n.inbox.push(event{kind: evSnapshotWanted})
		}
	})
	return r
}

// releaseBallast tells whether there was any.
func (n *Node) releaseBallast() bool {
	had := n.config.DataDir.HasBallast()
	if err := n.config.DataDir.ReleaseBallast(); err != nil {
		n.fence(err)
		return false
	}
	return had
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
