package bench

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// twoSystems has a run of SET of redoubt and one of Redis.
func twoSystems(ours, theirs SuiteRun) *Suite {
	s := &Suite{Loads: []WorkloadReport{{Name: set1}}, Systems: []SystemReport{{Name: redoubtOne}, {Name: redisOne}}}
	ours.System, theirs.System = redoubtOne, redisOne
	for _, r := range []SuiteRun{ours, theirs} {
		r.Round, r.Workload = 1, set1
		s.Runs = append(s.Runs, r)
	}
	return s
}

// Every figure in which Redis is better is said: latency, too, and that of a
// system that answers nothing is no good one.
func TestWhereRedoubtLoses(t *testing.T) {
	equal := SuiteRun{PerSecond: 1000, P50: 100, P99: 200}
	failing := SuiteRun{Failed: 12_345}
	const to = "| SET | redoubt (1 node) | redis (1 node) |"
	for _, tt := range []struct {
		name         string
		ours, theirs SuiteRun
		want         string
	}{
		{"nothing", equal, equal, "In none of these workloads.\n"},
		{"throughput", SuiteRun{PerSecond: 900, P50: 100, P99: 200}, equal, to + " 0.90 | | |\n"},
		{"median", SuiteRun{PerSecond: 1000, P50: 120, P99: 200}, equal, to + " | 1.20 | |\n"},
		{"tail", SuiteRun{PerSecond: 1100, P50: 100, P99: 300}, equal, to + " | | 1.50 |\n"},
		{"everything failed", failing, equal, to + " 0.00 | ∞ | ∞ |\n"},
		{"everything failed: the count", failing, equal, "| redoubt (1 node) | 12,345 | 0 |\n| redis (1 node) | 0 | 0 |\n"},
		{"Redis failed", equal, failing, "In none of these workloads.\n"},
		{"both failed", failing, failing, "In none of these workloads.\n"},
	} {
		if text := twoSystems(tt.ours, tt.theirs).Markdown(); !strings.Contains(text, tt.want) {
			t.Errorf("%s: lacks %q:\n%s", tt.name, tt.want, text)
		}
	}
}

// A system that fails every request was measured, and misses the aim.
func TestSystemThatFails(t *testing.T) {
	const what = "| SET: throughput of redoubt (1 node) to redis (1 node) |"
	equal, failing := SuiteRun{PerSecond: 1000, P50: 100, P99: 200}, SuiteRun{Failed: 1}
	for _, tt := range []struct {
		ours, theirs SuiteRun
		want         string
	}{
		{failing, equal, " 0.00 | 0.00 | at least 0.9 | no |"},
		{equal, failing, " ∞ | ∞ | at least 0.9 | yes |"},
		{failing, failing, " – | – | at least 0.9 | no |"},
	} {
		if text := twoSystems(tt.ours, tt.theirs).Markdown(); !strings.Contains(text, what+tt.want) {
			t.Errorf("lacks %q:\n%s", what+tt.want, text)
		}
	}
}

// All systems get one load, which the slowest of them can carry.
func TestHalfRateIsTheSameForAll(t *testing.T) {
	s := sampleSuite()
	if rate := s.halfRate(set1); rate != 3750 {
		t.Errorf("half of 7,500 and what is more: %v", rate)
	}
	for i := range s.Runs {
		if s.Runs[i].System == redoubtOne {
			s.Runs[i].PerSecond = 0
		}
	}
	if rate := s.halfRate(set1); rate != 7500 {
		t.Errorf("the slowest that answers does 15,000: %v", rate)
	}
	if rate := (&Suite{}).halfRate(set1); rate != 1 {
		t.Errorf("nobody answers: %v", rate)
	}
}

// In each round all have their turn, another one has the first, and nobody has
// the same one before it in two rounds that follow each other.
func TestTurns(t *testing.T) {
	const n = 5
	before := func(order []int, i int) int { return order[(slices.Index(order, i)+n-1)%n] }
	for round := range 2 * n {
		order, next := turns(n, round), turns(n, round+1)
		if order[0] != round%n {
			t.Errorf("round %d begins with %d", round, order[0])
		}
		if sorted := slices.Sorted(slices.Values(order)); !slices.Equal(sorted, []int{0, 1, 2, 3, 4}) {
			t.Errorf("round %d: %v", round, order)
		}
		for i := range n {
			if before(order, i) == before(next, i) {
				t.Errorf("%d follows %d in %v and in %v", i, before(order, i), order, next)
			}
		}
	}
}

// A client that is alone in "any" shows what a follower costs.
func TestSpreadClientsBeginAtAFollower(t *testing.T) {
	systems, err := startRedoubt(t.Context(), program, filepath.Join(t.TempDir(), "nodes"), 3)
	if err != nil {
		t.Fatal(err)
	}
	defer systems[0].stop()
	atLeader, err := systems[0].addrs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, err := systems[1].addrs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 3 || all[2] != atLeader[0] || slices.Contains(all[:2], atLeader[0]) {
		t.Errorf("%v: the leader %v is not last", all, atLeader)
	}
}
