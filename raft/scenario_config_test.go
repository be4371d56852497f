package raft

import (
	"slices"
	"testing"
)

// Things that went wrong in other implementations; configurations, and what
// depends on the size of things.

func TestTwoHalvesEachWithAReasonElectALeader(t *testing.T) {
	// Six voters. Three have the longer log and an old term, three a later term
	// and the shorter log. Whoever wins needs one of the others.
	for seed := uint64(1); seed <= 20; seed++ {
		c := newCluster(6, 0, seed)
		for i, n := range c.nodes {
			n.crash()
			n.disk.snap.Config, n.incarnation = recorded(6), uint64(100+i)
			n.disk.hard, n.disk.entries = HardState{Term: 2}, logOf(1, 2, 2)
			if i >= 3 {
				n.disk.hard, n.disk.entries = HardState{Term: 9}, logOf(1, 2)
			}
			n.start()
		}
		c.tick(8 * 2 * c.nodes[0].template.ElectionTicks)
		if l := c.leader(); l == nil || l.id > "3" {
			t.Fatalf("seed %d: leader %v", seed, l)
		}
	}
}

func TestAcknowledgementsOfLearnersDoNotCommit(t *testing.T) {
	for _, test := range []struct {
		voters, learners int
		acks             []NodeID
		committed        bool
	}{
		{2, 2, []NodeID{"3", "4"}, false}, {2, 2, []NodeID{"2"}, true},
		{3, 3, []NodeID{"4", "5", "6"}, false}, {3, 3, []NodeID{"3", "4"}, true}, {1, 3, nil, true},
	} {
		c := newCluster(test.voters, test.learners, 1)
		leader := c.elect("1")
		index, err := leader.propose("x")
		if err != nil {
			t.Fatal(err)
		}
		c.stabilize(append([]NodeID{"1"}, test.acks...)...)
		if got := leader.core.log.commit >= index; got != test.committed {
			t.Errorf("%+v: commit %d of %d", test, leader.core.log.commit, index)
		}
	}
}

func TestLearnerStaysOneAfterARestart(t *testing.T) {
	c := newCluster(1, 1, 1)
	c.elect("1")
	c.node("1").crash()
	learner := c.node("2")
	learner.crash()
	learner.start()
	c.tick(100)
	if s := learner.core.Status(); !s.Learner || s.Role != Follower || s.Term != 1 {
		t.Errorf("%+v", s)
	}
}

func TestLearnerThatIsAskedVotes(t *testing.T) {
	// It has been promoted by an entry that it does not have yet. Without its vote
	// the cluster may have no leader to send it that entry.
	config := recorded(3)
	config.Members[0].Role = Learner
	s := &solo{New(testConfig("1", 100, 1), State{HardState: HardState{Term: 1}, Snapshot: SnapshotMeta{Config: config}, Entries: logOf(1)}), t, 3}
	s.hear("2", Message{Type: MsgPreVote, Term: 2, LogIndex: 2, LogTerm: 1})
	if m := s.one(s.turn(), MsgPreVoteReply); m.Reject {
		t.Errorf("%s", describe(m))
	}
	s.hear("2", Message{Type: MsgVote, Term: 2, LogIndex: 2, LogTerm: 1})
	if m := s.one(s.turn(), MsgVoteReply); m.Reject || s.vote != "2" {
		t.Errorf("%s, vote %q", describe(m), s.vote)
	}
}

func TestSnapshotHasTheConfigurationOfItsIndex(t *testing.T) {
	// Configurations at 2 and 5; 5 is not committed yet.
	moved := func(addr string) []byte {
		config := recorded(3)
		config.Members[2].Addr = addr
		return config.Append(nil)
	}
	entries := logOf(1, 1, 1, 1, 1, 1)
	entries[1].Type, entries[1].Data = EntryConfig, moved("second:1")
	entries[4].Type, entries[4].Data = EntryConfig, moved("fifth:1")
	s := newSolo(t, 3, HardState{Term: 1}, nil)
	s.hear("2", Message{Type: MsgAppend, Entries: entries, Commit: 4})
	s.turn()
	s.Applied(4)
	var snap SnapshotMeta
	for _, index := range []uint64{3, 4} { // two compactions in a row
		snap = SnapshotMeta{Index: index, Term: 1, Config: s.ConfigAt(index)}
		if got := snap.Config.Members[2].Addr; got != "second:1" {
			t.Errorf("at %d member 3 is at %q", index, got)
		}
		s.Compact(snap, index)
		if m, _ := s.Member("3"); m.Addr != "fifth:1" {
			t.Errorf("compacted to %d, in force is %+v", index, m)
		}
	}
	// Restored from it, and with the configuration above it taken back.
	cfg := testConfig("1", 100, 1)
	s = &solo{New(cfg, State{HardState: HardState{Term: 1}, Snapshot: snap, Entries: entries[4:]}), t, 3}
	if m, _ := s.Member("3"); m.Addr != "fifth:1" {
		t.Errorf("restored: %+v", m)
	}
	s.hear("3", Message{Type: MsgAppend, Term: 2, LogIndex: 4, LogTerm: 1, Entries: []Entry{{Index: 5, Term: 2, Type: EntryNoOp}}})
	if m, _ := s.Member("3"); m.Addr != "second:1" {
		t.Errorf("after its entry was overridden: %+v", m)
	}
}

