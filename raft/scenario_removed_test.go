package raft

import (
	"testing"
)

// Leaders and followers that leave, and those who do not know them yet.

// thesis §4.1: "it is the caller's configuration that is used in reaching
// consensus": a server hears leaders and candidates that it does not know.
func TestStrangersMayLeadAndAskForVotes(t *testing.T) {
	stranger := func(m Message) Message {
		m.From, m.To, m.Incarnation = "4", "1", 7
		return m
	}
	s := newSolo(t, 3, HardState{Term: 1}, logOf(1))
	s.Receive(stranger(Message{Type: MsgPreVote, Term: 2, LogIndex: 1, LogTerm: 1}))
	if m := s.one(s.turn(), MsgPreVoteReply); m.Reject {
		t.Error("refused a pre-vote")
	}
	s.Receive(stranger(Message{Type: MsgVote, Term: 2, LogIndex: 1, LogTerm: 1}))
	if m := s.one(s.turn(), MsgVoteReply); m.Reject {
		t.Error("refused a vote")
	}
	s.Receive(stranger(Message{Type: MsgHeartbeat, Term: 2}))
	if s.turn(); s.leader != "4" {
		t.Errorf("follows %q", s.leader)
	}
	if err := s.Read(1, 0); err != nil {
		t.Fatal(err)
	}
	s.turn()
	s.Receive(stranger(Message{Type: MsgReadIndexReply, Term: 2, ID: 1, Index: 1, Round: s.nonce}))
	if out := s.turn(); len(out.Reads) != 1 {
		t.Errorf("the read is not answered: %+v", out)
	}
	// They neither elect nor commit.
	s = newSolo(t, 3, HardState{}, nil)
	s.stand()
	s.Receive(stranger(Message{Type: MsgVoteReply, Term: 1, Round: s.nonce}))
	if s.role != Candidate {
		t.Error("a stranger's vote counts")
	}
	s.hear("2", Message{Type: MsgVoteReply})
	s.turn()
	s.Receive(stranger(Message{Type: MsgAppendReply, Term: 1, Index: 1}))
	s.Receive(stranger(Message{Type: MsgReadIndex, Term: 1, ID: 1}))
	if out := s.turn(); s.log.commit != 0 || len(out.Sends) > 0 {
		t.Errorf("a stranger is counted: commit %d, %v", s.log.commit, out.Sends)
	}
	s.Receive(Message{Type: MsgVote, From: "2", To: "5", Incarnation: 101, Term: 9})
	s.Receive(Message{Type: MsgVote, From: "1", To: "1", Incarnation: 100, Term: 9})
	if s.term != 1 {
		t.Error("hears itself, or what is for others")
	}
}

// thesis §4.2.3: servers that were removed cannot disrupt the cluster. They are
// told, and it takes what is committed to tell them.
func TestRemovedMembersAreTold(t *testing.T) {
	config := recorded(2)
	config.Removed = []NodeID{"3"}
	s := &solo{New(testConfig("1", 100, 1), State{HardState: HardState{Term: 1}, Snapshot: SnapshotMeta{Index: 1, Term: 1, Config: config}}), t, 2}
	for _, typ := range []MessageType{MsgPreVote, MsgVote, MsgAppend, MsgHeartbeatReply} {
		s.Receive(Message{Type: typ, From: "3", To: "1", Incarnation: 7, Term: 9})
		if m := s.one(s.turn(), MsgRemoved); m.To != "3" || s.term != 1 {
			t.Errorf("%s: term %d, %s", messageNames[typ], s.term, describe(m))
		}
	}
	s.Receive(Message{Type: MsgRemoved, From: "3", To: "1", Incarnation: 7, Term: 9})
	if out := s.turn(); len(out.Sends) > 0 || s.Status().Removed {
		t.Errorf("hears the removed: %+v", out)
	}

	// Not committed: the change may be taken back.
	f := newSolo(t, 3, HardState{Term: 1}, logOf(1))
	three := recorded(3)
	joint, _ := three.changed(&MemberChange{Kind: Remove, ID: "3"})
	after := joint.completed()
	f.hear("2", Message{Type: MsgAppend, LogIndex: 1, LogTerm: 1, Entries: []Entry{
		{Index: 2, Term: 1, Type: EntryConfig, Data: joint.Append(nil)}, {Index: 3, Term: 1, Type: EntryConfig, Data: after.Append(nil)},
	}})
	f.turn()
	f.Receive(Message{Type: MsgPreVote, From: "3", To: "1", Incarnation: 102, Term: 9})
	if out := f.turn(); len(out.sent(MsgRemoved)) > 0 || len(out.sent(MsgPreVoteReply)) != 1 {
		t.Errorf("told before it is so: %v", out.Sends)
	}
	f.hear("2", Message{Type: MsgHeartbeat, Commit: 3, LogTerm: 1})
	f.turn()
	f.Receive(Message{Type: MsgPreVote, From: "3", To: "1", Incarnation: 102, Term: 9})
	f.one(f.turn(), MsgRemoved)
}

