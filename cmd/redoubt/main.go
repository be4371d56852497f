package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// Exit codes; doc.go and docs/OPERATIONS.md list them.
const (
	exitOK      = 0
	exitError   = 1
	exitUsage   = 2
	exitRefused = 3
	exitDisk    = 74 // EX_IOERR of sysexits.h
)

// command is one subcommand. run returns the exit code.
type command struct {
	name    string
	summary string
	run     func(ctx context.Context, args []string, stdout, stderr io.Writer) int
}

// commands lists the subcommands in the order of the help text.
func commands() []command {
	return []command{
		{"serve", "run a node (the default)", runServe},
		{"watch", "watch a cluster live, in the terminal", runWatch},
		{"status", "show all members of a cluster", runStatus},
		{"member", "show the members of a cluster, and change them", runMember},
		{"health", "say whether a node is ready, by exit code", runHealth},
		{"config", "check or show the settings of a node without starting it", runConfig},
		{"dev", "run a whole cluster on this machine, to try things out", runDev},
		{"demo", "take a tour: a cluster here, and what happens when its nodes die", runDemo},
		{"bench", "measure this server or Redis, or both side by side", runBench},
		{"sim", "prove it: run simulated clusters through every kind of fault", runSim},
		{"chaos", "prove it: break a real cluster in every way while clients use it", runChaos},
		{"recover", "make a new cluster of one node that is left", runRecover},
		{"completion", "print a script by which a shell completes subcommands and flags", runCompletion},
		{"version", "print the version", runVersion},
		{"help", "show help for a subcommand", runHelp},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	// The first signal asks, the second one kills.
	context.AfterFunc(ctx, stop)
	os.Exit(dispatch(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// dispatch runs the subcommand that args begin with, or serve.
func dispatch(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	switch {
	case len(args) == 0:
		return runServe(ctx, nil, stdout, stderr)
	case args[0] == "--help" || args[0] == "-h":
		return runHelp(ctx, nil, stdout, stderr)
	case args[0] == "--version" || args[0] == "-v":
		return runVersion(ctx, nil, stdout, stderr)
	case strings.HasPrefix(args[0], "-"):
		return runServe(ctx, args, stdout, stderr)
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(ctx, args[1:], stdout, stderr)
		}
	}
	return usageError(stderr, fmt.Sprintf("unknown subcommand %q", args[0]), "redoubt help")
}

// usageError reports err, one line for each thing that is wrong, and where to
// read on.
func usageError(stderr io.Writer, err any, help string) int {
	for line := range strings.Lines(fmt.Sprintln(err)) {
		fmt.Fprintf(stderr, "redoubt: %s", line)
	}
	fmt.Fprintf(stderr, "\nSee %q.\n", help)
	return exitUsage
}

func runHelp(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] != "help" {
		return dispatch(ctx, []string{args[0], "--help"}, stdout, stderr)
	}
	io.WriteString(stdout, "redoubt is a Redis-protocol-compatible replicated datastore.\n\nUsage: redoubt [subcommand] [--name value]…\n\n")
	for _, c := range commands() {
		fmt.Fprintf(stdout, "  %-11s%s\n", c.name, c.summary)
	}
	io.WriteString(stdout, "\nWithout a subcommand it runs a node: \"redoubt\" is \"redoubt serve\".\n\"redoubt help serve\" lists the settings.\n")
	return exitOK
}
