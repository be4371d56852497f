package chaos

import (
	"bytes"
	"context"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"redoubt/devcluster/testprogram"
)

// program is built once for all tests.
var program string

func TestMain(m *testing.M) { testprogram.Main(m, &program) }

func chaos(t *testing.T, config Config) *Report {
	t.Helper()
	config.Program, config.Dir, config.Length = program, t.TempDir(), 1500*time.Millisecond
	report, err := Run(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	report.Write(&text)
	t.Log(text.String())
	return report
}

// Three rounds of whatever the seed brings. `make chaos` has more.
func TestChaos(t *testing.T) {
	t.Run("behind proxies", func(t *testing.T) { someRounds(t, Config{}) })
	t.Run("in namespaces", func(t *testing.T) {
		testprogram.NeedNamespaces(t)
		someRounds(t, Config{Namespaces: true})
	})
	t.Run("members come and go", func(t *testing.T) {
		someRounds(t, Config{Kinds: []Kind{ReplaceLeader, ReplaceDead, KillLeader, PauseOne}})
	})
}

func someRounds(t *testing.T, config Config) {
	seed := rand.Uint64() >> 32
	t.Logf("seed %d", seed)
	config.Seed, config.Rounds, config.Nodes = seed, 3, 5
	r := chaos(t, config)
	if !r.AsExpected() || r.Rounds != 3 {
		t.Errorf("seed %d: %s in round %d: %+v", seed, r.Verdict, r.Rounds, r.Violations)
	}
	if r.Operations.Acknowledged == 0 || r.Ledger == 0 || r.HistoryKeys == 0 || r.Availability.Available == 0 {
		t.Errorf("nothing was judged: %+v", r)
	}
}

// A judge that never convicts is worth nothing.
func TestCanaries(t *testing.T) {
	for _, canary := range []string{CanaryNoFsync, CanaryStaleReads} {
		t.Run(canary, func(t *testing.T) {
			r := chaos(t, Config{Seed: 1, Rounds: 3, Nodes: 3, Canary: canary})
			if r.Verdict != Guilty || !r.AsExpected() {
				t.Errorf("%s, %+v", r.Verdict, r.Violations)
			}
			if histories, err := filepath.Glob(filepath.Join(r.Kept, "round-*.jsonl")); err != nil || len(histories) == 0 {
				t.Errorf("no history in %q: %v", r.Kept, err)
			}
		})
	}
}

// What was found before an interruption is reported and kept.
func TestInterruptedRun(t *testing.T) {
	for _, tt := range []struct {
		name    string
		report  Report
		verdict Verdict
		kept    bool
	}{
		{"nothing found", Report{}, Interrupted, false},
		{"an undecided history", Report{Undecided: []string{"k"}}, Interrupted, true},
		{"a violation", Report{Violations: []Violation{{1, LostWrite, ""}}}, Guilty, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := layOut(t, false)
			tt.report.Verdict = Innocent
			r := &run{config: Config{Rounds: 1, Nodes: 3, Kinds: []Kind{PauseOne}, Length: time.Second}, cluster: c, load: newLoad(c, 1), report: &tt.report}
			r.inject = newInjector(c, r.load.recorder.Now)
			ctx, interrupt := context.WithCancel(t.Context())
			interrupt()
			if err := r.rounds(ctx); err != nil || r.report.Verdict != tt.verdict || (r.report.Kept != "") != tt.kept {
				t.Errorf("%v: %s, kept %q", err, r.report.Verdict, r.report.Kept)
			}
		})
	}
}
