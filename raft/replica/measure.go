package replica

import (
	"os"
	"time"

	"redoubt/fsm"
	"redoubt/metrics"
	"redoubt/raft"
	"redoubt/resp"
	"redoubt/wal"
)

// probe times one append at a time on its way to a follower's disk and back. It
// belongs to the loop, like all that is measured here but count.
type probe struct {
	index   uint64 // of its last entry; 0: none is on its way
	began   time.Time
	seconds interface{ Observe(float64) }
}

// sending notes when an append leaves.
func (n *Node) sending(m *raft.Message) {
	if m.Type != raft.MsgAppend || len(m.Entries) == 0 {
		return
	}
	p := n.probes[m.To]
	if p == nil {
		p = &probe{seconds: n.metrics.Peer.RoundTripSeconds(string(m.To))}
		n.probes[m.To] = p
	}
	if p.index == 0 {
		p.index, p.began = m.Entries[len(m.Entries)-1].Index, n.now
	}
}

// received ends the probe that the message acknowledges.
func (n *Node) received(m *raft.Message) {
	if m.Type != raft.MsgAppendReply {
		return
	}
	p := n.probes[m.From]
	switch {
	case p == nil || p.index == 0:
	case m.Reject:
		p.index = 0
	case m.Index >= p.index:
		p.seconds.Observe(n.now.Sub(p.began).Seconds())
		p.index = 0
	}
}

// dropProbe forgets an append that will not be answered.
func (n *Node) dropProbe(id raft.NodeID) {
	if p := n.probes[id]; p != nil {
		p.index = 0
	}
}

// forget drops the figures of members that are gone.
func (n *Node) forget(old, now []raft.Member) {
	for _, m := range old {
		if _, ok := member(&raft.Configuration{Members: now}, m.ID); !ok {
			delete(n.probes, m.ID)
			n.metrics.Peer.Forget(string(m.ID))
		}
	}
}

// handing notes what this turn gives to the applier: entries are committed,
// reads may be served.
func (n *Node) handing(it *ApplyItem) {
	switch {
	case it.Batch != nil:
		it.Batch.committed = n.now
	case len(it.Reads) > 0 && !n.local(it.Reads[0]):
		path := n.followerReads
		if leader, _ := n.machine.Core.Leader(); leader == n.config.Identity.NodeID {
			path = n.leaderReads
		}
		path.Observe(n.now.Sub(it.Reads[0].began).Seconds())
	}
}

// count notes what became of a batch, in the goroutine of its connection.
func (n *Node) count(b *Batch) {
	m := n.metrics.Raft
	if b.entry != nil {
		m.Proposals.Inc()
	}
	switch {
	case b.refused == "" && !b.unknown:
	case b.entry != nil:
		m.ProposalsFailed(n.whyFailed(b)).Inc()
	case b.refused == resp.ErrClusterDown:
		m.ReadIndexFailed.Inc()
	}
	if b.refused != "" || n.recent.Load().Role == raft.Leader {
		return
	}
	writes, reads := 0, 0
	for i := range b.Commands {
		switch b.Commands[i].Class() {
		case fsm.Write:
			writes++
		case fsm.Read:
			reads++
		}
	}
	m.ForwardedWrites.Add(float64(writes))
	if !n.local(b) {
		m.ForwardedReads.Add(float64(reads))
	}
}

// local: the reads of b need no leader.
func (n *Node) local(b *Batch) bool {
	return b.entry == nil && (b.Reads == ReadsLocal || b.Reads == ReadsAsConfigured && n.config.LocalReads)
}

func (n *Node) whyFailed(b *Batch) string {
	recent := n.recent.Load()
	switch {
	case b.unknown && recent.Term != b.term:
		return metrics.FailedLostLeadership
	case b.unknown:
		return metrics.FailedTimeout
	case b.refused == resp.ErrMisconf:
		return metrics.FailedDiskFull
	case b.refused == resp.ErrEntryTooLarge:
		return metrics.FailedTooLarge
	case b.busy && recent.Leader != "":
		return metrics.FailedOverloaded
	}
	return metrics.FailedNotLeader
}

// snapshotFile is what is known of the newest snapshot's file.
type snapshotFile struct {
	index uint64
	bytes int64
	at    time.Time // when it was made, or came in
}

// noteSnapshot may be called from any goroutine; files are noted in any order.
func (n *Node) noteSnapshot(f *wal.SnapshotFile) {
	info, err := os.Stat(f.Path)
	if err != nil {
		return // a newer one has replaced it
	}
	now := &snapshotFile{f.Meta.Index, f.Size, info.ModTime()}
	for {
		old := n.newest.Load()
		if old != nil && old.index > now.index || n.newest.CompareAndSwap(old, now) {
			return
		}
	}
}
