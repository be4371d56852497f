package raft

import (
	"slices"
	"strings"
)

// marks are the places worth visiting, one bit each.
type marks uint64

const (
	markElected marks = 1 << iota
	markLost
	markPreVoteRefused
	markVoteRefused
	markCommitted
	markOverridden
	markLateReport
	markAppendRefused
	markCrashLostEntry
	markCrashLostTerm
	markLeaderCrashed
	markSteppedDown
	markUnseated
	markRead
	markFollowerRead
	markReadFailed
	markTransferred
	markWithoutOwnDisk
	markTwoLeaders
	markOldLeaderElected
	markStaleReadAsked
	markFigure8
	markFigure8Undone
	markInstalled
	markInstalledOverConflict
	markJoint
	markJointLeft
	markVoterMade
	markConfigTakenBack
	markLeaderLeft
	markStrangerLeads
	markTold
	numMarks = iota
)

var markNames = [numMarks]string{
	"a leader is elected", "a candidate loses", "a pre-vote is refused", "a vote is refused", "a command is committed",
	"a conflicting suffix is overridden", "a write is reported whose entries were overridden since", "an append is refused",
	"a crash loses an entry", "a crash loses a term or a vote", "a leader crashes with uncommitted entries",
	"a leader without contact steps down", "a leader is unseated by a later term", "a leader's read is confirmed",
	"a follower's read is confirmed", "a read fails", "leadership is handed over", "an entry is committed that the leader's disk lacks",
	"two leaders of different terms", "a leader of an earlier term is elected after one of a later term",
	"a read is asked of a leader that has been replaced", "an entry of an old term is on a majority and not committed (Figure 8c)",
	"such an entry is overridden (Figure 8d)", "a snapshot is installed", "a snapshot is installed over conflicting entries",
	"a joint configuration is committed", "the configuration after a joint one is committed", "a learner has become a voter",
	"a configuration is taken back", "a leader that is no voter any more steps down", "a node follows a leader that it does not know",
	"a removed node is told so",
}

func (m marks) String() string {
	var names []string
	for i, name := range markNames {
		if m>>i&1 == 1 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "; ")
}

func (x *explorer) meet(m marks) {
	for i := range numMarks {
		if (m&^x.met)>>i&1 == 1 {
			x.metAt[i] = x.depth + 1
		}
	}
	x.met |= m
}

// stepMarks are those that show within a node.
func (x *explorer) stepMarks(before, after *node, e event) marks {
	var m marks
	set := func(is bool, mark marks) {
		if is {
			m |= mark
		}
	}
	a, b := before.core, after.core
	sent := func(typ MessageType, reject bool) bool {
		return slices.ContainsFunc(x.scratch.net, func(m Message) bool { return m.Type == typ && m.Reject == reject })
	}
	set(sent(MsgPreVoteReply, true), markPreVoteRefused)
	set(sent(MsgVoteReply, true), markVoteRefused)
	set(sent(MsgAppendReply, true), markAppendRefused)
	set(sent(MsgTimeoutNow, false), markTransferred)
	if e.ends() {
		set(a.log.last() > b.log.last(), markCrashLostEntry)
		set(a.term > b.term || a.vote != b.vote, markCrashLostTerm)
		set(a.role == Leader && a.log.last() > a.log.commit, markLeaderCrashed)
		return m
	}
	set(a.role != Leader && b.role == Leader, markElected)
	set(b.elections.Lost > a.elections.Lost, markLost)
	set(a.role == Leader && b.role != Leader && a.term == b.term, markSteppedDown)
	set(a.role == Leader && a.term < b.term, markUnseated)
	set(!b.log.extends(&a.log), markOverridden)
	set(e.kind() == evPersist && len(before.pending[0].Entries) > 0 && a.log.durable == b.log.durable, markLateReport)
	if from := max(a.log.commit, b.log.base); b.log.commit > from {
		commands := slices.ContainsFunc(b.log.between(from, b.log.commit), func(e Entry) bool { return e.Type == EntryCommand })
		set(commands, markCommitted)
	}
	installed := b.log.base > a.log.base && e.kind() == evDeliver
	set(installed, markInstalled)
	set(installed && a.log.last() > b.log.base && b.log.last() == b.log.base, markInstalledOverConflict)
	if len(x.root.changes) > 0 {
		m |= configMarks(a, b)
	}
	set(b.role == Leader && b.log.commit > max(a.log.commit, b.log.durable), markWithoutOwnDisk)
	answered := len(before.reads) - len(after.reads) + count(e.kind() == evRead)
	set(answered > 0 && a.role == Leader && b.role == Leader, markRead)
	set(answered > 0 && e.kind() == evDeliver && x.messages[e.arg()].Type == MsgReadIndexReply && !x.messages[e.arg()].Reject, markFollowerRead)
	set(answered > 0 && (a.role == Leader) != (b.role == Leader), markReadFailed)
	return m
}

