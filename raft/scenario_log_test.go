package raft

import (
	"fmt"
	"slices"
	"testing"
)

// Things that went wrong in other implementations; replication, commit and
// snapshots.

func TestShortOldAppendDoesNotCutTheLog(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 1}, nil)
	s.hear("2", Message{Type: MsgAppend, Entries: logOf(1, 1, 1, 1, 1)})
	s.hear("2", Message{Type: MsgAppend, Entries: logOf(1)})
	if s.log.last() != 5 {
		t.Errorf("log ends at %d", s.log.last())
	}
}

func TestAcknowledgementStaysInItsTerm(t *testing.T) {
	// The second leader takes back what the first one's entries were acknowledged
	// for in the same turn: the two answers must not become one, of the new term.
	s := newSolo(t, 3, HardState{Term: 1}, nil)
	s.hear("2", Message{Type: MsgAppend, Entries: logOf(1, 1, 1)})
	s.hear("3", Message{Type: MsgAppend, Term: 3, LogIndex: 1, LogTerm: 1, Entries: logOf(1, 3)[1:]})
	acks := s.turn().sent(MsgAppendReply)
	if len(acks) != 2 || acks[0].To != "2" || acks[0].Term != 1 || acks[0].Index != 3 ||
		acks[1].To != "3" || acks[1].Term != 3 || acks[1].Index != 2 {
		t.Errorf("acknowledged: %+v", acks)
	}
}

func TestEmptyAppendCommitsOnlyWhatItProves(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 1}, logOf(1, 1, 1, 1))
	s.hear("2", Message{Type: MsgAppend, Term: 2, LogIndex: 2, LogTerm: 1, Commit: 4})
	if s.log.commit != 2 {
		t.Errorf("commit %d: entries 3 and 4 may be others", s.log.commit)
	}
}

func TestHeartbeatDoesNotCommitAnotherEntry(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 2}, logOf(1, 1))
	for _, m := range []Message{{Commit: 2, LogTerm: 2}, {Commit: 7, LogTerm: 1}} { // another entry; a lost disk
		m.Type = MsgHeartbeat
		s.hear("2", m)
	}
	if s.log.commit != 0 {
		t.Errorf("commit %d", s.log.commit)
	}
	s.hear("2", Message{Type: MsgHeartbeat, Commit: 2, LogTerm: 1})
	s.hear("2", Message{Type: MsgHeartbeat, Commit: 1, LogTerm: 1})
	if s.log.commit != 2 {
		t.Errorf("commit %d", s.log.commit)
	}
}

func TestHeartbeatReplyDoesNotMoveMatch(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 1}, logOf(1, 1))
	s.win()
	s.hear("2", Message{Type: MsgHeartbeatReply, Index: 3})
	if p := s.lead.progress["2"]; p.match != 0 {
		t.Errorf("match %d", p.match)
	}
}

func TestStaleAnswersAreHarmless(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.win()
	for range 5 {
		_, _ = s.Propose([]byte("x"))
	}
	s.ack(6, "2")
	s.turn()
	before := *s.lead.progress["2"]
	for index := uint64(0); index <= 6; index++ {
		s.hear("2", Message{Type: MsgAppendReply, Index: index})
		s.hear("2", Message{Type: MsgAppendReply, Index: index, Reject: true})
	}
	s.hear("2", Message{Type: MsgAppendReply, Index: 99}) // nobody can have that
	p := *s.lead.progress["2"]
	if p.match != before.match || p.next != before.next || p.state != StateReplicate || s.log.commit != 6 {
		t.Errorf("%+v, was %+v", p, before)
	}
}

func TestLongConflictsConvergeInOneTripPerTerm(t *testing.T) {
	// 50 terms in conflict on either side, in alternation.
	for _, perTerm := range []int{40, 2000} {
		convergeInOneTripPerTerm(t, 50, perTerm)
	}
}