func TestEntryHasTheTermInWhichItWasProposed(t *testing.T) {
	// A later leader is heard in the turn in which this one appends.
	s := newSolo(t, 3, HardState{}, nil)
	s.win()
	s.ack(1, "2", "3")
	s.turn()
	index, err := s.Propose([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	s.hear("2", Message{Type: MsgHeartbeat, Term: 2})
	if _, err := s.Propose([]byte("y")); err != ErrNotLeader {
		t.Errorf("a follower takes proposals: %v", err)
	}
	out := s.turn()
	if term, _ := s.log.term(index); term != 1 || s.log.last() != index || len(out.sent(MsgAppend)) > 0 {
		t.Errorf("log %s, sent %v", describeEntries(s.log.entries), out.Sends)
	}
	if e := out.Write.Entries; len(e) != 1 || e[0].Term != 1 || out.Write.HardState.Term != 2 {
		t.Errorf("wrote %+v", out.Write)
	}
}

func TestLimitsAreExact(t *testing.T) {
	const data = 100
	weight := data + entryOverheadBytes
	fill := func(s *solo) (taken int) {
		for range 50 {
			if _, err := s.Propose(make([]byte, data)); err != nil {
				return taken
			}
			taken++
		}
		return taken
	}
	leader := func(change func(*Config)) *solo {
		cfg := testConfig("1", 100, 1)
		change(&cfg)
		s := &solo{New(cfg, State{Snapshot: SnapshotMeta{Config: recorded(3)}}), t, 3}
		s.win()
		s.ack(1, "2", "3")
		s.turn()
		return s
	}
	for _, off := range []int{-1, 0, 1} {
		room := 4
		if off < 0 {
			room = 3
		}
		s := leader(func(c *Config) { c.MaxUncommittedBytes = 4*weight + off })
		if n := fill(s); n != room {
			t.Errorf("uncommitted %+d: %d entries", off, n)
		}
		s = leader(func(c *Config) { c.MaxAppendBytes = 4*weight + off })
		fill(s)
		if m := s.turn().sent(MsgAppend)[0]; len(m.Entries) != room {
			t.Errorf("append %+d: %d entries", off, len(m.Entries))
		}
		s = leader(func(c *Config) { c.MaxAppendBytes, c.MaxInflightBytes = weight, 4*weight+off })
		fill(s)
		messages := slices.DeleteFunc(s.turn().sent(MsgAppend), func(m Message) bool { return m.To != "2" })
		if len(messages) != room {
			t.Errorf("in flight %+d: %d entries", off, len(messages))
		}
	}
}

func TestRefusalEmptiesTheWindow(t *testing.T) {
	// All that was on its way is lost. When the place to go on from is found the
	// follower is sent as much as before: nobody will acknowledge what was lost.
	const data, inflight = 100, 8
	weight := data + entryOverheadBytes
	cfg := testConfig("1", 100, 1)
	cfg.MaxAppendBytes, cfg.MaxInflightBytes = weight, inflight*weight
	s := &solo{New(cfg, State{Snapshot: SnapshotMeta{Config: recorded(3)}}), t, 3}
	s.win()
	s.ack(1, "2")
	s.turn()
	toTwo := func() []Message {
		return slices.DeleteFunc(s.turn().sent(MsgAppend), func(m Message) bool { return m.To != "2" })
	}
	for range 3 * inflight {
		_, _ = s.Propose(make([]byte, data))
	}
	lost := toTwo()
	if len(lost) != inflight {
		t.Fatalf("%d entries on their way, want %d", len(lost), inflight)
	}
	s.hear("2", Message{Type: MsgAppendReply, Reject: true, Index: lost[inflight-1].LogIndex, LogIndex: 1, LogTerm: 1})
	if probe := toTwo(); len(probe) != 1 || probe[0].LogIndex != 1 {
		t.Fatalf("probed with %+v", probe)
	}
	s.ack(2, "2")
	if again := toTwo(); len(again) != inflight {
		t.Errorf("%d entries on their way, want %d", len(again), inflight)
	}
}

func TestOldAnswersInAnyOrder(t *testing.T) {
	// What follower 2 has ever said in this term, again, in all orders.
	said := []Message{
		{Type: MsgAppendReply, Index: 0, Reject: true}, {Type: MsgAppendReply, Index: 1}, {Type: MsgAppendReply, Index: 4, LogIndex: 1, LogTerm: 1, Reject: true},
		{Type: MsgAppendReply, Index: 3}, {Type: MsgHeartbeatReply}, {Type: MsgAppendReply, Index: 6},
	}
	permutations(said, func(said []Message) {
		s := newSolo(t, 3, HardState{}, nil)
		s.win()
		for range 5 {
			_, _ = s.Propose([]byte("x"))
		}
		s.turn()
		s.ack(6, "2")
		s.turn()
		var match, commit uint64
		for _, m := range said {
			s.hear("2", m)
			out := s.turn()
			p := s.lead.progress["2"]
			if p.match < match || p.next <= p.match || s.log.commit < commit || len(out.SnapshotTo) > 0 {
				t.Fatalf("after %v: %+v, commit %d", said, p, s.log.commit)
			}
			match, commit = p.match, s.log.commit
		}
		if match != 6 || commit != 6 {
			t.Fatalf("after %v: match %d, commit %d", said, match, commit)
		}
	})
}

// permutations calls do with every order of list (Heap's algorithm).
func permutations[T any](list []T, do func([]T)) {
	var permute func(n int)
	permute = func(n int) {
		if n <= 1 {
			do(list)
			return
		}
		for i := range n {
			permute(n - 1)
			if n%2 == 0 {
				list[i], list[n-1] = list[n-1], list[i]
			} else {
				list[0], list[n-1] = list[n-1], list[0]
			}
		}
	}
	permute(len(list))
}
