package raft

import (
	"errors"
	"slices"
	"testing"
)

// Changes of the members: the paper's §6 and chapter 4 of the thesis, sentence
// by sentence, and what went wrong in other implementations.

func add(id NodeID) MemberChange { return MemberChange{Kind: AddVoter, ID: id} }

func remove(id NodeID) MemberChange { return MemberChange{Kind: Remove, ID: id} }

// roles tells a configuration as "1:voter 2:leaving/outgoing -3".
func roles(config *Configuration) string {
	text := ""
	for i, m := range config.Members {
		if i > 0 {
			text += " "
		}
		text += string(m.ID) + ":" + m.Role.String()
		if m.Outgoing {
			text += "/outgoing"
		}
	}
	for _, id := range config.Removed {
		text += " -" + string(id)
	}
	return text
}

func (s *solo) wantRoles(want string) {
	s.t.Helper()
	if got := roles(s.config()); got != want {
		s.t.Fatalf("in force is %q, want %q", got, want)
	}
}

func (s *solo) change(ch MemberChange, want error) {
	s.t.Helper()
	if _, err := s.ChangeMembers(ch); !errors.Is(err, want) {
		s.t.Fatalf("%+v: %v, want %v", ch, err, want)
	}
}

// leads is a leader whose own entry is committed and whose followers are caught up.
func leads(t *testing.T, voters int) *solo {
	s := newSolo(t, voters, HardState{}, nil)
	s.win()
	s.settle()
	return s
}

// settle has all others acknowledge everything, for as long as more comes of it.
func (s *solo) settle() {
	for range 10 {
		for _, m := range s.config().Members {
			if m.ID != s.cfg.ID {
				s.Receive(Message{Type: MsgAppendReply, From: m.ID, To: s.cfg.ID, Incarnation: incarnationOf(m.ID), Term: s.term, Index: s.log.last()})
			}
		}
		s.turn()
	}
}

func incarnationOf(id NodeID) uint64 { return 99 + uint64(id[0]-'0') }

// §6: "Once a given server adds the new configuration entry to its log, it uses
// that configuration for all future decisions (a server always uses the latest
// configuration in its log, regardless of whether the entry is committed)."
func TestPaperConfigurationIsUsedAtOnce(t *testing.T) {
	s := leads(t, 3)
	commit := s.log.commit
	s.change(remove("3"), nil)
	s.wantRoles("1:voter/outgoing 2:voter/outgoing 3:leaving/outgoing")
	if s.log.commit != commit {
		t.Fatal("committed by itself")
	}
	// A follower too, and a truncation takes it back (S69).
	f := newSolo(t, 3, HardState{Term: 1}, logOf(1))
	config := recorded(3)
	next, _ := config.changed(&MemberChange{Kind: Remove, ID: "3"})
	f.hear("2", Message{Type: MsgAppend, LogIndex: 1, LogTerm: 1, Entries: []Entry{{Index: 2, Term: 1, Type: EntryConfig, Data: next.Append(nil)}}})
	f.wantRoles("1:voter/outgoing 2:voter/outgoing 3:leaving/outgoing")
	f.hear("3", Message{Type: MsgAppend, Term: 2, LogIndex: 1, LogTerm: 1, Entries: []Entry{{Index: 2, Term: 2, Type: EntryNoOp}}})
	f.wantRoles("1:voter 2:voter 3:voter")
}

