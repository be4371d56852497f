package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"
)

// TestKillsLoseNothing is the promise of the product: while clients write
// through all three nodes, nodes are killed — one, or all at once — and started
// again. Whatever was acknowledged is there in the end, no INCR was counted
// twice, and all three hold the same state.
func TestKillsLoseNothing(t *testing.T) {
	rounds, seed := 50, rand.Uint64()
	if testing.Short() {
		rounds = 5
	}
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	c := newCluster(t, 3, "--snapshot-bytes", "200kb") // snapshots and log cuts are part of it
	c.startAll()

	ctx, stop := context.WithCancel(background(t))
	defer stop()
	var writers []*writer
	var wg sync.WaitGroup
	for i := range 6 {
		w := &writer{name: fmt.Sprintf("w%d", i), client: c.nodes[i%3].client(), acked: map[string]string{}}
		writers = append(writers, w)
		wg.Go(func() { w.run(ctx) })
	}
	progress := func() {
		t.Helper()
		start := make([]int64, len(writers))
		for i, w := range writers {
			start[i] = w.acks.Load()
		}
		c.await("every client to go on", func() bool {
			for i, w := range writers {
				if w.acks.Load() < start[i]+5 {
					return false
				}
			}
			return true
		})
	}
	for round := range rounds {
		progress()
		victims := []*node{c.nodes[rng.IntN(3)]}
		if rng.IntN(4) == 0 {
			victims = c.nodes
		}
		for _, n := range victims {
			n.cmd.Process.Signal(syscall.SIGKILL)
		}
		for _, n := range victims {
			<-n.exited
			c.start(n)
		}
		c.awaitReady(victims...)
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	progress()
	stop()
	wg.Wait()
	c.awaitEqualState()
	checkLedgers(t, c, writers)
}

// writer is one client: it writes keys of its own, and increments a counter
// that all share.
type writer struct {
	name   string
	client *redis.Client
	acks   atomic.Int64

	acked    map[string]string // what SET was answered OK for
	counted  []int64           // the answers to INCR
	unknown  int               // INCRs that may have happened
	failures []string
}

const sharedCounter = "counter"

func (w *writer) run(ctx context.Context) {
	defer w.client.Close()
	for n := 0; ctx.Err() == nil; n++ {
		key, value := fmt.Sprintf("%s:%d", w.name, n), fmt.Sprintf("value-%s-%d", w.name, n)
		if err := w.client.Set(context.Background(), key, value, 0).Err(); err == nil {
			w.acked[key] = value
			w.acks.Add(1)
		}
		got, err := w.client.Incr(context.Background(), sharedCounter).Result()
		switch {
		case err == nil:
			w.counted = append(w.counted, got)
			w.acks.Add(1)
		case !surelyNotExecuted(err):
			w.unknown++
		}
	}
}

// surelyNotExecuted: the connection was never made, or the error says so.
func surelyNotExecuted(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return true
	}
	for _, code := range []string{"CLUSTERDOWN", "TRYAGAIN", "MISCONF", "OOM"} {
		if strings.HasPrefix(err.Error(), code) {
			return true
		}
	}
	return false
}

func checkLedgers(t *testing.T, c *cluster, writers []*writer) {
	t.Helper()
	ctx := background(t)
	keys, counted, unknown := 0, map[int64]string{}, 0
	for i, n := range c.nodes {
		client := n.client()
		defer client.Close()
		for _, w := range writers {
			for key, want := range w.acked {
				if got, err := client.Get(ctx, key).Result(); err != nil || got != want {
					t.Fatalf("%s: GET %s = %q, %v; SET of %q was acknowledged", n.id, key, got, err, want)
				}
				keys++
			}
			if i > 0 {
				continue
			}
			unknown += w.unknown
			for _, v := range w.counted {
				if other, twice := counted[v]; twice {
					t.Fatalf("INCR answered %d to %s and to %s", v, other, w.name)
				}
				counted[v] = w.name
			}
		}
	}
	total, err := c.nodes[0].client().Get(ctx, sharedCounter).Int64()
	if err != nil {
		t.Fatal(err)
	}
	if n := int64(len(counted)); total < n || total > n+int64(unknown) {
		t.Fatalf("the counter is %d; %d INCRs were acknowledged, %d more may have happened", total, n, unknown)
	}
	t.Logf("%d keys and %d INCRs acknowledged, %d unknown, counter %d", keys/len(c.nodes), len(counted), unknown, total)
}
