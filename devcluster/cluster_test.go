package devcluster

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"redoubt/devcluster/testprogram"
)

// program is built once for all tests.
var program string

func TestMain(m *testing.M) { testprogram.Main(m, &program) }

func patience(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// layOut makes a cluster that does not run yet.
func layOut(t *testing.T, config Config) *Cluster {
	t.Helper()
	config.Program = program
	if config.Namespaces {
		testprogram.NeedNamespaces(t)
	}
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func start(t *testing.T, config Config) *Cluster {
	t.Helper()
	c := layOut(t, config)
	if err := c.Start(patience(t)); err != nil {
		t.Fatal(err)
	}
	return c
}

// leaderAmong waits until one of the nodes leads.
func leaderAmong(t *testing.T, c *Cluster, nodes []*Node) {
	t.Helper()
	err := await(patience(t), "a leader among some", func() (bool, error) {
		for _, n := range nodes {
			if s, err := n.Status(); err == nil && s.Role == "leader" {
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func others(c *Cluster, n *Node) (rest []*Node) {
	for _, o := range c.Nodes {
		if o != n {
			rest = append(rest, o)
		}
	}
	return rest
}

// Whatever keeps a leader from the others, they elect another, and after it is
// over all hold the same state.
func TestLeaderIsReplaced(t *testing.T) {
	t.Run("behind proxies", func(t *testing.T) { replaceLeaders(t, Config{Nodes: 3, Links: true}) })
	t.Run("in namespaces", func(t *testing.T) { replaceLeaders(t, Config{Nodes: 3, Namespaces: true}) })
}

func replaceLeaders(t *testing.T, config Config) {
	c := start(t, config)
	for _, trouble := range []struct {
		name        string
		begin, over func(n *Node) error
	}{
		{"killed", func(n *Node) error { n.Kill(); return nil }, (*Node).Start},
		{"paused", (*Node).Pause, (*Node).Continue},
		{"cut off", func(n *Node) error {
			return c.Separate([]*Node{n}, others(c, n), LinkState{Cut: true})
		}, func(*Node) error { return c.Heal() }},
		{"unheard", func(n *Node) (err error) {
			for _, o := range others(c, n) {
				err = errors.Join(err, c.Link(n.ID, o.ID).Set(LinkState{Stalled: true}))
			}
			return err
		}, func(*Node) error { return c.Heal() }},
	} {
		t.Run(trouble.name, func(t *testing.T) {
			leader, err := c.AwaitLeader(patience(t))
			if err != nil {
				t.Fatal(err)
			}
			if err := trouble.begin(leader); err != nil {
				t.Fatal(err)
			}
			leaderAmong(t, c, others(c, leader))
			if err := trouble.over(leader); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(c.AwaitReady(patience(t)), c.AwaitEqualState(patience(t))); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// portWithOthersAbove finds a port from which on all ports of the nodes are free,
// and none is among those for outgoing connections.
func portWithOthersAbove(t *testing.T, nodes int) int {
	t.Helper()
	for range 100 {
		first := 10000 + rand.IntN(2000)
		if _, _, err := choosePorts(first, nodes, true); err == nil {
			return first
		}
	}
	t.Fatal("no free ports")
	return 0
}

// A directory that is kept is the same cluster at the same ports.
func TestKeptDirectory(t *testing.T) {
	config := Config{Nodes: 3, Dir: t.TempDir(), Port: portWithOthersAbove(t, 3), Links: true, Args: []string{"--shutdown-timeout", "1s"}}
	var terms [2]uint64
	for i := range terms {
		c := start(t, config)
		leader, err := c.AwaitLeader(patience(t))
		if err != nil {
			t.Fatal(err)
		}
		s, err := leader.Status()
		if err != nil {
			t.Fatal(err)
		}
		terms[i] = s.Term
		if err := c.Stop(patience(t)); err != nil {
			t.Fatal(err)
		}
		for _, n := range c.Nodes {
			if n.ExitCode() != 0 {
				t.Errorf("%s ended with code %d", n.ID, n.ExitCode())
			}
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	config.Port++
	if _, err := New(config); err == nil {
		t.Error("it is taken up at another port")
	}
	if terms[1] <= terms[0] {
		t.Errorf("term %d after term %d: the second start did not go on from the first", terms[1], terms[0])
	}
}

func TestKeptDirectoryOfAnotherClusterIsRefused(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 {
		if err := os.Mkdir(filepath.Join(dir, nodeID(i)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := New(Config{Program: program, Nodes: 5, Dir: dir, Port: 21000}); err == nil {
		t.Error("five nodes in the directory of three")
	}
	if _, err := New(Config{Program: program, Nodes: 3, Dir: dir}); err == nil {
		t.Error("nodes that are kept, on any ports")
	}
	if err := os.Remove(filepath.Join(dir, nodeID(0))); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Program: program, Nodes: 3, Dir: dir}); err == nil {
		t.Error("the first node has left, and another begins beside what the others have")
	}
	if err := os.Mkdir(filepath.Join(dir, nodeID(0)), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := notePort(dir, 21000, true); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Program: program, Nodes: 3, Dir: dir, Port: 21001}); err == nil || !strings.Contains(err.Error(), "first node is at port 21000") {
		t.Errorf("nodes that are kept, at another port: %v", err)
	}
}

func TestTemporaryDirectoryIsRemoved(t *testing.T) {
	c := start(t, Config{Nodes: 1})
	pid := c.Nodes[0].Pid()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", c.Dir, err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d: %v", pid, err)
	}
}

func TestFailedStartIsToldWithItsReason(t *testing.T) {
	c, err := New(Config{Program: program, Nodes: 1, Args: []string{"--no-such-setting", "1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var exit *ExitError
	if err := c.Start(patience(t)); !errors.As(err, &exit) || exit.Code != 2 {
		t.Errorf("Start: %v", err)
	}
}
