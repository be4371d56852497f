package raft

import (
	"slices"
	"testing"
)

// Things that went wrong in other implementations; elections and membership.

func TestVoteLeavesOnlyWhenDurable(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 1}, nil)
	s.Tick()
	s.hear("2", Message{Type: MsgVote, Term: 2})
	if s.elapsedTicks != 0 {
		t.Error("a granted vote does not put off the own election")
	}
	out := s.Flush()
	if len(out.Sends) != 1 || out.Sends[0].After != out.Write.Seq || out.Write.HardState != (HardState{Term: 2, Vote: "2"}) || !out.Write.MustSync {
		t.Errorf("%+v", out)
	}
	// The disk never gets there: a second candidate is refused all the same.
	s.hear("3", Message{Type: MsgVote})
	if m := s.one(s.Flush(), MsgVoteReply); !m.Reject {
		t.Errorf("%s", describe(m))
	}
}

func TestMajorityOfOthersDoesNotElectBeforeOwnVoteIsDurable(t *testing.T) {
	// They cannot have been asked yet; whoever says so is not to be trusted.
	s := newSolo(t, 3, HardState{}, nil)
	s.electionTimeout()
	s.hear("2", Message{Type: MsgPreVoteReply, Term: 1})
	out := s.Flush()
	s.hear("2", Message{Type: MsgVoteReply})
	s.hear("3", Message{Type: MsgVoteReply})
	if s.role != Candidate {
		t.Fatal(s.role)
	}
	s.Persisted(out.Write.Seq)
	if s.role != Leader {
		t.Error(s.role)
	}
}

func TestVoteOfEarlierTermDoesNotCount(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.stand()
	s.stand()
	s.hear("2", Message{Type: MsgVoteReply, Term: 1})
	if s.term != 2 || s.role != Candidate {
		t.Errorf("%+v", s.Status())
	}
}

func TestPreVoteOfEarlierTermDoesNotCount(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 5}, nil)
	s.electionTimeout()
	s.hear("2", Message{Type: MsgPreVoteReply, Term: 5})
	if s.role != PreCandidate {
		t.Errorf("%+v", s.Status())
	}
}

func TestSteppingDownWithinTermKeepsVote(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.stand()
	s.hear("2", Message{Type: MsgAppend})
	s.hear("3", Message{Type: MsgVote})
	if m := s.one(s.turn(), MsgVoteReply); !m.Reject || s.vote != "1" {
		t.Errorf("%s, vote %q", describe(m), s.vote)
	}
}

func TestFollowerOfALeaderDoesNotVoteInItsTerm(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 1}, nil)
	s.hear("2", Message{Type: MsgHeartbeat})
	s.hear("3", Message{Type: MsgVote})
	if m := s.one(s.turn(), MsgVoteReply); !m.Reject {
		t.Errorf("%s", describe(m))
	}
}

func TestSecondLeaderOfATermIsNotHeard(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 1}, nil)
	s.hear("2", Message{Type: MsgHeartbeat})
	s.hear("3", Message{Type: MsgAppend, Entries: logOf(1)})
	if s.leader != "2" || s.log.last() != 0 {
		t.Errorf("%+v", s.Status())
	}
	s = newSolo(t, 3, HardState{}, nil)
	s.win()
	s.hear("3", Message{Type: MsgAppend, Entries: logOf(1)})
	if s.role != Leader {
		t.Errorf("%+v", s.Status())
	}
}

func TestLeaderAndItsFollowersRefuseVotes(t *testing.T) {
	leader := newSolo(t, 3, HardState{}, nil)
	leader.win()
	follower := newSolo(t, 3, HardState{Term: 1}, nil)
	follower.hear("2", Message{Type: MsgHeartbeat})
	for _, s := range []*solo{leader, follower} {
		s.turn()
		s.hear("3", Message{Type: MsgPreVote, Term: 9, LogIndex: 99, LogTerm: 1})
		if m := s.one(s.turn(), MsgPreVoteReply); !m.Reject || m.Term != 1 {
			t.Errorf("%s", describe(m))
		}
		s.hear("3", Message{Type: MsgVote, Term: 9, LogIndex: 99, LogTerm: 1})
		if out := s.turn(); s.term != 1 || len(out.Sends) > 0 {
			t.Errorf("term %d, sent %v", s.term, out.Sends)
		}
	}
}

