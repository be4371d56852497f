package chaos

import (
	"context"
	"strings"
	"testing"
	"time"

	"redoubt/devcluster"
	"redoubt/devcluster/testprogram"
	"redoubt/resp"
)

// layOut makes a cluster of three that does not run yet.
func layOut(t *testing.T, namespaces bool) *devcluster.Cluster {
	t.Helper()
	c, err := devcluster.New(devcluster.Config{
		Program: program, Command: []string{"chaos", "node"}, Nodes: 3, Dir: t.TempDir(), Links: !namespaces, Namespaces: namespaces,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// What the leader acknowledges while its links are being broken is no failover: from
// the moment on that is noted it acknowledges nothing.
func TestLostLeaderAcknowledgesNothing(t *testing.T) {
	testprogram.NeedNamespaces(t) // where breaking links takes its time
	c := layOut(t, true)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	leader, err := c.AwaitLeader(ctx)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	now := func() int64 { return int64(time.Since(began)) }
	works, last := make(chan struct{}), make(chan int64)
	go func() {
		defer close(last)
		conn, err := resp.Dial(leader.Addr, 5*time.Second)
		if err != nil {
			close(works)
			return
		}
		defer conn.Close()
		asked := int64(0)
		for first := true; ; first = false {
			call := now()
			if v, err := conn.Do("SET", "k", "v"); err != nil || v.Err() != nil {
				break
			}
			if asked = call; first {
				close(works)
			}
		}
		last <- asked
	}()
	<-works
	x := newInjector(c, now)
	x.active, x.exits = 1, map[*devcluster.Node][]int{}
	x.kill(&effect{on: func(from, to *devcluster.Node) devcluster.LinkState {
		return devcluster.LinkState{Stalled: from == leader || to == leader}
	}}, true, []*devcluster.Node{leader})
	if asked := <-last; len(x.lost) != 1 || asked == 0 || asked >= x.lost[0].at {
		t.Errorf("lost %+v, and a write of %d was acknowledged", x.lost, asked)
	}
	if leader.Running() || len(x.failures) > 0 {
		t.Errorf("the leader runs: %v; %v", leader.Running(), x.failures)
	}
}

// A change of the members that nobody was there to be asked for says so.
func TestNoNodeToAskForAnExchange(t *testing.T) {
	c := layOut(t, false)
	x := newInjector(c, func() int64 { return 0 })
	x.exchange.goes = c.Nodes[0]
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := x.changeMembers(ctx, "REMOVE"); err == nil || !strings.HasSuffix(err.Error(), "no node runs") {
		t.Errorf("%v", err)
	}
}
