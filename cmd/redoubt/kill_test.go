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

	acked   map[string]string // what SET was answered OK for
	counted []int64           // the answers to INCR
	unknown int               // INCRs that may have happened
	swapped tally             // increments by WATCH, GET, MULTI, SET, EXEC
	paired  tally             // MULTI, INCR of one counter, INCR of another, EXEC
}

// tally counts operations that were acknowledged and those that may have
// happened.
type tally struct{ done, unknown int64 }

const (
	sharedCounter = "counter"
	sharedCell    = "cell"
	pairLeft      = "pair:left"
	pairRight     = "pair:right"
)

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
		w.swapped.note(w.swap())
		w.paired.note(w.pair())
	}
}

func (t *tally) note(err error) {
	switch {
	case err == nil:
		t.done++
	case !surelyNotExecuted(err):
		t.unknown++
	}
}

// swap increments the shared cell unless somebody else changes it meanwhile.
func (w *writer) swap() error {
	return w.client.Watch(context.Background(), func(tx *redis.Tx) error {
		n, err := tx.Get(context.Background(), sharedCell).Int64()
		if err != nil && !errors.Is(err, redis.Nil) {
			return errNotSent
		}
		_, err = tx.TxPipelined(context.Background(), func(p redis.Pipeliner) error {
			p.Set(context.Background(), sharedCell, n+1, 0)
			return nil
		})
		return err
	}, sharedCell)
}

// errNotSent: the transaction was not even begun.
var errNotSent = errors.New("not sent")

func (w *writer) pair() error {
	_, err := w.client.TxPipelined(context.Background(), func(p redis.Pipeliner) error {
		p.Incr(context.Background(), pairLeft)
		p.Incr(context.Background(), pairRight)
		return nil
	})
	return err
}

// surelyNotExecuted: the connection was never made, or the error says so.
func surelyNotExecuted(err error) bool {
	if errors.Is(err, redis.TxFailedErr) || errors.Is(err, errNotSent) {
		return true
	}
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
	var swapped, paired tally
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
			swapped.add(w.swapped)
			paired.add(w.paired)
			for _, v := range w.counted {
				if other, twice := counted[v]; twice {
					t.Fatalf("INCR answered %d to %s and to %s", v, other, w.name)
				}
				counted[v] = w.name
			}
		}
	}
	client := c.nodes[0].client()
	defer client.Close()
	shared := tally{int64(len(counted)), int64(unknown)}
	shared.check(t, client, sharedCounter)
	swapped.check(t, client, sharedCell)
	paired.check(t, client, pairLeft)
	paired.check(t, client, pairRight)
	if left, right := client.Get(ctx, pairLeft).Val(), client.Get(ctx, pairRight).Val(); left != right {
		t.Fatalf("a transaction was executed in part: %s and %s", left, right)
	}
	t.Logf("acknowledged: %d keys, %d INCRs (%d unknown), %d swaps (%d), %d pairs (%d)", keys/len(c.nodes),
		shared.done, shared.unknown, swapped.done, swapped.unknown, paired.done, paired.unknown)
}

func (t *tally) add(o tally) {
	t.done += o.done
	t.unknown += o.unknown
}

// check compares a counter with what its clients were told: each increment that
// was acknowledged counts once, and only those of unknown outcome may come on
// top.
func (t tally) check(tb testing.TB, client *redis.Client, key string) {
	tb.Helper()
	total, err := client.Get(background(tb), key).Int64()
	if err != nil {
		tb.Fatal(err)
	}
	if total < t.done || total > t.done+t.unknown {
		tb.Fatalf("%s is %d; %d increments were acknowledged, %d more may have happened", key, total, t.done, t.unknown)
	}
}