func TestRefusedVoteDoesNotPutOffOwnElection(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 1}, logOf(1, 1))
	for range s.cfg.ElectionTicks - 1 {
		s.Tick()
	}
	elapsed := s.elapsedTicks
	s.hear("2", Message{Type: MsgVote, Term: 2, LogIndex: 1, LogTerm: 1})
	if s.term != 2 || s.elapsedTicks != elapsed {
		t.Errorf("term %d, %d ticks elapsed", s.term, s.elapsedTicks)
	}
}

func TestLongLogWithOldTermGetsElected(t *testing.T) {
	// 2 has seen term 5 but lacks an entry of 1; 3 is down. Only 1 can win, and
	// only after a refusal has told it the term.
	c := newCluster(3, 0, 1)
	for i, n := range c.nodes {
		n.crash()
		n.disk.snap.Config, n.incarnation = recorded(3), uint64(100+i)
		n.disk.hard, n.disk.entries = HardState{Term: 5}, logOf(1)
		if i == 0 {
			n.disk.hard, n.disk.entries = HardState{Term: 1}, logOf(1, 1)
		}
		n.start()
	}
	c.node("3").crash()
	c.tick(100)
	if l := c.leader(); l == nil || l.id != "1" {
		t.Fatalf("leader %v", l)
	}
}

func TestPartialMeshKeepsItsLeader(t *testing.T) {
	// 1, 2, 3 hear each other; 4 hears only 2, 5 only 3.
	c := newCluster(5, 0, 3)
	c.elect("1")
	linked := func(a, b NodeID) bool {
		return a <= "3" && b <= "3" || slices.Contains([]NodeID{"42", "24", "53", "35"}, a+b)
	}
	c.partialTicks(300, linked)
	if l := c.leader(); l == nil || l.id != "1" || l.core.term != 1 {
		t.Errorf("%+v", l.core.Status())
	}
}

func TestDeafNodeDoesNotDisturb(t *testing.T) {
	c := newCluster(3, 0, 4)
	c.elect("1")
	c.partialTicks(300, func(from, to NodeID) bool { return to != "3" })
	if l := c.leader(); l.id != "1" || c.node("3").core.term != 1 {
		t.Errorf("%+v, deaf %+v", l.core.Status(), c.node("3").core.Status())
	}
}

func TestMuteLeaderIsReplacedAndDeafLeaderStepsDown(t *testing.T) {
	for name, linked := range map[string]func(from, to NodeID) bool{
		"mute": func(from, _ NodeID) bool { return from != "1" },
		"deaf": func(_, to NodeID) bool { return to != "1" },
		// The old leader reaches one node, which bridges the rest.
		"bridge": func(from, to NodeID) bool { return from+to != "13" && from+to != "31" },
	} {
		c := newCluster(3, 0, 5)
		c.elect("1")
		c.partialTicks(100, linked)
		leaders := 0
		for _, n := range c.nodes {
			leaders += count(n.core.role == Leader)
		}
		if leaders != 1 || name != "bridge" && c.nodes[0].core.role == Leader {
			t.Errorf("%s: %d leaders, 1 is %s", name, leaders, c.nodes[0].core.role)
		}
	}
}

// partialTicks lets time pass with only some links, each in one direction.
func (c *cluster) partialTicks(n int, linked func(from, to NodeID) bool) {
	for range n {
		for _, n := range c.nodes {
			n.core.Tick()
			n.flush()
			n.persist(len(n.pending))
		}
		for len(c.net) > 0 {
			m := c.take(0)
			if !linked(m.From, m.To) {
				c.drop(m)
				continue
			}
			c.deliver(m)
			to := c.node(m.To)
			to.flush()
			to.persist(len(to.pending))
			to.flush()
		}
	}
}

func TestLeaderWithoutMajorityStepsDownAndFallsSilent(t *testing.T) {
	s := newSolo(t, 5, HardState{}, nil)
	s.win()
	for range s.cfg.ElectionTicks {
		s.hear("2", Message{Type: MsgHeartbeatReply})
		s.Tick()
	}
	if s.role != Follower || s.leader != "" {
		t.Fatalf("%+v", s.Status())
	}
	if out := s.turn(); len(out.sent(MsgHeartbeat)) > 0 {
		t.Errorf("sent %v", out.Sends)
	}
}

