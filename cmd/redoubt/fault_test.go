package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"
)

// set writes through any of the nodes until one answers OK.
func (c *cluster) set(key, value string) {
	c.t.Helper()
	c.await("a write of "+key, func() bool {
		for _, n := range c.nodes {
			if !n.running() {
				continue
			}
			client := n.client()
			err := client.Set(context.Background(), key, value, 0).Err()
			client.Close()
			if err == nil {
				return true
			}
		}
		return false
	})
}

func (c *cluster) wantGet(n *node, key, want string) {
	c.t.Helper()
	client := n.client()
	defer client.Close()
	if got, err := client.Get(background(c.t), key).Result(); err != nil || got != want {
		c.t.Fatalf("%s: GET %s = %q, %v; want %q", n.id, key, got, err, want)
	}
}

func (n *node) logText() string {
	text, _ := os.ReadFile(n.log)
	return string(text)
}

// A paused leader does not hold the others up, and what it was told while it
// was cut off is not answered as done.
func TestPausedLeader(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	c.set("a", "before")
	old := c.leader()
	old.signal(syscall.SIGSTOP)

	// These reach only the socket of the paused process.
	late := old.client()
	defer late.Close()
	type answer struct {
		value string
		err   error
	}
	read, write := make(chan answer, 1), make(chan answer, 1)
	go func() {
		v, err := late.Get(context.Background(), "a").Result()
		read <- answer{v, err}
	}()
	go func() {
		write <- answer{"", late.Set(context.Background(), "b", "late", 0).Err()}
	}()

	other := c.nodes[0]
	if other == old {
		other = c.nodes[1]
	}
	client := other.client()
	defer client.Close()
	c.await("a write through "+other.id, func() bool {
		return client.Set(context.Background(), "a", "during", 0).Err() == nil
	})
	old.signal(syscall.SIGCONT)
	if got := <-read; got.err == nil && got.value != "during" {
		t.Errorf("the resumed leader read %q", got.value)
	}
	if got := <-write; got.err == nil {
		c.wantGet(other, "b", "late")
	}
	c.awaitReady(c.nodes...)
	c.wantGet(old, "a", "during")
	c.awaitEqualState()
}

// A leader that is asked to stop hands over first: clients of the other nodes
// do not notice.
func TestGracefulStopLosesNoWrite(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	c.set("n", "0")
	leader := c.leader()
	ctx, stop := context.WithCancel(background(t))
	defer stop()
	var wg sync.WaitGroup
	counts, failures := make([]int, 3), make([]error, 3)
	for i, n := range c.nodes {
		if n == leader {
			continue
		}
		client := n.client()
		wg.Go(func() {
			defer client.Close()
			for ctx.Err() == nil {
				if err := client.Incr(context.Background(), "n").Err(); err != nil {
					failures[i] = errors.Join(failures[i], err)
					return
				}
				counts[i]++
			}
		})
	}
	leader.signal(syscall.SIGTERM)
	if code := c.awaitExit(leader); code != exitOK {
		t.Errorf("exit code %d after SIGTERM", code)
	}
	next := c.leader()
	c.start(leader)
	c.awaitReady(leader)
	stop()
	wg.Wait()
	if err := errors.Join(failures...); err != nil {
		t.Error(err)
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	c.wantGet(next, "n", fmt.Sprint(total))
	c.awaitEqualState()
}

// A node that lost its data directory has forgotten its votes and what it has
// acknowledged: it may not come back under its old name.
func TestWipedNodeIsRefused(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	c.set("a", "1")
	wiped := c.nodes[2]
	c.awaitEqualState()
	wiped.signal(syscall.SIGKILL)
	if err := os.RemoveAll(wiped.dir); err != nil {
		t.Fatal(err)
	}
	c.start(wiped)
	if code := c.awaitExit(wiped); code != exitRefused {
		t.Errorf("exit code %d, want %d", code, exitRefused)
	}
	if text := wiped.logText(); !strings.Contains(text, "incarnation") {
		t.Errorf("the wiped node does not say why it stopped:\n%s", text)
	}
	c.set("a", "2")
	c.wantGet(c.nodes[0], "a", "2")
}

// A follower that was down while the log was cut past its end comes back by
// snapshot, while clients write.
func TestFollowerComesBackBySnapshotUnderLoad(t *testing.T) {
	c := newCluster(t, 3, "--snapshot-bytes", "100kb")
	c.startAll()
	c.set("a", "1")
	var down *node
	for _, n := range c.nodes {
		if n != c.leader() {
			down = n
		}
	}
	at, _ := down.status()
	down.signal(syscall.SIGKILL)

	ctx, stop := context.WithCancel(background(t))
	defer stop()
	var wg sync.WaitGroup
	client := c.leader().client()
	defer client.Close()
	for w := range 4 {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				client.Set(ctx, fmt.Sprintf("w%d:%d", w, n%500), strings.Repeat("x", 300), 0)
			}
		})
	}
	leader := c.leader()
	c.await("the log to be cut", func() bool {
		s, ok := leader.status()
		return ok && s.First > at.Last+1
	})
	c.start(down)
	c.awaitReady(down)
	stop()
	wg.Wait()
	c.awaitEqualState()
	if s, _ := down.status(); s.First <= at.Last+1 {
		t.Errorf("%s has its log from index %d on: it did not need a snapshot", down.id, s.First)
	}
}