// §6: "Agreement (for elections and entry commitment) requires separate
// majorities from both the old and new configurations."
func TestPaperJointNeedsBothMajorities(t *testing.T) {
	joint := recorded(5) // 1 2 3 → 3 4 5
	for i := range joint.Members {
		m := &joint.Members[i]
		m.Outgoing = i < 3
		if i < 2 {
			m.Role = Leaving
		}
	}
	for _, test := range []struct {
		who  []NodeID
		both bool
	}{
		{[]NodeID{"1", "2"}, false}, {[]NodeID{"4", "5"}, false}, {[]NodeID{"1", "2", "4"}, false},
		{[]NodeID{"1", "4", "5"}, false}, {[]NodeID{"3", "4"}, false}, {[]NodeID{"1", "2", "4", "5"}, true},
		{[]NodeID{"1", "3", "4"}, true}, {[]NodeID{"2", "3", "5"}, true},
	} {
		votes := map[NodeID]bool{}
		value := func(id NodeID) uint64 {
			if slices.Contains(test.who, id) {
				return 7
			}
			return 2
		}
		for _, id := range test.who {
			votes[id] = true
		}
		if won := joint.election(votes) == won; won != test.both {
			t.Errorf("votes of %v elect: %v", test.who, won)
		}
		if committed := joint.quorumValue(value) == 7; committed != test.both {
			t.Errorf("acknowledgements of %v commit: %v", test.who, committed)
		}
		if has := joint.HasQuorum(func(m Member) bool { return value(m.ID) == 7 }); has != test.both {
			t.Errorf("%v are a quorum: %v", test.who, has)
		}
	}
	if joint.election(map[NodeID]bool{"1": false, "2": false}) != lost || joint.election(map[NodeID]bool{"4": false, "5": false}) != lost {
		t.Error("one configuration is not enough to lose")
	}
}

// §6: a majority of both commits, answers reads and keeps the leader in office.
func TestPaperJointLeaderNeedsBoth(t *testing.T) {
	s := leads(t, 5)
	s.change(MemberChange{Kind: Demote, ID: "5"}, nil) // 1 2 3 4 of 1 2 3 4 5
	s.turn()
	joint := s.log.last()
	_ = s.Read(1, 0)
	s.turn()
	// 5 gives the old configuration its majority, not the new one.
	s.hear("5", Message{Type: MsgAppendReply, Index: joint, Round: s.lead.reads.round})
	s.hear("2", Message{Type: MsgAppendReply, Index: joint, Round: s.lead.reads.round})
	if out := s.turn(); s.log.commit >= joint || len(out.Reads) > 0 {
		t.Fatalf("commit %d, reads %v", s.log.commit, out.Reads)
	}
	s.hear("3", Message{Type: MsgAppendReply, Index: joint, Round: s.lead.reads.round})
	if out := s.turn(); s.log.commit < joint || len(out.Reads) != 1 {
		t.Fatalf("commit %d, reads %v", s.log.commit, out.Reads)
	}
	s.wantRoles("1:voter 2:voter 3:voter 4:voter 5:learner")

	s = leads(t, 5)
	s.change(MemberChange{Kind: Demote, ID: "5"}, nil)
	for range s.cfg.ElectionTicks {
		s.hear("5", Message{Type: MsgHeartbeatReply})
		s.hear("2", Message{Type: MsgHeartbeatReply})
		s.Tick()
	}
	if s.role == Leader {
		t.Error("leads on with three of five, but two of four")
	}
}

// §6: "Once C_old,new has been committed, … it is now safe for the leader to
// create a log entry describing C_new and replicate it to the cluster."
func TestPaperJointIsLeftWhenCommitted(t *testing.T) {
	s := leads(t, 3)
	s.change(remove("3"), nil)
	s.turn()
	joint := s.log.last()
	if out := s.turn(); len(out.Sends) > 0 || s.log.last() != joint {
		t.Fatalf("left before it is committed: %v", out.Sends)
	}
	s.ack(joint, "2")
	out := s.turn()
	s.wantRoles("1:voter 2:voter -3")
	if s.log.last() != joint+1 {
		t.Errorf("last is %d", s.log.last())
	}
	for _, m := range out.Sends {
		if m.Msg.To == "3" {
			t.Errorf("a member that has left is sent %s", describe(m.Msg))
		}
	}
	s.ack(joint+1, "2")
	s.turn()
	if s.role != Leader || s.log.commit != joint+1 {
		t.Errorf("%+v", s.Status())
	}
}

// Whoever leads next completes the change, once (S71).
func TestNextLeaderLeavesAJointConfiguration(t *testing.T) {
	config := recorded(3)
	next, _ := config.changed(&MemberChange{Kind: Remove, ID: "3"})
	entries := logOf(1, 1)
	entries[1].Type, entries[1].Data = EntryConfig, next.Append(nil)
	s := newSolo(t, 3, HardState{Term: 1}, entries)
	s.win()
	s.wantRoles("1:voter/outgoing 2:voter/outgoing 3:leaving/outgoing")
	s.ack(3, "2")
	s.turn()
	s.wantRoles("1:voter 2:voter -3")
	for range 5 {
		s.turn()
	}
	if n := len(s.configs); n != 3 || s.log.last() != 4 {
		t.Errorf("%d configurations up to %d", n, s.log.last())
	}
}

