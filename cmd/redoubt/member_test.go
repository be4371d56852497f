package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"
)

// steadyLoad is a number of clients that each increment a key of their own and read it
// back, over one connection to a node, and want every command to succeed.
type steadyLoad struct {
	t      *testing.T
	stop   chan struct{}
	wg     sync.WaitGroup
	writes atomic.Int64
	reads  atomic.Int64
}

func startLoad(t *testing.T, nodes ...*node) *steadyLoad {
	l := &steadyLoad{t: t, stop: make(chan struct{})}
	for i, n := range nodes {
		for k := range 2 {
			l.wg.Go(func() { l.run(n, fmt.Sprintf("load:%d:%d", i, k)) })
		}
	}
	return l
}

func (l *steadyLoad) run(n *node, key string) {
	client := redis.NewClient(&redis.Options{Addr: n.addr, MaxRetries: -1, PoolSize: 1})
	defer client.Close()
	ctx := context.Background()
	for want := int64(1); ; want++ {
		select {
		case <-l.stop:
			return
		default:
		}
		if got, err := client.Incr(ctx, key).Result(); err != nil || got != want {
			l.t.Errorf("INCR %s at %s: %d, %v, want %d", key, n.id, got, err, want)
			return
		}
		l.writes.Add(1)
		if got, err := client.Get(ctx, key).Int64(); err != nil || got != want {
			l.t.Errorf("GET %s at %s: %d, %v, want %d", key, n.id, got, err, want)
			return
		}
		l.reads.Add(1)
	}
}

// goesOn waits until so many more commands have succeeded.
func (l *steadyLoad) goesOn(c *cluster, more int64) {
	l.t.Helper()
	from := l.reads.Load()
	c.await("commands of the load", func() bool { return l.reads.Load() >= from+more || l.t.Failed() })
}

func (l *steadyLoad) end() {
	l.t.Helper()
	close(l.stop)
	l.wg.Wait()
	l.t.Logf("%d writes and %d reads, none failed", l.writes.Load(), l.reads.Load())
}

// member runs redoubt member against nodes and returns what it printed.
func (c *cluster) member(at []*node, args ...string) (code int, out string) {
	c.t.Helper()
	var addrs []string
	for _, n := range at {
		addrs = append(addrs, n.addr)
	}
	var stdout, stderr bytes.Buffer
	code = runMember(background(c.t), append(args, "--addr", strings.Join(addrs, ","), "--timeout", "1m"), &stdout, &stderr)
	return code, stdout.String() + stderr.String()
}

func (c *cluster) mustMember(at []*node, args ...string) string {
	c.t.Helper()
	code, out := c.member(at, args...)
	if code != exitOK {
		c.t.Fatalf("redoubt member %v: code %d, %s", args, code, out)
	}
	return out
}

// awaitMembers waits until a node knows exactly these members, with their roles.
func (c *cluster) awaitMembers(at *node, want string) {
	c.t.Helper()
	c.await(at.id+" knows "+want, func() bool {
		s, ok := at.status()
		var got []string
		for _, m := range s.Members {
			text := string(m.ID)
			if m.Role != "voter" {
				text += ":" + m.Role
			}
			got = append(got, text)
		}
		return ok && strings.Join(got, " ") == want
	})
}

// forget takes a node out of what the test looks after.
func (c *cluster) forget(n *node) {
	for i, other := range c.nodes {
		if other == n {
			c.nodes = append(c.nodes[:i:i], c.nodes[i+1:]...)
			return
		}
	}
}

// refusedAgain: a node that has left ends with code 3, and once more when it is
// started again.
func (c *cluster) refusedAgain(n *node) {
	c.t.Helper()
	for range 2 {
		if code := c.awaitExit(n); code != exitRefused {
			c.t.Errorf("%s ended with code %d, want %d", n.id, code, exitRefused)
		}
		c.start(n)
	}
	if code := c.awaitExit(n); code != exitRefused {
		c.t.Errorf("%s ended with code %d, want %d", n.id, code, exitRefused)
	}
	if text := readFile(c.t, n.log); !strings.Contains(text, "removed") {
		c.t.Errorf("%s does not say that it was removed: %s", n.id, text)
	}
}

