package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"redoubt/monitor"
)

const healthUsage = `Say whether one node is ready: it knows a leader, has caught up and can write.

Usage: redoubt health [--addr HOST:PORT]

Made for container health checks and scripts: one line, and as quick as the node.

` + targetUsage + `
Exit code 0: ready. 1: not ready, or no answer. 2: wrong usage.
`

func runHealth(_ context.Context, args []string, stdout, stderr io.Writer) int {
	const timeout = time.Second
	var t target
	f := flag.NewFlagSet("health", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	t.flags(f, timeout)
	if code, done := parseTarget(f, &t, args, fmt.Sprintf(healthUsage, "the node", timeout), stdout, stderr); done {
		return code
	}
	page, err := monitor.Ask(t.addr, t.password, t.timeout)
	switch {
	case err != nil:
		fmt.Fprintf(stdout, "not ready: %s: %v\n", t.addr, err)
		return exitError
	case !page.Ready:
		fmt.Fprintf(stdout, "not ready: %s, %s in term %d: %s\n", page.Node, page.Role, page.Term, strings.Join(page.NotReady, ", "))
		return exitError
	}
	fmt.Fprintf(stdout, "ready: %s, %s in term %d, leader %s, applied %d of %d\n",
		page.Node, page.Role, page.Term, page.Leader, page.Applied, page.Commit)
	return exitOK
}