func TestRemovedMemberIsSilent(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.win()
	s.hear("2", Message{Type: MsgRemoved})
	if s.role != Follower || !s.Status().Removed {
		t.Errorf("%+v", s.Status())
	}
	s.hear("2", Message{Type: MsgVote, Term: 2, LogIndex: 1, LogTerm: 1})
	s.turn()
	for range 100 {
		s.Tick()
	}
	if out := s.turn(); len(out.Sends) > 0 || s.term != 1 {
		t.Errorf("term %d, %v", s.term, out.Sends)
	}
	// Strangers cannot say so.
	s = newSolo(t, 3, HardState{Term: 1}, nil)
	s.Receive(Message{Type: MsgRemoved, From: "4", To: "1", Incarnation: 7, Term: 1})
	if s.Status().Removed {
		t.Error("believes a stranger")
	}
}

// thesis §4.2.2: "a leader that is asked to remove itself … would transfer
// leadership".
func TestLeaderThatLeavesHandsOverFirst(t *testing.T) {
	c := newCluster(3, 0, 1)
	leader := c.elect("1")
	c.stabilize()
	if _, err := leader.core.ChangeMembers(remove("1")); err != nil {
		t.Fatal(err)
	}
	c.stabilize()
	next := c.leader()
	if next == nil || next.id == "1" || next.core.term != 2 {
		t.Fatalf("leader is %v", next)
	}
	if got := roles(next.core.config()); got != "2:voter 3:voter -1" {
		t.Errorf("%s", got)
	}
	// It is told when it asks.
	c.tick(3 * leader.template.ElectionTicks)
	if s := leader.core.Status(); !s.Removed || s.Role != Follower {
		t.Errorf("%+v", s)
	}
	if s := next.core.Status(); s.Role != Leader || s.Term != 2 {
		t.Errorf("disturbed: %+v", s)
	}
}

// thesis §4.2.2: a leader that leaves steps down "once the C_new entry is
// committed"; "while it does this, … it replicates log entries but does not count
// itself in majorities."
func TestPaperLeaderThatLeavesStepsDownWhenThatIsCommitted(t *testing.T) {
	s := leads(t, 3)
	s.change(remove("1"), nil)
	s.turn()
	joint := s.log.last()
	s.ack(joint, "2", "3")
	if out := s.turn(); len(out.sent(MsgTimeoutNow)) != 1 || s.log.last() != joint {
		t.Fatalf("does not hand over: %v", out.Sends)
	}
	for range s.cfg.ElectionTicks { // nobody takes over
		s.hear("2", Message{Type: MsgHeartbeatReply})
		s.hear("3", Message{Type: MsgHeartbeatReply})
		s.Tick()
	}
	s.turn()
	s.wantRoles("2:voter 3:voter -1")
	if _, err := s.Propose([]byte("x")); err != ErrTransferring {
		t.Errorf("takes proposals: %v", err)
	}
	s.ack(joint+1, "2")
	s.turn()
	if s.role != Leader || s.log.commit != joint {
		t.Fatalf("counts itself: %s, commit %d", s.role, s.log.commit)
	}
	s.ack(joint+1, "3")
	out := s.turn()
	told := map[NodeID]bool{}
	for _, m := range out.sent(MsgHeartbeat) {
		told[m.To] = m.Commit == joint+1
	}
	if s.role != Follower || !s.Status().Removed || !told["2"] || !told["3"] {
		t.Errorf("%+v, told %v", s.Status(), told)
	}
}

