package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"redoubt/raft/sim"
)

var simHash = regexp.MustCompile(`hash ([0-9a-f]{16})`)

// TestSimGivesTheSameRunEverywhere: the summary of the same seeds is the same in
// other processes, on one core and two, with and without the race detector.
func TestSimGivesTheSameRunEverywhere(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program twice")
	}
	want := ""
	for _, build := range [][]string{{}, {"-race"}} {
		binary := filepath.Join(t.TempDir(), "redoubt")
		args := append([]string{"build"}, build...)
		if out, err := exec.Command("go", append(args, "-o", binary, ".")...).CombinedOutput(); err != nil {
			t.Fatalf("go %v: %v\n%s", args, err, out)
		}
		for _, procs := range []string{"1", "2"} {
			cmd := exec.Command(binary, "sim", "--seed", "1", "--seeds", "12")
			cmd.Env = append(os.Environ(), "GOMAXPROCS="+procs)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v %s: %v\n%s", build, procs, err, out)
			}
			got := simHash.FindString(string(out))
			if want == "" {
				want = got
			}
			if got == "" || got != want {
				t.Errorf("build %v, GOMAXPROCS=%s: %q, want %q", build, procs, got, want)
			}
		}
	}
}

// The first example of docs/SIMULATION.md is what a reader gets, but for the speed.
func TestSimulationExample(t *testing.T) {
	page, err := os.ReadFile("../../docs/SIMULATION.md")
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile(`(?m)^\$ redoubt sim (.*)\n(seeds .*)$`).FindStringSubmatch(string(page))
	if example == nil {
		t.Fatal("docs/SIMULATION.md has no example")
	}
	var out, errs bytes.Buffer
	if code := runSim(t.Context(), strings.Fields(example[1]), &out, &errs); code != exitOK {
		t.Fatalf("code %d: %s%s", code, &out, &errs)
	}
	speed := regexp.MustCompile(`seeds per second [0-9.]+`)
	got, want := speed.ReplaceAllString(strings.TrimSpace(out.String()), ""), speed.ReplaceAllString(example[2], "")
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestSimReportsAViolation: a plan that cannot succeed ends with exit code 1, the
// command that shows it again, and a smaller plan that fails alike.
func TestSimReportsAViolation(t *testing.T) {
	plan := sim.NewPlan(3)
	plan.Knobs.LossPermille = 1000 // nothing ever arrives, and healing comes too late
	res := (&sim.Runner{}).Run(plan)
	if res.Violation != nil {
		t.Fatalf("a cluster that was deaf and is healed again: %v", res.Violation)
	}
	plan.Knobs.NetFloorUs = 60_000_000 // slower than any election
	res = (&sim.Runner{}).Run(plan)
	if res.Violation == nil {
		t.Fatal("a network that takes a minute is no violation of liveness")
	}
	dir := t.TempDir()
	var out bytes.Buffer
	if code := reportViolation(&simOptions{out: dir, shrink: 5}, &res, &out, &out); code != exitError {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(out.String(), "replay: redoubt sim --seed 3") {
		t.Errorf("no replay command in %q", out.String())
	}
	file, err := os.ReadFile(filepath.Join(dir, "plan.json"))
	if err != nil {
		t.Fatal(err)
	}
	small, err := sim.DecodePlan(file)
	if err != nil {
		t.Fatal(err)
	}
	if again := (&sim.Runner{}).Run(small); again.Violation == nil || again.Violation.Oracle != res.Violation.Oracle {
		t.Errorf("the small plan gives %v", again.Violation)
	}
}

func TestSimArguments(t *testing.T) {
	for _, tc := range []struct {
		args string
		code int
		says string
	}{
		{"--help", exitOK, "Usage: redoubt sim"},
		{"--seeds 2", exitOK, "seeds 2, simulated seconds"},
		{"--seeds 0", exitUsage, "at least 1"},
		{"--trace --seeds 2", exitUsage, "for one seed"},
		{"--trace", exitOK, "leads term"},
		{"--nonsense", exitUsage, "nonsense"},
		{"extra", exitUsage, "no argument"},
		{"--plan /does/not/exist", exitUsage, "no such file"},
	} {
		var out, errs bytes.Buffer
		code := runSim(t.Context(), strings.Fields(tc.args), &out, &errs)
		if text := out.String() + errs.String(); code != tc.code || !strings.Contains(text, tc.says) {
			t.Errorf("sim %s: code %d, %.300q", tc.args, code, text)
		}
	}
}
