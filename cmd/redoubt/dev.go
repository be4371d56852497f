package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"redoubt/devcluster"
	"redoubt/resp/server"
)

const devUsage = `Run a whole cluster on this machine, to try things out.

Usage: redoubt dev [--nodes N] [--port P] [--data-dir DIR]

Starts the nodes, says where they are, tells what happens to them and starts those
that are killed again, until Ctrl-C stops them all.

  --nodes N       how many (default 3)
  --port P        clients of the first node, the others follow; HTTP is 1000 above,
                  the traffic between nodes 10000 above (default 7001)
  --data-dir DIR  where data and logs are kept, for another start with the same
                  --nodes and --port (default: thrown away at the end)
`

// devRestartDelay is how long a killed node stays away: long enough to see what
// the others do without it.
const devRestartDelay = 3 * time.Second

// dev is a running `redoubt dev`.
type dev struct {
	cluster *devcluster.Cluster
	kept    bool

	mu  sync.Mutex // guards out: several goroutines tell
	out io.Writer
}

func runDev(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	config := devcluster.Config{Args: []string{"--shutdown-timeout", "2s"}}
	f := flag.NewFlagSet("dev", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.IntVar(&config.Nodes, "nodes", 3, "")
	f.IntVar(&config.Port, "port", 7001, "")
	f.StringVar(&config.Dir, "data-dir", "", "")
	switch err := f.Parse(args); {
	case err == flag.ErrHelp:
		io.WriteString(stdout, devUsage)
		return exitOK
	case err != nil:
		return usageError(stderr, err, "redoubt help dev")
	case f.NArg() > 0:
		return usageError(stderr, fmt.Sprintf("dev takes no argument %q", f.Arg(0)), "redoubt help dev")
	case config.Nodes < 1 || config.Nodes > 9:
		return usageError(stderr, "--nodes is between 1 and 9", "redoubt help dev")
	case config.Port < 0 || config.Port+config.Nodes-1+server.PeerPortOffset > 65535:
		return usageError(stderr, fmt.Sprintf("--port %d: the last of the ports above it has to be at most 65535", config.Port), "redoubt help dev")
	}
	var err error
	if config.Program, err = os.Executable(); err == nil {
		err = startDev(ctx, config, stdout)
	}
	if err != nil {
		fmt.Fprintf(stderr, "redoubt: %v\n", err)
		return exitError
	}
	return exitOK
}

// startDev runs the cluster until ctx ends.
func startDev(ctx context.Context, config devcluster.Config, stdout io.Writer) (err error) {
	c, err := devcluster.New(config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	d := &dev{cluster: c, kept: config.Dir != "", out: stdout}
	starting, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	switch err := c.Start(starting); {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	d.greet()
	watching, stop := context.WithCancel(ctx)
	defer stop()
	c.Follow(watching, d.note)
	var wg sync.WaitGroup
	for _, n := range c.Nodes {
		wg.Go(func() { d.supervise(ctx, n) })
	}
	wg.Wait()
	d.tell("stopping all nodes")
	stopping, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return c.Stop(stopping)
}

// greet lists the nodes and says what to type next.
func (d *dev) greet() {
	c := d.cluster
	where := "thrown away at the end"
	if d.kept {
		where = "kept"
	}
	fmt.Fprintf(d.out, "redoubt %s, %d nodes; data and logs in %s (%s)\n\n", version, len(c.Nodes), c.Dir, where)
	leader := c.Leader()
	w := tabwriter.NewWriter(d.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "  node\tclients\tconsole, REST\tpid\t")
	for _, n := range c.Nodes {
		role := ""
		if n == leader {
			role = "leader"
		}
		fmt.Fprintf(w, "  %s\t%s\thttp://%s/\t%d\t%s\n", n.ID, n.Addr, n.HTTPAddr, n.Pid(), role)
	}
	w.Flush()
	first, last := port(c.Nodes[0].Addr), port(c.Nodes[len(c.Nodes)-1].Addr)
	victim := cmp.Or(leader, c.Nodes[0])
	fmt.Fprintf(d.out, "\nTry, in another terminal:\n")
	for _, try := range [][2]string{
		{"redis-cli -p " + first + " set a 1", "a write, through any node"},
		{"redis-cli -p " + last + " get a", "a read of it, through any other"},
		{fmt.Sprintf("kill -9 %d", victim.Pid()), fmt.Sprintf("the leader is gone; it is started again after %v", devRestartDelay)},
	} {
		fmt.Fprintf(d.out, "  %-30s %s\n", try[0], try[1])
	}
	fmt.Fprintf(d.out, "Ctrl-C stops all nodes.\n\n")
}

func port(addr string) string {
	_, p, _ := net.SplitHostPort(addr)
	return p
}

// note tells what matters of a node's log.
func (d *dev) note(r devcluster.Record) {
	// Warnings without an event are the two sides of each broken connection.
	if r.Level >= slog.LevelError || r.Level >= slog.LevelWarn && r.Event != "" ||
		slices.Contains([]string{"repair", "snapshot", "shutdown"}, r.Event) {
		d.tell("%s: %s", r.Node, r)
		return
	}
	// Every node notes who leads; the leader's own word is enough.
	if r.Event == "leader" && r.Rest["leader"] == r.Node {
		d.tell("%s leads in term %s", r.Node, r.Rest["term"])
	}
}

func (d *dev) tell(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintf(d.out, "%s  %s\n", time.Now().Format("15:04:05.000"), fmt.Sprintf(format, args...))
}

// ending says how a process ended that is started again.
func ending(code int, log string) string {
	if code < 0 {
		return "was killed"
	}
	return fmt.Sprintf("ended with code %d (its log is %s)", code, log)
}

// supervise starts a node that ends again, until ctx ends; like the unit for
// systemd of docs/OPERATIONS.md it leaves those alone that had a reason.
func (d *dev) supervise(ctx context.Context, n *devcluster.Node) {
	for n.AwaitExit(ctx) == nil {
		code := n.ExitCode()
		if code == exitOK || code == exitUsage || code == exitRefused || code == exitDisk {
			d.tell("%s ended with code %d and is left alone; its log is %s", n.ID, code, n.LogFile)
			<-ctx.Done()
			return
		}
		d.tell("%s %s; it is started again in %v", n.ID, ending(code, n.LogFile), devRestartDelay)
		select {
		case <-ctx.Done():
			return
		case <-time.After(devRestartDelay):
		}
		if err := n.Start(); err != nil {
			d.tell("%v", err)
			<-ctx.Done()
			return
		}
		if err := n.AwaitReady(ctx); err == nil {
			d.tell("%s is back, pid %d", n.ID, n.Pid())
		} else if ctx.Err() == nil && !strings.Contains(err.Error(), "exited") {
			d.tell("%v", err)
		}
	}
}
