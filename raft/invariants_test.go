package raft

import (
	"strings"
	"testing"
)

// TestImpossibleStatesPanic: what recovery found cannot be, or the runtime
// reports what was never asked of it.
func TestImpossibleStatesPanic(t *testing.T) {
	made := func(change func(c *Config)) func() {
		cfg := testConfig("1", 100, 1)
		change(&cfg)
		return func() { New(cfg, State{}) }
	}
	found := func(hard HardState, snap SnapshotMeta, entries ...Entry) func() {
		return func() { New(testConfig("1", 100, 1), State{hard, snap, entries}) }
	}
	none := SnapshotMeta{Config: recorded(3)}
	core := func() *Core { return New(testConfig("1", 100, 1), State{Snapshot: none}) }
	broken := Entry{Index: 1, Term: 1, Type: EntryConfig, Data: []byte("?")}
	unsorted := SnapshotMeta{Config: Configuration{Members: []Member{{ID: "2", Role: Voter}, {ID: "1", Role: Voter}}}}
	for name, test := range map[string]struct {
		f    func()
		says string
	}{
		"no name":                  {made(func(c *Config) { c.ID = "" }), "without ID"},
		"no incarnation":           {made(func(c *Config) { c.Incarnation = 0 }), "without ID, Incarnation"},
		"no randomness":            {made(func(c *Config) { c.Rand = nil }), "or Rand"},
		"no heartbeat":             {made(func(c *Config) { c.HeartbeatTicks = 0 }), "heartbeat after 0"},
		"heartbeat ≥ election":     {made(func(c *Config) { c.HeartbeatTicks = c.ElectionTicks }), "election after 10 and heartbeat after 10"},
		"no bound on appends":      {made(func(c *Config) { c.MaxAppendBytes = 0 }), "bound"},
		"no bound on the window":   {made(func(c *Config) { c.MaxInflightBytes = 0 }), "bound"},
		"no bound on the tail":     {made(func(c *Config) { c.MaxUncommittedBytes = 0 }), "bound"},
		"term below the log":       {found(HardState{Term: 1}, none, logOf(2)...), "a log up to 1/t2"},
		"commit beyond the log":    {found(HardState{Term: 1, Commit: 2}, none, logOf(1)...), "a log up to 1/t1"},
		"gap in the log":           {found(HardState{Term: 1}, none, logOf(1, 1)[1:]...), "append of 2/t1 behind 0/t0"},
		"terms fall":               {found(HardState{Term: 2}, none, logOf(2, 1)...), "append of 2/t1 behind 1/t2"},
		"configuration unsorted":   {found(HardState{}, unsorted), "out of order"},
		"configuration unreadable": {found(HardState{Term: 1}, none, broken), "entry 1/t1"},
		"applied beyond handed":    {func() { core().Applied(1) }, "1 reported applied, 0 handed out"},
		"write never given out":    {func() { core().Persisted(1) }, "write 1 reported durable, 0 given out"},
		"snapshot of another log":  {func() { core().Compact(SnapshotMeta{Term: 1}, 0) }, "snapshot 0/t1, log has t0"},
	} {
		if text := failureOf(test.f); !strings.Contains(text, test.says) {
			t.Errorf("%s: %q does not say %q", name, text, test.says)
		}
	}
}

// TestBrokenInvariantsPanic breaks on purpose what no input may bring about: the
// core stops and tells its state instead of going on.
func TestBrokenInvariantsPanic(t *testing.T) {
	for name, test := range map[string]struct {
		breaks func(s *solo)
		says   string
	}{
		"a term is entered twice":        {func(s *solo) { s.setTerm(s.term, "") }, "term 3 after 3"},
		"a second vote":                  {func(s *solo) { s.vote = "2"; s.setVote("3") }, "vote for 3 after 2 in term 3"},
		"a follower becomes leader":      {func(s *solo) { s.becomeFollower(); s.becomeLeader() }, "cannot become leader"},
		"a leader of no durable term":    {func(s *solo) { s.campaign(false); s.becomeLeader() }, "cannot become leader"},
		"a committed entry is truncated": {func(s *solo) { s.log.truncate(1) }, "truncation at 1, committed up to 1"},
		"what is compacted is read":      {func(s *solo) { s.log.compact(1); s.log.between(0, 1) }, "(0,1] wanted, log has (1,"},
		"what is not there is read":      {func(s *solo) { s.log.between(1, 9) }, "(1,9] wanted, log has (0,"},
		"an append behind nothing": {func(s *solo) {
			s.lead.progress["2"].next = 9
			s.sendAppend("2", s.lead.progress["2"], nil)
		}, "append to 2 behind 8"},
		"a message waits for no write": {func(s *solo) {
			s.sendAfter(Message{Type: MsgHeartbeat, To: "2"}, s.seq+5)
			s.Flush()
		}, "message waits for write"},
	} {
		s := newSolo(t, 3, HardState{Term: 2, Commit: 1}, logOf(1, 2))
		s.win()
		if text := failureOf(func() { test.breaks(s) }); !strings.Contains(text, test.says) {
			t.Errorf("%s: %q does not say %q", name, text, test.says)
		}
	}
}

// TestAccessorsAgreeWithStatus: what can be asked for alone is what Status says.
func TestAccessorsAgreeWithStatus(t *testing.T) {
	s := newSolo(t, 3, HardState{Term: 2, Commit: 1}, logOf(1, 2))
	for _, move := range []func(){func() {}, s.electionTimeout, func() { s.stand() }, func() { s.win() }} {
		move()
		st := s.Status()
		leader, term := s.Leader()
		if s.ID() != st.ID || leader != st.Leader || term != st.Term || s.TermSeq() != st.TermSeq || s.LogBytes() != st.LogBytes {
			t.Errorf("%s, %q, %d, %d, %d: %+v", s.ID(), leader, term, s.TermSeq(), s.LogBytes(), st)
		}
	}
	for role, name := range map[Role]string{
		Follower: "follower", PreCandidate: "pre_candidate", Candidate: "candidate", Leader: "leader", 9: "Role(9)",
	} {
		if role.String() != name {
			t.Errorf("%d is %q", role, role)
		}
	}
}
