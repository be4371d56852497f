package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"redoubt/raft/replica"
)

// A WATCH that was answered with an error watches nothing, so the next EXEC must
// not run: its client may have gone on without looking at the answer.
func TestExecAfterARefusedWatch(t *testing.T) {
	in := startNodes(t, 1, nil, func(c *replica.Config) { c.MinFreeBytes = 1 << 62 })[0] // no disk has that
	w := dial(t, "tcp", in.addr)
	// One batch: the write is refused, and the WATCH with it, once the node has
	// looked at its disk.
	deadline := time.Now().Add(testTimeout)
	for !strings.HasPrefix(w.do(t, "WATCH k", "SET k 1"), "-MISCONF") {
		if time.Now().After(deadline) {
			t.Fatal("writes are not refused")
		}
		w.want(t, "UNWATCH", "+OK\r\n")
	}
	if got := w.do(t, "MULTI", "DBSIZE", "EXEC"); got != "+OK\r\n+QUEUED\r\n*-1\r\n" {
		t.Errorf("EXEC behind a WATCH that was refused: %q", got)
	}
	if got := w.do(t, "MULTI", "ECHO x", "EXEC"); got != "+OK\r\n+QUEUED\r\n*1\r\n$1\r\nx\r\n" {
		t.Errorf("the EXEC after that: %q", got)
	}
}

// A WATCH that was refused keeps none of its keys, however often it is tried.
func TestRefusedWatchesKeepNothing(t *testing.T) {
	in := start(t, func(v *Values) { v.MaxQueryBytes = 16 << 10 })
	w := dial(t, "tcp", in.addr)
	w.want(t, "WATCH a", "+OK\r\n")
	before := heapBytes()
	for i := range 400 {
		line := "WATCH"
		for j := range 150 {
			line += fmt.Sprintf(" %050d:%d", i, j)
		}
		w.want(t, line, "-"+errWatchTooLong+"\r\n")
	}
	if grown := int64(heapBytes()) - int64(before); grown > 3<<20 {
		t.Errorf("60,000 keys that are not watched keep %d bytes", grown)
	}
	if got := w.do(t, "MULTI", "SET a 1", "EXEC"); got != "+OK\r\n+QUEUED\r\n*-1\r\n" {
		t.Errorf("EXEC behind a WATCH that was refused: %q", got)
	}
	if got := w.do(t, "WATCH a", "MULTI", "SET a 1", "EXEC"); got != "+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n" {
		t.Errorf("the transaction after that: %q", got)
	}
}
