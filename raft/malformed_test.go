package raft

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestAnyMessageIsSurvived throws messages of arbitrary fields at every role.
// They may mislead, for the sender is believed to be a member, but a core must
// not panic and its own marks must stay in order.
func TestAnyMessageIsSurvived(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 3))
		s := newSolo(t, 3, HardState{Term: 3, Commit: 2}, logOf(1, 2, 3))
		switch rng.IntN(4) {
		case 0:
			s.electionTimeout()
		case 1:
			s.stand()
		case 2:
			s.win()
		}
		k := checker{}
		for range 60 {
			s.hear(nodeID(2+rng.IntN(2)), arbitraryMessage(rng, s.term))
			if rng.IntN(3) == 0 {
				s.Tick()
			}
			if rng.IntN(2) == 0 {
				_ = s.Read(rng.Uint64(), 0)
				_, _ = s.Propose(nil)
				out := s.Flush()
				if out.Write != nil && rng.IntN(2) == 0 {
					s.Persisted(out.Write.Seq)
				}
			}
			k.marks(&node{id: "1", core: s.Core})
		}
	}
}

func arbitraryMessage(rng *rand.Rand, term uint64) Message {
	number := func() uint64 {
		switch rng.IntN(8) {
		case 0:
			return math.MaxUint64 - rng.Uint64N(3)
		case 1:
			return 0
		}
		return rng.Uint64N(8)
	}
	m := Message{
		Type: MessageType(rng.IntN(int(MsgForwardReply) + 2)), Term: number(),
		LogIndex: number(), LogTerm: number(), Commit: number(), Round: number(), Index: number(), ID: number(),
		Reject: rng.IntN(2) == 0, Force: rng.IntN(4) == 0,
	}
	if rng.IntN(3) > 0 {
		m.Term = term + rng.Uint64N(2)
	}
	if rng.IntN(3) == 0 {
		m.Snapshot = &SnapshotMeta{Index: number(), Term: number(), Config: recorded(rng.IntN(4))}
	}
	index := m.LogIndex
	for range rng.IntN(4) {
		if index++; rng.IntN(8) == 0 {
			index = number()
		}
		e := Entry{Index: index, Term: m.LogTerm + rng.Uint64N(2), Type: EntryType(rng.IntN(5))}
		if rng.IntN(2) == 0 {
			e.Data = recorded(3).Append(nil)
		}
		m.Entries = append(m.Entries, e)
	}
	return m
}

func TestMalformedMessagesAreDropped(t *testing.T) {
	entry := func(index, term uint64, typ EntryType) Entry { return Entry{Index: index, Term: term, Type: typ} }
	for name, m := range map[string]Message{
		"no type":               {Term: 3},
		"not the core's":        {Type: MsgForward},
		"absurd term":           {Type: MsgVote, Term: math.MaxUint64},
		"last term above own":   {Type: MsgVote, Term: 3, LogIndex: 1, LogTerm: 4},
		"index without term":    {Type: MsgVote, Term: 3, LogIndex: 1},
		"gap":                   {Type: MsgAppend, Entries: []Entry{entry(2, 1, EntryNoOp)}},
		"term falls":            {Type: MsgAppend, Entries: []Entry{entry(1, 2, EntryNoOp), entry(2, 1, EntryNoOp)}},
		"term above the leader": {Type: MsgAppend, Entries: []Entry{entry(1, 3, EntryNoOp)}},
		"no term":               {Type: MsgAppend, Entries: []Entry{entry(1, 0, EntryNoOp)}},
		"no such entry type":    {Type: MsgAppend, Entries: []Entry{entry(1, 1, 9)}},
		"no configuration":      {Type: MsgAppend, Entries: []Entry{entry(1, 1, EntryConfig)}},
		"index overflows":       {Type: MsgAppend, LogIndex: math.MaxUint64, LogTerm: 1, Entries: []Entry{entry(0, 1, EntryNoOp)}},
		"no snapshot":           {Type: MsgSnapshot},
		"snapshot of nothing":   {Type: MsgSnapshot, Snapshot: &SnapshotMeta{Term: 1, Config: recorded(3)}},
		"snapshot from later":   {Type: MsgSnapshot, Snapshot: &SnapshotMeta{Index: 1, Term: 3, Config: recorded(3)}},
		"snapshot of nobody":    {Type: MsgSnapshot, Snapshot: &SnapshotMeta{Index: 1, Term: 1}},
		"snapshot of a name twice": {Type: MsgSnapshot, Snapshot: &SnapshotMeta{Index: 1, Term: 1, Config: Configuration{
			Members: []Member{{ID: "1", Role: Voter}, {ID: "1", Role: Voter}}}}},
		"configuration of nobody": {Type: MsgAppend, Entries: []Entry{{Index: 1, Term: 1, Type: EntryConfig, Data: Configuration{}.Append(nil)}}},
	} {
		s := newSolo(t, 3, HardState{Term: 2}, nil)
		s.hear("2", m)
		if out := s.turn(); s.term != 2 || s.leader != "" || s.log.last() != 0 || len(out.Sends) > 0 {
			t.Errorf("%s: %+v, sent %v", name, s.Status(), out.Sends)
		}
	}
	for name, m := range map[string]Message{
		"no incarnation": {Type: MsgVote, From: "2", Term: 3},
		"no sender":      {Type: MsgVote, Incarnation: 101, Term: 3},
		"no term":        {Type: MsgAppend, From: "2", Incarnation: 101},
	} {
		s := newSolo(t, 3, HardState{Term: 2}, nil)
		s.Receive(m)
		if out := s.turn(); s.term != 2 || len(out.Sends) > 0 {
			t.Errorf("%s: %+v, sent %v", name, s.Status(), out.Sends)
		}
	}
}

// A pre-vote may be refused by a node that has never been in a term.
func TestPreVoteIsRefusedInTermZero(t *testing.T) {
	s := newSolo(t, 3, HardState{}, nil)
	s.electionTimeout()
	for _, m := range recorded(3).Members[1:] {
		s.Receive(Message{Type: MsgPreVoteReply, From: m.ID, Incarnation: m.Incarnation, Round: s.nonce, Reject: true})
	}
	if s.role != Follower || s.Status().Elections.PreVoteLost != 1 {
		t.Errorf("%+v", s.Status())
	}
}
