package sim

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"redoubt/fsm"
	"redoubt/raft"
)

var messageNames = map[raft.MessageType]string{
	raft.MsgPreVote: "PreVote", raft.MsgPreVoteReply: "PreVoteReply", raft.MsgVote: "Vote", raft.MsgVoteReply: "VoteReply",
	raft.MsgAppend: "Append", raft.MsgAppendReply: "AppendReply", raft.MsgHeartbeat: "Heartbeat", raft.MsgHeartbeatReply: "HeartbeatReply",
	raft.MsgTimeoutNow: "TimeoutNow", raft.MsgReadIndex: "ReadIndex", raft.MsgReadIndexReply: "ReadIndexReply",
	raft.MsgSnapshot: "Snapshot", raft.MsgForward: "Forward", raft.MsgForwardReply: "ForwardReply",
	raft.MsgRemoved: "Removed", raft.MsgChange: "Change", raft.MsgChangeReply: "ChangeReply",
}

// describe puts a message into words.
func describe(m *raft.Message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s term %d", messageNames[m.Type], m.Term)
	if m.LogIndex > 0 || m.LogTerm > 0 {
		fmt.Fprintf(&b, " log %d/%d", m.LogIndex, m.LogTerm)
	}
	if n := len(m.Entries); n > 0 {
		fmt.Fprintf(&b, " entries %d", n)
		if m.Entries[0].Index > 0 {
			fmt.Fprintf(&b, " up to %d", m.Entries[n-1].Index)
		}
	}
	if m.Index > 0 {
		fmt.Fprintf(&b, " index %d", m.Index)
	}
	if m.Commit > 0 {
		fmt.Fprintf(&b, " commit %d", m.Commit)
	}
	if m.Snapshot != nil {
		fmt.Fprintf(&b, " snapshot %d/%d", m.Snapshot.Index, m.Snapshot.Term)
	}
	if m.Reject {
		b.WriteString(" reject")
	}
	return b.String()
}

// describeCommands shows what a batch is about.
func describeCommands(commands []fsm.Command) string {
	var b strings.Builder
	for i := range commands {
		if i == 8 {
			fmt.Fprintf(&b, " … (%d commands)", len(commands))
			break
		}
		describeCommand(&b, &commands[i])
	}
	return b.String()
}

func describeCommand(b *strings.Builder, c *fsm.Command) {
	switch {
	case c.Exec != nil:
		fmt.Fprintf(b, " [EXEC, %d watches:", len(c.Exec.Watches))
		for i := range c.Exec.Commands {
			describeCommand(b, &c.Exec.Commands[i])
		}
		b.WriteString("]")
	case c.Literal != nil:
		fmt.Fprintf(b, " [literal %.20q]", c.Literal)
	default:
		fmt.Fprintf(b, " [%.80q db %d]", bytes.Join(c.Args, []byte(" ")), c.DB)
	}
}

// sortedKeys makes walks over maps repeatable.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