func TestRefusalWithHigherTermUnseatsEvenIfHeartbeatsFlow(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.win()
	s.hear("2", Message{Type: MsgHeartbeatReply, Term: 1})
	s.hear("3", Message{Type: MsgHeartbeatReply, Term: 4, Reject: true})
	if s.role != Follower || s.term != 4 {
		t.Errorf("%+v", s.Status())
	}
}

func TestLinkLossMakesFollowerCampaignSoon(t *testing.T) {
	c := newCluster(3, 0, 1)
	c.elect("1")
	c.node("1").crash()
	for _, id := range []NodeID{"2", "3"} {
		c.node(id).core.PeerDown("1")
	}
	c.tick(2*c.nodes[0].template.HeartbeatTicks + 1)
	if l := c.leader(); l == nil {
		t.Error("no leader")
	}
}

func TestLinkLossOfOneFollowerIsHarmless(t *testing.T) {
	c := newCluster(3, 0, 1)
	c.elect("1")
	c.node("3").core.PeerDown("1")
	c.tick(30)
	if l := c.leader(); l.id != "1" || l.core.term != 1 || c.node("3").core.leader != "1" {
		t.Errorf("%+v", c.node("3").core.Status())
	}
}

func TestLearnerNeitherCountsNorCampaigns(t *testing.T) {
	c := newCluster(2, 1, 1)
	c.elect("1")
	learner := c.node("3").core
	if !learner.Status().Learner {
		t.Fatal("not a learner")
	}
	c.node("1").crash()
	c.node("2").crash()
	c.tick(100)
	if learner.role != Follower || learner.term != 1 {
		t.Errorf("%+v", learner.Status())
	}
	c.node("1").start()
	leader := c.node("1").core
	leader.electionTimeout()
	c.stabilize()
	if leader.role != PreCandidate { // the learner's grant is no majority of two voters
		t.Errorf("%+v", leader.Status())
	}
}

func TestSingleVoterCommitsWithoutItsLearner(t *testing.T) {
	c := newCluster(1, 1, 1)
	c.node("2").crash()
	n := c.elect("1")
	index, err := n.propose("x")
	c.stabilize()
	if err != nil || n.applied != index {
		t.Errorf("applied %d, %v", n.applied, err)
	}
	if id, err := n.read(0); err != nil {
		t.Error(err)
	} else if n.flush(); len(n.answers) != 1 || n.answers[0].ID != id {
		t.Errorf("answers %v", n.answers)
	}
}

func TestNewClusterNeedsAllVotersOnce(t *testing.T) {
	c := newCluster(3, 0, 1)
	c.node("3").crash()
	c.tick(60)
	if c.leader() != nil {
		t.Fatal("a leader without node 3")
	}
	c.node("3").start()
	c.tick(60)
	for _, m := range c.leader().core.config().Members {
		if m.Incarnation != c.node(m.ID).incarnation {
			t.Errorf("recorded %+v", m)
		}
	}
	c.leader().crash()
	c.tick(60)
	if c.leader() == nil {
		t.Error("no leader of two")
	}
}

func TestOtherIncarnationIsNotHeard(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.stand()
	forged := Message{Type: MsgVoteReply, From: "2", To: "1", Term: 1, Incarnation: 999, Round: s.nonce}
	s.Receive(forged)
	if s.role != Candidate {
		t.Fatal("a new disk's vote counted")
	}
	s.win()
	forged.Type, forged.Term, forged.Index, forged.Round = MsgAppendReply, s.term, s.log.last(), 0
	s.Receive(forged)
	if s.log.commit != 0 {
		t.Error("a new disk's acknowledgement counted")
	}
}

func TestFirstIncarnationHeardInATermIsTheOne(t *testing.T) {
	// Nothing is recorded yet. Node 2 votes, loses its disk and votes again.
	s := &solo{New(testConfig("1", 100, 1), State{Snapshot: SnapshotMeta{Config: bootstrapConfig(3, 0)}}), t, 3}
	s.stand()
	from := func(id NodeID, incarnation uint64, m Message) {
		m.From, m.Incarnation, m.Term = id, incarnation, s.term
		s.Receive(m)
	}
	vote := Message{Type: MsgVoteReply, Round: s.nonce}
	from("2", 7, vote)
	from("2", 8, vote)
	from("3", 9, vote)
	s.turn()
	if m, _ := s.Member("2"); s.role != Leader || m.Incarnation != 7 {
		t.Fatalf("%s, recorded %+v", s.role, m)
	}
	from("2", 8, Message{Type: MsgAppendReply, Index: 2})
	if s.log.commit != 0 {
		t.Error("the new disk's acknowledgement counted")
	}
	from("2", 7, Message{Type: MsgAppendReply, Index: 2})
	if s.log.commit != 2 {
		t.Error("the old disk's did not")
	}
}

