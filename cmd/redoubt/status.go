package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"time"

	"redoubt/monitor"
)

const statusUsage = `Show all members of a cluster, each as it sees itself.

Usage: redoubt status [--addr HOST:PORT] [--json]

It asks the node at --addr for the members and then all of them, at once. With
several addresses, separated by commas, one that answers is enough.

  --json              print JSON for scripts: {"members":[{"id":…,"role":…},…],…}
` + targetUsage + `
Exit code 0: all members answer and are ready, and one leads. 1: not so; what was
found out is printed all the same. 2: wrong usage.
`

func runStatus(_ context.Context, args []string, stdout, stderr io.Writer) int {
	const timeout = 2 * time.Second
	var t target
	f := flag.NewFlagSet("status", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	t.flags(f, timeout)
	asJSON := f.Bool("json", false, "")
	if code, done := parseTarget(f, &t, args, fmt.Sprintf(statusUsage, "any member, or several", timeout), stdout, stderr); done {
		return code
	}
	c := monitor.Collector{Seeds: t.addrs(), Password: t.password, Timeout: t.timeout}
	defer c.Close()
	s := c.Collect()
	var err error
	if *asJSON {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(s)
	} else {
		err = monitor.WriteTable(stdout, &s)
	}
	if level, _ := s.Verdict(); err != nil || level != monitor.LevelInfo {
		return exitError
	}
	return exitOK
}

// parseTarget reads the options of a tool; done when there is no more to do.
func parseTarget(f *flag.FlagSet, t *target, args []string, usage string, stdout, stderr io.Writer) (code int, done bool) {
	err := f.Parse(args)
	switch {
	case err == flag.ErrHelp:
		io.WriteString(stdout, usage)
		return exitOK, true
	case err == nil && f.NArg() > 0:
		err = fmt.Errorf("%s takes no argument %q", f.Name(), f.Arg(0))
	case err == nil:
		err = t.resolve()
	}
	if err != nil {
		return usageError(stderr, err, "redoubt help "+f.Name()), true
	}
	return exitOK, false
}
