package sim

import (
	"bytes"
	"slices"
	"strings"

	"redoubt/fsm"
	"redoubt/raft"
	"redoubt/raft/replica"
	"redoubt/wal"
)

// The marks that the oracle's picture of the cluster shows.

func (o *oracle) electedMarks(n *node, v *view, term uint64) {
	w := o.w
	last := uint64(0)
	for t := range o.leaders { // the maximum: in any order
		if t < term {
			last = max(last, t)
		}
	}
	earlier, known := o.leaders[last]
	w.markIf(known && earlier == n.index, MarkSameLeaderAgain)
	w.markIf(!known, MarkFirstLeader)
	w.markIf(known && term > last+1, MarkElectedTermGap)
	w.markIf(v.now.last() > uint64(len(o.commits)), MarkElectedWithUncommitted)
	w.markIf(n.applier.Index() < uint64(len(o.commits)), MarkElectedBehindInApply)
	w.markIf(w.membersDown() == len(o.config.Members)-len(o.config.Members)/2-1, MarkElectedBareMajority)
	w.markIf(w.Marks[MarkAllDown] > 0, MarkElectedAfterAllDown)
	w.markIf(w.count((*node).paused) > 0, MarkElectedWhilePaused)
	config := n.machine.Core.Status().Config
	w.markIf(config.Joint(), MarkElectedInJoint)
	w.markIf(w.count(func(m *node) bool { return m.up() && (m.snapshot != nil || m.receipt != nil) }) > 0, MarkElectedMidSnapshot)
	w.markIf(w.count(func(m *node) bool { return o.views[m.index].durable.last()+20 < uint64(len(o.commits)) }) > 0, MarkElectedSomeoneLagging)
	w.markIf(w.count(func(m *node) bool { return m != n && m.up() && o.views[m.index].term != 0 }) > 0, MarkTwoLeaders)
}

func (w *World) count(what func(*node) bool) (n int) {
	for _, m := range w.nodes {
		if what(m) {
			n++
		}
	}
	return n
}

// steppedDown is told that n leads no more, though it lives.
func (o *oracle) steppedDown(v *view, term uint64) {
	o.w.markIf(term == v.term, MarkCheckQuorumStepDown)
	o.w.markIf(term > v.term, MarkHigherTermStepDown)
}

func (o *oracle) committedMarks(n *node, v *view, e *raft.Entry, copies int) {
	w := o.w
	w.markIf(copies == len(o.config.Members)/2+1, MarkCommittedByBareMajority)
	w.markIf(copies == len(o.config.Members), MarkCommittedByAll)
	w.markIf(v.term > e.Term, MarkCommittedOlderTerm)
	w.markIf(v.term == 0, MarkFollowerAppliesFirst)
	w.markIf(e.Type == raft.EntryConfig, MarkConfigCommitted)
	w.markIf(len(e.Data) > 100_000, MarkBigEntry)
	if leader, ok := o.leaders[e.Term]; ok {
		l := &o.views[leader]
		w.markIf(l.term == e.Term && l.durable.last() < e.Index, MarkCommittedWithoutLeadersDisk)
	}
}

// overridden is told that entries from first on will go from a log.
func (o *oracle) overridden(v *view, first uint64) {
	w := o.w
	w.mark(MarkSuffixOverridden)
	w.markIf(v.now.last() >= first+9, MarkLongSuffixOverridden)
	chain := v.now.at(first)
	copies := 0
	for i := range o.views {
		if o.views[i].durable.at(first) == chain {
			copies++
		}
	}
	w.markIf(copies > len(o.views)/2, MarkFigure8)
	w.markIf(slices.ContainsFunc(o.configs, func(p placedConfig) bool {
		return p.index >= first && p.index <= v.now.last() && p.term == v.now.terms[p.index-1]
	}), MarkConfigOverridden)
}

func (o *oracle) endedMarks(n *node, p *process, v *view) {
	w := o.w
	w.markIf(v.term != 0, MarkLeaderCrashed)
	w.markIf(v.term != 0 && v.now.last() > uint64(len(o.commits)), MarkLeaderCrashedWithTail)
	w.markIf(p.snapshot != nil, MarkCrashMidSnapshot)
	w.markIf(p.receipt != nil, MarkCrashMidReceive)
	w.markIf(p.writing && len(p.writes) > 0, MarkCrashWithQueue)
	w.markIf(p.writing && len(v.pending) > 0, MarkCrashBetweenDiskAndAck)
	waiting := false
	for _, s := range p.sessions {
		waiting = waiting || s.call != nil
	}
	w.markIf(waiting, MarkCrashWithClients)
	w.markIf(p.machine != nil && isCandidate(p.machine), MarkCandidateCrashed)
	down := w.membersDown()
	w.markIf(down > len(o.config.Members)/2, MarkMajorityDown)
	w.markIf(down == len(o.config.Members), MarkAllDown)
}

// membersDown counts the members whose process is not there.
func (w *World) membersDown() int {
	return w.count(func(n *node) bool {
		_, ok := member(&w.oracle.config, n.id)
		return ok && !n.up()
	})
}

func isCandidate(m *replica.Machine) bool {
	role := m.Core.Status().Role
	return role == raft.Candidate || role == raft.PreCandidate
}

