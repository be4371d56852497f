package raft

import (
	"fmt"
	"slices"
	"testing"
)

// One test per sentence of the paper that this package has to keep. The quotes
// are the paper's (extended version); where a rule was changed, doc.go says so.

// §5.1: "If a server's current term is smaller than the other's, then it updates
// its current term to the larger value. If a candidate or leader discovers that
// its term is out of date, it immediately reverts to follower state."
func TestPaperHigherTermMakesFollower(t *testing.T) {
	roles := map[Role]func(*solo){
		Follower:     func(*solo) {},
		PreCandidate: func(s *solo) { s.electionTimeout() },
		Candidate:    func(s *solo) { s.stand() },
		Leader:       func(s *solo) { s.win() },
	}
	for role, bring := range roles {
		s := newSolo(t, 3, HardState{Term: 1}, logOf(1))
		bring(s)
		if s.role != role {
			t.Fatalf("is %s, want %s", s.role, role)
		}
		s.hear("2", Message{Type: MsgAppend, Term: 5, LogIndex: 1, LogTerm: 1})
		if s.role != Follower || s.term != 5 || s.leader != "2" {
			t.Errorf("%s after a message of term 5: %+v", role, s.Status())
		}
	}
}

// §5.1: "If a server receives a request with a stale term number, it rejects the
// request."
func TestPaperStaleTermIsRejected(t *testing.T) {
	for request, reply := range map[MessageType]MessageType{
		MsgAppend: MsgAppendReply, MsgVote: MsgVoteReply, MsgPreVote: MsgPreVoteReply,
		MsgHeartbeat: MsgHeartbeatReply, MsgSnapshot: MsgAppendReply,
	} {
		s := newSolo(t, 3, HardState{Term: 3}, logOf(1, 3))
		s.hear("2", Message{
			Type: request, Term: 2, LogIndex: 2, LogTerm: 2, Commit: 2,
			Snapshot: &SnapshotMeta{Index: 9, Term: 2, Config: recorded(3)},
		})
		if m := s.one(s.turn(), reply); !m.Reject || m.Term != 3 {
			t.Errorf("%s is answered with %s", messageNames[request], describe(m))
		}
		if s.leader != "" || s.log.commit != 0 || s.log.last() != 2 {
			t.Errorf("%s had an effect: %+v", messageNames[request], s.Status())
		}
	}
}

// §5.2: "When servers start up, they begin as followers."
func TestPaperStartsAsFollower(t *testing.T) {
	if s := newSolo(t, 3, HardState{Term: 4, Vote: "1"}, nil); s.role != Follower || s.term != 4 {
		t.Errorf("%+v", s.Status())
	}
}

// §5.2: "A server remains in follower state as long as it receives valid RPCs
// from a leader or candidate."
func TestPaperHeartbeatsKeepFollower(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 1}, nil)
	for range 100 {
		s.hear("2", Message{Type: MsgHeartbeat})
		for range s.cfg.ElectionTicks - 1 {
			s.Tick()
		}
	}
	if s.role != Follower || s.term != 1 {
		t.Errorf("%+v", s.Status())
	}
}

// §5.2: "Leaders send periodic heartbeats to all followers."
func TestPaperLeaderSendsHeartbeats(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.win()
	for range s.cfg.HeartbeatTicks {
		s.Tick()
	}
	out := s.turn()
	if beats := out.sent(MsgHeartbeat); len(beats) != 2 || beats[0].To != "2" || beats[1].To != "3" {
		t.Errorf("sent %v", out.Sends)
	}
}