// With too little free space, writes are refused and reads go on.
func TestFullDiskRefusesWrites(t *testing.T) {
	c := newCluster(t, 1)
	n := c.nodes[0]
	c.startAll()
	c.set("a", "1")
	n.signal(syscall.SIGTERM)
	c.awaitExit(n)
	n.extra = []string{"--min-free-bytes", "1000000gb"}
	c.start(n)
	client := n.client()
	defer client.Close()
	c.await("a refusal", func() bool {
		err := client.Set(context.Background(), "a", "2", 0).Err()
		return err != nil && strings.HasPrefix(err.Error(), "MISCONF ")
	})
	if got, err := client.Get(background(t), "a").Result(); err != nil || got != "1" && got != "2" {
		t.Fatalf("GET a = %q, %v", got, err)
	}
}

// A failing fsync ends the node with the exit code of a disk error, without an
// answer to the write; what was answered before is there afterwards.
func TestFailingFsyncStopsTheNode(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed")
	}
	if out, err := exec.Command(strace, "-o", os.DevNull, "true").CombinedOutput(); err != nil {
		t.Skipf("strace cannot trace here: %v %s", err, out)
	}
	c := newCluster(t, 3)
	c.startAll()
	c.set("a", "1")
	victim := c.leader()
	tracer := exec.Command(strace, "-f", "-o", os.DevNull, "-e", "trace=fsync,fdatasync",
		"-e", "inject=fsync,fdatasync:error=EIO:when=1+", "-p", fmt.Sprint(victim.cmd.Process.Pid))
	if err := tracer.Start(); err != nil {
		t.Fatal(err)
	}
	client := victim.client()
	defer client.Close()
	acked := map[string]string{}
	for i := 0; victim.running(); i++ {
		key, value := fmt.Sprintf("k%d", i), fmt.Sprint(i)
		if err := client.Set(context.Background(), key, value, 0).Err(); err == nil {
			acked[key] = value
		}
	}
	_ = tracer.Wait() // it ends with the process that it traces
	if code := victim.cmd.ProcessState.ExitCode(); code != exitDisk {
		t.Errorf("exit code %d, want %d", code, exitDisk)
	}
	c.set("a", "2")
	c.start(victim)
	c.awaitReady(victim)
	for key, want := range acked {
		c.wantGet(victim, key, want)
	}
	c.awaitEqualState()
}

// Without a majority every command is answered, with an error that tells
// whether it may still happen.
func TestLostMajorityIsAnswered(t *testing.T) {
	c := newCluster(t, 3, "--command-timeout", "1s")
	c.startAll()
	c.set("a", "1")
	last := c.leader()
	for _, n := range c.nodes {
		if n != last {
			n.signal(syscall.SIGKILL)
		}
	}
	client := last.client()
	defer client.Close()
	err := client.Set(background(t), "a", "2", 0).Err()
	if err == nil || !strings.HasPrefix(err.Error(), "UNCERTAIN ") && !strings.HasPrefix(err.Error(), "CLUSTERDOWN ") {
		t.Errorf("SET: %v", err)
	}
	uncertain := strings.HasPrefix(fmt.Sprint(err), "UNCERTAIN ")
	for _, cmd := range []redis.Cmder{client.Get(background(t), "a"), client.Set(background(t), "b", "1", 0)} {
		if err := cmd.Err(); err == nil || !strings.HasPrefix(err.Error(), "CLUSTERDOWN ") {
			t.Errorf("%v: %v", cmd.Args(), err)
		}
	}
	for _, n := range c.nodes {
		if n != last {
			c.start(n)
		}
	}
	c.awaitReady(c.nodes...)
	if got := client.Get(background(t), "a").Val(); got != "1" && !(uncertain && got == "2") {
		t.Errorf("GET a = %q", got)
	}
	if got := client.Exists(background(t), "b").Val(); got != 0 {
		t.Error("a write that was surely not executed was")
	}
	c.awaitEqualState()
}

// A node that is asked to stop does so in time, and that is no failure, though a client
// waits for a majority that is not there.
func TestStopWithoutMajority(t *testing.T) {
	c := newCluster(t, 3, "--command-timeout", "1h", "--shutdown-timeout", "200ms")
	c.startAll()
	n := c.nodes[0]
	waiting, err := net.Dial("tcp", n.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer waiting.Close()
	for _, other := range c.nodes[1:] {
		other.signal(syscall.SIGSTOP)
	}
	// Whoever has the reply to PING knows that the write behind it has been read, too.
	for _, exchange := range [][2]string{{"CLIENT PAUSE 3600000 WRITE\r\n", "+OK\r\n"}, {"PING\r\nSET a 1\r\n", "+PONG\r\n"}} {
		if _, err := io.WriteString(waiting, exchange[0]); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(exchange[1]))
		if _, err := io.ReadFull(waiting, got); err != nil || string(got) != exchange[1] {
			t.Fatalf("%q, %v", got, err)
		}
	}
	n.signal(syscall.SIGTERM)
	if code := c.awaitExit(n); code != exitOK {
		t.Errorf("exit code %d after SIGTERM", code)
	}
}