// A leader that becomes a learner leads no longer than one that leaves.
func TestDemotedLeaderStepsDown(t *testing.T) {
	c := newCluster(3, 0, 1)
	leader := c.elect("1")
	c.stabilize()
	if _, err := leader.core.ChangeMembers(MemberChange{Kind: Demote, ID: "1"}); err != nil {
		t.Fatal(err)
	}
	c.stabilize()
	c.tick(4)
	if s := leader.core.Status(); s.Role != Follower || !s.Learner || s.Leader == "" || s.Removed {
		t.Errorf("%+v", s)
	}
}

// thesis §4.2.2: "a server that is not part of its own latest configuration
// should still start new elections, as it might still be needed until the C_new
// entry is committed". Of two members, the one that leaves has C_new alone and
// crashes (S73).
func TestPaperRemovedMemberIsNeededUntilThatIsCommitted(t *testing.T) {
	c := newCluster(2, 0, 1)
	two := recorded(2)
	joint, _ := two.changed(&MemberChange{Kind: Remove, ID: "1"})
	after := joint.completed()
	for i, n := range c.nodes {
		n.crash()
		n.incarnation = uint64(100 + i)
		n.disk.hard, n.disk.snap.Config = HardState{Term: 1}, recorded(2)
		n.disk.entries = []Entry{{Index: 1, Term: 1, Type: EntryConfig, Data: joint.Append(nil)}}
	}
	gone, survivor := c.node("1"), c.node("2")
	gone.disk.entries = append(gone.disk.entries, Entry{Index: 2, Term: 1, Type: EntryConfig, Data: after.Append(nil)})
	gone.start()
	survivor.start()
	c.tick(10 * gone.template.ElectionTicks)
	if s := survivor.core.Status(); roles(&s.Config) != "2:voter -1" || s.Role != Leader || s.Commit != s.LastIndex {
		t.Errorf("%+v", s)
	}
	if s := gone.core.Status(); !s.Removed {
		t.Errorf("%+v", s)
	}
}

// thesis §4.2.3: a node that was removed and has not heard of it starts elections
// and disturbs nobody.
func TestPaperRemovedMembersDoNotDisrupt(t *testing.T) {
	c := newCluster(4, 0, 1)
	leader := c.elect("1")
	c.stabilize()
	if _, err := leader.core.ChangeMembers(remove("4")); err != nil {
		t.Fatal(err)
	}
	c.stabilize("1", "2", "3")
	c.net = nil
	c.stabilize("1", "2", "3")
	if got := roles(leader.core.config()); got != "1:voter 2:voter 3:voter -4" {
		t.Fatal(got)
	}
	gone := c.node("4")
	gone.core.electionTimeout()
	c.stabilize()
	if leader.core.role != Leader || leader.core.term != 1 || !gone.core.Status().Removed {
		t.Errorf("%+v; %+v", leader.core.Status(), gone.core.Status())
	}
}