func (o *oracle) sentMarks(m *raft.Message) {
	w := o.w
	if !m.Reject {
		return
	}
	switch m.Type {
	case raft.MsgVoteReply:
		w.mark(MarkVoteRefused)
	case raft.MsgPreVoteReply:
		w.mark(MarkPreVoteRefused)
	case raft.MsgAppendReply:
		w.mark(MarkAppendRefused)
	case raft.MsgForwardReply:
		w.mark(MarkForwardRefused)
	case raft.MsgReadIndexReply:
		w.mark(MarkReadRefused)
	}
}

func (o *oracle) turnedMarks(n *node, v *view, fx *replica.Effects) {
	w := o.w
	if fx.Compact > 0 {
		w.mark(MarkLogCompacted)
		w.markIf(v.term != 0 && w.count(func(m *node) bool { return o.views[m.index].durable.last() < fx.Compact }) > 0, MarkCompactedUnderLagging)
	}
}

func (o *oracle) snapshotMarks(n *node) {
	leads, _ := n.leads()
	o.w.markIf(leads, MarkSnapshotOnLeader)
	o.w.markIf(!leads, MarkSnapshotOnFollower)
	o.w.markIf(o.w.count(func(m *node) bool { return m != n && m.up() && m.snapshot != nil }) > 0, MarkSnapshotsSideBySide)
}

func (o *oracle) recoveredMarks(v *view, found *logView, rec *wal.Recovered) {
	w := o.w
	empty := found.last() == 0 && found.hard.Term == 0
	w.markIf(empty && w.nowUs > 0, MarkRecoveredEmpty)
	w.markIf(rec.Clean, MarkRecoveredClean)
	w.markIf(len(rec.Entries) > 0, MarkRecoveredEntries)
	w.markIf(rec.Snapshot.Index > 0, MarkRecoveredSnapshot)
	w.markIf(rec.Snapshot.Index > v.durable.last(), MarkRecoveredSnapshotAhead)
	w.markIf(found.hard.Vote != "", MarkRecoveredVote)
	if len(v.pending) > 0 {
		w.mark(MarkCrashWhileWriting)
		same := found.last() == v.durable.last() && found.at(found.last()) == v.durable.at(found.last()) && found.hard.Term == v.durable.hard.Term
		w.markIf(same, MarkRecoveredWithoutInflight)
		w.markIf(!same, MarkRecoveredInflight)
	}
	if rec.TornBytes > 0 {
		w.mark(MarkTornTail)
		w.markIf(bytes.HasSuffix([]byte(rec.TornFile), []byte("-000000000000.torn")), MarkTornTailNewSegment)
	}
}

func (o *oracle) answeredMarks(n *node, c *call) {
	w := o.w
	leads, term := n.leads()
	switch c.outcome {
	case outcomeUnknown:
		w.mark(MarkUnknown)
	case outcomeNever:
		w.mark(MarkRefusedOutcome)
	default:
		w.markIf(!leads && c.writes, MarkForwarded)
		w.markIf(!leads && !c.writes, MarkReadFromFollower)
		w.markIf(c.writes && term > c.term && c.term > 0, MarkAnsweredAcrossLeaders)
		w.markIf(len(c.batch.Commands) >= 20, MarkLongPipeline)
	}
	w.markIf(c.attempts > 1, MarkProposedAgain)
	if len(c.batch.Commands) == 1 && c.batch.Commands[0].Exec != nil && c.outcome == outcomeDone {
		o.execMarks(&c.batch.Commands[0], c.batch.Reply, term)
	}
}

func (o *oracle) execMarks(c *fsm.Command, reply []byte, term uint64) {
	if len(c.Exec.Watches) == 0 {
		return
	}
	aborted := isNullArray(reply)
	o.w.markIf(!aborted, MarkExecDone)
	o.w.markIf(aborted, MarkExecAborted)
	for _, watch := range c.Exec.Watches {
		seen := o.watchTerms[watchID{watch.DB, string(watch.Key), watch.Version}]
		if aborted && seen > 0 && seen < term {
			o.w.mark(MarkExecAbortedAcrossLeaders)
			return
		}
	}
}

func (w *World) faultMarks(f Fault, n *node) {
	leads, _ := n.leads()
	switch {
	case !leads:
	case f.Kind == FaultIsolate:
		w.mark(MarkLeaderIsolated)
	case f.Kind == FaultDeaf:
		w.mark(MarkLeaderDeaf)
	case f.Kind == FaultMute:
		w.mark(MarkLeaderMute)
	case f.Kind == FaultPause, f.Kind == FaultSuspend:
		w.mark(MarkLeaderPaused)
	}
}

// marksAtEnd looks back on a run.
func (w *World) marksAtEnd() {
	for _, c := range w.oracle.unknown {
		w.markIf(c.commits == 0, MarkUnknownNeverCommitted)
	}
	w.markIf(len(w.plan.Faults) == 0 && w.Stats.Elections == 1, MarkNoFaults)
}

func (w *World) cutMarks(n *node, cut powerCut) {
	w.mark(MarkCutInStep)
	w.markIf(!n.up(), MarkCutInRecovery)
	w.markIf(cut.op == opRename && strings.HasSuffix(cut.name, ".snap") || cut.op == opSyncDir && strings.HasSuffix(cut.name, "/snap"), MarkCutInSnapshot)
}
