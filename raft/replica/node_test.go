package replica

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"redoubt/fsm"
	"redoubt/metrics"
	"redoubt/raft"
	"redoubt/wal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// group is a cluster of real nodes in this process: real log, real sockets.
type group struct {
	t       *testing.T
	joiners int // nodes that are no members at first, behind the others
	config  raft.Configuration
	dirs    []wal.Dir
	nodes   []*Node
	ports   []net.Listener
	options func(*Config)
}

func newGroup(t *testing.T, size int, options func(*Config)) *group {
	return newGroupWith(t, size, 0, options)
}

// newGroupWith has nodes that join, which are not started.
func newGroupWith(t *testing.T, size, joiners int, options func(*Config)) *group {
	g := &group{t: t, nodes: make([]*Node, size+joiners), joiners: joiners, options: options}
	for i := range size + joiners {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		g.ports = append(g.ports, l)
		g.dirs = append(g.dirs, newDir(t))
		g.config.Members = append(g.config.Members, raft.Member{
			ID: raft.NodeID(fmt.Sprint("n", i+1)), Role: raft.Voter, Addr: "127.0.0.1:1", PeerAddr: l.Addr().String(),
		})
	}
	for i := range size {
		g.open(i)
	}
	t.Cleanup(func() {
		for i := range g.nodes {
			g.close(i)
		}
	})
	return g
}

func newDir(t *testing.T) wal.Dir { return wal.Dir{Path: t.TempDir(), FS: wal.OS()} }

func (g *group) open(i int) {
	g.t.Helper()
	id := wal.Identity{ClusterID: strings.Repeat("0", 32), NodeID: g.config.Members[i].ID, Incarnation: uint64(i + 1)}
	if members := g.config.Members[:len(g.nodes)-g.joiners]; i < len(members) {
		id.Bootstrap.Members = members
	}
	if _, found, err := g.dirs[i].LoadIdentity(); err != nil {
		g.t.Fatal(err)
	} else if !found {
		if err := g.dirs[i].CreateIdentity(id); err != nil {
			g.t.Fatal(err)
		}
	}
	l := g.ports[i]
	if g.ports[i] = nil; l == nil {
		var err error
		if l, err = net.Listen("tcp", g.config.Members[i].PeerAddr); err != nil {
			g.t.Fatal(err)
		}
	}
	c := Config{
		DataDir: g.dirs[i], Identity: id, Version: "test", Seed: uint64(i + 1), PeerListener: l, PeerAddr: g.config.Members[i].PeerAddr,
		Tick: 10 * time.Millisecond, ElectionTicks: 15, HeartbeatTicks: 3,
		CommandTimeout: 20 * time.Second, SnapshotBytes: 64 << 20,
		Store:   fsm.Config{Databases: 2},
		Metrics: metrics.New(prometheus.NewRegistry()), Log: slog.New(slog.DiscardHandler),
	}
	if g.options != nil {
		g.options(&c)
	}
	n, err := Open(c)
	if err != nil {
		g.t.Fatal(err)
	}
	g.nodes[i] = n
}

func (g *group) close(i int) {
	if n := g.nodes[i]; n != nil {
		g.nodes[i] = nil
		if err := n.Close(); err != nil {
			g.t.Errorf("close %s: %v", g.config.Members[i].ID, err)
		}
	}
}

// do runs commands at a node as one batch and returns the raw replies.
func (g *group) do(i int, lines ...string) string {
	g.t.Helper()
	b := NewBatch()
	for _, line := range lines {
		var args [][]byte
		for _, word := range strings.Fields(line) {
			args = append(args, []byte(word))
		}
		spec, text := fsm.Resolve(args)
		if text != "" {
			g.t.Fatal(text)
		}
		b.Commands = append(b.Commands, fsm.Command{Proto: 2, Spec: spec, Args: args})
	}
	if err := g.nodes[i].Execute(b); err != nil {
		g.t.Fatal(err)
	}
	return string(b.Reply)
}

func (g *group) want(i int, reply string, lines ...string) {
	g.t.Helper()
	if got := g.do(i, lines...); got != reply {
		g.t.Fatalf("n%d: %q replied %q, want %q", i+1, lines, got, reply)
	}
}

func (g *group) leader() int {
	for {
		for i, n := range g.nodes {
			if n != nil && n.Status().Role == raft.Leader {
				return i
			}
		}
	}
}

// loseMajority has the group commit a write, stops all nodes but the leader and
// returns that. Groups with a short command timeout may need several tries on a
// busy machine.
func (g *group) loseMajority() (last int) {
	g.t.Helper()
	for written := false; !written; {
		got := g.do(0, "SET a 1")
		if written = got == "+OK\r\n"; !written && !strings.HasPrefix(got, "-CLUSTERDOWN ") && !strings.HasPrefix(got, "-UNCERTAIN ") {
			g.t.Fatalf("SET replied %q", got)
		}
	}
	last = g.leader()
	g.close((last + 1) % 3)
	g.close((last + 2) % 3)
	return last
}

// awaitNoLeader waits until the node knows of no leader, itself included.
func (g *group) awaitNoLeader(i int) {
	for g.nodes[i].Status().Leader != "" {
	}
}

func TestSingleNodeKeepsWhatItAnswered(t *testing.T) {
	g := newGroup(t, 1, nil)
	g.want(0, "+OK\r\n:2\r\n$1\r\n2\r\n", "SET a 1", "INCR a", "GET a")
	g.close(0)
	g.open(0)
	g.want(0, "$1\r\n2\r\n", "GET a")
}

