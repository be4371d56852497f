package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"redoubt/devcluster"
	"redoubt/monitor"
	"redoubt/resp"
)

// Config says what to play with.
type Config struct {
	Program string // path of the redoubt binary
	Nodes   int    // 3 to 9
}

const (
	askTimeout = 300 * time.Millisecond // for a node's status: paused ones do not answer
	actTimeout = time.Minute            // after which an act gives up
	pollLength = 10 * time.Millisecond
	tellLength = 150 * time.Millisecond // between two words on a lag
)

// Stage is the cluster, its clients, and what is known of both.
type Stage struct {
	Cluster *devcluster.Cluster
	Load    *Load

	say      func(monitor.Event)
	unfollow context.CancelFunc
	size     int                // of the cluster, but while one more is there
	victims  []*devcluster.Node // of the act before

	looking   sync.Mutex // a screen may still look while Close is called
	collector monitor.Collector
	closed    bool

	mu     sync.Mutex // guards what follows, and the list of the nodes for those who look
	reigns []reign
	cutOff []string // ids of the nodes that a partition has cut off
}

// reign is a node's own word that it leads.
type reign struct {
	node string
	term uint64
	at   time.Time
}

// Open starts the cluster and its clients. say is told what happens, from several
// goroutines. The Stage must be closed, whatever happens.
func Open(ctx context.Context, config Config, say func(monitor.Event)) (*Stage, error) {
	c, err := devcluster.New(devcluster.Config{
		Program: config.Program, Nodes: config.Nodes, Links: true,
		// Who is cut off shall say so while somebody watches.
		Args: []string{"--command-timeout", "1s", "--shutdown-timeout", "2s"},
	})
	if err != nil {
		return nil, err
	}
	s := &Stage{Cluster: c, Load: newLoad(c.Nodes), say: say, size: config.Nodes, collector: monitor.Collector{Timeout: askTimeout}}
	for _, n := range c.Nodes {
		s.collector.Seeds = append(s.collector.Seeds, n.Addr)
	}
	following, cancel := context.WithCancel(context.Background())
	s.unfollow = cancel
	c.Follow(following, s.hear)
	starting, cancel := context.WithTimeout(ctx, actTimeout)
	defer cancel()
	if err := c.Start(starting); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.Load.Start()
	return s, nil
}

// Close ends the clients and the processes and removes all files.
func (s *Stage) Close() error {
	s.unfollow()
	for _, n := range s.Cluster.Nodes {
		n.Kill() // first, so that no client waits for a reply
	}
	s.Load.Stop()
	s.looking.Lock()
	s.collector.Close()
	s.closed = true
	s.looking.Unlock()
	return s.Cluster.Close()
}

// hear reads the nodes' logs.
func (s *Stage) hear(r devcluster.Record) {
	switch {
	case r.Event == "leader" && r.Rest["leader"] == r.Node:
		var term uint64
		if _, err := fmt.Sscan(r.Rest["term"], &term); err != nil {
			return
		}
		s.mu.Lock()
		s.reigns = append(s.reigns, reign{r.Node, term, r.Time})
		s.mu.Unlock()
		s.event(r.Time, monitor.LevelInfo, "%s leads in term %d", r.Node, term)
	case r.Event == "join":
		s.event(r.Time, monitor.LevelInfo, "%s: %s", r.Node, r.Message)
	case r.Event == "snapshot":
		s.event(r.Time, monitor.LevelInfo, "%s: %s, up to index %s", r.Node, r.Message, r.Rest["index"])
	case r.Event == "repair":
		s.event(r.Time, monitor.LevelInfo, "%s: %s", r.Node, r.Message)
	}
}

func (s *Stage) event(at time.Time, level monitor.Level, format string, args ...any) {
	s.say(monitor.Event{At: at, Level: level, Text: fmt.Sprintf(format, args...)})
}

func (s *Stage) info(format string, args ...any) {
	s.event(time.Now(), monitor.LevelInfo, format, args...)
}

func (s *Stage) warn(format string, args ...any) {
	s.event(time.Now(), monitor.LevelWarn, format, args...)
}

// State is how a node is, as far as this program brought it about.
type State string

const (
	Up     State = "up"
	Down   State = "down"
	Paused State = "paused"
	Cut    State = "cut off"
)

// Look is all that a screen shows of the stage at one time.
type Look struct {
	monitor.Snapshot
	Figures
	Nodes []NodeLook
}

