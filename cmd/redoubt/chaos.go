package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"redoubt/chaos"
)

const chaosUsage = `Break a real cluster in every way while clients use it, and check all promises.

Usage: redoubt chaos [--rounds N] [--seed S] [--nodes N] [--round DURATION]
                     [--faults LIST] [--canary NAME] [--netns] [--out DIR] [--plan]
                     [--json]
       redoubt chaos node [--name value]…

It starts nodes of this program on this machine. In each round clients write and
read through all of them while nodes are killed, paused, cut off, slowed down or
run out of disk; then everything is healed, and four things are judged: every node
takes writes again, all have the same state, everything that was ever acknowledged
is there, and an order of all operations explains all replies. What goes wrong is
a function of the seed; what the processes make of it is not.

It ends with exit code 1 after the first violation, and keeps histories, logs and
data. A history that could not be judged in time is reported and no success.

  --rounds N        how many (default 10)
  --seed S          of the faults (default: a new one, which is printed)
  --nodes N         how many (default 5)
  --round DURATION  time of a round until everything is healed (default 2s)
  --faults LIST     kinds of faults, with commas (default: all)
  --canary NAME     weaken the nodes on purpose and succeed only when they are
                    found guilty. nofsync: nothing is synced when the power of all
                    is cut. stale-reads: each node reads its own state.
  --netns           give each node a network namespace and have packets get lost,
                    instead of proxies between the nodes: with Linux, as root,
                    and without slow links
  --out DIR         where data, logs and histories go (default: thrown away, unless
                    there was something to see)
  --plan            print what would go wrong, as JSON, and stop
  --json            print the report as JSON

"redoubt chaos node" runs one node as "redoubt serve" does, on a disk that loses
with its process whatever was not synced: killing it is a power cut. Its settings
are those of serve.
`

type chaosOptions struct {
	config chaos.Config
	faults string
	plan   bool
	json   bool
}

func runChaos(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "node" {
		return runNode(ctx, args[1:], chaos.NewDisk, stdout, stderr)
	}
	var o chaosOptions
	f := flag.NewFlagSet("chaos", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.IntVar(&o.config.Rounds, "rounds", 10, "")
	f.Uint64Var(&o.config.Seed, "seed", randomUint64()>>32, "")
	f.IntVar(&o.config.Nodes, "nodes", 5, "")
	f.DurationVar(&o.config.Length, "round", 2*time.Second, "")
	f.StringVar(&o.faults, "faults", "", "")
	f.StringVar(&o.config.Canary, "canary", "", "")
	f.BoolVar(&o.config.Namespaces, "netns", false, "")
	f.StringVar(&o.config.Dir, "out", "", "")
	f.BoolVar(&o.plan, "plan", false, "")
	f.BoolVar(&o.json, "json", false, "")
	err := f.Parse(args)
	switch c := &o.config; {
	case err == flag.ErrHelp:
		io.WriteString(stdout, chaosUsage)
		return exitOK
	case err != nil:
	case f.NArg() > 0:
		err = fmt.Errorf("chaos takes no argument %q", f.Arg(0))
	case c.Rounds < 1:
		err = fmt.Errorf("--rounds is at least 1")
	case c.Nodes < 3 || c.Nodes > 9:
		err = fmt.Errorf("--nodes is between 3 and 9")
	case c.Length < 500*time.Millisecond:
		err = fmt.Errorf("--round is at least 500ms")
	case c.Canary != "" && c.Canary != chaos.CanaryNoFsync && c.Canary != chaos.CanaryStaleReads:
		err = fmt.Errorf("--canary is %s or %s", chaos.CanaryNoFsync, chaos.CanaryStaleReads)
	case o.faults != "":
		c.Kinds, err = chaos.ParseKinds(o.faults)
	}
	if err == nil && o.config.Namespaces && slices.Contains(o.config.Kinds, chaos.Slow) {
		err = fmt.Errorf("--netns has no %s links", chaos.Slow)
	}
	if err != nil {
		return usageError(stderr, err, "redoubt help chaos")
	}
	if o.plan {
		return printPlan(&o.config, stdout, stderr)
	}
	return breakCluster(ctx, &o, stdout, stderr)
}

func printPlan(c *chaos.Config, stdout, stderr io.Writer) int {
	out := json.NewEncoder(stdout)
	out.SetIndent("", "  ")
	if err := out.Encode(c.Plan()); err != nil {
		fmt.Fprintf(stderr, "redoubt: %v\n", err)
		return exitError
	}
	return exitOK
}

// breakCluster runs all rounds and reports.
func breakCluster(ctx context.Context, o *chaosOptions, stdout, stderr io.Writer) int {
	var err error
	var report *chaos.Report
	if o.config.Program, err = os.Executable(); err == nil {
		fmt.Fprintf(stderr, "seed %d, %d nodes, %d rounds\n", o.config.Seed, o.config.Nodes, o.config.Rounds)
		show := chaosProgress{w: stderr, terminal: isTerminal(stderr)}
		o.config.Progress = show.show
		report, err = chaos.Run(ctx, o.config)
	}
	if err == nil && o.json {
		out := json.NewEncoder(stdout)
		out.SetIndent("", "  ")
		err = out.Encode(report)
	}
	if err != nil {
		fmt.Fprintf(stderr, "redoubt: %v\n", err)
		return exitError
	}
	if !o.json {
		report.Write(stdout)
	}
	if report.AsExpected() {
		return exitOK
	}
	return exitError
}

const (
	chaosBarWidth = 20
	// chaosLineWidth keeps a line that is written anew from being broken in two.
	chaosLineWidth = 79
)

// chaosProgress shows where a run is: one line that is written anew on a terminal,
// otherwise a line for each round.
type chaosProgress struct {
	w        io.Writer
	terminal bool
}

func (s *chaosProgress) show(p chaos.Progress) {
	r := p.Report
	switch {
	case s.terminal:
		fmt.Fprintf(s.w, "\r\x1b[K%s", chaosLine(p))
		if p.Done && (p.Round == p.Rounds || len(r.Violations) > 0) {
			fmt.Fprintln(s.w)
		}
	case p.Done:
		fmt.Fprintf(s.w, "round %d/%d  %s  %d acknowledged, %d unknown, available %.1f %%, %d violations\n", p.Round, p.Rounds, p.Faults,
			r.Operations.Acknowledged, r.Operations.Unknown, 100*r.Availability.Share, len(r.Violations))
	}
}

// chaosLine is the line of a terminal.
func chaosLine(p chaos.Progress) string {
	done := p.Round - 1
	if p.Done {
		done++
	}
	full := chaosBarWidth * done / p.Rounds
	line := fmt.Sprintf("[%s%s] %d/%d  %d violations, available %.1f %%  %s", strings.Repeat("█", full), strings.Repeat("·", chaosBarWidth-full),
		p.Round, p.Rounds, len(p.Report.Violations), 100*p.Report.Availability.Share, p.Faults)
	if cut := []rune(line); len(cut) > chaosLineWidth {
		return string(cut[:chaosLineWidth-1]) + "…"
	}
	return line
}
