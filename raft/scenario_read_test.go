package raft

import (
	"slices"
	"testing"
)

// Things that went wrong in other implementations; reads, transfer and disks.

func TestReadOfANewLeaderCoversItsNoOp(t *testing.T) {
	// Entry 2 may have been committed and answered by the leader before.
	s := newSolo(t, 3, HardState{Term: 1, Commit: 1}, logOf(1, 1))
	s.win()
	_ = s.Read(1, 0)
	m := s.turn().sent(MsgHeartbeat)[0]
	s.hear("2", Message{Type: MsgHeartbeatReply, Round: m.Round})
	if out := s.turn(); len(out.Reads) != 1 || out.Reads[0].Index != 3 {
		t.Errorf("%v", out.Reads)
	}
}

func TestReadIsNotAnsweredByAnEarlierRound(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.win()
	s.ack(1, "2")
	s.turn()
	_ = s.Read(1, 0)
	first := s.turn().sent(MsgHeartbeat)[0].Round
	_ = s.Read(2, 0)
	if out := s.turn(); len(out.Sends) > 0 {
		t.Fatalf("two rounds at a time: %v", out.Sends)
	}
	reply := Message{Type: MsgHeartbeatReply, Round: first}
	s.hear("2", reply)
	out := s.turn()
	if len(out.Reads) != 1 || out.Reads[0].ID != 1 {
		t.Fatalf("%v", out.Reads)
	}
	s.hear("2", reply)
	s.hear("3", reply)
	s.hear("3", Message{Type: MsgHeartbeatReply, Round: first + 7}) // never sent
	if out := s.turn(); len(out.Reads) > 0 {
		t.Errorf("%v", out.Reads)
	}
	s.hear("3", Message{Type: MsgHeartbeatReply, Round: first + 1})
	if out := s.turn(); len(out.Reads) != 1 || out.Reads[0].ID != 2 {
		t.Errorf("%v", out.Reads)
	}
}

func TestRoundRidesOnAppends(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.win()
	s.ack(1, "2", "3")
	s.turn()
	_, _ = s.Propose([]byte("x"))
	_ = s.Read(1, 0)
	out := s.turn()
	if m := out.sent(MsgAppend); len(out.Sends) != 2 || len(m) != 2 || m[0].Round == 0 {
		t.Errorf("%v", out.Sends)
	}
}

func TestRoundEchoNeedNotWaitForTheDisk(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 1}, nil)
	s.hear("2", Message{Type: MsgAppend, Entries: logOf(1), Round: 4})
	out := s.Flush()
	now := slices.IndexFunc(out.Sends, func(s Send) bool { return s.After == 0 && s.Msg.Round == 4 && s.Msg.Index == 0 })
	ack := slices.IndexFunc(out.Sends, func(s Send) bool { return s.After == out.Write.Seq && s.Msg.Index == 1 })
	if len(out.Sends) != 2 || now < 0 || ack < 0 {
		t.Errorf("%+v", out.Sends)
	}
}

func TestReadsFailWhenLeadershipEnds(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.win()
	_ = s.Read(1, 0)
	s.turn()
	_ = s.Read(2, 0)
	s.hear("3", Message{Type: MsgReadIndex, ID: 9, Round: 77})
	s.hear("2", Message{Type: MsgHeartbeat, Term: 5})
	out := s.turn()
	if !slices.Equal(out.FailedReads, []uint64{1, 2}) {
		t.Errorf("%v", out.FailedReads)
	}
	if m := s.one(out, MsgReadIndexReply); m.To != "3" || m.ID != 9 || !m.Reject || m.Term != 1 {
		t.Errorf("%s", describe(m))
	}
}

