package raft

import (
	"fmt"
	"strings"
)

var messageNames = map[MessageType]string{
	MsgPreVote: "PreVote", MsgPreVoteReply: "PreVoteReply", MsgVote: "Vote", MsgVoteReply: "VoteReply",
	MsgAppend: "Append", MsgAppendReply: "AppendReply", MsgHeartbeat: "Heartbeat", MsgHeartbeatReply: "HeartbeatReply",
	MsgTimeoutNow: "TimeoutNow", MsgReadIndex: "ReadIndex", MsgReadIndexReply: "ReadIndexReply", MsgSnapshot: "Snapshot", MsgRemoved: "Removed",
}

// describe renders a message for traces.
func describe(m Message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s→%s %s t%d", m.From, m.To, messageNames[m.Type], m.Term)
	switch m.Type {
	case MsgPreVote, MsgVote:
		fmt.Fprintf(&b, " last %d/t%d", m.LogIndex, m.LogTerm)
	case MsgAppend:
		fmt.Fprintf(&b, " prev %d/t%d %s commit %d", m.LogIndex, m.LogTerm, describeEntries(m.Entries), m.Commit)
	case MsgAppendReply:
		fmt.Fprintf(&b, " index %d", m.Index)
		if m.Reject {
			fmt.Fprintf(&b, " hint %d/t%d", m.LogIndex, m.LogTerm)
		}
	case MsgHeartbeat:
		fmt.Fprintf(&b, " commit %d", m.Commit)
	case MsgReadIndex, MsgReadIndexReply:
		fmt.Fprintf(&b, " id %d index %d", m.ID, m.Index)
	case MsgSnapshot:
		fmt.Fprintf(&b, " %d/t%d", m.Snapshot.Index, m.Snapshot.Term)
	}
	if m.Round != 0 && !m.toProcess() {
		fmt.Fprintf(&b, " round %d", m.Round)
	}
	if m.Reject {
		b.WriteString(" reject")
	}
	if m.Force {
		b.WriteString(" force")
	}
	return b.String()
}

// toProcess: Round is the number of a process.
func (m *Message) toProcess() bool {
	switch m.Type {
	case MsgPreVote, MsgPreVoteReply, MsgVote, MsgVoteReply, MsgReadIndex, MsgReadIndexReply:
		return true
	}
	return false
}

func describeEntries(entries []Entry) string {
	parts := make([]string, len(entries))
	for i, e := range entries {
		what := fmt.Sprintf("%q", e.Data)
		switch e.Type {
		case EntryNoOp:
			what = "no-op"
		case EntryConfig:
			what = "config"
		}
		parts[i] = fmt.Sprintf("%d/t%d %s", e.Index, e.Term, what)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// logOutput tells what a turn asks for, unless it asks for nothing.
func (n *node) logOutput(out *Output) {
	say := func(format string, args ...any) { n.c.log(string(n.id)+": "+format, args...) }
	if w := out.Write; w != nil {
		say("write %d: t%d vote %q commit %d %s%s", w.Seq, w.HardState.Term, w.HardState.Vote, w.HardState.Commit,
			describeEntries(w.Entries), map[bool]string{true: "", false: " (no sync)"}[w.MustSync])
	}
	for _, s := range out.Sends {
		if s.After > 0 {
			say("after write %d: %s", s.After, describe(s.Msg))
		} else {
			say("send %s", describe(s.Msg))
		}
	}
	if out.Install != nil {
		say("install snapshot %d/t%d", out.Install.Index, out.Install.Term)
	}
	if len(out.Committed) > 0 {
		say("apply %s", describeEntries(out.Committed))
	}
	for _, r := range out.Reads {
		say("read %d at %d", r.ID, r.Index)
	}
	if len(out.FailedReads) > 0 {
		say("reads failed %v", out.FailedReads)
	}
	if len(out.SnapshotTo) > 0 {
		say("snapshot to %v", out.SnapshotTo)
	}
}