// TestMembersChangeUnderLoad: clients of the nodes that stay do not notice.
func TestMembersChangeUnderLoad(t *testing.T) {
	c := newCluster(t, 5)
	c.startAll()
	leader := c.leader()
	var stay, followers []*node
	for _, n := range c.nodes {
		if n != leader {
			followers = append(followers, n)
		}
	}
	dead := followers[3]
	stay = followers[:3]
	l := startLoad(t, stay...)
	l.goesOn(c, 200)

	sixth := c.joining("n6", followers[0], followers[1])
	c.start(sixth)
	c.awaitMembers(sixth, "n1 n2 n3 n4 n5 n6")
	c.awaitReady(sixth)
	l.goesOn(c, 200)

	c.mustMember(stay, "remove", leader.id)
	c.refusedAgain(leader)
	c.forget(leader)
	l.goesOn(c, 200)

	dead.signal(syscall.SIGKILL)
	l.goesOn(c, 200)
	seventh := c.joining("n7", stay...)
	out := c.mustMember(stay, "replace", dead.id, "n7", seventh.announced(), "--no-wait")
	if out != "begun\n" {
		t.Errorf("replace --no-wait printed %q", out)
	}
	c.start(seventh)
	out = c.mustMember(stay, "replace", dead.id, "n7", seventh.announced())
	if !strings.HasSuffix(out, "n7 is voter\n") {
		t.Errorf("replace printed %q", out)
	}
	l.goesOn(c, 200)
	l.end()
	c.start(dead)
	c.refusedAgain(dead)
	c.forget(dead)
	c.awaitEqualState()
}

// TestOneNodeBecomesThree: it is not started again for it, and the others are the
// same after a restart with the same flags.
func TestOneNodeBecomesThree(t *testing.T) {
	c := newCluster(t, 1)
	c.startAll()
	first := c.nodes[0]
	l := startLoad(t, first)
	for _, id := range []string{"n2", "n3"} {
		n := c.joining(id, first)
		c.start(n)
		c.await(id+" is a voter", func() bool {
			out := c.mustMember([]*node{first}, "list")
			return strings.Contains(out, id+"    voter")
		})
	}
	c.awaitMembers(c.nodes[2], "n1 n2 n3")
	l.goesOn(c, 200)
	l.end()
	for _, n := range c.nodes[1:] {
		n.signal(syscall.SIGTERM)
		c.awaitExit(n)
		c.start(n)
	}
	c.awaitReady(c.nodes...)
	first.signal(syscall.SIGKILL) // a majority is left
	c.awaitReady(c.nodes[1:]...)
	if err := c.nodes[1].client().Set(background(t), "k", "v", 0).Err(); err != nil {
		t.Error(err)
	}
}

// TestLearner: a member that has the data and no vote, until it gets one.
func TestLearner(t *testing.T) {
	c := newCluster(t, 1)
	c.startAll()
	first := c.nodes[0]
	at := []*node{first}
	n2 := c.joining("n2", first)
	if out := c.mustMember(at, "add", "n2", n2.announced(), "--learner"); out != "n2 is learner\n" {
		t.Errorf("add printed %q", out)
	}
	c.start(n2) // finds itself among the members
	c.awaitReady(n2)
	c.awaitMembers(n2, "n1 n2:learner")
	c.mustMember(at, "promote", "n2")
	c.awaitMembers(n2, "n1 n2")
	c.mustMember(at, "transfer", "n2")
	if c.leader() != n2 {
		t.Error("n2 does not lead")
	}
	c.mustMember([]*node{n2}, "demote", "n1")
	c.awaitMembers(first, "n1:learner n2")
	code, out := c.member(at, "remove", "n2")
	if code != exitError || !strings.Contains(out, "nothing was changed: ERR no voter would be left") {
		t.Errorf("the last voter is removed: code %d, %q", code, out)
	}
	var list struct {
		Leader  string
		Members []struct{ ID, Role string }
		Removed []string
	}
	if err := json.Unmarshal([]byte(c.mustMember(at, "list", "--json")), &list); err != nil || list.Leader != "n2" || len(list.Members) != 2 || list.Removed == nil {
		t.Errorf("list --json: %+v, %v", list, err)
	}
}

