package replica

import (
	"strings"
	"testing"

	"redoubt/fsm"
	"redoubt/raft"
)

// A node whose state is not the leader's stops at the next checkpoint.
func TestDivergedNodeStops(t *testing.T) {
	for _, tc := range []struct {
		name  string
		claim func(own uint64) Checkpoint
		stops bool
	}{
		{"equal", func(own uint64) Checkpoint { return Checkpoint{checkpointEntries, own} }, false},
		{"different", func(own uint64) Checkpoint { return Checkpoint{checkpointEntries, own + 1} }, true},
		{"of another index that is kept in the same place", func(own uint64) Checkpoint { return Checkpoint{(1 + checkpointsKept) * checkpointEntries, own + 1} }, false},
		{"from before this node started", func(own uint64) Checkpoint { return Checkpoint{5 * checkpointEntries, own + 1} }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := NewApplier(fsm.New(fsm.Config{}), 0, ApplierHooks{Applied: func(Applied) {}})
			var items []ApplyItem
			for i := uint64(1); i <= checkpointEntries; i++ {
				items = append(items, ApplyItem{Entry: raft.Entry{Index: i, Term: 1, Type: raft.EntryCommand, Data: fsm.AppendEntry(nil, nil)}})
			}
			if err := a.Round(items); err != nil {
				t.Fatal(err)
			}
			claim := tc.claim(a.store.Hash())
			err := a.Round([]ApplyItem{{Entry: raft.Entry{Index: checkpointEntries + 1, Term: 1, Type: raft.EntryCommand, Data: claim.entry()}}})
			if stopped := err != nil && strings.Contains(err.Error(), "diverged"); stopped != tc.stops {
				t.Fatalf("err = %v, want a stop: %v", err, tc.stops)
			}
		})
	}
}