func TestLeaderHearsOneIncarnationOfAnUnrecordedMember(t *testing.T) {
	// A leader of one voter has a learner that it has never heard from.
	config := bootstrapConfig(1, 1)
	config.Members[0].Incarnation = 100
	s := &solo{New(testConfig("1", 100, 1), State{Snapshot: SnapshotMeta{Config: config}}), t, 1}
	s.stand()
	if err := s.TransferLeadership("2"); s.role != Leader || err != ErrNoTarget {
		t.Fatalf("%s, %v", s.role, err)
	}
	round := func(incarnation uint64) uint64 {
		s.Receive(Message{Type: MsgHeartbeatReply, From: "2", Incarnation: incarnation, Term: s.term})
		return s.heard["2"]
	}
	if round(7) != 7 || round(8) != 7 {
		t.Errorf("heard %d", s.heard["2"])
	}
	s.turn()
	if m, _ := s.Member("2"); m.Incarnation != 7 {
		t.Errorf("recorded %+v", m)
	}
}

func TestAnswersToAnEarlierProcessDoNotCount(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.electionTimeout()
	s.hear("2", Message{Type: MsgPreVoteReply, Term: 1, Round: s.nonce + 1})
	if s.role != PreCandidate {
		t.Fatal(s.role)
	}
	s.stand()
	s.hear("2", Message{Type: MsgVoteReply, Round: s.nonce + 1})
	if s.role != Candidate {
		t.Fatal(s.role)
	}
	// An answer says which process has asked, whatever it is.
	other := newSolo(t, 3, HardState{Term: 1, Vote: "3"}, nil)
	for _, m := range []Message{{Type: MsgPreVote, Term: 2}, {Type: MsgPreVote, Term: 1}, {Type: MsgVote}} {
		m.Round = 77
		other.hear("2", m)
		if out := other.turn(); len(out.Sends) != 1 || out.Sends[0].Msg.Round != 77 {
			t.Errorf("%s: %v", describe(m), out.Sends)
		}
	}
	other.hear("3", Message{Type: MsgHeartbeat, Term: 5})
	other.turn()
	for _, m := range []Message{{Type: MsgPreVote, Term: 1}, {Type: MsgVote, Term: 1}, {Type: MsgVote, Term: 5}} {
		m.Round = 78
		other.hear("2", m)
		if out := other.turn(); len(out.Sends) != 1 || out.Sends[0].Msg.Round != 78 || !out.Sends[0].Msg.Reject {
			t.Errorf("%s: %v", describe(m), out.Sends)
		}
	}
}

func TestVotesForALostDiskDoNotElectTheNewOne(t *testing.T) {
	// 1 has won the first election and committed a command with 2, when its disk
	// is lost. Then what it was told in that election arrives once more.
	c := newCluster(3, 0, 1)
	n := c.node("1")
	n.core.electionTimeout()
	var answers []Message
	for n.core.role != Leader {
		n.flush()
		for _, m := range c.net {
			if m.To == "1" {
				answers = append(answers, m)
			}
			c.deliver(m)
		}
		c.net = nil
		for _, m := range c.nodes {
			m.flush()
			m.persist(len(m.pending))
		}
	}
	if _, err := n.propose("x"); err != nil {
		t.Fatal(err)
	}
	c.stabilize("1", "2")
	if c.check.maxCommitted != 3 {
		t.Fatalf("committed up to %d", c.check.maxCommitted)
	}
	n.crash()
	n.wipe()
	n.start()
	n.core.electionTimeout()
	for _, m := range answers {
		n.core.Receive(m)
		n.flush()
		n.persist(len(n.pending))
	}
	if n.core.role == Candidate || n.core.role == Leader {
		t.Errorf("%+v", n.core.Status())
	}
}