// TestJoinIsRefused: each reason is said, and the directory stays empty.
func TestJoinIsRefused(t *testing.T) {
	c := newCluster(t, 1, "--cluster-secret", "s", "--requirepass", "p")
	c.startAll()
	first := c.nodes[0]
	t.Setenv(envPassword, "p")
	dials := func(n *node) { n.join = first.addr }
	for _, tt := range []struct {
		name, id string
		edit     func(n *node)
		code     int
		want     string
	}{
		{"the id of another", "n1", dials, exitRefused, "n1 is a member with a data directory of its own"},
		{"wrong secret", "n2", func(n *node) { n.extra = []string{"--cluster-secret", "x"} }, exitError, "the cluster secrets differ"},
		{"wrong password", "n2", func(n *node) { n.extra = []string{"--requirepass", "x"} }, exitError, "the password is wrong"},
		{"other databases", "n2", func(n *node) { n.extra = []string{"--databases", "3"} }, exitError, "the cluster has --databases 16, this node 3"},
		{"the address of another", "n2", func(n *node) { n.extra = []string{"--announce", first.announced()} }, exitError, "n1 is a member at " + first.announced() + " already"},
		{"an id that has left", "n9", func(n *node) {
			c.mustMember([]*node{first}, "add", "n9", n.announced(), "--learner")
			c.mustMember([]*node{first}, "remove", "n9")
		}, exitRefused, "n9 has left the cluster for good"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := c.joining(tt.id, first)
			n.dir, n.log = t.TempDir(), n.log+"."+strings.ReplaceAll(tt.name, " ", "-")
			tt.edit(n)
			c.start(n)
			code := c.awaitExit(n)
			if text := readFile(t, n.log); code != tt.code || !strings.Contains(text, tt.want) {
				t.Errorf("code %d, want %d; it says %s", code, tt.code, text)
			}
			if _, err := os.Stat(n.dir + "/IDENTITY"); err == nil {
				t.Error("it has made a data directory")
			}
			c.forget(n)
		})
	}
	// After all that, and an attempt that ended before there was a directory.
	n := c.joining("n2", first)
	c.mustMember([]*node{first}, "add", "n2", n.announced(), "--no-wait")
	c.start(n)
	c.awaitMembers(first, "n1 n2")
}

