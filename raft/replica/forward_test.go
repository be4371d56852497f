package replica

import (
	"math/rand/v2"
	"testing"

	"redoubt/fsm"
	"redoubt/raft"
)

// A leader that restarts has forgotten what it appended in its term. It must not
// tell a follower whose proposal comes once more that it surely was not.
func TestRestartedLeaderRefusesNothing(t *testing.T) {
	config := raft.Configuration{Members: []raft.Member{
		{ID: "n1", Role: raft.Voter}, {ID: "n2", Role: raft.Voter}, {ID: "n3", Role: raft.Voter},
	}}
	core := raft.New(raft.Config{
		ID: "n1", Incarnation: 1, ElectionTicks: 10, HeartbeatTicks: 2,
		MaxAppendBytes: 1 << 20, MaxInflightBytes: 1 << 20, MaxUncommittedBytes: 1 << 20, Rand: rand.New(rand.NewPCG(1, 1)),
	}, raft.State{HardState: raft.HardState{Term: 5, Vote: "n1"}, Snapshot: raft.SnapshotMeta{Config: config}})
	m := NewMachine(core, raft.SnapshotMeta{Config: config}, 1, 1000, rand.New(rand.NewPCG(1, 2)), Limits{Databases: 1, TimeoutMs: 1000})
	entry := fsm.AppendEntry(nil, nil)
	fsm.SetOrigin(entry, fsm.Origin{Boot: 7, Seq: 1})
	forward := raft.Message{Type: raft.MsgForward, From: "n2", Incarnation: 2, Term: 5, Entries: []raft.Entry{{Data: entry}}}

	m.Receive(forward)
	if sends := m.Flush().Sends; len(sends) > 0 {
		t.Fatalf("in the term of its former life it answers %+v", sends)
	}

	// In a term that it has seen begin, and does not lead, it knows.
	m.Receive(raft.Message{Type: raft.MsgHeartbeat, From: "n3", Incarnation: 3, Term: 6})
	seq := m.Flush().Writes[0].Seq
	m.Wrote(seq)
	m.Flush()
	forward.Term = 6
	m.Receive(forward)
	sends := m.Flush().Sends
	if len(sends) != 1 || sends[0].Type != raft.MsgForwardReply || !sends[0].Reject || sends[0].ID != 1 {
		t.Fatalf("it answers %+v, want one refusal", sends)
	}
}
