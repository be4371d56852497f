package replica

import (
	"testing"

	"redoubt/fsm"
	"redoubt/raft"
)

// The end of a transfer that a newer one has replaced says nothing about the
// newer one.
func TestEndOfAReplacedTransferIsIgnored(t *testing.T) {
	snapshot := raft.SnapshotMeta{Index: 10, Term: 1, Config: members(3)}
	m := machineOf(raft.State{HardState: raft.HardState{Term: 1, Commit: 10}, Snapshot: snapshot})
	// n2 grants what it is asked for, and turns out to have an empty log.
	var sends []SnapshotSend
	for i := 0; i < 100 && len(sends) == 0; i++ {
		sends = tick(m)
	}
	if len(sends) != 1 || sends[0].To != "n2" {
		t.Fatalf("n2 is to be sent %v, want one snapshot", sends)
	}
	state := func() string {
		for _, p := range m.Core.Status().Peers {
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

// Whoever has a reply may count on the node knowing of the change: what it knows
// is brought up to date before the batch is given back.
func TestAnsweredComesBeforeTheReply(t *testing.T) {
	b := batchOf("INCR k")
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