func TestFollowersReads(t *testing.T) {
	follower := func() (*solo, Message) {
		s := newSolo(t, 3, HardState{Term: 1}, nil)
		s.hear("2", Message{Type: MsgHeartbeat})
		if err := s.Read(7, 3); err != nil {
			t.Fatal(err)
		}
		m := s.one(s.turn(), MsgReadIndex)
		if m.To != "2" || m.ID != 7 || m.Index != 3 {
			t.Errorf("%s", describe(m))
		}
		return s, m
	}
	t.Run("answered once", func(t *testing.T) {
		s, m := follower()
		reply := Message{Type: MsgReadIndexReply, ID: 7, Index: 9, Round: m.Round}
		s.hear("2", reply)
		s.hear("2", reply)
		if out := s.turn(); len(out.Reads) != 1 || out.Reads[0] != (ReadState{7, 9}) {
			t.Errorf("%v", out.Reads)
		}
	})
	t.Run("another answers than was asked", func(t *testing.T) {
		s, m := follower()
		s.hear("3", Message{Type: MsgReadIndexReply, ID: 7, Index: 9, Round: m.Round})
		if out := s.turn(); len(out.Reads) > 0 {
			t.Errorf("%v", out.Reads)
		}
	})
	t.Run("an answer to an earlier life of the same name", func(t *testing.T) {
		s, m := follower()
		s.hear("2", Message{Type: MsgReadIndexReply, ID: 7, Index: 9, Round: m.Round + 1})
		if out := s.turn(); len(out.Reads) > 0 {
			t.Errorf("%v", out.Reads)
		}
	})
	for name, end := range map[string]func(*solo, Message){
		"refused": func(s *solo, m Message) {
			s.hear("2", Message{Type: MsgReadIndexReply, ID: 7, Round: m.Round, Reject: true})
		},
		"new term":  func(s *solo, _ Message) { s.hear("3", Message{Type: MsgHeartbeat, Term: 2}) },
		"link lost": func(s *solo, _ Message) { s.PeerDown("2") },
		"question or answer lost": func(s *solo, _ Message) {
			for range s.cfg.ElectionTicks {
				s.hear("2", Message{Type: MsgHeartbeat})
				s.Tick()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, m := follower()
			end(s, m)
			if out := s.turn(); !slices.Equal(out.FailedReads, []uint64{7}) {
				t.Errorf("%+v", out)
			}
		})
	}
	t.Run("no leader", func(t *testing.T) {
		s := newSolo(t, 3, HardState{}, nil)
		if err := s.Read(1, 0); err != ErrNoLeader {
			t.Error(err)
		}
	})
}

func TestForwardedReadIsAnsweredWithTheCommitIndex(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.win()
	s.hear("2", Message{Type: MsgReadIndex, ID: 4, Round: 77})
	round := s.turn().sent(MsgHeartbeat)[0].Round
	s.hear("3", Message{Type: MsgHeartbeatReply, Round: round})
	if out := s.turn(); len(out.sent(MsgReadIndexReply)) > 0 {
		t.Fatal("answered before the no-op is committed")
	}
	s.ack(1, "2")
	out := s.turn()
	if m := s.one(out, MsgReadIndexReply); m.To != "2" || m.ID != 4 || m.Index != 1 || m.Round != 77 {
		t.Errorf("%s", describe(m))
	}
	if m := s.one(out, MsgHeartbeat); m.To != "2" || m.Commit != 1 {
		t.Errorf("%s", describe(m))
	}
	s.hear("2", Message{Type: MsgReadIndex, ID: 5, Index: 99})
	if m := s.one(s.turn(), MsgReadIndexReply); !m.Reject {
		t.Errorf("%s", describe(m)) // nothing is known of 99
	}
}

func TestTransferTargets(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	if err := s.TransferLeadership(""); err != ErrNotLeader {
		t.Error(err)
	}
	s.win()
	for _, to := range []NodeID{"1", "9"} {
		if err := s.TransferLeadership(to); err != ErrNoTarget {
			t.Errorf("to %s: %v", to, err)
		}
	}
	s.ack(1, "3")
	if err := s.TransferLeadership(""); err != nil || s.lead.transferee != "3" {
		t.Errorf("%v, to %q", err, s.lead.transferee)
	}
	if err := s.TransferLeadership("3"); err != nil {
		t.Errorf("again: %v", err)
	}
	if err := s.TransferLeadership("2"); err != ErrTransferring {
		t.Errorf("second: %v", err)
	}
	if m := s.one(s.turn(), MsgTimeoutNow); m.To != "3" {
		t.Errorf("%s", describe(m))
	}
}

func TestTransferWaitsForTheLogAndIsGivenUp(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.win()
	_ = s.TransferLeadership("2")
	if out := s.turn(); len(out.sent(MsgTimeoutNow)) > 0 {
		t.Fatal("2 lacks entries")
	}
	if _, err := s.Propose(nil); err != ErrTransferring {
		t.Error(err)
	}
	for range s.cfg.ElectionTicks {
		s.hear("3", Message{Type: MsgHeartbeatReply})
		s.Tick()
	}
	if _, err := s.Propose(nil); err != nil || s.Status().Transferee != "" {
		t.Errorf("given up: %v", err)
	}
}

