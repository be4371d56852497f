package raft

import (
	"testing"
)

// What the runtime reports may come late, twice, or be of no interest any more.

func TestWritesReportedAgainAreOldNews(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.win()
	s.turn()
	_, _ = s.Propose([]byte("x"))
	first := s.Flush().Write
	_, _ = s.Propose([]byte("y"))
	second := s.Flush().Write
	for _, test := range []struct{ seq, durable uint64 }{{first.Seq, 2}, {first.Seq, 2}, {second.Seq, 3}, {first.Seq, 3}} {
		s.Persisted(test.seq)
		if s.log.durable != test.durable {
			t.Errorf("write %d reported: durable up to %d, want %d", test.seq, s.log.durable, test.durable)
		}
	}
}

func TestSnapshotSentToNobodyIsOldNews(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.SnapshotSent("2", true) // not a leader
	s.win()
	before := s.Status()
	s.SnapshotSent("9", true) // not a member
	s.SnapshotSent("2", true) // needs none
	if after := s.Status(); len(after.Peers) != 2 || after.Peers[0] != before.Peers[0] {
		t.Errorf("%+v", after.Peers)
	}
}

func TestConfigurationBehindASnapshotStays(t *testing.T) {
	// The log holds the snapshot's last entry, so what is behind it stays, and
	// with it the configuration that is in force.
	later := recorded(3)
	later.Removed = []NodeID{"9"}
	entries := logOf(1, 1, 1)
	entries[2].Type, entries[2].Data = EntryConfig, later.Append(nil)
	s := newSolo(t, 3, HardState{Term: 1}, entries)
	snap := SnapshotMeta{Index: 2, Term: 1, Config: recorded(3)}
	s.hear("2", Message{Type: MsgSnapshot, Snapshot: &snap})
	s.turn()
	if len(s.config().Removed) != 1 {
		t.Errorf("in force %+v", s.config())
	}
	if config := s.ConfigAt(2); len(config.Removed) != 0 {
		t.Errorf("at the snapshot %+v", config)
	}
}

// What is durable and acknowledged is not written again because a snapshot of what
// is there already comes in: a crash in the middle of that would lose it.
func TestSnapshotOfWhatIsThereRewritesNothing(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 1}, nil)
	s.hear("2", Message{Type: MsgAppend, Entries: logOf(1, 1, 1, 1)})
	if ack := s.one(s.turn(), MsgAppendReply); ack.Index != 4 {
		t.Fatalf("acknowledged %+v", ack)
	}
	s.hear("2", Message{Type: MsgSnapshot, Snapshot: &SnapshotMeta{Index: 2, Term: 1, Config: recorded(3)}})
	out := s.Flush()
	if out.Install != nil || out.Write.MustSync || len(out.Write.Entries) > 0 || len(out.Committed) != 2 {
		t.Errorf("%+v, write %+v", out, out.Write)
	}
	if len(out.Sends) != 1 || out.Sends[0].Msg.Index != 2 || out.Sends[0].After != 0 {
		t.Errorf("answered with %+v", out.Sends)
	}
}

// A member that is lost from sight and lacks what the log has no more asks for a
// read: it is told of the commit when it can be fed again, not behind entries that
// are gone.
func TestCommitIsNotToldBehindEntriesThatAreGone(t *testing.T) {
	s := leads(t, 3)
	for range 8 {
		_, _ = s.Propose([]byte("x"))
	}
	s.turn()
	s.ack(s.log.last(), "2")
	s.turn()
	big := make([]byte, 5<<10)
	for range 2 { // the window of 3 is full
		_, _ = s.Propose(big)
		s.turn()
	}
	for range 12 { // 3 is not heard
		s.Tick()
		for _, m := range s.turn().sent(MsgHeartbeat) {
			if m.To == "2" {
				s.hear("2", Message{Type: MsgHeartbeatReply, Round: m.Round})
			}
		}
	}
	s.hear("3", Message{Type: MsgReadIndex, ID: 1, Round: 9})
	s.turn()
	round := s.lead.reads.round
	for range 3 {
		_, _ = s.Propose([]byte("y"))
	}
	s.turn()
	s.ack(s.log.last(), "2") // from before the round
	s.turn()
	s.Applied(s.log.handed)
	s.Compact(SnapshotMeta{Index: s.log.applied, Term: s.term, Config: s.ConfigAt(s.log.applied)}, s.log.applied)
	p := s.lead.progress["3"]
	if p.state != StateReplicate || p.next > s.log.base || p.active(s.ticks, s.cfg.ElectionTicks) {
		t.Fatalf("3 is not where it should be: %+v, the log begins behind %d", p, s.log.base)
	}
	s.hear("2", Message{Type: MsgHeartbeatReply, Round: round})
	if out := s.turn(); len(out.sent(MsgReadIndexReply)) != 1 || p.notify == 0 {
		t.Errorf("%+v; still to be told: %d", out.Sends, p.notify)
	}
}

func TestSilentMemberIsSentNoSnapshot(t *testing.T) {
	st := State{HardState: HardState{Term: 1}, Snapshot: SnapshotMeta{Index: 5, Term: 1, Config: recorded(3)}}
	s := &solo{New(testConfig("1", 100, 1), st), t, 3}
	s.win()
	s.lead.progress["2"].probe(3) // what it lacks is gone
	for range s.cfg.ElectionTicks {
		s.hear("3", Message{Type: MsgHeartbeatReply})
		s.Tick()
	}
	if out := s.turn(); s.role != Leader || len(out.SnapshotTo) > 0 {
		t.Fatalf("%s: %v", s.role, out.SnapshotTo)
	}
	s.hear("2", Message{Type: MsgHeartbeatReply})
	if out := s.turn(); len(out.SnapshotTo) != 1 {
		t.Errorf("back, and not fed: %+v", out)
	}
}

func TestLeadershipGoesToAVoterThatIsHeardFrom(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.win()
	s.ack(1, "2") // has the longest log, then falls silent
	for range s.cfg.ElectionTicks {
		s.hear("3", Message{Type: MsgHeartbeatReply})
		s.Tick()
	}
	if err := s.TransferLeadership(""); err != nil || s.lead.transferee != "3" {
		t.Errorf("to %q, %v", s.lead.transferee, err)
	}
}

func TestNotifiedCommitWaitsForTheWindow(t *testing.T) {
	// The entry whose commit is to be told has not been sent to 2 yet: the window
	// is full. Telling waits until it has.
	s := newSolo(t, 3, HardState{}, nil)
	s.cfg.MaxInflightBytes = entryOverheadBytes
	s.win()
	s.ack(1, "2", "3")
	s.turn()
	_, _ = s.Propose(nil)
	_, _ = s.Propose(nil)
	s.NotifyCommit("2")
	s.turn()
	s.ack(2, "3")
	s.turn()
	s.ack(3, "3")
	for _, m := range s.turn().sent(MsgAppend) {
		if m.To == "2" {
			t.Fatalf("beyond the window: %s", describe(m))
		}
	}
	s.ack(2, "2")
	out := s.turn()
	told := false
	for _, m := range append(out.sent(MsgAppend), out.sent(MsgHeartbeat)...) {
		told = told || m.To == "2" && m.Commit == 3
	}
	if !told {
		t.Errorf("%v", out.Sends)
	}
}
