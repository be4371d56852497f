package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"redoubt/raft/sim"
)

const simUsage = `Run simulated clusters through every kind of fault and check all promises.

Usage: redoubt sim [--seed S] [--seeds N] [--workers W] [--marks]
                   [--require-marks] [--trace] [--plan FILE] [--shrink SECONDS]
                   [--out DIR]

Every seed is a cluster of three or five nodes: the real code, with a simulated
clock, network and disks, in one goroutine. The same seed gives the same run.
Seeds S to S+N-1 are run. It ends with one line of figures, and with exit code 1
after the first violation, together with the command that shows it again.

  --seed S          first seed (default 1)
  --seeds N         how many (default 1)
  --workers W       how many at the same time (default: one per core)
  --marks           list the interesting states and how often each was reached
  --require-marks   fail when one of them was never reached
  --trace           with one seed or a plan: say what happens, step by step
  --plan FILE       run a plan that an earlier run wrote, instead of seeds
  --shrink SECONDS  how long to look for a smaller plan that fails (default 60)
  --out DIR         where to write the small plan, its trace and the picture of
                    the history (default: sim-<seed> in the current directory)
`

type simOptions struct {
	seed, seeds uint64
	workers     int
	marks       bool
	require     bool
	trace       bool
	plan        string
	shrink      int
	out         string
}