func TestAnyNodeTakesAnyCommand(t *testing.T) {
	g := newGroup(t, 3, nil)
	for round := range 3 {
		for i := range g.nodes {
			n := round*3 + i + 1
			g.want(i, fmt.Sprintf(":%d\r\n", n), "INCR a")
			for j := range g.nodes {
				g.want(j, fmt.Sprintf("$%d\r\n%d\r\n", len(fmt.Sprint(n)), n), "GET a")
			}
		}
	}
}

// A write for which there is no link to the leader just then is made when there
// is one, instead of being told to be of unknown outcome one day.
func TestProposalWaitsForTheLink(t *testing.T) {
	g := newGroup(t, 3, nil)
	g.want(0, "+OK\r\n", "SET a 1")
	leader := g.leader()
	follower := (leader + 1) % 3
	link := g.nodes[follower].transport
	astray := slices.Clone(g.config.Members)
	astray[leader].PeerAddr = "127.0.0.1:1"

	link.SetMembers(astray)
	drops := func() (n uint64) {
		for _, p := range link.Peers() {
			n += p.Drops
		}
		return n
	}
	before := drops()
	reply := make(chan string)
	go func() { reply <- g.do(follower, "INCR a") }()
	for drops() < before+20 { // of them more than half are tries to forward it
	}
	link.SetMembers(g.config.Members)
	if got := <-reply; got != ":2\r\n" {
		t.Errorf("the write is answered %q", got)
	}
}

func TestLeaderIsHandedOver(t *testing.T) {
	g := newGroup(t, 3, nil)
	g.want(0, "+OK\r\n", "SET a 1")
	old := g.leader()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := g.nodes[old].Transfer(ctx, ""); err != nil {
		t.Fatal(err)
	}
	if now := g.leader(); now == old {
		t.Fatalf("n%d still leads", old+1)
	}
	g.want(old, "$1\r\n1\r\n", "GET a")
}

func TestFollowerComesBackBySnapshot(t *testing.T) {
	g := newGroup(t, 3, func(c *Config) { c.SnapshotBytes = 20_000 })
	g.want(0, "+OK\r\n", "SET a 1")
	down := (g.leader() + 1) % 3
	up := (down + 1) % 3
	g.close(down)
	for i := 0; g.nodes[g.leader()].Status().FirstIndex < 200; i++ {
		g.do(up, fmt.Sprintf("SET k%d %s", i%100, strings.Repeat("x", 100)), "INCR n")
	}
	n := g.do(up, "GET n")
	g.open(down)
	g.want(down, n, "GET n")
	if s := g.nodes[down].Status(); s.SnapshotIndex == 0 {
		t.Fatalf("n%d caught up without a snapshot", down+1)
	}
	a, b := g.nodes[up].Status(), g.nodes[down].Status()
	for a.StateHashIndex != b.StateHashIndex {
		a, b = g.nodes[up].Status(), g.nodes[down].Status()
	}
	if a.StateHash != b.StateHash {
		t.Fatalf("hashes differ at index %d: %x and %x", a.StateHashIndex, a.StateHash, b.StateHash)
	}
}

// A lost majority is answered within the command timeout, and as what it is.
func TestLostMajorityIsSaid(t *testing.T) {
	g := newGroup(t, 3, func(c *Config) { c.CommandTimeout = 500 * time.Millisecond })
	last := g.loseMajority()
	if got := g.do(last, "SET a 2"); !strings.HasPrefix(got, "-UNCERTAIN ") && !strings.HasPrefix(got, "-CLUSTERDOWN ") {
		t.Fatalf("SET replied %q", got)
	}
	g.awaitNoLeader(last)
	for _, line := range []string{"SET a 3", "GET a"} {
		if got := g.do(last, line); !strings.HasPrefix(got, "-CLUSTERDOWN ") {
			t.Fatalf("%s replied %q", line, got)
		}
	}
}

// A data directory that was deleted is refused under its old node id.
func TestWipedNodeIsRefused(t *testing.T) {
	g := newGroup(t, 3, nil)
	g.want(0, "+OK\r\n", "SET a 1")
	g.want(1, "+OK\r\n", "SET a 2")
	g.close(2)
	g.dirs[2] = newDir(t)
	wiped := 2
	opts := g.options
	g.options = func(c *Config) { c.Identity.Incarnation = 77 }
	id := wal.Identity{ClusterID: strings.Repeat("0", 32), NodeID: "n3", Incarnation: 77, Bootstrap: g.config}
	if err := g.dirs[2].CreateIdentity(id); err != nil {
		t.Fatal(err)
	}
	g.open(wiped)
	g.options = opts
	<-g.nodes[wiped].Done()
	if err := g.nodes[wiped].Err(); err == nil || !strings.Contains(err.Error(), "incarnation") {
		t.Fatalf("the wiped node stopped with %v", err)
	}
	_ = g.nodes[wiped].Close() // its error is the refusal
	g.nodes[wiped] = nil
	g.want(0, "$1\r\n2\r\n", "GET a")
}

// A transaction that no log entry can hold is refused; the node goes on.
func TestTooLargeTransactionIsRefused(t *testing.T) {
	g := newGroup(t, 1, nil)
	value := []byte(strings.Repeat("x", 16<<20))
	exec := &fsm.Exec{}
	for range 4 {
		args := [][]byte{[]byte("SET"), []byte("a"), value}
		spec, _ := fsm.Resolve(args)
		exec.Commands = append(exec.Commands, fsm.Command{Proto: 2, Spec: spec, Args: args})
	}
	b := NewBatch()
	b.Commands = append(b.Commands, fsm.Command{Proto: 2, Exec: exec})
	if err := g.nodes[0].Execute(b); err != nil || !strings.HasPrefix(string(b.Reply), "-ERR The transaction is too large") {
		t.Fatalf("replied %.100q, %v", b.Reply, err)
	}
	g.want(0, "+OK\r\n", "SET a 1")
}