// TestNobodyLetsIn: a node says whom it has asked, and ends.
func TestNobodyLetsIn(t *testing.T) {
	addrs := freePorts(t, 4)
	c, err := loadConfig([]string{"--id", "n4", "--addr", addrs[0], "--peer-addr", addrs[1], "--announce", addrs[0] + "@1",
		"--join", addrs[2] + "," + addrs[3]}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	_, err = (&joiner{config: c, log: slog.New(slog.NewTextHandler(&log, nil))}).join(t.Context(), 0)
	if err == nil || !strings.Contains(err.Error(), "not let in within 0s: --join "+addrs[3]) || exitCode(err) != exitError {
		t.Errorf("it ends with %v", err)
	}
	for _, addr := range addrs[2:] {
		if !strings.Contains(log.String(), "by="+addr) {
			t.Errorf("the log does not name %s: %s", addr, &log)
		}
	}
}

func TestMemberUsage(t *testing.T) {
	for _, tt := range []struct {
		args string
		want string
	}{
		{"", "member needs a verb"},
		{"fire n1", `member knows no "fire"`},
		{"add n1", "wrong number of operands for member add"},
		{"remove n1 --learner", "--learner is for add"},
		{"list --addr nowhere", `--addr "nowhere" is not HOST:PORT`},
	} {
		var out, errs bytes.Buffer
		if code := runMember(context.Background(), strings.Fields(tt.args), &out, &errs); code != exitUsage || !strings.Contains(errs.String(), tt.want) {
			t.Errorf("%q: code %d, %q", tt.args, code, errs.String())
		}
	}
	var out, errs bytes.Buffer
	addr := freePorts(t, 1)[0]
	if code := runMember(context.Background(), []string{"remove", "n1", "--addr", addr}, &out, &errs); code != exitError || !strings.Contains(errs.String(), "nothing was changed: "+addr+": connection refused") {
		t.Errorf("nobody there: code %d, %q", code, errs.String())
	}
}

// TestNodeIsRemovedThroughItself: it ends before it has answered, or after; the others
// know how it went.
func TestNodeIsRemovedThroughItself(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	leader := c.leader()
	for _, n := range c.nodes {
		if n == leader {
			continue
		}
		if out := c.mustMember([]*node{n}, "remove", n.id); !strings.HasSuffix(out, n.id+" is no member\n") {
			t.Errorf("remove printed %q", out)
		}
		if code := c.awaitExit(n); code != exitRefused {
			t.Errorf("%s ended with code %d, want %d", n.id, code, exitRefused)
		}
	}
	c.awaitMembers(leader, leader.id)
}

// TestOutcomeOfAChangeIsNotKnown: a node that breaks off may have begun the change,
// whatever comes after.
func TestOutcomeOfAChangeIsNotKnown(t *testing.T) {
	for _, tt := range []struct{ name, timeout, want string }{
		{"out of time", "1s", "outcome not known within 1s: "},
		{"interrupted", "1m", "outcome not known when interrupted: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			go func() {
				for { // until it has read the change; the question for the status before gets no answer either
					conn, err := l.Accept()
					if err != nil {
						return
					}
					request := make([]byte, 100)
					n, _ := conn.Read(request)
					last := strings.Contains(string(request[:n]), "REMOVE")
					if last {
						l.Close()
					}
					conn.Close()
					if last && tt.name == "interrupted" {
						interrupt()
					}
				}
			}()
			var out, errs bytes.Buffer
			code := runMember(ctx, []string{"remove", "n1", "--addr", l.Addr().String(), "--timeout", tt.timeout}, &out, &errs)
			if code != exitError || !strings.Contains(errs.String(), tt.want) {
				t.Errorf("code %d, %q, want …%s…", code, errs.String(), tt.want)
			}
		})
	}
}

// TestRemovalThatWouldStopTheCluster: with one of three down, the other two are
// needed; the dead one can go.
func TestRemovalThatWouldStopTheCluster(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	leader := c.leader()
	var others []*node
	for _, n := range c.nodes {
		if n != leader {
			others = append(others, n)
		}
	}
	dead, alive := others[0], others[1]
	dead.signal(syscall.SIGKILL)
	at := []*node{dead, alive} // the first does not answer
	c.await("the leader misses the dead node", func() bool {
		info, err := leader.client().Info(background(t), "replication").Result()
		return err == nil && strings.Contains(info, "connected_slaves:1\r\n")
	})
	if code, out := c.member(at, "remove", alive.id); code != exitError || !strings.Contains(out, "nothing was changed: ERR too few of the voters that would be left are up") {
		t.Errorf("remove: code %d, %s", code, out)
	}
	if out := c.mustMember(at, "remove", dead.id); out != dead.id+" is no member\n" {
		t.Errorf("remove printed %q", out)
	}
	out := c.mustMember(at, "list")
	if !strings.Contains(out, "These names have left for good: "+dead.id+".\n") || strings.Contains(out, dead.id+"    ") {
		t.Errorf("list printed %s", out)
	}
	if err := alive.client().Set(background(t), "k", "v", 0).Err(); err != nil {
		t.Error(err)
	}
}