// §6: "new servers join the cluster as non-voting members … Once the new servers
// have caught up with the rest of the cluster, the reconfiguration can proceed".
func TestPaperNewMemberIsALearnerUntilItHasCaughtUp(t *testing.T) {
	c := newCluster(3, 0, 1)
	leader := c.elect("1")
	for range 50 {
		_, _ = leader.propose("x")
	}
	c.tick(2)
	n := c.join("4")
	if _, err := leader.core.ChangeMembers(add("4")); err != nil {
		t.Fatal(err)
	}
	leader.flush()
	c.tick(10, "1", "2", "3")
	if got := roles(leader.core.config()); got != "1:voter 2:voter 3:voter 4:joining" {
		t.Fatalf("%s, but 4 was not reached", got)
	}
	c.tick(20)
	if got := roles(n.core.config()); got != "1:voter 2:voter 3:voter 4:voter" || n.applied != leader.core.log.commit {
		t.Errorf("%s, applied %d of %d", got, n.applied, leader.core.log.commit)
	}
	if m, _ := leader.core.Member("4"); m.Incarnation != n.incarnation {
		t.Errorf("recorded %+v", m)
	}
}

// thesis §4.2.1: "If the last round lasts less than an election timeout, then the
// leader adds the new server to the cluster".
func TestPaperSlowNewMemberStaysALearner(t *testing.T) {
	s := leads(t, 3)
	s.change(MemberChange{Kind: AddVoter, ID: "4", Incarnation: incarnationOf("4")}, nil)
	s.turn()
	s.ack(s.log.last(), "2", "3")
	s.turn()
	hear4 := func(index uint64) {
		s.Receive(Message{Type: MsgAppendReply, From: "4", To: "1", Incarnation: incarnationOf("4"), Term: 1, Index: index})
		s.turn()
	}
	hear4(1) // found; the first round begins
	for range 5 {
		for range s.cfg.ElectionTicks {
			s.hear("2", Message{Type: MsgHeartbeatReply})
			s.hear("3", Message{Type: MsgHeartbeatReply})
			s.Tick()
		}
		_, _ = s.Propose([]byte("x"))
		s.turn()
		s.ack(s.log.last(), "2", "3")
		s.turn()
		hear4(s.log.last() - 1) // all of the round, but the next one has begun
	}
	s.wantRoles("1:voter 2:voter 3:voter 4:joining")
	hear4(s.log.last())
	s.wantRoles("1:voter/outgoing 2:voter/outgoing 3:voter/outgoing 4:voter")
}

// S68, the bug in single-server changes of 2015: leaders of different terms that
// each change one member have majorities that do not meet, unless an entry of
// the own term comes first.
func TestNoChangeBeforeAnEntryOfTheOwnTerm(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.win()
	s.change(remove("3"), ErrChanging)
	s.ack(1, "2")
	s.ack(1, "3")
	s.change(remove("3"), nil)
}

func TestOneChangeAtATime(t *testing.T) {
	s := leads(t, 5)
	s.change(add("6"), nil)
	s.change(add("7"), ErrChanging) // 6 is not committed
	s.change(remove("5"), ErrChanging)
	s.change(add("6"), nil) // the same again
	s.turn()
	s.ack(s.log.last(), "2", "3", "4", "5")
	s.turn()
	s.change(remove("5"), nil)
	s.turn()
	s.ack(s.log.last(), "2")
	s.turn()
	s.change(remove("4"), ErrChanging) // joint, not committed
	s.change(remove("5"), nil)
	s.ack(s.log.last(), "2", "3", "4")
	s.turn()
	s.change(remove("4"), ErrChanging) // not joint any more, not committed
	s.ack(s.log.last(), "2", "3", "4")
	s.change(remove("4"), nil)
	_ = s.TransferLeadership("2")
	s.change(add("8"), ErrTransferring)
	s.becomeFollower()
	s.change(add("8"), ErrNotLeader)
}