func convergeInOneTripPerTerm(t *testing.T, terms, perTerm int) {
	var mine, theirs []uint64
	for i := range terms * perTerm {
		mine = append(mine, 2+2*uint64(i/perTerm))
		theirs = append(theirs, 1+2*uint64(i/perTerm))
	}
	s := newSolo(t, 3, HardState{Term: 200}, logOf(mine...))
	s.cfg.MaxAppendBytes, s.cfg.MaxInflightBytes = perTerm*25, perTerm*100
	s.win()
	s.turn()
	f := newSolo(t, 3, HardState{Term: 201}, logOf(theirs...))
	f.cfg.ID, f.cfg.Incarnation = "2", 101
	trips := 0
	p := s.lead.progress["2"]
	p.probe(s.log.last())
	for ; p.match < s.log.last(); trips++ {
		for _, m := range s.turn().sent(MsgAppend) {
			if m.To == "2" {
				m.From, m.To = "3", ""
				m.Incarnation = 102
				f.Receive(m)
			}
		}
		for _, m := range f.turn().sent(MsgAppendReply) {
			s.hear("2", m)
		}
		if trips > 10*terms {
			t.Fatalf("does not converge: %+v %+v", p, f.Status())
		}
	}
	transfer := sizeOf(s.log.entries) / s.cfg.MaxInflightBytes
	if trips > terms+2+2*transfer {
		t.Errorf("%d round trips for %d terms of %d entries", trips, terms, perTerm)
	}
}

func TestAppendBelowTheFollowersSnapshotIsTrimmed(t *testing.T) {
	cfg := testConfig("1", 100, 1)
	s := &solo{New(cfg, State{HardState: HardState{Term: 1}, Snapshot: SnapshotMeta{Index: 5, Term: 1, Config: recorded(3)}}), t, 3}
	all := logOf(1, 1, 1, 1, 1, 1, 1)
	s.hear("2", Message{Type: MsgAppend, LogIndex: 2, LogTerm: 1, Entries: all[2:]})
	if m := s.one(s.turn(), MsgAppendReply); m.Reject || m.Index != 7 || s.log.last() != 7 {
		t.Errorf("%s", describe(m))
	}
	s.hear("2", Message{Type: MsgAppend, LogIndex: 2, LogTerm: 1, Entries: all[2:3]})
	if m := s.one(s.turn(), MsgAppendReply); m.Reject || m.Index != 5 {
		t.Errorf("%s", describe(m))
	}
}

func TestFollowerAtTheEdgeOfTheLog(t *testing.T) {
	// The log begins behind 5. A follower with entries up to 5 is sent entry 6;
	// one with entries up to 4 needs a snapshot.
	for last, snapshot := range map[uint64]bool{5: false, 4: true} {
		cfg := testConfig("1", 100, 1)
		st := State{HardState: HardState{Term: 1}, Snapshot: SnapshotMeta{Index: 5, Term: 1, Config: recorded(3)}}
		s := &solo{New(cfg, st), t, 3}
		s.win()
		s.lead.progress["2"].probe(6)
		s.hear("2", Message{Type: MsgAppendReply, Reject: true, Index: 5, LogIndex: last, LogTerm: 1})
		if last == 5 {
			s.lead.progress["2"].probe(6)
		}
		out := s.turn()
		if got := slices.Contains(out.SnapshotTo, "2"); got != snapshot {
			t.Errorf("last %d: snapshot %v", last, got)
		}
		if m := out.sent(MsgAppend); !snapshot && (len(m) == 0 || m[0].LogIndex != 5 || m[0].LogTerm != 1) {
			t.Errorf("last %d: %v", last, out.Sends)
		}
	}
}

func TestWindowBoundsWhatIsUnacknowledged(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.win()
	s.ack(1, "2", "3")
	for range 100 {
		_, _ = s.Propose(make([]byte, 200))
	}
	sent := map[NodeID]int{}
	for _, m := range s.turn().sent(MsgAppend) {
		size := sizeOf(m.Entries)
		if size > s.cfg.MaxAppendBytes {
			t.Errorf("a message of %d bytes", size)
		}
		sent[m.To] += size
	}
	for _, id := range []NodeID{"2", "3"} {
		if n := sent[id]; n > s.cfg.MaxInflightBytes || n < s.cfg.MaxInflightBytes-300 {
			t.Errorf("%d bytes in flight to %s", n, id)
		}
	}
	s.ack(s.lead.progress["2"].window[0].last, "2")
	if m := s.turn().sent(MsgAppend); len(m) == 0 || m[0].To != "2" {
		t.Error("room in the window is not used")
	}
}

