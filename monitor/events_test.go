package monitor

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestEvents: a healthy cluster, something happens, and what is said of it. A
// line that begins with ! is an error, with ? a warning.
func TestEvents(t *testing.T) {
	tests := []struct {
		name   string
		before func(w *world) // changes the cluster before the first snapshot
		change func(w *world)
		want   []string
	}{
		{"nothing", nil, func(*world) {}, nil},
		{"a follower dies", nil, func(w *world) { w.dies(3) }, []string{"!n3 does not answer: connection refused"}},
		{"the leader dies and another one is there", nil, func(w *world) { w.leads(2, 8); w.dies(1) },
			[]string{"!n1 does not answer: connection refused", "n2 leads instead of n1, elected in term 8"}},
		{"the leader dies and an election begins", nil, func(w *world) { w.leads(0, 8); w.node(2).Role = "candidate"; w.dies(1) },
			[]string{"!n1 does not answer: connection refused", "?n2 hears no leader and stands for election", "?n1 leads no more: election, term 8"}},
		{"the election goes on", func(w *world) { w.leads(0, 8); w.dies(1) }, func(w *world) { w.leads(0, 9) },
			[]string{"?the election goes on, term 9"}},
		{"the election ends", func(w *world) { w.leads(0, 8); w.dies(1) }, func(w *world) { w.leads(3, 9) },
			[]string{"n3 leads, elected in term 9"}},
		{"the same leader again", nil, func(w *world) { w.leads(1, 9) }, []string{"n1 leads again, elected in term 9"}},
		{"a majority dies", nil, func(w *world) { w.leads(0, 7); w.dies(1); w.dies(2) },
			[]string{"!n1 does not answer: connection refused", "!n2 does not answer: connection refused",
				"?n1 leads no more: election, term 7", "!quorum lost: 1 of 3 voters answer"}},
		{"all die", nil, func(w *world) { w.dies(1); w.dies(2); w.dies(3) },
			[]string{"!n1 does not answer: connection refused", "!n2 does not answer: connection refused",
				"!n3 does not answer: connection refused", "!no member answers any more"}},
		{"all come back", func(w *world) { w.dies(1); w.dies(2); w.dies(3) },
			func(w *world) {
				*w = world{at: w.at, nodes: three().nodes}
				w.node(2).UptimeSeconds = 0
			},
			[]string{"n1 answers again after 1s, as leader", "n2 answers again after 1s, restarted, as follower",
				"n3 answers again after 1s, as follower", "n1 leads, elected in term 7", "quorum again: 3 of 3 voters answer"}},
		{"a quick restart", nil, func(w *world) { w.node(2).RunID = "another" }, []string{"?n2 was restarted"}},
		{"an upgrade", nil, func(w *world) { w.node(2).RunID, w.node(2).Version = "another", "0.2.0" },
			[]string{"n2 was restarted with version 0.2.0, before it was 0.1.0"}},
		{"a snapshot, taken or received", nil, func(w *world) {
			at := start.Add(time.Second)
			w.node(2).Snapshot, w.node(2).SnapshotAt, w.node(2).SnapshotBytes = 1200, &at, 12<<20
		}, []string{"n2 has a snapshot up to index 1,200, 12M"}},
		{"a node falls behind", nil, func(w *world) { w.node(3).Ready, w.node(3).NotReady = false, []string{"caught_up: applied 2 of 9"} },
			[]string{"?n3 is not ready: caught_up: applied 2 of 9"}},
		{"a node has caught up", func(w *world) { w.node(3).Ready = false }, func(w *world) { w.node(3).Ready = true },
			[]string{"n3 is ready"}},
		{"a learner joins", nil, func(w *world) { w.nodes = append(w.nodes, newNode(4)); w.node(4).learner = true },
			[]string{"n4 is a new member, a learner"}},
		{"a voter joins", nil, func(w *world) { w.nodes = append(w.nodes, newNode(4)) }, []string{"n4 is a new member"}},
		{"a learner is promoted", func(w *world) { w.node(3).learner = true }, func(w *world) { w.node(3).learner = false },
			[]string{"n3 votes from now on"}},
		{"a voter is demoted", nil, func(w *world) { w.node(3).learner = true }, []string{"n3 votes no more, it is a learner"}},
		{"a member leaves", nil, func(w *world) { w.nodes = w.nodes[:2] }, []string{"?n3 is no member any more"}},
		{"states differ", nil, func(w *world) { w.node(3).StateHash = "00000000000000bb" },
			[]string{"!the states of n1 and n3 differ at index 1234"}},
		{"states of different indexes do not", nil, func(w *world) { w.node(3).StateHash, w.node(3).StateHashAt = "00000000000000bb", 1233 }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, h := three(), History{}
			if tt.before != nil {
				tt.before(w)
			}
			h.Add(w.snapshot())
			w.second(0)
			tt.change(w)
			if got := texts(h.Add(w.snapshot())); !slices.Equal(got, tt.want) {
				t.Errorf("said\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(tt.want, "\n  "))
			}
		})
	}
}

func texts(events []Event) (list []string) {
	for _, e := range events {
		list = append(list, map[Level]string{LevelWarn: "?", LevelError: "!"}[e.Level]+e.Text)
	}
	return list
}