func TestChangesThatCannotBe(t *testing.T) {
	s := leads(t, 3)
	s.change(remove("3"), nil)
	s.turn()
	s.settle()
	s.wantRoles("1:voter 2:voter -3")
	learner := MemberChange{Kind: AddLearner, ID: "4", Addr: "a:1", PeerAddr: "a:2", Incarnation: incarnationOf("4")}
	s.change(learner, nil)
	s.settle()
	but := func(f func(ch *MemberChange)) MemberChange {
		ch := learner
		f(&ch)
		return ch
	}
	for name, test := range map[string]struct {
		change MemberChange
		want   error
	}{
		"a removed id returns":        {add("3"), ErrRemoved},
		"a removed id replaces":       {MemberChange{Kind: Replace, ID: "3", Old: "2"}, ErrRemoved},
		"an id is taken":              {MemberChange{Kind: AddVoter, ID: "2", Addr: "a:1"}, ErrMember},
		"an id is taken by a learner": {but(func(ch *MemberChange) { ch.Kind = AddVoter }), ErrMember},
		"an id has another disk":      {but(func(ch *MemberChange) { ch.Incarnation = 8 }), ErrMember},
		"an id is elsewhere":          {but(func(ch *MemberChange) { ch.PeerAddr = "a:3" }), ErrMember},
		"no id":                       {add(""), ErrNoMember},
		"a stranger is removed":       {remove("9"), ErrNoMember},
		"a stranger is promoted":      {MemberChange{Kind: Promote, ID: "9"}, ErrNoMember},
		"a stranger is replaced":      {MemberChange{Kind: Replace, ID: "5", Old: "9"}, ErrNoMember},
		"a learner is replaced":       {MemberChange{Kind: Replace, ID: "5", Old: "4"}, ErrNotVoter},
		"removed again":               {remove("3"), nil},
		"added again":                 {but(func(ch *MemberChange) { ch.Incarnation = 0 }), nil},
		"a voter is promoted":         {MemberChange{Kind: Promote, ID: "2"}, nil},
		"a learner is demoted":        {MemberChange{Kind: Demote, ID: "4"}, nil},
		"it is where it is":           {MemberChange{Kind: Readdress, ID: "2"}, nil},
	} {
		// What is so already changes nothing, and is only said when it is known that
		// nobody else has changed it.
		before := s.log.last()
		index, err := s.ChangeMembers(test.change)
		if test.want == nil && (index != before+1 || s.log.entries[len(s.log.entries)-1].Type != EntryNoOp) {
			t.Errorf("%s: index %d, want an entry without a command at %d", name, index, before+1)
		}
		if test.want == nil {
			before++
		}
		if !errors.Is(err, test.want) || s.log.last() != before {
			t.Errorf("%s: %v, want %v; last %d after %d", name, err, test.want, s.log.last(), before)
		}
	}
	if _, err := s.ChangeMembers(MemberChange{ID: "2"}); err == nil {
		t.Error("a change that changes nothing is taken")
	}
	s.change(MemberChange{Kind: Readdress, ID: "2", Addr: "b:1"}, nil)
	if m, _ := s.Member("2"); m.Addr != "b:1" {
		t.Errorf("%+v", m)
	}
	alone := leads(t, 1)
	alone.change(remove("1"), ErrLast)
	alone.change(MemberChange{Kind: Demote, ID: "1"}, ErrLast)
}

// S72: a change that too few of the voters that are up could complete is refused.
func TestNoChangeThatLeavesNoLiveMajority(t *testing.T) {
	s := leads(t, 3)
	for range s.cfg.ElectionTicks { // 3 is down
		s.hear("2", Message{Type: MsgHeartbeatReply})
		s.Tick()
	}
	s.change(remove("2"), ErrNoQuorum)
	s.change(MemberChange{Kind: Demote, ID: "2"}, ErrNoQuorum)
	s.change(remove("3"), nil)
	s.settle()
	s.wantRoles("1:voter 2:voter -3")

	s = leads(t, 3)
	_, _ = s.Propose([]byte("x"))
	s.turn()
	s.ack(s.log.last(), "2")
	s.lead.progress["3"].feedSnapshot() // up, but far behind
	s.change(remove("2"), ErrNoQuorum)
	s.change(MemberChange{Kind: Remove, ID: "2", Force: true}, nil)
	s.wantRoles("1:voter/outgoing 2:leaving/outgoing 3:voter/outgoing")

	s = leads(t, 3)
	s.PeerDown("2")
	s.PeerDown("3")
	s.change(remove("3"), ErrNoQuorum) // 2 may have died with 3
	s.hear("2", Message{Type: MsgHeartbeatReply})
	s.change(remove("3"), nil) // 2 is back; it is not sent anything until there is something
}

