package raft

import (
	"fmt"
	"slices"
)

// world is the state of everything. The network is the set of all messages ever
// sent: any of them may arrive at any time, again and again, or never. So loss,
// delay, reordering and duplication need no events of their own. Nor does a node
// that is down: to the others it is one that is up and hears nothing.
type world struct {
	nodes [maxNodes]uint32 // those beyond the root's size are 0
	past  uint32
	left  budget
	net   []uint32 // sorted
}

// past is what the promises need to remember.
type past struct {
	terms     uint32    // a bit for each term that has had a leader
	committed uint32    // the longest log that was committed anywhere
	by        [16]uint8 // the term of the leader that committed an index
}

// budget is how often each kind of event may still happen, four bits each.
type budget uint64

type limits struct{ timeouts, ticks, crashes, proposals, reads, transfers, compactions, wipes, changes uint64 }

func (l limits) budget() budget {
	return budget(l.timeouts | l.ticks<<4 | l.crashes<<8 | l.proposals<<12 | l.reads<<16 | l.transfers<<20 | l.compactions<<24 | l.wipes<<28 | l.changes<<32)
}

// budgetShift says where in a budget a kind of event is; -1: it is not limited.
var budgetShift = [...]int{
	evDeliver: -1, evPersist: -1, evSnapshotSent: -1,
	evTimeout: 0, evTick: 4, evCrash: 8, evPropose: 12, evRead: 16, evTransfer: 20, evCompact: 24, evWipe: 28, evChange: 32,
}

func (b budget) of(kind eventKind) uint32 { return uint32(b>>budgetShift[kind]) & 15 }

func (b budget) spend(kind eventKind) budget {
	if shift := budgetShift[kind]; shift >= 0 {
		b -= 1 << shift
	}
	return b
}

// events calls f with all that can happen next.
func (x *explorer) events(w *world, f func(e event)) {
	both := func(e event) {
		f(e)
		if x.root.openTurns {
			f(e | eventQuiet)
		}
	}
	may := func(kind eventKind) bool { return w.left.of(kind) > 0 }
	for _, number := range w.net {
		m := &x.messages[number]
		i := nodeIndex(m.To)
		both(newEvent(evDeliver, i, number))
		if (m.Type == MsgVote || m.Type == MsgPreVote) && x.views[w.nodes[i]].hears {
			both(newEvent(evDeliver, i, number) | eventLate)
		}
	}
	for i, number := range x.nodesOf(w) {
		v := &x.views[number]
		if v.pending > 0 {
			both(newEvent(evPersist, i, 0))
		}
		if may(evCrash) {
			for survive := range v.pending + 1 {
				f(newEvent(evCrash, i, survive))
			}
		}
		if may(evWipe) {
			f(newEvent(evWipe, i, 0))
		}
		if may(evCompact) && v.log.base < v.commit {
			both(newEvent(evCompact, i, 0))
		}
		if may(evRead) && v.hasLeader {
			both(newEvent(evRead, i, uint32(x.logs.last[x.pasts[w.past].committed])))
		}
		if v.role == Leader {
			x.leaderEvents(w, i, both)
		} else if may(evTimeout) {
			both(newEvent(evTimeout, i, 0))
		}
	}
}

func (x *explorer) leaderEvents(w *world, i int, f func(e event)) {
	if w.left.of(evTick) > 0 {
		f(newEvent(evTick, i, 0))
	}
	if left := w.left.of(evPropose); left > 0 {
		f(newEvent(evPropose, i, left))
	}
	if w.left.of(evChange) > 0 {
		for change := range x.root.changes {
			f(newEvent(evChange, i, uint32(change)))
		}
	}
	for to := range uint32(x.root.size()) {
		if w.left.of(evTransfer) > 0 {
			f(newEvent(evTransfer, i, to))
		}
		if x.views[w.nodes[i]].snapshotting[to] {
			f(newEvent(evSnapshotSent, i, 2*to))
			f(newEvent(evSnapshotSent, i, 2*to+1))
		}
	}
}

// after is the world that e makes of w. Its net is to be copied by who keeps it.
func (x *explorer) after(w *world, e event) (next world, s *step) {
	i := e.node()
	s = x.step(w.nodes[i], e)
	if s.failure != "" {
		panic(s.failure)
	}
	next = *w
	next.nodes[i] = s.to
	next.left = w.left.spend(e.kind())
	next.net = x.union(w.net, s.sent)
	next.past = x.remember(w.past, s)
	return next, s
}

// union of two sorted sets; x uses the slice again.
func (x *explorer) union(w, sent []uint32) []uint32 {
	all := x.scratchNet[:0]
	for _, m := range w {
		for len(sent) > 0 && sent[0] < m {
			all = append(all, sent[0])
			sent = sent[1:]
		}
		if len(sent) > 0 && sent[0] == m {
			sent = sent[1:]
		}
		all = append(all, m)
	}
	all = append(all, sent...)
	x.scratchNet = all
	return all
}

