package web

import (
	"strings"
	"testing"
	"time"

	"redoubt/raft"
	"redoubt/raft/replica"
)

func TestChangesBecomeEvents(t *testing.T) {
	base := func() *replica.Status {
		s := &replica.Status{Ready: true, SnapshotIndex: 10}
		s.ID, s.Role, s.Term, s.Leader, s.Applied, s.Commit = "n1", raft.Follower, 3, "n2", 5, 9
		s.Config.Members = []raft.Member{{ID: "n1", Role: raft.Voter}, {ID: "n2", Role: raft.Voter}, {ID: "n4", Role: raft.Learner}}
		return s
	}
	tests := []struct {
		name     string
		old, now func(*replica.Status)
		want     string
	}{
		{"nothing", nil, nil, ""},
		{"nothing that matters", nil, func(s *replica.Status) { s.Commit, s.Applied, s.LastIndex = 20, 20, 20 }, ""},
		{"no leader", nil, func(s *replica.Status) { s.Leader, s.Ready = "", false }, "leader warn: no leader is known"},
		{"another leader", nil, func(s *replica.Status) { s.Leader, s.Term = "n1", 4 }, "leader good: n1 leads in term 4"},
		{"the same again", nil, func(s *replica.Status) { s.Term = 5 }, "leader good: n2 leads in term 5"},
		{"a leader at last", func(s *replica.Status) { s.Leader, s.Ready = "", false }, func(s *replica.Status) { s.Term = 4 }, "leader good: n2 leads in term 4"},
		{"stands", nil, func(s *replica.Status) { s.Role, s.Leader, s.Ready = raft.PreCandidate, "", false },
			"election info: n1 stands for election; leader warn: no leader is known"},
		{"goes on standing", func(s *replica.Status) { s.Role, s.Leader = raft.PreCandidate, "" }, func(s *replica.Status) { s.Role, s.Leader = raft.Candidate, "" }, ""},
		{"lost", nil, func(s *replica.Status) { s.Elections.Lost = 1 }, "election warn: n1 lost an election"},
		{"would have lost", nil, func(s *replica.Status) { s.Elections.PreVoteLost = 1 }, "election warn: n1 asked whether it would be elected, and would not"},
		{"hands over", nil, func(s *replica.Status) { s.Transferee = "n2" }, "leader info: n1 hands leadership to n2"},
		{"snapshot begins", nil, func(s *replica.Status) { s.SnapshotRunning = true }, "snapshot info: a snapshot begins"},
		{"snapshot ends", func(s *replica.Status) { s.SnapshotRunning = true }, func(s *replica.Status) { s.SnapshotIndex = 12 }, "snapshot good: snapshot at index 12"},
		{"snapshot between two looks", nil, func(s *replica.Status) { s.SnapshotIndex = 12 }, "snapshot good: snapshot at index 12"},
		{"disk full", nil, func(s *replica.Status) { s.DiskFull = true }, "disk warn: the disk is almost full: n1 refuses writes"},
		{"disk free", func(s *replica.Status) { s.DiskFull = true }, nil, "disk good: the disk has room again"},
		{"behind", nil, func(s *replica.Status) { s.Ready = false }, "health warn: n1 has fallen behind: 5 of 9 entries applied"},
		{"caught up", func(s *replica.Status) { s.Ready = false }, nil, "health good: n1 has caught up"},
		{"joins", nil, func(s *replica.Status) {
			s.Config.Members = append(s.Config.Members, raft.Member{ID: "n5", Role: raft.Voter})
		}, "member info: n5 joins as a voter"},
		{"is to be a voter", nil, func(s *replica.Status) {
			s.Config.Members = append(s.Config.Members, raft.Member{ID: "n5", Role: raft.Joining}, raft.Member{ID: "n6", Role: raft.Joining, Replaces: "n1"})
		}, "member info: n5 joins; member info: n6 joins in place of n1"},
		{"leaves", nil, func(s *replica.Status) { s.Config.Members[0].Role = raft.Leaving }, "member info: n1 leaves"},
		{"promoted", nil, func(s *replica.Status) { s.Config.Members[2].Role = raft.Voter }, "member info: n4 is a voter now"},
		{"removed", nil, func(s *replica.Status) { s.Config.Members = s.Config.Members[1:] }, "member info: n1 was removed"},
	}
	for _, tt := range tests {
		old, now := base(), base()
		if tt.old != nil {
			tt.old(old)
		}
		if tt.now != nil {
			tt.now(now)
		}
		if got := inWords(changes(old, now)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func inWords(events []event) string {
	var out []string
	for _, e := range events {
		out = append(out, e.Kind+" "+e.Level+": "+e.Text)
	}
	return strings.Join(out, "; ")
}

// A cluster without a majority votes five times a second, for hours.
func TestElectionsAreToldOnce(t *testing.T) {
	var q elections
	stands := event{Kind: "election", Level: levelInfo, Text: "n1 stands"}
	lost := event{Kind: "election", Level: levelWarn, Text: "n1 lost"}
	none := event{Kind: "leader", Level: levelWarn, Text: "no leader"}
	found := event{Kind: "leader", Level: levelGood, Text: "n1 leads"}
	began := time.Now()
	steps := []struct {
		events []event
		led    bool
		want   string
	}{
		{[]event{found}, true, "leader good: n1 leads"},
		{[]event{none}, false, "leader warn: no leader"},
		{[]event{stands}, false, "election info: n1 stands"},
		{[]event{lost, stands}, false, "election warn: n1 lost"},
		{[]event{stands}, false, ""},
		{[]event{found}, true, "leader good: n1 leads, after 0.4 s without a leader"},
		{[]event{none}, false, "leader warn: no leader"},
		{[]event{stands}, false, "election info: n1 stands"},
	}
	for i, st := range steps {
		if got := inWords(q.filter(st.events, st.led, began.Add(time.Duration(i)*lookEvery))); got != st.want {
			t.Errorf("step %d: %q, want %q", i, got, st.want)
		}
	}
}

func TestLinksBecomeEvents(t *testing.T) {
	links := map[raft.NodeID]bool{}
	for i, tt := range []struct {
		link bool
		want string
	}{
		{false, ""}, // a start is no news
		{true, "link good: n1 is linked to n2"},
		{true, ""},
		{false, "link warn: n1 has lost its link to n2"},
		{false, ""},
	} {
		page := &clusterPage{Node: "n1", Members: []clusterMember{{ID: "n1"}, {ID: "n2", Link: tt.link}}}
		if got := inWords(linkEvents(links, page)); got != tt.want {
			t.Errorf("step %d: %q, want %q", i, got, tt.want)
		}
	}
}
