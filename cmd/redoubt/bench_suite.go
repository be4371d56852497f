package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"redoubt/bench"
)

const benchSuiteUsage = `Measure redoubt and Redis side by side and write a report.

Usage: redoubt bench suite [--name value]…

Starts one node and three nodes of this program, and redis-server with
appendfsync always, alone and with two replicas, all on loopback with their data
on disk; gives them the same loads in turn, round after round; writes medians,
ratios and every run. Takes about rounds × duration × 40.

  --rounds N           each touches every system once for every workload [3]
  --duration TIME      of one run [2s]
  --data-dir DIR       where the data lies meanwhile; on a disk
                       [a temporary directory]
  --redis-server FILE  [redis-server in the path; skipped when there is none]
  --note TEXT          what the reader should know about the circumstances
  --report FILE        a page with the lines "<!-- generated: bench suite -->"
                       and "<!-- end -->", between which the report is written
                       [standard output]
  --json FILE          everything
`

type suiteOutputs struct{ report, json string }

func runBenchSuite(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := bench.SuiteOptions{}
	var out suiteOutputs
	f := flag.NewFlagSet("bench suite", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.IntVar(&o.Rounds, "rounds", 3, "")
	f.DurationVar(&o.Each, "duration", 2*time.Second, "")
	f.StringVar(&o.Dir, "data-dir", "", "")
	f.StringVar(&o.Redis, "redis-server", "", "")
	f.StringVar(&o.Note, "note", "", "")
	f.StringVar(&out.report, "report", "", "")
	f.StringVar(&out.json, "json", "", "")
	const help = "redoubt bench suite --help"
	switch err := f.Parse(args); {
	case err == flag.ErrHelp:
		io.WriteString(stdout, benchSuiteUsage)
		return exitOK
	case err != nil:
		return usageError(stderr, err, help)
	case f.NArg() > 0:
		return usageError(stderr, fmt.Sprintf("bench suite takes no argument %q", f.Arg(0)), help)
	case o.Rounds < 1 || o.Each < 100*time.Millisecond:
		return usageError(stderr, "--rounds is at least 1, --duration at least 100ms", help)
	}
	if err := findPrograms(&o); err != nil {
		return usageError(stderr, err, help)
	}
	if err := suiteReport(ctx, o, &out, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "redoubt: %v\n", err)
		return exitError
	}
	return exitOK
}

// findPrograms looks for redis-server unless one was named, and for itself.
func findPrograms(o *bench.SuiteOptions) (err error) {
	if o.Redoubt, err = os.Executable(); err != nil {
		return err
	}
	if o.Redis != "" {
		_, err = exec.LookPath(o.Redis)
		return err
	}
	o.Redis, _ = exec.LookPath("redis-server") // "" = skipped, and the report says so
	return nil
}

func suiteReport(ctx context.Context, o bench.SuiteOptions, out *suiteOutputs, stdout, stderr io.Writer) error {
	page := ""
	if out.report != "" {
		text, err := os.ReadFile(out.report)
		if err != nil {
			return err
		}
		page = string(text)
		// Minutes later would be late to learn that there is no place for it.
		if _, err := bench.ReplaceReport(page, ""); err != nil {
			return fmt.Errorf("%s: %w", out.report, err)
		}
	}
	began := time.Now()
	suite, err := bench.RunSuite(ctx, o, func(format string, args ...any) {
		fmt.Fprintf(stderr, "%4.0f s  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	})
	if err != nil {
		return err
	}
	if out.json != "" {
		text, err := json.MarshalIndent(suite, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(out.json, append(text, '\n'), 0o666); err != nil {
			return err
		}
	}
	if out.report == "" {
		_, err := io.WriteString(stdout, suite.Markdown())
		return err
	}
	if page, err = bench.ReplaceReport(page, suite.Markdown()); err != nil {
		return err
	}
	return os.WriteFile(out.report, []byte(page), 0o666)
}