func TestNothingOfATransferSurvivesLeadership(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.win()
	_ = s.TransferLeadership("2")
	s.hear("2", Message{Type: MsgHeartbeat, Term: 2})
	s.PeerDown("2")
	s.win()
	if _, err := s.Propose(nil); err != nil {
		t.Error(err)
	}
}

func TestTransferWinsOverStickiness(t *testing.T) {
	c := newCluster(3, 0, 1)
	leader := c.elect("1")
	if err := leader.core.TransferLeadership("3"); err != nil {
		t.Fatal(err)
	}
	c.stabilize() // no clock has moved
	if l := c.leader(); l.id != "3" || leader.core.role != Follower {
		t.Errorf("leader %s", l.id)
	}
}

func TestTimeoutNowIsObeyedOnlyByAFollowerOfItsSender(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 2}, nil)
	s.hear("2", Message{Type: MsgTimeoutNow})
	s.hear("2", Message{Type: MsgHeartbeat})
	s.hear("3", Message{Type: MsgTimeoutNow})
	s.hear("2", Message{Type: MsgTimeoutNow, Term: 1})
	if s.term != 2 || s.role != Follower {
		t.Fatalf("%+v", s.Status())
	}
	leader := newSolo(t, 3, HardState{}, nil)
	leader.win()
	leader.hear("2", Message{Type: MsgTimeoutNow})
	if leader.role != Leader {
		t.Error("a leader obeyed")
	}
	s.hear("2", Message{Type: MsgTimeoutNow})
	if m := s.turn().sent(MsgVote); len(m) != 2 || !m[0].Force {
		t.Errorf("%v", m)
	}
}

func TestLearnerDoesNotObeyTimeoutNow(t *testing.T) {
	config := recorded(3)
	config.Members[0].Role = Learner
	s := &solo{New(testConfig("1", 100, 1), State{Snapshot: SnapshotMeta{Config: config}}), t, 3}
	s.hear("2", Message{Type: MsgHeartbeat, Term: 1})
	s.hear("2", Message{Type: MsgTimeoutNow})
	if s.role != Follower || s.term != 1 {
		t.Errorf("%+v", s.Status())
	}
}

func TestNoReadIsServedByALeaderThatHandedOver(t *testing.T) {
	c := newCluster(3, 0, 1)
	old := c.elect("1")
	_ = old.core.TransferLeadership("2")
	old.flush()
	c.stabilize("2", "3")
	now := c.take(slices.IndexFunc(c.net, func(m Message) bool { return m.Type == MsgTimeoutNow }))
	c.deliver(now)
	c.stabilize("2", "3") // 1 hears nothing of it
	if c.node("2").core.role != Leader {
		t.Fatal("2 was not elected")
	}
	c.net = nil
	if _, err := old.read(0); err != nil {
		t.Fatal(err)
	}
	c.stabilize()
	if len(old.answers) > 0 || len(old.failed) != 1 {
		t.Errorf("answers %v, failed %v", old.answers, old.failed)
	}
}

func TestStalledDiskHandsOver(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.cfg.DiskStallTicks = 5
	s.win()
	s.ack(1, "2", "3")
	s.turn()
	index, _ := s.Propose([]byte("x"))
	s.Flush()
	tick := func(n int) []Message {
		for range n {
			s.hear("2", Message{Type: MsgHeartbeatReply})
			s.hear("3", Message{Type: MsgHeartbeatReply})
			s.Tick()
		}
		return s.Flush().sent(MsgTimeoutNow)
	}
	stall := func() []Message { return tick(s.cfg.DiskStallTicks + 1) }
	if m := stall(); len(m) > 0 {
		t.Fatalf("nobody's disk is faster: %v", m)
	}
	s.ack(index, "3")
	if m := stall(); len(m) > 0 {
		t.Fatalf("with our disk alone 3 can neither win nor commit: %v", m)
	}
	s.ack(index, "2")
	if m := stall(); len(m) != 1 || m[0].To != "2" && m[0].To != "3" {
		t.Fatalf("%v", m)
	}
	// 3 does nothing of the kind. After an election timeout the leader goes on,
	// and tries again only when the disk has had its time once more.
	notBefore := s.ticks + uint64(s.cfg.ElectionTicks) - 1
	for s.lead.transferee != "" {
		tick(1)
	}
	for len(tick(1)) == 0 {
	}
	if s.ticks < notBefore {
		t.Errorf("again in tick %d, should wait for %d", s.ticks, notBefore)
	}
}