// A node that was removed while it was down learns it when it is back, each time
// (S77b: what is in its log is an old configuration).
func TestRemovedWhileDown(t *testing.T) {
	c := newCluster(4, 0, 1)
	leader := c.elect("1")
	c.stabilize()
	gone := c.node("4")
	gone.crash()
	c.tick(leader.template.ElectionTicks)
	if _, err := leader.core.ChangeMembers(remove("4")); err != nil {
		t.Fatal(err)
	}
	c.stabilize()
	for range 2 {
		gone.start()
		c.tick(3 * gone.template.ElectionTicks)
		if s := gone.core.Status(); !s.Removed || s.Term != 1 {
			t.Errorf("%+v", s)
		}
		gone.crash()
	}
	if leader.core.role != Leader {
		t.Errorf("%+v", leader.core.Status())
	}
}

// Perhaps no voter that it knows is there any more, and it is a learner itself.
func TestRemovedMemberAsksEverybody(t *testing.T) {
	config := recorded(3)
	config.Members[1].Role = Learner
	for _, role := range []MemberRole{Voter, Learner} {
		config.Members[0].Role = role
		s := &solo{New(testConfig("1", 100, 1), State{HardState: HardState{Term: 1}, Snapshot: SnapshotMeta{Config: config.clone()}}), t, 3}
		s.electionTimeout()
		asked := map[NodeID]bool{}
		for _, m := range s.turn().sent(MsgPreVote) {
			asked[m.To] = true
		}
		if len(asked) != 2 {
			t.Errorf("a %s asks %v", role, asked)
		}
		s.hear("2", Message{Type: MsgPreVoteReply, Term: 2})
		if s.role == Candidate || s.role == Leader {
			t.Errorf("a learner's vote counts: %s", s.role)
		}
		s.hear("2", Message{Type: MsgRemoved})
		if !s.Status().Removed {
			t.Error("it does not hear that it was removed")
		}
	}
}

// S70, S74, S75: a member that has been made a voter votes, whether it knows or
// not, also for one that it has not heard of: otherwise there may be nobody who
// could tell it.
func TestVoterThatDoesNotKnowItElects(t *testing.T) {
	config := recorded(3)
	learner := recorded(3)
	learner.Members[2].Role = Learner
	for name, known := range map[string]Configuration{
		"it is a learner":      learner,
		"1 is its only member": {Members: learner.Members[:1]},
	} {
		c := newCluster(3, 0, 1)
		for i, n := range c.nodes {
			n.crash()
			n.incarnation = uint64(100 + i)
			n.disk.hard, n.disk.snap.Config = HardState{Term: 1}, learner
			n.disk.entries = []Entry{{Index: 1, Term: 1, Type: EntryNoOp}, {Index: 2, Term: 1, Type: EntryConfig, Data: config.Append(nil)}}
		}
		three := c.node("3")
		three.disk.entries, three.disk.snap.Config = three.disk.entries[:1], known
		c.node("2").start()
		three.start()
		c.tick(4 * three.template.ElectionTicks)
		if got := roles(three.core.config()); c.leader() != c.node("2") || got != "1:voter 2:voter 3:voter" {
			t.Errorf("%s: leader %v, 3 knows %s", name, c.leader(), got)
		}
	}
}

// A read whose asker has left before it is confirmed.
func TestReadOfAMemberThatHasLeft(t *testing.T) {
	s := leads(t, 3)
	s.change(remove("3"), nil)
	s.turn()
	joint := s.log.last()
	s.hear("3", Message{Type: MsgReadIndex, ID: 1})
	s.turn()
	s.hear("2", Message{Type: MsgAppendReply, Index: joint})
	s.turn()
	s.wantRoles("1:voter 2:voter -3")
	s.hear("2", Message{Type: MsgHeartbeatReply, Round: s.lead.reads.round})
	if m := s.one(s.turn(), MsgReadIndexReply); m.To != "3" || m.Reject {
		t.Errorf("%s", describe(m))
	}
}

func TestNobodyHandsOverToWhoLeaves(t *testing.T) {
	s := leads(t, 3)
	s.change(remove("3"), nil)
	if err := s.TransferLeadership("3"); err != ErrNoTarget {
		t.Errorf("to one that leaves: %v", err)
	}
	if err := s.TransferLeadership("2"); err != nil {
		t.Error(err)
	}
}
