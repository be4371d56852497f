package replica

import (
	"strings"
	"testing"
)

// A read that comes when a key is due waits until the log says so too.
func TestReadWaitsForTheTimeOfAKey(t *testing.T) {
	n := newAlone(t)
	n.want("SET k v PX 100", "+OK\r\n")
	n.NowMs += 100
	n.want("GET k", "$1\r\nv\r\n") // as in Redis it is gone after that
	n.NowMs++
	n.want("GET k", "$-1\r\n")
}

// A leader that nobody asks anything moves the log's time on when a key is due:
// the key does not stay in memory until the next command.
func TestIdleLeaderRemovesKeys(t *testing.T) {
	n := newAlone(t)
	n.want("SET k v PX 100", "+OK\r\n")
	n.NowMs += 101
	n.Tick()
	n.rest()
	if keys := n.applier.Store().Stats().Keys; keys != 0 {
		t.Errorf("%d keys are still there", keys)
	}
}

// The log's time has moved on only when the entry that moves it is in the log.
func TestRefusedTickIsTriedAgain(t *testing.T) {
	n := newAlone(t)
	n.want("SET k v PX 100", "+OK\r\n")
	large := batchOf("SET large " + strings.Repeat("x", 1<<20)) // the log takes no more before it is durable
	n.Submit(large)
	n.NowMs += 101
	early := batchOf("GET k")
	n.Submit(early)
	n.rest()
	if string(large.Reply) != "+OK\r\n" || string(early.Reply) != "$1\r\nv\r\n" {
		t.Fatalf("replied %.100q and %q; was the tick not refused?", large.Reply, early.Reply)
	}
	n.want("GET k", "$-1\r\n")
}