func TestLostWindowIsFoundWithoutNewProposals(t *testing.T) {
	c := newCluster(3, 0, 1)
	leader := c.elect("1")
	for range 200 {
		_, _ = leader.propose("some bytes to fill the window with")
	}
	leader.flush()
	c.net = nil
	if p := leader.core.lead.progress["3"]; p.windowBytes < leader.template.MaxInflightBytes/2 {
		t.Fatalf("window %d", p.windowBytes)
	}
	c.tick(6)
	if last := leader.core.log.last(); c.node("3").core.log.last() != last || leader.applied != last {
		t.Errorf("follower at %d of %d", c.node("3").core.log.last(), last)
	}
}

func TestFollowerThatLostItsTailIsFedAgain(t *testing.T) {
	// Not possible with fsync, but such a follower must neither be forgotten nor
	// asked in an endless loop.
	c := newCluster(3, 0, 1)
	leader := c.elect("1")
	for range 3 {
		_, _ = leader.propose("x")
		c.stabilize()
	}
	n := c.node("3")
	n.crash()
	n.disk.entries, n.disk.hard.Commit = n.disk.entries[:2], 0
	n.start()
	for range 2 {
		_, _ = leader.propose("y")
		c.stabilize()
	}
	c.tick(4)
	if n.core.log.last() != leader.core.log.last() || n.applied != leader.applied {
		t.Errorf("%+v", n.core.Status())
	}
}

func TestLateWriteReportDoesNotCountForOverriddenEntries(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 1}, nil)
	entry := func(term uint64) []Entry { return []Entry{{Index: 1, Term: term, Type: EntryNoOp}} }
	s.hear("2", Message{Type: MsgAppend, Term: 1, Entries: entry(1)})
	first := s.Flush()
	s.hear("3", Message{Type: MsgAppend, Term: 2, Entries: entry(2)})
	second := s.Flush()
	s.hear("2", Message{Type: MsgAppend, Term: 3, Entries: entry(3), Commit: 1})
	third := s.Flush()
	for _, step := range []struct{ seq, durable uint64 }{{first.Write.Seq, 0}, {second.Write.Seq, 0}, {third.Write.Seq, 1}} {
		s.Persisted(step.seq)
		out := s.Flush()
		if s.log.durable != step.durable || len(out.Committed) != int(step.durable) {
			t.Errorf("write %d: durable %d, apply %v", step.seq, s.log.durable, out.Committed)
		}
	}
	if third.Sends[0].After != third.Write.Seq {
		t.Errorf("acknowledged after %d", third.Sends[0].After)
	}
}

func TestLeaderCountsItselfWhenDurable(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.win()
	s.ack(1, "2")
	index, _ := s.Propose([]byte("x"))
	out := s.Flush()
	s.ack(index, "2")
	if s.log.commit >= index {
		t.Fatal("committed by one disk")
	}
	s.Persisted(out.Write.Seq)
	if s.log.commit != index {
		t.Error("not committed by two disks")
	}
}

func TestOthersCommitWhatTheLeadersDiskLacks(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.win()
	s.turn()
	index, _ := s.Propose([]byte("x"))
	write := s.Flush().Write
	s.ack(index, "2", "3")
	if out := s.Flush(); s.log.commit != index || len(out.Committed) == 2 {
		t.Errorf("commit %d, applied %s", s.log.commit, describeEntries(out.Committed))
	}
	s.Persisted(write.Seq)
	if out := s.Flush(); len(out.Committed) != 1 || out.Committed[0].Index != index {
		t.Errorf("applied %s", describeEntries(out.Committed))
	}
}

func TestWriteReportOfAnEarlierLeadershipDoesNotCommit(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.win()
	_, _ = s.Propose([]byte("x"))
	old := s.Flush().Write
	s.hear("2", Message{Type: MsgAppend, Term: 2, Entries: []Entry{{Index: 1, Term: 2, Type: EntryNoOp}}})
	s.Flush()
	s.Persisted(old.Seq)
	if s.log.durable != 0 || s.log.commit != 0 {
		t.Errorf("%+v", s.Status())
	}
}

func TestCommitNeverGoesBack(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 1}, nil)
	s.hear("2", Message{Type: MsgAppend, Entries: logOf(1, 1, 1), Commit: 3})
	s.hear("3", Message{Type: MsgAppend, Term: 2, LogIndex: 3, LogTerm: 1, Commit: 1})
	if s.log.commit != 3 {
		t.Errorf("commit %d", s.log.commit)
	}
}

