package main

import (
	"context"
	"flag"
	"slices"
	"syscall"
	"testing"
	"time"
)

var killsFlag = flag.Int("kills", 3, "leaders that TestFailover kills")

// TestFailover kills one leader after the other and prints for how long a
// client of another node could not write. The figures are for reading: a test
// on a shared machine asserts no time.
func TestFailover(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	var killed, stopped []time.Duration
	for i := range 2 * *killsFlag {
		sig, outages := syscall.SIGKILL, &killed
		if i%2 == 1 {
			sig, outages = syscall.SIGTERM, &stopped
		}
		leader := c.leader()
		other := c.nodes[0]
		if other == leader {
			other = c.nodes[1]
		}
		*outages = append(*outages, c.outage(leader, other, sig))
		c.awaitExit(leader)
		c.start(leader)
		c.awaitReady(c.nodes...)
	}
	c.awaitEqualState()
	for _, r := range []struct {
		what    string
		outages []time.Duration
	}{{"SIGKILL", killed}, {"SIGTERM", stopped}} {
		slices.Sort(r.outages)
		n := len(r.outages)
		t.Logf("longest time between two writes around %s of the leader, %d times: median %v, 99%% %v, worst %v",
			r.what, n, r.outages[n/2], r.outages[n*99/100], r.outages[n-1])
	}
}

// outage signals the leader while a client writes through the other node, and
// returns the longest time between two writes that succeeded.
func (c *cluster) outage(leader, other *node, sig syscall.Signal) time.Duration {
	c.t.Helper()
	client := other.client()
	defer client.Close()
	longest, last := time.Duration(0), time.Time{}
	signalled := 0
	for n := 0; signalled == 0 || n < signalled+200; {
		if err := client.Set(context.Background(), "k", n, 0).Err(); err != nil {
			continue
		}
		now := time.Now()
		if !last.IsZero() {
			longest = max(longest, now.Sub(last))
		}
		last = now
		if n++; n == 200 {
			leader.signal(sig)
			signalled = n
		}
	}
	return longest
}