func TestFirstEvents(t *testing.T) {
	alone := Snapshot{At: start, Members: []Member{{Addr: "10.0.0.1:6379", Role: RoleUnreachable, Error: "connection refused"}}}
	electing := three()
	electing.leads(0, 8)
	tests := []struct {
		name      string
		snapshots []Snapshot
		want      []string
	}{
		{"a healthy cluster", []Snapshot{three().snapshot()}, []string{"watching 3 members: n1 leads, term 7, healthy"}},
		{"an election", []Snapshot{electing.snapshot()}, []string{"?watching 3 members: term 8, no leader: commands wait for an election"}},
		{"nobody", []Snapshot{alone}, []string{"!no answer from 10.0.0.1:6379: connection refused"}},
		{"nobody for a while", []Snapshot{alone, alone}, nil},
		{"nobody, then a cluster", []Snapshot{alone, alone, three().snapshot()}, []string{"watching 3 members: n1 leads, term 7, healthy"}},
	}
	for _, tt := range tests {
		var h History
		var last []Event
		for _, s := range tt.snapshots {
			s.Members = slices.Clone(s.Members)
			last = h.Add(s)
		}
		if got := texts(last); !slices.Equal(got, tt.want) {
			t.Errorf("%s: said %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestVerdict(t *testing.T) {
	tests := []struct {
		change func(w *world)
		level  Level
		want   string
	}{
		{func(*world) {}, LevelInfo, "healthy"},
		{func(w *world) { w.dies(2) }, LevelWarn, "degraded: n2 does not answer"},
		{func(w *world) { w.leads(0, 8) }, LevelWarn, "no leader: commands wait for an election"},
		{func(w *world) { w.dies(2); w.dies(3) }, LevelError, "no quorum: 1 of 3 voters answer; writes and reads are refused"},
		{func(w *world) { w.dies(1); w.dies(2); w.dies(3) }, LevelError, "no member answers"},
		{func(w *world) { w.node(3).Ready, w.node(3).NotReady = false, []string{"disk: 5 bytes free"} }, LevelWarn, "n3 is not ready: disk: 5 bytes free"},
		// They are out of reach from here only: the cluster itself has no trouble.
		{func(w *world) { w.node(2).err, w.node(3).err = errRefused, errRefused }, LevelWarn, "degraded: n2 and n3 do not answer"},
	}
	for _, tt := range tests {
		w := three()
		tt.change(w)
		s := w.snapshot()
		if level, got := s.Verdict(); level != tt.level || got != tt.want {
			t.Errorf("%s %q, want %s %q", level, got, tt.level, tt.want)
		}
	}
}

// TestSnapshot puts answers together that do not agree.
func TestSnapshot(t *testing.T) {
	t.Run("two call themselves leader", func(t *testing.T) {
		w := three()
		w.node(2).Role, w.node(2).Term = "leader", 8
		if s := w.snapshot(); s.Leader != "n2" || s.Term != 8 {
			t.Errorf("leader %s in term %d, want the one of the higher term", s.Leader, s.Term)
		}
	})
	t.Run("a leader out of reach", func(t *testing.T) {
		w := three()
		w.node(1).err = errors.New("timed out")
		if s := w.snapshot(); s.Leader != "n1" || !s.Quorum || !slices.Equal(s.member("n1").SeenBy, []string{"n2", "n3"}) {
			t.Errorf("leader %q, quorum %t, n1 %+v", s.Leader, s.Quorum, s.member("n1"))
		}
	})
	t.Run("stopped processes keep their connections", func(t *testing.T) {
		w := three()
		w.node(1).err, w.node(2).err = errors.New("timed out"), errors.New("timed out")
		w.leads(0, 7)
		if s := w.snapshot(); s.Leader != "" || s.Quorum {
			t.Errorf("leader %q, quorum %t", s.Leader, s.Quorum)
		}
	})
	t.Run("a dead leader", func(t *testing.T) {
		w := three()
		w.dies(1)
		if s := w.snapshot(); s.Leader != "" {
			t.Errorf("%s leads, though nobody hears it", s.Leader)
		}
	})
	t.Run("lag", func(t *testing.T) {
		w := three()
		w.node(3).Applied = 1200
		s := w.snapshot()
		if s.member("n3").Lag != 34 || s.member("n1").Lag != 0 {
			t.Errorf("n3 lags by %d, n1 by %d, want 34 and 0", s.member("n3").Lag, s.member("n1").Lag)
		}
	})
	t.Run("somebody else's address", func(t *testing.T) {
		w := three()
		members := w.snapshot()
		answers := []answer{{addr: members.Members[1].Addr, page: &w.node(3).StatusPage}}
		s := assemble(start, nil, answers)
		if len(s.Members) != 1 || s.Members[0].ID != "n3" {
			t.Errorf("members %+v", s.Members)
		}
	})
}

func TestRates(t *testing.T) {
	w, h := three(), History{}
	h.Add(w.snapshot())
	w.second(500)
	h.Add(w.snapshot())
	if got := h.Last.member("n2").OpsPerSecond; got != 500 {
		t.Errorf("n2 runs %g commands a second, want 500: the question itself is not counted", got)
	}
	if got := newest(h.Ops); got != 1500 {
		t.Errorf("the cluster runs %g commands a second, want 1500", got)
	}
	w.second(500)
	w.node(2).RunID, w.node(2).CommandsTotal = "another", 3
	h.Add(w.snapshot())
	if got := newest(h.Ops); got != 1000 {
		t.Errorf("%g commands a second, want 1000: of a restarted node nothing is known yet", got)
	}
}