func TestReplacedNodeTakesNoPart(t *testing.T) {
	cfg := testConfig("1", 999, 1)
	s := &solo{New(cfg, State{Snapshot: SnapshotMeta{Config: recorded(3)}}), t, 3}
	if !s.Status().Replaced {
		t.Fatal("does not know")
	}
	s.hear("2", Message{Type: MsgVote, Term: 2})
	s.hear("2", Message{Type: MsgAppend, Term: 2, Entries: logOf(1)})
	s.hear("2", Message{Type: MsgHeartbeat, Term: 2, Commit: 7, LogTerm: 1})
	for range 100 {
		s.Tick()
	}
	if out := s.turn(); len(out.Sends) > 0 || out.Write != nil {
		t.Errorf("%+v", out)
	}
}

func TestNodeLearnsFromTheLogThatItWasReplaced(t *testing.T) {
	cfg := testConfig("1", 999, 1)
	s := &solo{New(cfg, State{Snapshot: SnapshotMeta{Config: bootstrapConfig(3, 0)}}), t, 3}
	entries := logOf(1, 1)
	entries[1].Type, entries[1].Data = EntryConfig, recorded(3).Append(nil)
	s.hear("2", Message{Type: MsgAppend, Term: 1, Entries: entries, Commit: 2})
	out := s.turn()
	if !s.Status().Replaced || len(out.sent(MsgAppendReply)) > 0 || len(out.Committed) > 0 {
		t.Errorf("%+v: %+v", s.Status(), out)
	}
}

func TestNodeLearnsFromASnapshotThatItWasReplaced(t *testing.T) {
	s := &solo{New(testConfig("1", 999, 1), State{Snapshot: SnapshotMeta{Config: bootstrapConfig(3, 0)}}), t, 3}
	s.hear("2", Message{Type: MsgSnapshot, Term: 1, Snapshot: &SnapshotMeta{Index: 5, Term: 1, Config: recorded(3)}})
	if out := s.turn(); !s.Status().Replaced || len(out.Sends) > 0 {
		t.Errorf("%+v: %+v", s.Status(), out)
	}
}

func TestNodeYetToJoinHearsALeader(t *testing.T) {
	s := &solo{New(testConfig("9", 7, 1), State{}), t, 3}
	entries := logOf(1, 1)
	entries[1].Type, entries[1].Data = EntryConfig, recorded(3).Append(nil)
	s.Receive(Message{Type: MsgVote, From: "2", Incarnation: 101, Term: 1})
	s.Receive(Message{Type: MsgAppend, From: "2", Incarnation: 101, Term: 1, Entries: entries})
	out := s.turn()
	if m := s.one(out, MsgAppendReply); m.Index != 2 || len(out.Sends) != 1 {
		t.Errorf("%v", out.Sends)
	}
	for range 100 {
		s.Tick()
	}
	if s.role != Follower {
		t.Errorf("%+v", s.Status())
	}
}

func TestNodeYetToJoinHearsHeartbeatsAndSnapshots(t *testing.T) {
	s := &solo{New(testConfig("9", 7, 1), State{}), t, 3}
	s.Receive(Message{Type: MsgHeartbeat, From: "2", Incarnation: 101, Term: 4})
	if s.one(s.turn(), MsgHeartbeatReply); s.leader != "2" {
		t.Errorf("follows %q", s.leader)
	}
	snap := SnapshotMeta{Index: 5, Term: 3, Config: recorded(3)}
	s.Receive(Message{Type: MsgSnapshot, From: "2", Incarnation: 101, Term: 4, Snapshot: &snap})
	if out := s.turn(); s.one(out, MsgAppendReply).Index != 5 || out.Install == nil || len(s.Status().Config.Members) != 3 {
		t.Errorf("%+v", out)
	}
}

func TestLateIncarnationsAreRecorded(t *testing.T) {
	// A configuration that lacks the incarnation of a learner gets it when the
	// learner is heard from, one configuration at a time.
	c := newCluster(1, 2, 1)
	c.node("2").crash()
	c.node("3").crash()
	leader := c.elect("1").core
	c.node("2").start()
	c.node("3").start()
	c.tick(4)
	for _, m := range leader.config().Members {
		if m.Incarnation != c.node(m.ID).incarnation {
			t.Errorf("recorded %+v", m)
		}
	}
}