func TestUncommittedTailIsBoundedAndDoesNotLeak(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.win()
	s.ack(1, "2")
	fill := func() (n int) {
		for {
			if _, err := s.Propose(make([]byte, 1000)); err == ErrBusy {
				return n
			}
			n++
		}
	}
	full := fill()
	if full == 0 || s.log.uncommitted > s.cfg.MaxUncommittedBytes {
		t.Fatalf("%d proposals, %d bytes", full, s.log.uncommitted)
	}
	last := s.log.last()
	s.turn()
	s.ack(last, "2")
	if again := fill(); again != full {
		t.Errorf("%d proposals fit after the commit, %d before", again, full)
	}
	// Another leader cuts the tail off.
	s.hear("2", Message{Type: MsgAppend, Term: 2, LogIndex: last, LogTerm: 1, Entries: []Entry{{Index: last + 1, Term: 2, Type: EntryNoOp}}, Commit: last + 1})
	s.turn()
	if s.log.uncommitted != 0 {
		t.Errorf("%d bytes uncommitted", s.log.uncommitted)
	}
}

func TestOversizedEntryPassesAlone(t *testing.T) {
	c := newCluster(3, 0, 1)
	leader := c.elect("1")
	for range 3 {
		if _, err := leader.propose(string(make([]byte, 100_000))); err != nil {
			t.Fatal(err) // larger than every bound
		}
		c.stabilize()
	}
	c.tick(2)
	for _, n := range c.nodes {
		if n.applied != 5 {
			t.Errorf("%s applied %d", n.id, n.applied)
		}
	}
}

func TestProposalsOfATurnShareMessageAndWrite(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.win()
	s.ack(1, "2", "3")
	s.turn()
	for range 10 {
		_, _ = s.Propose([]byte("x"))
	}
	out := s.Flush()
	if len(out.Write.Entries) != 10 || len(out.Sends) != 2 {
		t.Errorf("wrote %d entries, sent %v", len(out.Write.Entries), out.Sends)
	}
}

func TestAppendsOfATurnShareOneAcknowledgement(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 1}, nil)
	all := logOf(1, 1, 1)
	for i := range all {
		m := Message{Type: MsgAppend, LogIndex: uint64(i), Entries: all[i : i+1]}
		if i > 0 {
			m.LogTerm = 1
		}
		s.hear("2", m)
	}
	if m := s.one(s.turn(), MsgAppendReply); m.Index != 3 {
		t.Errorf("%s", describe(m))
	}
}

func TestDataOnItsWayIsNeverChanged(t *testing.T) {
	// A disk or a peer may still be reading entries that have been cut off.
	s := newSolo(t, 3, HardState{Term: 1}, nil)
	s.hear("2", Message{Type: MsgAppend, Entries: logOf(1, 1, 1)})
	write := s.Flush().Write
	want := fmt.Sprint(write.Entries)
	s.hear("3", Message{Type: MsgAppend, Term: 2, LogIndex: 1, LogTerm: 1, Entries: []Entry{
		{Index: 2, Term: 2, Type: EntryNoOp}, {Index: 3, Term: 2, Type: EntryNoOp}}})
	if got := fmt.Sprint(write.Entries); got != want {
		t.Errorf("%s became %s", want, got)
	}
}

func TestNotifyCommitTellsAtOnce(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.win()
	s.ack(1, "2", "3")
	s.turn()
	index, _ := s.Propose([]byte("x"))
	s.NotifyCommit("3")
	s.turn()
	s.ack(index, "2")
	out := s.turn()
	m := s.one(out, MsgAppend) // 3 has not acknowledged: behind what is on its way
	if m.To != "3" || m.LogIndex != index || len(m.Entries) > 0 || m.Commit != index {
		t.Errorf("%s", describe(m))
	}
	if out := s.turn(); len(out.Sends) > 0 {
		t.Errorf("again: %v", out.Sends)
	}
}