// A dead voter is replaced in one step: its successor gets the vote when it
// leaves, so there are never four voters of which one is dead.
func TestReplace(t *testing.T) {
	replace := func(id, old NodeID) MemberChange {
		return MemberChange{Kind: Replace, ID: id, Old: old, Incarnation: incarnationOf(id)}
	}
	s := leads(t, 3)
	s.change(replace("4", "3"), nil)
	s.turn()
	s.ack(s.log.last(), "2")
	s.turn()
	s.wantRoles("1:voter 2:voter 3:voter 4:joining")
	s.change(replace("4", "3"), nil)
	s.change(replace("4", "2"), ErrMember)
	s.change(MemberChange{Kind: AddVoter, ID: "4", Incarnation: incarnationOf("4")}, ErrMember)
	for range 2 {
		s.Receive(Message{Type: MsgAppendReply, From: "4", To: "1", Incarnation: incarnationOf("4"), Term: 1, Index: s.log.last()})
		s.turn()
	}
	s.wantRoles("1:voter/outgoing 2:voter/outgoing 3:leaving/outgoing 4:voter")
	s.settle()
	s.wantRoles("1:voter 2:voter 4:voter -3")
	s.change(replace("4", "3"), nil)
	s.change(replace("4", "2"), ErrMember)

	// Its place may have been given up in the meantime.
	s = leads(t, 3)
	s.change(replace("4", "3"), nil)
	s.turn()
	s.ack(s.log.last(), "2", "3")
	s.turn()
	s.change(remove("3"), nil)
	for range 3 {
		s.turn()
		s.ack(s.log.last(), "2")
	}
	s.turn()
	s.wantRoles("1:voter 2:voter 4:joining -3")
	if m, _ := s.Member("4"); m.Replaces != "" {
		t.Errorf("%+v", m)
	}
	// Or have become a learner: it leaves all the same.
	demoted := recorded(4)
	demoted.Members[2].Role = Learner
	demoted.Members[3].Role, demoted.Members[3].Replaces = Joining, "3"
	joint := demoted.seat("4")
	if got := roles(&joint); got != "1:voter/outgoing 2:voter/outgoing 3:leaving 4:voter" || joint.check() != nil {
		t.Errorf("%s, %v", got, joint.check())
	}
}

func TestRemovedLearnerIsGoneAtOnce(t *testing.T) {
	s := leads(t, 3)
	s.change(MemberChange{Kind: AddLearner, ID: "4", Incarnation: incarnationOf("4")}, nil)
	s.settle()
	s.wantRoles("1:voter 2:voter 3:voter 4:learner") // caught up, and stays one
	s.change(MemberChange{Kind: Promote, ID: "4"}, nil)
	s.wantRoles("1:voter 2:voter 3:voter 4:joining")
	s.settle()
	s.wantRoles("1:voter 2:voter 3:voter 4:voter")
	s.change(MemberChange{Kind: Demote, ID: "4"}, nil)
	s.wantRoles("1:voter/outgoing 2:voter/outgoing 3:voter/outgoing 4:learner/outgoing")
	s.settle()
	s.wantRoles("1:voter 2:voter 3:voter 4:learner")
	s.change(remove("4"), nil)
	s.wantRoles("1:voter 2:voter 3:voter -4")
}

// A member whose incarnation is not known is not made a voter, however far its
// log is.
func TestOnlyRecordedMembersBecomeVoters(t *testing.T) {
	c := newCluster(3, 0, 1)
	leader := c.elect("1")
	c.stabilize()
	c.join("4")
	if _, err := leader.core.ChangeMembers(add("4")); err != nil {
		t.Fatal(err)
	}
	c.stabilize("1", "2", "3")
	for range 20 {
		leader.core.lead.progress["4"].acked(leader.core.log.last(), 0) // as if
		c.stabilize("1", "2", "3")
	}
	if got := roles(leader.core.config()); got != "1:voter 2:voter 3:voter 4:joining" {
		t.Errorf("%s", got)
	}
}
