package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/charmbracelet/x/term"

	"redoubt/monitor"
)

const watchUsage = `Watch a cluster: its members, their figures, and what happens, in words.

Usage: redoubt watch [--addr HOST:PORT] [--interval DURATION] [--once | --json]

It goes on when members stop answering, and asks again and again.
Keys: q quits, p pauses, ? explains. NO_COLOR in the environment turns colours off.

  --interval DURATION time from one look to the next (default 1s)
  --once              look for one interval, print it as plain text and end;
                      exit code 1 when no member answers
  --json              print a line of JSON for each interval: what "redoubt status
                      --json" prints, and the events since the line before
` + targetUsage

func runWatch(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	const timeout = time.Second
	var t target
	f := flag.NewFlagSet("watch", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	t.flags(f, timeout)
	interval := f.Duration("interval", time.Second, "")
	once := f.Bool("once", false, "")
	asJSON := f.Bool("json", false, "")
	usage := fmt.Sprintf(watchUsage, "any member, or several with commas between", timeout)
	if code, done := parseTarget(f, &t, args, usage, stdout, stderr); done {
		return code
	}
	switch {
	case *interval < 100*time.Millisecond:
		return usageError(stderr, "--interval is at least 100ms", "redoubt help watch")
	case *once && *asJSON:
		return usageError(stderr, "--once and --json exclude each other", "redoubt help watch")
	case !*once && !*asJSON && !isTerminal(stdout):
		return usageError(stderr, "watch needs a terminal; without one use --once or --json", "redoubt help watch")
	}
	c := &monitor.Collector{Seeds: t.addrs(), Password: t.password, Timeout: t.timeout}
	var err error
	switch {
	case *once:
		text, answered := monitor.Once(ctx, c, *interval, terminalWidth(stdout))
		if _, err = io.WriteString(stdout, text); !answered {
			return exitError
		}
	case *asJSON:
		err = monitor.WriteJSON(ctx, c, *interval, stdout)
	default:
		var keys io.Reader
		if isTerminal(os.Stdin) { // else the screen lives without keys
			keys = os.Stdin
		}
		err = monitor.Watch(ctx, c, *interval, keys, stdout)
	}
	if err != nil {
		fmt.Fprintf(stderr, "redoubt: %v\n", err)
		return exitError
	}
	return exitOK
}

// terminalWidth is 80 where w is no terminal.
func terminalWidth(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(f.Fd()); err == nil && width > 0 {
			return width
		}
	}
	return 80
}