// §5.2: "If a follower receives no communication over a period of time called
// the election timeout, it begins an election: it increments its current term,
// votes for itself and issues RequestVote RPCs in parallel."
func TestPaperElectionStartsAfterTimeout(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 1}, logOf(1))
	for range 2 * s.cfg.ElectionTicks {
		s.Tick()
	}
	out := s.turn()
	if asks := out.sent(MsgPreVote); len(asks) != 2 || asks[0].Term != 2 || s.term != 1 {
		t.Fatalf("pre-vote: %v", out.Sends)
	}
	s.hear("2", Message{Type: MsgPreVoteReply, Term: 2})
	out = s.turn()
	asks := out.sent(MsgVote)
	if len(asks) != 2 || asks[0].Term != 2 || asks[0].LogIndex != 1 || asks[0].LogTerm != 1 {
		t.Errorf("sent %v", out.Sends)
	}
	if want := (HardState{Term: 2, Vote: "1"}); out.Write.HardState != want {
		t.Errorf("wrote %+v, want %+v", out.Write.HardState, want)
	}
}

// §5.2: "A candidate wins an election if it receives votes from a majority of
// the servers in the full cluster for the same term."
func TestPaperMajorityWins(t *testing.T) {
	for _, test := range []struct {
		voters, granted, refused int
		role                     Role
	}{
		{1, 0, 0, Leader},
		{3, 0, 0, Candidate}, {3, 1, 0, Leader}, {3, 1, 1, Leader}, {3, 0, 1, Candidate}, {3, 0, 2, Follower},
		{5, 1, 0, Candidate}, {5, 2, 0, Leader}, {5, 2, 2, Leader}, {5, 1, 2, Candidate}, {5, 1, 3, Follower},
	} {
		s := newSolo(t, test.voters, HardState{}, nil)
		s.stand()
		for i := range test.granted + test.refused {
			s.hear(nodeID(2+i), Message{Type: MsgVoteReply, Reject: i >= test.granted, Term: 1})
		}
		if s.role != test.role {
			t.Errorf("%+v: %s", test, s.role)
		}
	}
}

// §5.2: "Each server will vote for at most one candidate in a given term, on a
// first-come-first-served basis."
func TestPaperOneVotePerTerm(t *testing.T) {
	for _, test := range []struct {
		vote, candidate NodeID
		granted         bool
	}{{"", "2", true}, {"", "3", true}, {"2", "2", true}, {"3", "2", false}, {"1", "2", false}} {
		s := newSolo(t, 3, HardState{Term: 1, Vote: test.vote}, nil)
		s.hear(test.candidate, Message{Type: MsgVote})
		if m := s.one(s.turn(), MsgVoteReply); m.Reject == test.granted {
			t.Errorf("%+v: %s", test, describe(m))
		}
	}
}

// §5.2: "If the leader's term in the RPC is at least as large as the candidate's
// current term, then the candidate recognizes the leader as legitimate and
// returns to follower state."
func TestPaperCandidateFollowsLeaderOfItsTerm(t *testing.T) {
	for _, newer := range []uint64{0, 3} {
		s := newSolo(t, 3, HardState{}, nil)
		s.stand()
		s.hear("2", Message{Type: MsgAppend, Term: s.term + newer})
		if s.role != Follower || s.leader != "2" {
			t.Errorf("%+v", s.Status())
		}
	}
}

// §5.2: "Election timeouts are chosen randomly from a fixed interval." and "Each
// candidate restarts its randomized election timeout at the start of an election".
func TestPaperTimeoutsAreDrawnAnew(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	seen := map[int]bool{}
	for range 500 {
		ticks := 0
		for elections := len(s.sends); len(s.sends) == elections; ticks++ {
			s.Tick()
		}
		if ticks < s.cfg.ElectionTicks || ticks >= 2*s.cfg.ElectionTicks {
			t.Fatalf("timeout after %d ticks", ticks)
		}
		seen[ticks] = true
	}
	if len(seen) != s.cfg.ElectionTicks {
		t.Errorf("%d of %d timeouts were drawn", len(seen), s.cfg.ElectionTicks)
	}
}

