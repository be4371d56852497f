package replica

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"redoubt/fsm"
	"redoubt/metrics"
	"redoubt/raft"
)

// A node whose state is not the leader's stops at the next checkpoint.
func TestDivergedNodeStops(t *testing.T) {
	for _, tc := range []struct {
		name  string
		claim func(own uint64) checkpoint
		stops bool
	}{
		{"equal", func(own uint64) checkpoint { return checkpoint{checkpointEntries, own} }, false},
		{"different", func(own uint64) checkpoint { return checkpoint{checkpointEntries, own + 1} }, true},
		{"from before this node started", func(own uint64) checkpoint { return checkpoint{5 * checkpointEntries, own + 1} }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := &applier{
				store: fsm.New(fsm.Config{}), raft: metrics.New(prometheus.NewRegistry()).Raft,
				post: func(event) {}, watch: func(applied) {},
			}
			var items []applyItem
			for i := uint64(1); i <= checkpointEntries; i++ {
				items = append(items, applyItem{entry: raft.Entry{Index: i, Term: 1, Type: raft.EntryCommand, Data: fsm.AppendEntry(nil, nil)}})
			}
			if err := a.round(items); err != nil {
				t.Fatal(err)
			}
			claim := tc.claim(a.store.Hash())
			err := a.round([]applyItem{{entry: raft.Entry{Index: checkpointEntries + 1, Term: 1, Type: raft.EntryCommand, Data: claim.entry()}}})
			if stopped := err != nil && strings.Contains(err.Error(), "diverged"); stopped != tc.stops {
				t.Fatalf("err = %v, want a stop: %v", err, tc.stops)
			}
		})
	}
}
