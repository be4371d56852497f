package sim

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	scenarioSeeds = flag.Int("scenario-seeds", defaultScenarioSeeds, "with how many seeds each scenario is played")
	scenarioLong  = flag.Duration("scenario-long", 3*time.Minute, "how long a long time is that a scenario runs for")
	scenarioSeed  = flag.Int("scenario-seed", 0, "play scenarios with this seed only, and say what happens")
)

const defaultScenarioSeeds = 2

// TestScenarios plays the scenarios of testdata/scenarios; docs/SCENARIOS.md says
// how they are written.
//
//	go test ./raft/sim -run TestScenarios/s79 -scenario-seed 1 -v
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob(scenarioDir + "/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var fronts []*frontEnd
	for range 9 {
		fronts = append(fronts, newFrontEnd())
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			scripts, err := readScripts(file)
			if err != nil {
				t.Fatal(err)
			}
			var marks Marks
			for _, s := range scripts {
				s.playAll(t, fronts, &marks)
			}
			for _, m := range scripts[0].reach {
				if marks[m] == 0 && *scenarioSeeds >= defaultScenarioSeeds && *scenarioSeed == 0 {
					t.Errorf("no run comes to this: %s", m)
				}
			}
		})
	}
}

// playAll plays a script with several seeds.
func (s *script) playAll(t *testing.T, fronts []*frontEnd, marks *Marks) {
	t.Helper()
	first, last, out := 1, *scenarioSeeds, io.Writer(nil)
	if *scenarioSeed > 0 {
		first, last, out = *scenarioSeed, *scenarioSeed, os.Stderr
	}
	for seed := first; seed <= last; seed++ {
		w, err := s.play(uint64(seed), fronts[:s.plan.size()], out)
		if err != nil {
			t.Fatalf("%s.txt, seed %d %s: %v\nreplay: go test ./raft/sim -run TestScenarios/%s -scenario-seed %d -v", s.name, seed, s.value, err, s.name, seed)
		}
		marks.Add(&w.Marks)
		t.Logf("seed %d %s: %d events, %d elections, %.1f s", seed, s.value, w.Stats.Events, w.Stats.Elections, float64(w.nowUs)/1e6)
	}
}
