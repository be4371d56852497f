package chaos

import (
	"reflect"
	"testing"
	"time"
)

func TestPlanIsAFunctionOfTheSeed(t *testing.T) {
	plan := func(seed uint64) []Round { return NewPlan(seed, 100, 5, Kinds(), 3*time.Second) }
	if !reflect.DeepEqual(plan(7), plan(7)) {
		t.Error("two plans of one seed")
	}
	if reflect.DeepEqual(plan(7), plan(8)) {
		t.Error("one plan of two seeds")
	}
	// A longer run begins as a shorter one.
	if !reflect.DeepEqual(plan(7)[:10], NewPlan(7, 10, 5, Kinds(), 3*time.Second)) {
		t.Error("the number of rounds changes what happens in the first ones")
	}
}

// Whatever the seed: every kind has its turn, and faults end with their round.
func TestPlanIsComplete(t *testing.T) {
	for seed := range uint64(50) {
		for _, nodes := range []int{3, 5} {
			length := 3 * time.Second
			counts := map[Kind]int{}
			for _, r := range NewPlan(seed, 2*len(Kinds()), nodes, Kinds(), length) {
				if len(r.Faults) == 2 && r.Faults[0].Kind.exchanges() && r.Faults[1].Kind.exchanges() {
					t.Fatalf("seed %d: the members change twice in one round", seed)
				}
				for _, f := range r.Faults {
					counts[f.Kind]++
					if f.At < 0 || f.Length <= 0 || f.At+f.Length > length {
						t.Fatalf("seed %d: %+v in a round of %v", seed, f, length)
					}
					if len(f.Nodes) != nodes || f.Count > nodes || f.Kind == KillSeveral && f.Count >= nodes {
						t.Fatalf("seed %d: %+v with %d nodes", seed, f, nodes)
					}
				}
			}
			for _, k := range Kinds() {
				if counts[k] < 2 {
					t.Errorf("seed %d: %s comes up %d times", seed, k, counts[k])
				}
			}
		}
	}
}

func TestParseKinds(t *testing.T) {
	if got, err := ParseKinds("kill-all, slow"); err != nil || !reflect.DeepEqual(got, []Kind{KillAll, Slow}) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := ParseKinds("kill-all,meteor"); err == nil {
		t.Error("a meteor is no kind of fault")
	}
}