// §5.3: "The leader appends the command to its log as a new entry, then issues
// AppendEntries RPCs in parallel to each of the other servers."
func TestPaperLeaderReplicates(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.win()
	s.ack(1, "2", "3")
	s.turn()
	index, err := s.Propose([]byte("x"))
	if err != nil || index != 2 {
		t.Fatal(index, err)
	}
	appends := s.turn().sent(MsgAppend)
	if len(appends) != 2 {
		t.Fatalf("%v", appends)
	}
	for _, m := range appends {
		if m.LogIndex != 1 || m.LogTerm != 1 || len(m.Entries) != 1 || string(m.Entries[0].Data) != "x" || m.Commit != 1 {
			t.Errorf("%s", describe(m))
		}
	}
}

// §5.3: "A log entry is committed once the leader that created the entry has
// replicated it on a majority of the servers."
func TestPaperCommitByMajority(t *testing.T) {
	for _, test := range []struct {
		voters    int
		acks      []NodeID
		committed bool
	}{
		{1, nil, true}, {3, nil, false}, {3, []NodeID{"2"}, true}, {3, []NodeID{"2", "3"}, true},
		{5, []NodeID{"2"}, false}, {5, []NodeID{"2", "2", "2"}, false}, {5, []NodeID{"2", "5"}, true},
	} {
		s := newSolo(t, test.voters, HardState{}, nil)
		s.win()
		s.ack(1, test.acks...)
		if got := s.log.commit == 1; got != test.committed {
			t.Errorf("%+v: commit %d", test, s.log.commit)
		}
	}
}

// §5.3: "This also commits all preceding entries in the leader's log, including
// entries created by previous leaders."
func TestPaperCommitIncludesPreceding(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 2}, logOf(1, 1, 2))
	s.win()
	s.ack(4, "2")
	if out := s.turn(); len(out.Committed) != 4 {
		t.Errorf("committed %s", describeEntries(out.Committed))
	}
}

// §5.3: "Once a follower learns that a log entry is committed, it applies the
// entry to its local state machine (in log order)."
func TestPaperFollowerAppliesCommitted(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 1}, nil)
	s.hear("2", Message{Type: MsgAppend, Entries: logOf(1, 1, 1), Commit: 2})
	if out := s.turn(); len(out.Committed) != 2 || out.Committed[0].Index != 1 {
		t.Errorf("%s", describeEntries(out.Committed))
	}
}

// §5.3: "If the follower does not find an entry in its log with the same index
// and term, then it refuses the new entries."
func TestPaperConsistencyCheck(t *testing.T) {
	for _, test := range []struct {
		index, term  uint64
		ok           bool
		hint, hintAt uint64
	}{
		{0, 0, true, 0, 0}, {1, 1, true, 0, 0}, {2, 2, true, 0, 0},
		{1, 2, false, 1, 1}, {2, 3, false, 2, 2}, {2, 1, false, 1, 1}, {3, 2, false, 2, 2}, {9, 1, false, 1, 1},
	} {
		s := newSolo(t, 3, HardState{Term: 3}, logOf(1, 2))
		s.hear("2", Message{Type: MsgAppend, LogIndex: test.index, LogTerm: test.term})
		m := s.one(s.turn(), MsgAppendReply)
		if m.Reject == test.ok || m.Index != test.index || m.Reject && (m.LogIndex != test.hint || m.LogTerm != test.hintAt) {
			t.Errorf("%+v: %s", test, describe(m))
		}
	}
}

