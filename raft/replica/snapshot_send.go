package replica

import (
	"errors"
	"sync"
	"time"

	"redoubt/metrics"
	"redoubt/raft"
	"redoubt/resp/peer"
	"redoubt/wal"
)

// A follower that did not take a snapshot, mostly because its disk is full, will not
// take it a moment later either. It is asked again after a pause, which doubles.
const (
	minSnapshotPause = 100 * time.Millisecond
	maxSnapshotPause = 5 * time.Second
)

// snapshotPauses has the latest pause of each follower that did not take a snapshot.
type snapshotPauses struct {
	mu   sync.Mutex
	last map[raft.NodeID]time.Duration
}

// after tells how long to wait after a transfer that has ended so.
func (p *snapshotPauses) after(to raft.NodeID, ok bool) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ok {
		delete(p.last, to)
		return 0
	}
	p.last[to] = min(max(2*p.last[to], minSnapshotPause), maxSnapshotPause)
	return p.last[to]
}

var errNoSnapshot = errors.New("replica: there is no snapshot")

// sendSnapshot streams the newest snapshot file to a follower. The machine hears of a
// failure when the next attempt is due: it asks for that at once.
func (n *Node) sendSnapshot(to raft.NodeID, run uint64) {
	began := time.Now()
	done := func(err error) {
		if !errors.Is(err, peer.ErrGivenUp) {
			n.metrics.Snapshot.Observe(metrics.SnapshotSend, time.Since(began).Seconds(), err)
		}
		tell := func() { n.inbox.push(event{kind: evSnapshotSent, peer: to, run: run, ok: err == nil}) }
		if pause := n.pauses.after(to, err == nil); pause > 0 {
			time.AfterFunc(pause, tell)
			return
		}
		tell()
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
		switch {
		case err != nil && wal.IsPassing(err):
			n.log.Warn("snapshot not sent", "event", "snapshot", "peer", to, "err", err)
			done(err)
		case err != nil:
			n.fence(err)
			done(err)
		case !ok:
			done(errNoSnapshot)
		default:
			msg.Snapshot = &file.Meta
			n.transport.SendSnapshot(msg, file, done)
		}
	})
}
