package raft

import (
	"math/rand/v2"
	"testing"
)

// The second of two voters is removed while a read is under way. Its answer comes
// when it is no member any more; the leader alone is enough then, and says so.
func TestReadWhileTheOnlyOtherVoterLeaves(t *testing.T) {
	c := newCluster(2, 0, 1)
	one := c.elect("1")
	c.tick(5)
	c.stabilize()
	if _, err := one.core.ChangeMembers(remove("2")); err != nil {
		t.Fatal(err)
	}
	one.flush() // the joint configuration leaves
	one.persist(len(one.pending))
	two := c.node("2")
	for i := 0; i < len(c.net); {
		if c.net[i].To != "2" {
			i++
			continue
		}
		two.core.Receive(c.take(i))
	}
	two.flush()
	two.persist(len(two.pending)) // it is acknowledged, before the round is heard of
	if _, err := one.read(0); err != nil {
		t.Fatal(err)
	}
	one.flush()
	c.stabilize()
	c.tick(20)
	if _, err := one.read(0); err != nil {
		t.Fatal(err)
	}
	c.tick(20)
	if got := roles(one.core.config()); got != "1:voter -2" || len(one.answers) != 2 {
		t.Fatalf("members %s, %d of 2 reads are answered", got, len(one.answers))
	}
}

// A leader that leaves may be the only one that has the last configurations, and more
// than one of them: the newest records the incarnation of a learner. It still has to
// be able to stand, for its log is the longer one.
func TestLeavingLeaderBehindTwoConfigurationsMayStand(t *testing.T) {
	voters := func(ids ...NodeID) Configuration {
		var c Configuration
		for _, id := range ids {
			c.Members = append(c.Members, Member{ID: id, Role: Voter, Addr: "a", PeerAddr: "p", Incarnation: 1})
		}
		return c
	}
	both, left := voters("1", "2"), voters("2")
	left.Removed = []NodeID{"1"}
	learner := Member{ID: "3", Role: Learner, Addr: "a", PeerAddr: "p"}
	both.Members, left.Members = append(both.Members, learner), append(left.Members, learner)
	heard := left.clone()
	heard.Members[1].Incarnation = 3
	for _, test := range []struct {
		name   string
		commit uint64
		want   bool
	}{
		{"both are uncommitted", 1, true},
		{"one is committed", 2, false},
		{"both are committed", 3, false},
	} {
		core := New(Config{
			ID: "1", Incarnation: 1, ElectionTicks: 10, HeartbeatTicks: 2,
			MaxAppendBytes: 1, MaxInflightBytes: 1, MaxUncommittedBytes: 1, Rand: rand.New(rand.NewPCG(1, 1)),
		}, State{
			HardState: HardState{Term: 1, Commit: test.commit},
			Snapshot:  SnapshotMeta{Config: both},
			Entries: []Entry{
				{Index: 1, Term: 1, Type: EntryNoOp},
				{Index: 2, Term: 1, Type: EntryConfig, Data: left.Append(nil)},
				{Index: 3, Term: 1, Type: EntryConfig, Data: heard.Append(nil)},
			},
		})
		if got := core.mayCampaign(); got != test.want {
			t.Errorf("%s: may stand: %v, want %v", test.name, got, test.want)
		}
	}
}
