package server

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"redoubt/resp"
)

func statusOf(t *testing.T, in *instance) (page StatusPage) {
	t.Helper()
	c, err := resp.Dial(in.addr, testTimeout)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	v, err := c.Do("REDOUBT", "STATUS")
	if err != nil || v.Type != '$' {
		t.Fatalf("REDOUBT STATUS: %+v, %v", v, err)
	}
	if err := json.Unmarshal([]byte(v.Str), &page); err != nil {
		t.Fatalf("REDOUBT STATUS: %v in %s", err, v.Str)
	}
	return page
}

// awaitStatus asks until ok; links between nodes come up one after the other.
func awaitStatus(t *testing.T, in *instance, ok func(*StatusPage) bool) StatusPage {
	t.Helper()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(testTimeout); ; <-poll.C {
		s := statusOf(t, in)
		if ok(&s) {
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("the status stays %+v", s)
		}
	}
}

func allUp(s *StatusPage) bool {
	return s.Ready && !slices.ContainsFunc(s.Members, func(m MemberStatus) bool { return !m.Up })
}

func TestStatusOfACluster(t *testing.T) {
	cluster := startCluster(t, 3, nil)
	w := dial(t, "tcp", cluster[0].addr)
	w.want(t, "SET k v", "+OK\r\n")
	leaders := 0
	for i, in := range cluster {
		s := awaitStatus(t, in, allUp)
		if s.Role == "leader" {
			leaders++
		} else if s.Role != "follower" {
			t.Errorf("%s is a %s", s.Node, s.Role)
		}
		if want := in.replica.Status().ID; s.Node != want || s.Leader == "" || s.Term == 0 || len(s.NotReady) > 0 {
			t.Errorf("node %d of id %s: %+v", i, want, s)
		}
		if s.RunID != in.runID || s.StartedAt.IsZero() || s.DiskFreeBytes == 0 || s.DiskUsedBytes == 0 || s.ConnectedClients == 0 {
			t.Errorf("%s: figures of the process are missing: %+v", s.Node, s)
		}
		if len(s.Members) != 3 || s.Members[i].Addr != in.addr || s.Members[i].Role != "voter" {
			t.Errorf("%s: members %+v", s.Node, s.Members)
		}
	}
	if leaders != 1 {
		t.Errorf("%d leaders", leaders)
	}
	s := statusOf(t, cluster[0])
	if s.Keys != 1 || s.MemoryUsedBytes == 0 || s.CommandsTotal < 2 || s.Commit == 0 || s.Applied > s.Commit {
		t.Errorf("after SET: %+v", s)
	}
}

func TestStatusHasLatencies(t *testing.T) {
	in := start(t, nil)
	dial(t, "tcp", in.addr).want(t, "SET k v", "+OK\r\n")
	if s := statusOf(t, in); s.LatencyP50Us == 0 || s.LatencyP99Us < s.LatencyP50Us {
		t.Errorf("p50 %d µs, p99 %d µs", s.LatencyP50Us, s.LatencyP99Us)
	}
}

func TestStatusNeedsThePassword(t *testing.T) {
	in := start(t, func(v *Values) { v.RequirePass = "secret" })
	w := dial(t, "tcp", in.addr)
	w.want(t, "REDOUBT STATUS", "-"+resp.ErrNoAuth+"\r\n")
	w.want(t, "AUTH secret", "+OK\r\n")
	if got := w.do(t, "REDOUBT STATUS"); !strings.HasPrefix(got, "$") {
		t.Errorf("REDOUBT STATUS replied %q", got)
	}
}

func TestRedoubtHelp(t *testing.T) {
	in := start(t, nil)
	if got := dial(t, "tcp", in.addr).do(t, "REDOUBT HELP"); !strings.Contains(got, "+STATUS\r\n") {
		t.Errorf("REDOUBT HELP replied %q", got)
	}
}

func TestTransfer(t *testing.T) {
	cluster := startCluster(t, 3, nil)
	leader := func() int {
		for i, in := range cluster {
			if statusOf(t, in).Role == "leader" {
				return i
			}
		}
		return -1
	}
	old := leader()
	to := (old + 1) % len(cluster)
	name := string(statusOf(t, cluster[to]).Node)
	awaitStatus(t, cluster[old], allUp)
	for _, tt := range []struct {
		node        int
		line, reply string
	}{
		{old, "REDOUBT TRANSFER nobody", "-ERR "},
		{to, "REDOUBT TRANSFER nobody", "-ERR "},
		{old, "REDOUBT TRANSFER a b", "-ERR wrong number of arguments for 'redoubt|transfer' command"},
		{to, "REDOUBT TRANSFER " + name, "+OK\r\n"}, // at the one that does not lead yet
		{old, "REDOUBT TRANSFER " + name, "+OK\r\n"},
	} {
		if got := dial(t, "tcp", cluster[tt.node].addr).do(t, tt.line); !strings.HasPrefix(got, tt.reply) {
			t.Fatalf("%s replied %q, want %q…", tt.line, got, tt.reply)
		}
	}
	awaitStatus(t, cluster[to], func(s *StatusPage) bool { return s.Role == "leader" })
}