func runSim(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o simOptions
	f := flag.NewFlagSet("sim", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Uint64Var(&o.seed, "seed", 1, "")
	f.Uint64Var(&o.seeds, "seeds", 1, "")
	f.IntVar(&o.workers, "workers", runtime.GOMAXPROCS(0), "")
	f.BoolVar(&o.marks, "marks", false, "")
	f.BoolVar(&o.require, "require-marks", false, "")
	f.BoolVar(&o.trace, "trace", false, "")
	f.StringVar(&o.plan, "plan", "", "")
	f.IntVar(&o.shrink, "shrink", 60, "")
	f.StringVar(&o.out, "out", "", "")
	switch err := f.Parse(args); {
	case err == flag.ErrHelp:
		io.WriteString(stdout, simUsage)
		return exitOK
	case err != nil:
		return usageError(stderr, err, "redoubt help sim")
	case f.NArg() > 0:
		return usageError(stderr, fmt.Sprintf("sim takes no argument %q", f.Arg(0)), "redoubt help sim")
	case o.workers < 1 || o.seeds < 1:
		return usageError(stderr, "--workers and --seeds are at least 1", "redoubt help sim")
	case o.trace && o.seeds > 1:
		return usageError(stderr, "--trace is for one seed", "redoubt help sim")
	}
	if o.plan != "" {
		return runPlan(&o, stdout, stderr)
	}
	return runSeeds(ctx, &o, stdout, stderr)
}

// runPlan runs a plan out of a file.
func runPlan(o *simOptions, stdout, stderr io.Writer) int {
	b, err := os.ReadFile(o.plan)
	if err != nil {
		return usageError(stderr, err, "redoubt help sim")
	}
	plan, err := sim.DecodePlan(b)
	if err != nil {
		return usageError(stderr, fmt.Sprintf("%s: %v", o.plan, err), "redoubt help sim")
	}
	r := sim.Runner{}
	if o.trace {
		r.Trace = stdout
	}
	res := r.Run(plan)
	if res.Violation != nil {
		fmt.Fprintf(stdout, "violation: %v\n", res.Violation)
		return exitError
	}
	fmt.Fprintf(stdout, "no violation, trace hash %016x\n", res.Hash)
	return exitOK
}

// simTotal is what all runs together have come to.
type simTotal struct {
	mu     sync.Mutex
	next   uint64
	runs   uint64
	stats  sim.Stats
	marks  sim.Marks
	hash   uint64 // of all runs, in any order
	failed *sim.Result
}

func runSeeds(ctx context.Context, o *simOptions, stdout, stderr io.Writer) int {
	debug.SetGCPercent(1000) // short lives, little memory
	began := time.Now()
	total := &simTotal{next: o.seed}
	var wg sync.WaitGroup
	for range min(uint64(o.workers), o.seeds) {
		wg.Go(func() { total.work(ctx, o, stdout) })
	}
	wg.Wait()
	seconds := time.Since(began).Seconds()
	violations := 0
	if total.failed != nil {
		violations = 1
	}
	if o.marks {
		for i, count := range total.marks {
			fmt.Fprintf(stdout, "%10d  %s\n", count, sim.Mark(i))
		}
	}
	fmt.Fprintf(stdout, "seeds %d, simulated seconds %d, operations %d, faults %d, crashes %d, elections %d, violations %d, seeds per second %.1f, hash %016x\n",
		total.runs, total.stats.SimulatedUs/1e6, total.stats.Operations, total.stats.FaultsTotal(), total.stats.Crashes,
		total.stats.Elections, violations, float64(total.runs)/seconds, total.hash)
	if total.failed != nil {
		return reportViolation(o, total.failed, stdout, stderr)
	}
	if ctx.Err() != nil {
		return exitError
	}
	if o.require {
		return requireMarks(&total.marks, stdout)
	}
	return exitOK
}

// requireMarks fails when the runs missed something that they should come to.
func requireMarks(marks *sim.Marks, stdout io.Writer) int {
	code := exitOK
	for i, count := range marks {
		if count == 0 {
			fmt.Fprintf(stdout, "never reached: %s\n", sim.Mark(i))
			code = exitError
		}
	}
	return code
}

// work runs seeds until there are none left or one has failed.
func (t *simTotal) work(ctx context.Context, o *simOptions, stdout io.Writer) {
	r := sim.Runner{}
	if o.trace {
		r.Trace = stdout
	}
	for ctx.Err() == nil {
		t.mu.Lock()
		seed := t.next
		over := t.failed != nil || seed-o.seed >= o.seeds
		if !over {
			t.next++
		}
		t.mu.Unlock()
		if over {
			return
		}
		res := r.Run(sim.NewPlan(seed))
		t.mu.Lock()
		t.runs++
		t.stats.Add(&res.Stats)
		t.marks.Add(&res.Marks)
		t.hash ^= res.Hash
		if res.Violation != nil && (t.failed == nil || seed < t.failed.Plan.Seed) {
			t.failed = &res
		}
		t.mu.Unlock()
	}
}

// reportViolation says how to see it again, and looks for the smallest plan that
// shows it.
func reportViolation(o *simOptions, res *sim.Result, stdout, stderr io.Writer) int {
	seed := res.Plan.Seed
	fmt.Fprintf(stdout, "violation: %v\nreplay: redoubt sim --seed %d --trace\n", res.Violation, seed)
	if o.shrink <= 0 {
		return exitError
	}
	until := time.Now().Add(time.Duration(o.shrink) * time.Second)
	r := sim.Runner{}
	small := r.Shrink(*res, func() bool { return time.Now().Before(until) })
	dir := o.out
	if dir == "" {
		dir = fmt.Sprintf("sim-%d", seed)
	}
	if err := writeFailure(dir, &small); err != nil {
		fmt.Fprintf(stderr, "redoubt: %v\n", err)
		return exitError
	}
	fmt.Fprintf(stdout, "smaller: %d faults, %d clients, %d nodes: redoubt sim --plan %s --trace\n",
		len(small.Plan.Faults), len(small.Plan.Clients), small.Plan.Nodes, filepath.Join(dir, "plan.json"))
	return exitError
}

func writeFailure(dir string, res *sim.Result) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	plan, err := res.Plan.Encode()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "plan.json"), plan, 0o666); err != nil {
		return err
	}
	var text strings.Builder
	traced := sim.Runner{Trace: &text}
	again := traced.Run(res.Plan)
	if err := os.WriteFile(filepath.Join(dir, "trace.txt"), []byte(text.String()), 0o666); err != nil {
		return err
	}
	if again.Picture != nil {
		return again.Picture(filepath.Join(dir, "history.html"))
	}
	return nil
}
