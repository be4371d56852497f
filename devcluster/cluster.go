package devcluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Config says what a cluster consists of.
type Config struct {
	Program string   // path of the redoubt binary
	Command []string // subcommand and what belongs to it; nil is "serve"
	Nodes   int
	Port    int      // clients of the first node; 0 takes free ports everywhere
	Dir     string   // data and logs; "" is a temporary directory
	Args    []string // further flags of every node
	Links   bool     // proxies between the nodes
	// Namespaces gives every node a network namespace of its own, and links between
	// them that need no proxies. It takes Linux and root.
	Namespaces bool
}

// Cluster is a set of processes that form one cluster.
type Cluster struct {
	Nodes []*Node // as Add and Forget left it: it belongs to their goroutine
	Dir   string

	config   Config
	started  *starter
	placed   int    // nodes so far: no name is used twice
	founders string // the --cluster list
	keep     bool

	networks *namespaces  // nil without Config.Namespaces
	claim    net.Listener // on a port that nobody dials, to keep others from its neighbours; may be nil

	mu    sync.Mutex // guards Nodes and links while Follow and the proxies look at them
	links map[[2]string]*Link
}

// New lays out a cluster and opens its proxies. No node runs yet.
func New(config Config) (c *Cluster, err error) {
	if config.Nodes < 1 {
		return nil, fmt.Errorf("a cluster of %d nodes", config.Nodes)
	}
	if len(config.Command) == 0 {
		config.Command = []string{"serve"}
	}
	c = &Cluster{Dir: config.Dir, config: config, keep: config.Dir != "", links: map[[2]string]*Link{}}
	if c.Dir == "" {
		if c.Dir, err = os.MkdirTemp("", "redoubt-"); err != nil {
			return nil, err
		}
	} else if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	n := nodesIn(c.Dir)
	switch {
	case n > 0 && n != config.Nodes:
		return nil, fmt.Errorf("%s holds a cluster of %d nodes, not of %d", c.Dir, n, config.Nodes)
	case n > 0 && (config.Port == 0 || config.Namespaces):
		return nil, fmt.Errorf("%s holds a cluster that knows its own addresses: it cannot be started on other ones", c.Dir)
	case config.Port != 0:
		if err := notePort(c.Dir, config.Port, n == 0); err != nil {
			return nil, err
		}
	}
	c.started = newStarter()
	if err := c.layOut(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// nodesIn counts the nodes that have data in the directory.
func nodesIn(dir string) (count int) {
	entries, _ := os.ReadDir(dir) // what cannot be read cannot be written, which is told then
	for _, e := range entries {
		number, err := strconv.Atoi(strings.TrimPrefix(e.Name(), "n"))
		if err == nil && e.IsDir() && e.Name() == nodeID(number-1) {
			count++
		}
	}
	return count
}

// notePort has a new directory keep the port of its first node, and refuses another
// one later: the nodes know each other by it.
func notePort(dir string, port int, first bool) error {
	path := filepath.Join(dir, "port")
	if first {
		return os.WriteFile(path, fmt.Appendln(nil, port), 0o600)
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // from before it was kept
	}
	if err != nil {
		return err
	}
	if was := strings.TrimSpace(string(text)); was != strconv.Itoa(port) {
		return fmt.Errorf("%s holds a cluster whose first node is at port %s: it cannot be started at port %d", dir, was, port)
	}
	return nil
}

func nodeID(i int) string { return fmt.Sprintf("n%d", i+1) }

// claimPorts chooses ports that stay this cluster's until claim, if not nil, is closed.
func (c *Cluster) claimPorts(first, count int) (ports []nodePorts, claim net.Listener, err error) {
	if c.networks != nil {
		return slices.Repeat([]nodePorts{namespacePorts}, count), nil, nil
	}
	return choosePorts(first, count, c.config.Links)
}

// layOut gives every node its addresses, and opens the proxies.
func (c *Cluster) layOut() error {
	if c.config.Namespaces {
		var err error
		if c.networks, err = newNamespaces(); err != nil {
			return err
		}
	}
	ports, claim, err := c.claimPorts(c.config.Port, c.config.Nodes)
	if err != nil {
		return err
	}
	c.claim = claim
	var members []string
	for _, p := range ports {
		n, err := c.place(p)
		if err != nil {
			return err
		}
		members = append(members, n.ID+"="+n.Announced())
	}
	c.founders = strings.Join(members, ",")
	return nil
}

// Start starts the nodes that do not run and waits until all are ready.
func (c *Cluster) Start(ctx context.Context) error {
	for _, n := range c.Nodes {
		if n.Running() {
			continue
		}
		if err := n.Start(); err != nil {
			return err
		}
	}
	return c.AwaitReady(ctx)
}

// AwaitReady waits until all nodes are ready to serve.
func (c *Cluster) AwaitReady(ctx context.Context) error {
	for _, n := range c.Nodes {
		if err := n.AwaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Stop asks all nodes to end, followers first, so that leadership is handed over
// once at most, and waits for them.
func (c *Cluster) Stop(ctx context.Context) error {
	leader := c.Leader()
	var errs []error
	for _, n := range c.Nodes {
		if n != leader {
			errs = append(errs, n.Terminate())
		}
	}
	for _, n := range c.Nodes {
		if n != leader {
			errs = append(errs, n.AwaitExit(ctx))
		}
	}
	if leader != nil {
		errs = append(errs, leader.Terminate(), leader.AwaitExit(ctx))
	}
	return errors.Join(errs...)
}

// Close kills what runs, takes proxies and namespaces away and removes a temporary
// directory. A second call does nothing.
func (c *Cluster) Close() error {
	for _, n := range c.Nodes {
		n.Kill()
	}
	for _, n := range c.Nodes {
		n.release()
	}
	c.started.close()
	if c.claim != nil {
		c.claim.Close()
	}
	var errs []error
	if c.networks != nil {
		errs = append(errs, c.networks.close())
		c.networks = nil
	}
	if !c.keep {
		errs = append(errs, os.RemoveAll(c.Dir))
	}
	return errors.Join(errs...)
}

// KeepDir makes Close leave a temporary directory where it is.
func (c *Cluster) KeepDir() { c.keep = true }

// Node returns the node of that id, nil when there is none.
func (c *Cluster) Node(id string) *Node {
	for _, n := range c.Nodes {
		if n.ID == id {
			return n
		}
	}
	return nil
}

// Leader returns the node that says so of itself, in the highest term; nil when
// nobody does.
func (c *Cluster) Leader() *Node {
	var leader *Node
	term := uint64(0)
	for _, n := range c.Nodes {
		if !n.Running() || n.Paused() {
			continue
		}
		if s, err := n.Status(); err == nil && s.Role == "leader" && s.Term >= term {
			leader, term = n, s.Term
		}
	}
	return leader
}

// AwaitLeader waits until some node says that it leads.
func (c *Cluster) AwaitLeader(ctx context.Context) (*Node, error) {
	var leader *Node
	err := await(ctx, "a leader", func() (bool, error) {
		leader = c.Leader()
		return leader != nil, nil
	})
	return leader, err
}

// Link returns the link from one node to another. It panics when there is none,
// as without Config.Links and Config.Namespaces.
func (c *Cluster) Link(from, to string) *Link {
	l := c.link(from, to)
	if l == nil {
		panic(fmt.Sprintf("devcluster: no link from %q to %q", from, to))
	}
	return l
}

func (c *Cluster) link(from, to string) *Link {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.links[[2]string{from, to}]
}

// Heal makes all links good again.
func (c *Cluster) Heal() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, l := range c.links {
		errs = append(errs, l.Set(LinkState{}))
	}
	return errors.Join(errs...)
}

// Separate puts every link between the two sides, both ways, into the state.
func (c *Cluster) Separate(left, right []*Node, state LinkState) error {
	var errs []error
	for _, a := range left {
		for _, b := range right {
			errs = append(errs, c.Link(a.ID, b.ID).Set(state), c.Link(b.ID, a.ID).Set(state))
		}
	}
	return errors.Join(errs...)
}

// await polls until done, an error or the end of ctx.
func await(ctx context.Context, what string, done func() (bool, error)) error {
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited for %s: %w", what, context.Cause(ctx))
		case <-poll.C:
		}
	}
}
