package raft

import (
	"bytes"
	"fmt"
	"slices"
)

// checker watches a cluster and panics when a promise of Raft is broken.
type checker struct {
	c            *cluster
	leaders      map[uint64]string // term → who, in which life (§5.2 Election Safety)
	entries      map[uint64]Entry  // index → what was committed (State Machine Safety)
	by           map[uint64]uint64 // index → the term of whom it was first seen committed at
	maxCommitted uint64
}

func newChecker(c *cluster) *checker {
	return &checker{c: c, leaders: map[uint64]string{}, entries: map[uint64]Entry{}, by: map[uint64]uint64{}}
}

func (k *checker) failf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// turn is called after every Flush.
func (k *checker) turn(n *node) {
	core := n.core
	if core.role != Leader {
		return
	}
	who := fmt.Sprintf("%s in life %d", n.id, n.life)
	if was, ok := k.leaders[core.term]; ok && was != who {
		k.failf("Election Safety: leaders of term %d are %s and %s", core.term, was, who)
	} else if !ok {
		k.leaders[core.term] = who
		k.complete(n)
	}
	if n.disk.hard.Term < core.term {
		k.failf("%s leads term %d, durable is %d", n.id, core.term, n.disk.hard.Term)
	}
}

// complete: a new leader has what was committed in earlier terms (§5.4 Leader
// Completeness). Late votes may elect one when a later term has its leader.
func (k *checker) complete(n *node) {
	for index, e := range k.entries {
		if k.by[index] < n.core.term && index > n.core.log.base && !n.core.log.matches(index, e.Term) {
			k.failf("Leader Completeness: %s leads term %d without %d/t%d", n.id, n.core.term, index, e.Term)
		}
	}
}

// appliesNext: entries are applied in order and when they are durable here.
func (k *checker) appliesNext(n *node, e Entry) {
	if e.Index != n.applied+1 {
		k.failf("%s applies %d after %d", n.id, e.Index, n.applied)
	}
	if !n.disk.has(e) {
		k.failf("%s applies %d/t%d, which is not on its disk", n.id, e.Index, e.Term)
	}
}

// committed is called for each entry a node is given to apply.
func (k *checker) committed(n *node, e Entry) {
	k.appliesNext(n, e)
	was, ok := k.entries[e.Index]
	if ok {
		if was.Term != e.Term || was.Type != e.Type || !bytes.Equal(was.Data, e.Data) {
			k.failf("State Machine Safety: %s applies %d/t%d %q, another applied t%d %q", n.id, e.Index, e.Term, e.Data, was.Term, was.Data)
		}
		return
	}
	k.entries[e.Index], k.by[e.Index] = e, n.core.term
	k.maxCommitted = max(k.maxCommitted, e.Index)
	holds := func(m Member) bool {
		member := k.c.node(m.ID)
		return slices.ContainsFunc(append(member.lost, member.disk), func(d disk) bool { return d.has(e) })
	}
	if !slices.ContainsFunc(k.deciding(e.Index), func(c Configuration) bool { return c.HasQuorum(holds) }) {
		k.failf("%s applies %d/t%d, which is not on a majority of the disks of %v", n.id, e.Index, e.Term, k.deciding(e.Index))
	}
}

// deciding returns the configurations under which an entry of that index can
// have been committed.
func (k *checker) deciding(index uint64) (configs []Configuration) {
	for _, n := range k.c.nodes {
		configs = append(configs, configHistory{{n.disk.snap.Index, n.disk.snap.Config}}.note(n.disk.entries).since(index)...)
		if n.core != nil {
			configs = append(configs, n.core.configs.since(index)...)
		}
	}
	return slices.DeleteFunc(configs, func(c Configuration) bool { return len(c.Members) == 0 })
}

// since returns the configurations that were in force at index or later. A
// leader counts by the latest in its log, and may have lost that in a crash: if
// it is the one after a joint one, the others know only the latter.
func (h configHistory) since(index uint64) (configs []Configuration) {
	for i := range h {
		if i+1 < len(h) && h[i+1].index <= index {
			continue
		}
		configs = append(configs, h[i].config)
		if h[i].config.Joint() {
			configs = append(configs, h[i].config.completed())
		}
	}
	return configs
}