func TestSnapshotStateEnds(t *testing.T) {
	leader := func() *solo {
		cfg := testConfig("1", 100, 1)
		st := State{HardState: HardState{Term: 1}, Snapshot: SnapshotMeta{Index: 5, Term: 1, Config: recorded(3)}}
		s := &solo{New(cfg, st), t, 3}
		s.win()
		s.lead.progress["2"].probe(3)
		if out := s.turn(); !slices.Equal(out.SnapshotTo, []NodeID{"2"}) {
			t.Fatalf("%+v", out)
		}
		if out := s.turn(); len(out.SnapshotTo) > 0 || len(out.Sends) > 0 {
			t.Fatalf("not pinned: %+v", out)
		}
		return s
	}
	beat := func(s *solo) Output {
		for range s.cfg.HeartbeatTicks {
			s.Tick()
		}
		s.hear("2", Message{Type: MsgHeartbeatReply})
		return s.turn()
	}
	t.Run("lost", func(t *testing.T) {
		s := leader()
		s.SnapshotSent("2", false)
		if out := beat(s); !slices.Equal(out.SnapshotTo, []NodeID{"2"}) {
			t.Errorf("not tried again: %+v", out)
		}
	})
	t.Run("sent", func(t *testing.T) {
		s := leader()
		s.SnapshotSent("2", true)
		out := beat(s)
		if m := out.sent(MsgAppend); len(m) != 1 || m[0].LogIndex != 5 {
			t.Errorf("%+v", out)
		}
	})
	t.Run("the member has caught up by itself", func(t *testing.T) {
		s := leader()
		s.ack(4, "2")
		if s.lead.progress["2"].state != StateSnapshot {
			t.Fatal("4 is not enough")
		}
		s.ack(5, "2")
		if p := s.lead.progress["2"]; p.state != StateReplicate || p.next != 6 {
			t.Errorf("%+v", p)
		}
	})
	t.Run("the receiver is active", func(t *testing.T) {
		s := leader()
		for range 3 * s.cfg.ElectionTicks {
			s.hear("2", Message{Type: MsgHeartbeatReply})
			s.Tick()
		}
		if s.role != Leader {
			t.Error("stepped down")
		}
	})
}

func TestOldSnapshotIsIgnored(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 3, Commit: 3}, logOf(1, 2, 3, 3))
	s.hear("2", Message{Type: MsgSnapshot, Snapshot: &SnapshotMeta{Index: 2, Term: 2, Config: recorded(3)}})
	out := s.turn()
	if m := s.one(out, MsgAppendReply); out.Install != nil || m.Index != 3 || m.Reject || s.term != 3 || s.log.last() != 4 {
		t.Errorf("%+v, %+v", out, s.Status())
	}
}

func TestSnapshotAckWaitsForItsWrite(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 1}, logOf(1))
	s.hear("2", Message{Type: MsgSnapshot, Snapshot: &SnapshotMeta{Index: 9, Term: 1, Config: recorded(3)}})
	s.hear("2", Message{Type: MsgAppend, LogIndex: 9, LogTerm: 1, Entries: []Entry{{Index: 10, Term: 1, Type: EntryNoOp}}, Commit: 10})
	out := s.Flush()
	if len(out.Committed) > 0 || out.Sends[0].After != out.Write.Seq || out.Sends[0].Msg.Index != 10 {
		t.Errorf("%+v", out)
	}
	s.Persisted(out.Write.Seq)
	if out := s.Flush(); len(out.Committed) != 1 || out.Committed[0].Index != 10 {
		t.Errorf("%+v", out)
	}
}

func TestAppliedDoesNotGoBackWithAnInstall(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 1, Commit: 2}, logOf(1, 1))
	s.turn()
	s.hear("2", Message{Type: MsgSnapshot, Snapshot: &SnapshotMeta{Index: 9, Term: 1, Config: recorded(3)}})
	s.turn()
	s.Applied(9)
	s.Applied(2) // the state machine's older report comes late
	if s.log.applied != 9 {
		t.Errorf("applied %d", s.log.applied)
	}
}

func TestCompactKeepsWhatIsNeeded(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 1, Commit: 4}, logOf(1, 1, 1, 1, 1))
	s.turn()
	s.Applied(3)
	snap := SnapshotMeta{Index: 4, Term: 1, Config: recorded(3)}
	for _, test := range []struct{ upTo, base uint64 }{{2, 2}, {1, 2}, {9, 3}} {
		if base := s.Compact(snap, test.upTo); base != test.base {
			t.Errorf("compacted to %d, want %d", base, test.base)
		}
	}
	s.Applied(4)
	if base := s.Compact(snap, 9); base != 4 {
		t.Errorf("compacted to %d beyond the snapshot", base)
	}
}