// Figure 2: "If an existing entry conflicts with a new one, delete the existing
// entry and all that follow it. Append any new entries not already in the log."
func TestPaperFollowerAppends(t *testing.T) {
	for _, test := range []struct {
		index, term uint64
		terms       []uint64 // of the new entries
		want        []uint64
		written     int
	}{
		{2, 2, []uint64{3}, []uint64{1, 2, 3}, 1},
		{1, 1, []uint64{3, 4}, []uint64{1, 3, 4}, 2},
		{0, 0, []uint64{1}, []uint64{1, 2}, 0},
		{0, 0, []uint64{3}, []uint64{3}, 1},
		{0, 0, []uint64{1, 2, 2}, []uint64{1, 2, 2}, 1},
	} {
		s := newSolo(t, 3, HardState{Term: 4}, logOf(1, 2))
		m := Message{Type: MsgAppend, LogIndex: test.index, LogTerm: test.term}
		for i, term := range test.terms {
			m.Entries = append(m.Entries, Entry{Index: test.index + 1 + uint64(i), Term: term, Type: EntryCommand})
		}
		s.hear("2", m)
		out := s.Flush()
		if !slices.Equal(s.terms(), test.want) {
			t.Errorf("%+v: log %v", test, s.terms())
		}
		if out.Write != nil && len(out.Write.Entries) != test.written || out.Write == nil && test.written > 0 {
			t.Errorf("%+v: wrote %+v", test, out.Write)
		}
	}
}

// §5.3 and Figure 7: whatever a follower's log is like, the leader's replaces it.
func TestPaperFigure7(t *testing.T) {
	leader := []uint64{1, 1, 1, 4, 4, 5, 5, 6, 6, 6}
	for name, terms := range map[string][]uint64{
		"a": {1, 1, 1, 4, 4, 5, 5, 6, 6},
		"b": {1, 1, 1, 4},
		"c": {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6},
		"d": {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7},
		"e": {1, 1, 1, 4, 4, 4, 4},
		"f": {1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(3, 0, 1)
			for i, terms := range [][]uint64{leader, terms, {}} {
				n := c.nodes[i]
				n.crash()
				n.disk.snap.Config = recorded(3)
				n.incarnation = uint64(100 + i)
				n.disk.hard = HardState{Term: 7}
				n.disk.entries = logOf(terms...)
				n.start()
			}
			c.elect("1", "1", "3")
			c.net = nil
			c.tick(4)
			if got, want := c.nodes[1].core.log.entries, c.nodes[0].core.log.entries; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("log %v, want %v", got, want)
			}
		})
	}
}

// §5.4.1: "The voter denies its vote if its own log is more up-to-date than that
// of the candidate": later last term first, then the longer log.
func TestPaperUpToDate(t *testing.T) {
	for _, test := range []struct {
		terms       []uint64
		index, term uint64
		granted     bool
	}{
		{[]uint64{1}, 1, 1, true}, {[]uint64{1}, 2, 1, true}, {[]uint64{1, 1}, 1, 1, false},
		{[]uint64{1}, 1, 2, true}, {[]uint64{1, 1, 1}, 1, 2, true}, {[]uint64{2}, 1, 1, false}, {[]uint64{2}, 9, 1, false},
	} {
		for _, ask := range []MessageType{MsgVote, MsgPreVote} {
			s := newSolo(t, 3, HardState{Term: 2}, logOf(test.terms...))
			s.hear("2", Message{Type: ask, Term: 3, LogIndex: test.index, LogTerm: test.term})
			if m := s.one(s.turn(), ask+1); m.Reject == test.granted {
				t.Errorf("%+v: %s", test, describe(m))
			}
		}
	}
}

// §5.4.2: "Only log entries from the leader's current term are committed by
// counting replicas." (Figure 8 as a whole is in testdata.)
func TestPaperOldTermsAreNotCounted(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 2}, logOf(1, 2))
	s.win()
	for index := uint64(1); index <= 2; index++ {
		s.ack(index, "2", "3")
		if s.log.commit != 0 {
			t.Fatalf("commit %d with %d of an old term everywhere", s.log.commit, index)
		}
	}
	s.ack(3, "2")
	if s.log.commit != 3 {
		t.Errorf("commit %d", s.log.commit)
	}
}

// §5.5: "Raft RPCs are idempotent, so this causes no harm."
func TestPaperRepeatedAppendIsHarmless(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 1}, nil)
	m := Message{Type: MsgAppend, Entries: logOf(1, 1), Commit: 2}
	s.hear("2", m)
	s.turn()
	s.hear("2", m)
	if out := s.turn(); out.Write != nil || len(out.Committed) > 0 || s.one(out, MsgAppendReply).Index != 2 {
		t.Errorf("%+v", out)
	}
}