func (k *checker) installed(n *node, snap SnapshotMeta) {
	if snap.Index <= n.applied {
		k.failf("%s installs snapshot %d after applying %d", n.id, snap.Index, n.applied)
	}
	if e, ok := k.entries[snap.Index]; !ok || e.Term != snap.Term {
		k.failf("%s installs snapshot %d/t%d, committed is t%d", n.id, snap.Index, snap.Term, e.Term)
	}
}

// leaves checks the gates: ordering rules 1 and 2.
func (k *checker) leaves(n *node, m Message) {
	hard := n.disk.hard
	switch {
	case m.Type == MsgPreVoteReply && !m.Reject: // the asker's proposal
	case m.Type == MsgPreVote && m.Term <= hard.Term+1:
	case m.Term > hard.Term:
		k.failf("%s says %s, durable term is %d", n.id, describe(m), hard.Term)
	case m.Term < hard.Term:
	case m.Type == MsgVote && hard.Vote != n.id, m.Type == MsgVoteReply && !m.Reject && hard.Vote != m.To:
		k.failf("%s says %s, durable vote is for %s", n.id, describe(m), hard.Vote)
	case m.Type == MsgAppendReply && !m.Reject && m.Index > n.disk.last():
		k.failf("%s says %s, disk ends at %d", n.id, describe(m), n.disk.last())
	}
}

// read: nothing that was committed before the read began may be missed.
func (k *checker) read(n *node, r ReadState) {
	least, ok := n.reads[r.ID]
	if !ok {
		k.failf("%s: read %d was answered twice or never asked", n.id, r.ID)
	}
	delete(n.reads, r.ID)
	if r.Index < least {
		k.failf("stale read: %s may read at %d, %d was committed before", n.id, r.Index, least)
	}
}

// logsMatch: logs that have an entry of the same index and term are the same
// up to there (§5.3 Log Matching).
func (k *checker) logsMatch() {
	for i, a := range k.c.nodes {
		for _, b := range k.c.nodes[i+1:] {
			if a.core != nil && b.core != nil {
				k.match(a, b)
			}
		}
	}
}

func (k *checker) match(a, b *node) {
	la, lb := &a.core.log, &b.core.log
	same := false
	for i := min(la.last(), lb.last()); i > max(la.base, lb.base); i-- {
		ea, eb := la.entries[i-la.base-1], lb.entries[i-lb.base-1]
		same = same || ea.Term == eb.Term
		if same && (ea.Term != eb.Term || ea.Type != eb.Type || !bytes.Equal(ea.Data, eb.Data)) {
			k.failf("Log Matching: %s has %d/t%d %q, %s has t%d %q", a.id, i, ea.Term, ea.Data, b.id, eb.Term, eb.Data)
		}
	}
}

// marks checks a core's own bookkeeping.
func (k *checker) marks(n *node) {
	l := &n.core.log
	switch {
	case l.bytes != sizeOf(l.entries), l.uncommitted != sizeOf(l.entries[l.commit-l.base:]):
		k.failf("%s counts %d bytes, %d uncommitted", n.id, l.bytes, l.uncommitted)
	case l.applied > l.handed || l.handed > l.commit || l.commit > l.last() || l.durable > l.last():
		k.failf("%s: marks out of order: %+v", n.id, n.core.Status())
	case !slices.IsSortedFunc(l.writes, func(a, b pendingWrite) int { return int(a.last) - int(b.last) }):
		k.failf("%s: pending writes out of order: %+v", n.id, l.writes)
	}
	if n.core.lead == nil {
		return
	}
	for id, p := range n.core.lead.progress {
		if p.match >= p.next || p.match > l.last() {
			k.failf("%s: progress of %s: match %d next %d last %d", n.id, id, p.match, p.next, l.last())
		}
	}
}
