package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"redoubt/devcluster"
	"redoubt/resp/server"
)

// built builds the program once for all tests that run real processes.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "redoubt-test-")
	if err != nil {
		return "", err
	}
	buildDir = dir
	path := filepath.Join(dir, "redoubt")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	redis.SetLogger(quiet{}) // nodes are killed on purpose
	code := m.Run()
	if buildDir != "" {
		os.RemoveAll(buildDir)
	}
	os.Exit(code)
}

// quiet keeps go-redis from printing every connection that breaks.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

var buildDir string // set by built

// cluster is a set of real processes on loopback.
type cluster struct {
	t     testing.TB
	nodes []*node
	extra []string // further flags of every node
}

type node struct {
	id              string
	addr, peer, web string
	dir             string
	log             string // file with its standard error
	extra           []string
	join            string // addresses of --join; "": it is there from the beginning
	cmd             *exec.Cmd
	exited          chan struct{}
}

// newCluster lays out a cluster and starts nothing.
func newCluster(t testing.TB, size int, extra ...string) *cluster {
	t.Helper()
	c := &cluster{t: t, extra: extra}
	base := t.TempDir()
	ports := freePorts(t, 3*size)
	for i := range size {
		id := fmt.Sprintf("n%d", i+1)
		c.nodes = append(c.nodes, &node{
			id: id, addr: ports[3*i], peer: ports[3*i+1], web: ports[3*i+2],
			dir: filepath.Join(base, id), log: filepath.Join(base, id+".log"),
		})
	}
	t.Cleanup(func() {
		for _, n := range c.nodes {
			n.signal(syscall.SIGKILL)
		}
		if t.Failed() {
			for _, n := range c.nodes {
				text, _ := os.ReadFile(n.log)
				t.Logf("log of %s (its end):\n%s", n.id, text[max(0, len(text)-4000):])
			}
		}
	})
	return c
}

// freePorts returns addresses that nobody else takes until the test is over.
func freePorts(t testing.TB, count int) []string {
	t.Helper()
	ports, claim, err := devcluster.FreePorts(count)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { claim.Close() })
	var addrs []string
	for _, port := range ports {
		addrs = append(addrs, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	}
	return addrs
}

func (c *cluster) members() string {
	var parts []string
	for _, n := range c.nodes {
		if n.join != "" {
			continue
		}
		_, bus, _ := net.SplitHostPort(n.peer)
		parts = append(parts, n.id+"="+n.addr+"@"+bus)
	}
	return strings.Join(parts, ",")
}

func (n *node) announced() string {
	_, bus, _ := net.SplitHostPort(n.peer)
	return n.addr + "@" + bus
}

// joining lays out one more node, which is to join at the given ones.
func (c *cluster) joining(id string, at ...*node) *node {
	c.t.Helper()
	ports := freePorts(c.t, 3)
	base := filepath.Dir(c.nodes[0].dir)
	n := &node{id: id, addr: ports[0], peer: ports[1], web: ports[2], dir: filepath.Join(base, id), log: filepath.Join(base, id+".log")}
	for _, other := range at {
		n.join += "," + other.addr
	}
	n.join = strings.TrimPrefix(n.join, ",")
	c.nodes = append(c.nodes, n)
	return n
}

// start runs the node's process and does not wait until it is ready.
func (c *cluster) start(n *node) {
	c.t.Helper()
	path, err := built()
	if err != nil {
		c.t.Fatal(err)
	}
	args := []string{"serve", "--id", n.id, "--addr", n.addr, "--peer-addr", n.peer, "--http-addr", n.web, "--data-dir", n.dir}
	switch members := c.members(); {
	case n.join != "":
		args = append(args, "--join", n.join, "--announce", n.announced())
	case strings.Contains(members, ","):
		args = append(args, "--cluster", members)
	default:
		args = append(args, "--announce", n.announced())
	}
	args = append(append(args, c.extra...), n.extra...)
	logFile, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		c.t.Fatal(err)
	}
	defer logFile.Close()
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	n.cmd, n.exited = cmd, make(chan struct{})
	go func(exited chan struct{}) {
		_ = cmd.Wait() // the exit code is read from ProcessState
		close(exited)
	}(n.exited)
}

func (c *cluster) startAll() {
	c.t.Helper()
	for _, n := range c.nodes {
		c.start(n)
	}
	c.awaitReady(c.nodes...)
}

// signal sends a signal; after SIGKILL it waits for the end of the process.
func (n *node) signal(sig syscall.Signal) {
	if n.cmd == nil {
		return
	}
	_ = n.cmd.Process.Signal(sig) // it may have ended by itself
	if sig == syscall.SIGKILL {
		<-n.exited
	}
}

func (n *node) running() bool {
	if n.cmd == nil {
		return false
	}
	select {
	case <-n.exited:
		return false
	default:
		return true
	}
}

// awaitExit waits until the process has ended by itself and returns its code.
func (c *cluster) awaitExit(n *node) int {
	c.t.Helper()
	c.await("exit of "+n.id, func() bool { return !n.running() })
	return n.cmd.ProcessState.ExitCode()
}

// await polls until ok; a minute without success fails the test.
func (c *cluster) await(what string, ok func() bool) {
	c.t.Helper()
	deadline := time.Now().Add(time.Minute)
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			c.t.Fatalf("waited a minute for: %s", what)
		}
		<-poll.C
	}
}

func (c *cluster) awaitReady(nodes ...*node) {
	c.t.Helper()
	for _, n := range nodes {
		c.await(n.id+" is ready", func() bool {
			if !n.running() {
				c.t.Fatalf("%s exited with code %d", n.id, n.cmd.ProcessState.ExitCode())
			}
			res, err := http.Get("http://" + n.web + "/readyz")
			if err != nil {
				return false
			}
			res.Body.Close()
			return res.StatusCode == http.StatusOK
		})
	}
}

// status reads the node's /status; false when it does not answer.
func (n *node) status() (s server.StatusPage, ok bool) {
	res, err := http.Get("http://" + n.web + "/status")
	if err != nil {
		return s, false
	}
	defer res.Body.Close()
	return s, json.NewDecoder(res.Body).Decode(&s) == nil
}

// leader waits for a leader among the running nodes and returns it.
func (c *cluster) leader() (leader *node) {
	c.t.Helper()
	c.await("a leader", func() bool {
		for _, n := range c.nodes {
			if !n.running() {
				continue
			}
			if s, ok := n.status(); ok && s.Role == "leader" {
				leader = n
				return true
			}
		}
		return false
	})
	return leader
}

// awaitEqualState waits until all nodes have applied the same entries and have
// the same state.
func (c *cluster) awaitEqualState() {
	c.t.Helper()
	c.await("equal states", func() bool {
		var first server.StatusPage
		for i, n := range c.nodes {
			s, ok := n.status()
			if !ok || s.StateHashAt != s.Last {
				return false
			}
			if i == 0 {
				first = s
			}
			if s.StateHashAt != first.StateHashAt {
				return false
			}
			if s.StateHash != first.StateHash {
				c.t.Fatalf("state hashes differ at index %d: %s on %s, %s on %s",
					s.StateHashAt, first.StateHash, c.nodes[0].id, s.StateHash, n.id)
			}
		}
		return true
	})
}

// client connects to one node and never retries by itself: a retry would hide
// what happened to the first attempt.
func (n *node) client() *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: n.addr, MaxRetries: -1, DialerRetries: 1,
		// After as many failed dials as the pool is large, go-redis does not try
		// again for a second.
		PoolSize:    10_000,
		DialTimeout: time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
	})
}

func background(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}
