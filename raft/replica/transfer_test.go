package replica

import (
	"math/rand/v2"
	"testing"

	"redoubt/fsm"
	"redoubt/raft"
)

// The end of a transfer that a newer one has replaced says nothing about the
// newer one.
func TestEndOfAReplacedTransferIsIgnored(t *testing.T) {
	config := raft.Configuration{}
	for i, id := range []raft.NodeID{"n1", "n2", "n3"} {
		config.Members = append(config.Members, raft.Member{ID: id, Role: raft.Voter, Incarnation: uint64(i + 1)})
	}
	snapshot := raft.SnapshotMeta{Index: 10, Term: 1, Config: config}
	core := raft.New(raft.Config{
		ID: "n1", Incarnation: 1, ElectionTicks: 10, HeartbeatTicks: 2,
		MaxAppendBytes: 1 << 20, MaxInflightBytes: 1 << 20, MaxUncommittedBytes: 1 << 20, Rand: rand.New(rand.NewPCG(1, 1)),
	}, raft.State{HardState: raft.HardState{Term: 1, Commit: 10}, Snapshot: snapshot})
	m := NewMachine(core, snapshot, 1, 1000, rand.New(rand.NewPCG(1, 2)), Limits{Databases: 1, TimeoutMs: 1000})

	// n2 grants what it is asked for, and turns out to have an empty log.
	var sends []SnapshotSend
	for i := 0; i < 100 && len(sends) == 0; i++ {
		m.Tick()
		for fx := m.Flush(); len(fx.Writes)+len(fx.Sends)+len(fx.SnapshotTo) > 0; fx = m.Flush() {
			sends = append(sends, fx.SnapshotTo...)
			for _, w := range fx.Writes {
				m.Wrote(w.Seq)
			}
			for _, msg := range fx.Sends {
				if reply := emptyNode(msg); reply.Type != 0 {
					m.Receive(reply)
				}
			}
		}
	}
	if len(sends) != 1 || sends[0].To != "n2" {
		t.Fatalf("n2 is to be sent %v, want one snapshot", sends)
	}
	state := func() string {
		for _, p := range core.Status().Peers {
			if p.ID == "n2" {
				return p.State
			}
		}
		t.Fatal("n1 does not lead")
		return ""
	}
	m.feed([]raft.NodeID{"n2"})
	newer := m.Flush().SnapshotTo[0]
	if m.SnapshotSent("n2", sends[0].Run, false); state() != raft.StateSnapshot {
		t.Error("the end of the replaced transfer was taken for that of the newer one")
	}
	if m.SnapshotSent("n2", newer.Run, false); state() == raft.StateSnapshot {
		t.Error("the end of the newer transfer was not heard")
	}
}

// emptyNode answers as n2 would with an empty log; no type: it does not.
func emptyNode(msg raft.Message) raft.Message {
	reply := raft.Message{From: "n2", Incarnation: 2, Term: msg.Term, Round: msg.Round}
	if msg.To != "n2" {
		return raft.Message{}
	}
	switch msg.Type {
	case raft.MsgPreVote:
		reply.Type = raft.MsgPreVoteReply
	case raft.MsgVote:
		reply.Type = raft.MsgVoteReply
	case raft.MsgHeartbeat:
		reply.Type = raft.MsgHeartbeatReply
	case raft.MsgAppend:
		reply.Type, reply.Reject, reply.Index = raft.MsgAppendReply, true, msg.LogIndex
	}
	return reply
}

// Whoever has a reply may count on the node knowing of the change: what it knows
// is brought up to date before the batch is given back.
func TestAnsweredComesBeforeTheReply(t *testing.T) {
	spec, _ := fsm.Resolve([][]byte{[]byte("INCR"), []byte("k")})
	b := NewBatch()
	b.Commands = []fsm.Command{{Proto: 2, Spec: spec, Args: [][]byte{[]byte("INCR"), []byte("k")}}}
	b.Prepare()
	heard := false
	var a *Applier
	a = NewApplier(fsm.New(fsm.Config{}), 0, ApplierHooks{
		Applied: func(Applied) {},
		Answered: func(answered *Batch) {
			heard = answered == b && !b.Answered() && a.Store().MemoryBytes() > 0
		},
	})
	entry := raft.Entry{Index: 1, Term: 1, Type: raft.EntryCommand, Data: b.entry}
	if err := a.Round([]ApplyItem{{Entry: entry, Batch: b}}); err != nil {
		t.Fatal(err)
	}
	if !heard || !b.Answered() {
		t.Error("the batch was given back first")
	}
}