// §6: "A server always uses the latest configuration in its log, regardless of
// whether the entry is committed." Thesis §4.1: and falls back if it is deleted.
func TestPaperLatestConfigurationInLog(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 1}, nil)
	next := recorded(3)
	next.Members[2].Addr = "moved:1"
	entries := logOf(1, 1)
	entries[1].Type, entries[1].Data = EntryConfig, next.Append(nil)
	s.hear("2", Message{Type: MsgAppend, Entries: entries})
	if m, _ := s.Member("3"); m.Addr != "moved:1" {
		t.Errorf("member 3 is %+v", m)
	}
	if m := s.ConfigAt(1).Members[2]; m.Addr != "" {
		t.Errorf("at 1 member 3 was %+v", m)
	}
	s.hear("3", Message{Type: MsgAppend, Term: 2, LogIndex: 1, LogTerm: 1, Entries: []Entry{{Index: 2, Term: 2, Type: EntryNoOp}}})
	if m, _ := s.Member("3"); m.Addr != "" {
		t.Errorf("after truncation member 3 is %+v", m)
	}
}

// §7: "If instead the follower receives a snapshot that describes a prefix of
// its log, then log entries covered by the snapshot are deleted but entries
// following the snapshot are still valid and must be retained", otherwise "the
// follower discards its entire log".
func TestPaperInstallSnapshot(t *testing.T) {
	for _, test := range []struct {
		index, term uint64
		left        []uint64
	}{{2, 1, []uint64{1, 1, 2}}, {3, 2, []uint64{1, 1, 2}}, {3, 1, []uint64{}}, {2, 2, []uint64{}}, {9, 2, []uint64{}}} {
		s := newSolo(t, 3, HardState{Term: 2, Commit: 1}, logOf(1, 1, 2))
		s.hear("2", Message{Type: MsgSnapshot, Snapshot: &SnapshotMeta{Index: test.index, Term: test.term, Config: recorded(3)}})
		out := s.Flush()
		prefix := len(test.left) > 0 // then it is enough to know that it is committed
		if install := out.Install != nil; install == prefix || install != (out.Write.Snapshot != nil) || len(out.Write.Entries) > 0 {
			t.Fatalf("%+v: %+v", test, out)
		}
		if !slices.Equal(s.terms(), test.left) || s.log.commit != test.index {
			t.Errorf("%+v: log %v, %+v", test, s.terms(), s.Status())
		}
	}
}

// §8: "Raft handles this by having each leader commit a blank no-op entry into
// the log at the start of its term."
func TestPaperNoOpAtStartOfTerm(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 1}, logOf(1))
	out := s.win()
	m := out.sent(MsgAppend)[0]
	if len(m.Entries) != 1 || m.Entries[0].Type != EntryNoOp || m.Entries[0].Term != 2 {
		t.Errorf("%s", describe(m))
	}
}

// §8: "Raft handles this by having the leader exchange heartbeat messages with a
// majority of the cluster before responding to read-only requests."
func TestPaperReadsNeedMajority(t *testing.T) {
	s := newSolo(t, 5, HardState{}, nil)
	s.win()
	s.ack(1, "2", "3")
	s.turn()
	if err := s.Read(7, 0); err != nil {
		t.Fatal(err)
	}
	round := s.turn().sent(MsgHeartbeat)[0].Round
	s.hear("2", Message{Type: MsgHeartbeatReply, Round: round})
	if out := s.turn(); len(out.Reads) > 0 {
		t.Fatalf("two of five: %v", out.Reads)
	}
	s.hear("3", Message{Type: MsgHeartbeatReply, Round: round})
	if out := s.turn(); len(out.Reads) != 1 || out.Reads[0] != (ReadState{ID: 7, Index: 1}) {
		t.Errorf("%v", out.Reads)
	}
}