// NodeLook is a node of a Look.
type NodeLook struct {
	ID, Addr string
	State    State
}

// Look asks all nodes.
func (s *Stage) Look() Look {
	s.looking.Lock()
	defer s.looking.Unlock()
	if s.closed {
		return Look{}
	}
	l := Look{Snapshot: s.collector.Collect(), Figures: s.Load.Figures()}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.Cluster.Nodes {
		state := Up
		switch {
		case !n.Running():
			state = Down
		case n.Paused():
			state = Paused
		case slices.Contains(s.cutOff, n.ID):
			state = Cut
		}
		l.Nodes = append(l.Nodes, NodeLook{n.ID, n.Addr, state})
	}
	return l
}

// nodes are those that there are, for whoever does not act.
func (s *Stage) nodes() []*devcluster.Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Cluster.Nodes
}

// await polls until done, an error or the end of ctx.
func await(ctx context.Context, what string, done func() (bool, error)) error {
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		sleep(ctx, pollLength)
		if ctx.Err() != nil {
			return fmt.Errorf("waited for %s: %w", what, context.Cause(ctx))
		}
	}
}

// awaitReign waits until a node leads in a term above that one.
func (s *Stage) awaitReign(ctx context.Context, above uint64) (r reign, err error) {
	err = await(ctx, "a new leader", func() (bool, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, r = range s.reigns {
			if r.term > above {
				return true, nil
			}
		}
		return false, nil
	})
	return r, err
}

// awaitWrites waits until clients get their writes acknowledged again.
func (s *Stage) awaitWrites(ctx context.Context, after time.Time) error {
	return await(ctx, "an acknowledged write", func() (bool, error) { return s.Load.LastAck().After(after), nil })
}

// leader waits for one and returns it with its term.
func (s *Stage) leader(ctx context.Context) (leader *devcluster.Node, term uint64, err error) {
	err = await(ctx, "a leader", func() (bool, error) {
		if leader = s.Cluster.Leader(); leader == nil {
			return false, nil
		}
		p, err := monitor.Ask(leader.Addr, "", askTimeout)
		if err != nil || p.Role != monitor.RoleLeader {
			return false, nil
		}
		term = p.Term
		return true, nil
	})
	return leader, term, err
}

// others are the nodes without these.
func (s *Stage) others(without ...*devcluster.Node) (rest []*devcluster.Node) {
	for _, n := range s.Cluster.Nodes {
		if !slices.Contains(without, n) {
			rest = append(rest, n)
		}
	}
	return rest
}

// do has a node execute a command and returns its reply in words, errors included.
func do(n *devcluster.Node, args ...string) (string, error) {
	conn, err := resp.Dial(n.Addr, clientTimeout)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	v, err := conn.Do(args...)
	if err != nil {
		return "", fmt.Errorf("%s on %s: %w", args[0], n.ID, err)
	}
	return v.String(), nil
}

// mend undoes whatever keys and earlier acts have left: a step begins with a cluster
// in order.
func (s *Stage) mend(ctx context.Context) error {
	if err := s.bringBack(); err != nil {
		return err
	}
	s.Load.Start()
	return s.Cluster.AwaitReady(ctx)
}

// bringBack lets all nodes run and hear each other, and waits for nothing.
func (s *Stage) bringBack() error {
	if s.heal() {
		s.info("the network is whole again")
	}
	for _, n := range s.Cluster.Nodes {
		switch {
		case !n.Running():
			s.info("%s is started again", n.ID)
			if err := n.Start(); err != nil {
				return err
			}
		case n.Paused():
			s.info("%s goes on: SIGCONT", n.ID)
			if err := n.Continue(); err != nil {
				return err
			}
		}
	}
	return nil
}

// errGaveUp is why an act's context ends.
var errGaveUp = fmt.Errorf("gave up after %s", actTimeout)

// separate cuts nodes off from all others, both ways: nothing arrives, nothing breaks.
func (s *Stage) separate(side []*devcluster.Node) {
	_ = s.Cluster.Separate(side, s.others(side...), devcluster.LinkState{Stalled: true}) // proxies always obey
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range side {
		s.cutOff = append(s.cutOff, n.ID)
	}
}

// heal makes all links good; false when they were.
func (s *Stage) heal() bool {
	_ = s.Cluster.Heal() // proxies always obey
	s.mu.Lock()
	defer s.mu.Unlock()
	healed := len(s.cutOff) > 0
	s.cutOff = nil
	return healed
}
