package sim

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "run only this seed, with a trace")
	seedsFlag = flag.Int("seeds", 50, "seeds that TestSeeds runs")
	firstFlag = flag.Uint64("first", 1, "the first of them")
)

// TestSeeds runs random plans. Many more are run by "make sim".
func TestSeeds(t *testing.T) {
	r := &Runner{}
	first, seeds := *firstFlag, uint64(*seedsFlag)
	if *seedFlag != 0 {
		first, seeds, r.Trace = *seedFlag, 1, os.Stderr
	}
	var total Stats
	for seed := first; seed < first+seeds; seed++ {
		res := r.Run(NewPlan(seed))
		total.Add(&res.Stats)
		if res.Violation != nil {
			t.Fatalf("seed %d: %v\nreplay: go test ./raft/sim -run TestSeeds -seed %d", seed, res.Violation, seed)
		}
	}
	if *seedFlag == 0 && (total.Operations < 10*int(seeds) || total.Elections < int(seeds)) {
		t.Fatalf("the clusters hardly worked: %+v", total)
	}
	t.Logf("%+v", total)
}

// TestSameSeedSameRun: a run depends on nothing but its plan, also not on what
// its runner has done before.
func TestSameSeedSameRun(t *testing.T) {
	used := &Runner{}
	for seed := uint64(1000); seed < 1010; seed++ {
		a, b := used.Run(NewPlan(seed)), (&Runner{}).Run(NewPlan(seed))
		if a.Hash != b.Hash || a.Stats != b.Stats || a.Marks != b.Marks {
			t.Fatalf("seed %d gave two runs: %016x %+v, %016x %+v", seed, a.Hash, a.Stats, b.Hash, b.Stats)
		}
	}
}

// TestTraceChangesNothing: who looks on does not disturb.
func TestTraceChangesNothing(t *testing.T) {
	for seed := uint64(1); seed < 10; seed++ {
		var text bytes.Buffer
		silent, told := (&Runner{}).Run(NewPlan(seed)), (&Runner{Trace: &text}).Run(NewPlan(seed))
		if silent.Hash != told.Hash {
			t.Fatalf("seed %d: %016x without a trace, %016x with one", seed, silent.Hash, told.Hash)
		}
		if !bytes.Contains(text.Bytes(), []byte("leads term")) {
			t.Fatalf("seed %d: the trace tells of no leader", seed)
		}
	}
}

// TestPlansSurviveFiles: a plan that was written down gives the same run.
func TestPlansSurviveFiles(t *testing.T) {
	for seed := uint64(1); seed < 10; seed++ {
		p := NewPlan(seed)
		file, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		read, err := DecodePlan(file)
		if err != nil {
			t.Fatal(err)
		}
		r := &Runner{}
		if a, b := r.Run(p), r.Run(read); a.Hash != b.Hash {
			t.Fatalf("seed %d: %016x, out of a file %016x", seed, a.Hash, b.Hash)
		}
	}
}

func TestMarksHaveNames(t *testing.T) {
	names := map[string]Mark{}
	for m := range markCount {
		if other, twice := names[m.String()]; m.String() == "" || twice {
			t.Errorf("mark %d is called %q, like %d", m, m, other)
		}
		names[m.String()] = m
	}
	if markCount < 80 {
		t.Errorf("%d marks", markCount)
	}
}

func TestFaultsHaveNames(t *testing.T) {
	for k := range faultKinds {
		text, err := k.MarshalText()
		var again FaultKind
		if err != nil || len(text) == 0 || again.UnmarshalText(text) != nil || again != k {
			t.Errorf("fault %d is called %q and read as %d", k, text, again)
		}
	}
}

// TestPlansThatFailed: every plan in testdata/plans once showed a mistake in
// redoubt (docs/DESIGN.md, Track record).
func TestPlansThatFailed(t *testing.T) {
	files, err := filepath.Glob("testdata/plans/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no plans: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			plan, err := DecodePlan(text)
			if err != nil {
				t.Fatal(err)
			}
			if res := (&Runner{}).Run(plan); res.Violation != nil {
				t.Fatal(res.Violation)
			}
		})
	}
}
