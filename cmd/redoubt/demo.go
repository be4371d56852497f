package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"redoubt/demo"
)

const demoUsage = `Take a tour: a cluster of real processes, and what happens when they die.

Usage: redoubt demo [--nodes N] [--auto] [--speed X]

It starts the nodes on this machine, with clients that write all the time, and
tells a story in seven steps. Enter makes happen what is told next: the leader is
killed, the network is split, a follower comes back by snapshot. At the end it
looks for every acknowledged write on every node. All the time there are keys to
kill nodes, to cut them off, to freeze them. Nothing is left behind.

  --nodes N   how many, 3 to 9 (default 5)
  --auto      tell the whole story without a terminal and without keys, in lines of
              text; exit code 1 when anything is not as told, the proof above all
  --speed X   divide the pauses for reading of --auto by X (default 1)
`

func runDemo(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var config demo.Config
	f := flag.NewFlagSet("demo", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.IntVar(&config.Nodes, "nodes", 5, "")
	auto := f.Bool("auto", false, "")
	speed := f.Float64("speed", 1, "")
	err := f.Parse(args)
	switch {
	case err == flag.ErrHelp:
		io.WriteString(stdout, demoUsage)
		return exitOK
	case err != nil:
	case f.NArg() > 0:
		err = fmt.Errorf("demo takes no argument %q", f.Arg(0))
	case config.Nodes < 3 || config.Nodes > 9:
		err = fmt.Errorf("--nodes is between 3 and 9")
	case !(*speed > 0):
		err = fmt.Errorf("--speed is more than 0")
	case !*auto && !(isTerminal(os.Stdin) && isTerminal(stdout)):
		err = fmt.Errorf("demo needs a terminal; without one use --auto")
	}
	if err != nil {
		return usageError(stderr, err, "redoubt help demo")
	}
	// A terminal that is closed must not leave a directory behind.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP)
	defer stop()
	if config.Program, err = os.Executable(); err == nil {
		if *auto {
			err = demo.Play(ctx, config, *speed, stdout)
		} else {
			err = demo.Run(ctx, config, os.Stdin, stdout)
		}
	}
	if err != nil {
		fmt.Fprintf(stderr, "redoubt: %v\n", err)
		return exitError
	}
	return exitOK
}