// configMarks are those of changes of the members.
func configMarks(a, b *Core) (m marks) {
	set := func(is bool, mark marks) {
		if is {
			m |= mark
		}
	}
	committed := func(c *Core) Configuration { return c.configs.at(max(c.log.commit, c.log.base)) }
	if b.log.commit > a.log.commit {
		was, is := committed(a), committed(b)
		set(is.Joint() && !was.Joint(), markJoint)
		set(!is.Joint() && was.Joint(), markJointLeft)
	}
	before, _ := a.Member(a.cfg.ID)
	after, _ := b.Member(b.cfg.ID)
	set(before.Role == Joining && after.Role == Voter, markVoterMade)
	set(len(b.configs) < len(a.configs) && b.log.base == a.log.base, markConfigTakenBack)
	set(a.role == Leader && b.role == Follower && a.term == b.term && !after.votes(), markLeaderLeft)
	_, known := b.Member(b.leader)
	set(b.leader != "" && !known && len(b.config().Members) > 0, markStrangerLeads)
	set(!a.dismissed && b.dismissed, markTold)
	return m
}

// worldMarks are those that show between nodes.
func (x *explorer) worldMarks(w, next *world, e event, s *step) marks {
	var m marks
	terms := x.pasts[w.past].terms
	if s.elected > 0 && terms>>s.elected > 1 {
		m |= markOldLeaderElected
	}
	for i, number := range x.nodesOf(next) {
		for _, other := range next.nodes[:i] {
			if x.views[number].role == Leader && x.views[other].role == Leader {
				m |= markTwoLeaders
			}
		}
	}
	v := &x.views[w.nodes[e.node()]]
	if e.kind() == evRead && v.role == Leader && terms>>v.term > 1 {
		m |= markStaleReadAsked
	}
	if x.views[s.to].disk == v.disk || e.kind() == evWipe || len(x.root.changes) > 0 {
		return m
	}
	logs, committed := x.logs, x.pasts[next.past].committed
	was, is := x.onMajority(w, committed), x.onMajority(next, committed)
	for i := range x.nodesOf(next) {
		leader := &x.views[next.nodes[i]]
		if leader.role == Leader && !logs.begins(committed, is) && logs.ends[is].term < leader.term &&
			logs.begins(logs.whole(leader.log, committed), is) {
			m |= markFigure8
		}
	}
	if logs.last[was] > logs.last[committed] && !logs.begins(is, was) {
		m |= markFigure8Undone
	}
	return m
}

// onMajority is the longest log that two of three disks have.
func (x *explorer) onMajority(w *world, committed uint32) uint32 {
	var longest uint32
	for i, number := range x.nodesOf(w) {
		next := w.nodes[(i+1)%3]
		both := x.logs.common(x.logs.whole(x.views[number].disk, committed), x.logs.whole(x.views[next].disk, committed))
		if x.logs.last[both] > x.logs.last[longest] {
			longest = both
		}
	}
	return longest
}