// remember checks what needs the past, and puts into it what is new.
func (x *explorer) remember(number uint32, s *step) uint32 {
	p, logs := x.pasts[number], x.logs
	v := &x.views[s.to]
	if s.elected > 0 {
		if p.terms>>s.elected&1 == 1 {
			panic(fmt.Sprintf("Election Safety: term %d has its second leader", s.elected))
		}
		p.terms |= 1 << s.elected
	}
	committed := logs.prefix(logs.whole(v.log, p.committed), v.commit)
	had := logs.last[p.committed]
	if logs.prefix(p.committed, v.commit) != logs.prefix(committed, had) {
		panic(fmt.Sprintf("State Machine Safety: %s is committed, and now %s", logs.describe(p.committed), logs.describe(committed)))
	}
	if v.commit > had {
		p.committed = committed
		for index := had + 1; index <= v.commit; index++ {
			p.by[index] = uint8(v.term)
		}
	} else if s.elected == 0 {
		return number
	}
	return x.pastNumber(p)
}

func (x *explorer) pastNumber(p past) uint32 {
	i, ok := x.pastOf[p]
	if !ok {
		i = uint32(len(x.pasts))
		x.pastOf[p] = i
		x.pasts = append(x.pasts, p)
	}
	return i
}

// check looks for a broken promise between the nodes of w.
func (x *explorer) check(w *world) {
	past := &x.pasts[w.past]
	var memory [maxNodes]uint32
	var has [maxNodes]bool
	for i, number := range x.nodesOf(w) {
		v := &x.views[number]
		memory[i] = x.logs.whole(v.log, past.committed)
		for j := range i {
			x.checkLogs(memory[i], memory[j])
		}
		holds := func(t tail) bool { return x.logs.begins(x.logs.whole(t, past.committed), past.committed) }
		has[i] = holds(v.disk) || slices.ContainsFunc(v.lost, holds)
	}
	if !x.onQuorum(w, x.logs.last[past.committed], has) {
		panic(fmt.Sprintf("%s is committed and on the disks %v", x.logs.describe(past.committed), has))
	}
	for i, number := range x.nodesOf(w) {
		if x.views[number].role == Leader {
			x.checkLeader(w, i, memory[i])
		}
	}
}

// nodesOf are the nodes that there are.
func (x *explorer) nodesOf(w *world) []uint32 { return w.nodes[:x.root.size()] }

// onQuorum says whether the disks that have an entry can have committed it.
func (x *explorer) onQuorum(w *world, index uint64, has [maxNodes]bool) bool {
	if len(x.root.changes) == 0 {
		disks := 0
		for _, h := range has {
			disks += count(h)
		}
		return disks >= 2
	}
	for _, number := range x.nodesOf(w) {
		for _, config := range x.nodes[number].core.configs.since(index) {
			if len(config.Members) > 0 && config.HasQuorum(func(m Member) bool { return has[nodeIndex(m.ID)] }) {
				return true
			}
		}
	}
	return false
}

// checkLogs: §5.3, Log Matching.
func (x *explorer) checkLogs(p, q uint32) {
	same, last := x.logs.common(p, q), min(x.logs.last[p], x.logs.last[q])
	p, q = x.logs.prefix(p, last), x.logs.prefix(q, last)
	for p != same && q != same {
		if x.logs.ends[p].term == x.logs.ends[q].term {
			panic(fmt.Sprintf("Log Matching: %s and %s differ", x.logs.describe(p), x.logs.describe(q)))
		}
		p, q = x.logs.ends[p].before, x.logs.ends[q].before
	}
}

// checkLeader: Leader Completeness (§5.4), and that what the leader believes of
// its followers is so. A follower of a later term may have cut its log since,
// and one with a new disk has nothing.
func (x *explorer) checkLeader(w *world, i int, log uint32) {
	v, past := &x.views[w.nodes[i]], &x.pasts[w.past]
	index := x.logs.last[past.committed]
	for index > 0 && uint64(past.by[index]) >= v.term {
		index--
	}
	if must := x.logs.prefix(past.committed, index); !x.logs.begins(log, must) {
		panic(fmt.Sprintf("Leader Completeness: %d leads term %d with %s, committed before was %s",
			i+1, v.term, x.logs.describe(log), x.logs.describe(must)))
	}
	for j, number := range x.nodesOf(w) {
		f := &x.views[number]
		if j == i || f.term > v.term || f.diskTerm > v.term || len(f.lost) > 0 {
			continue
		}
		must, is := x.logs.prefix(log, v.match[j]), x.logs.whole(f.disk, past.committed)
		if !x.logs.begins(is, must) {
			panic(fmt.Sprintf("%d leads term %d and believes that %d has %s, on its disk is %s",
				i+1, v.term, j+1, x.logs.describe(must), x.logs.describe(is)))
		}
	}
}
