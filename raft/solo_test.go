package raft

import (
	"testing"
)

// solo is one core, node 1 of some voters, whose peers are played by the test.
// Its configuration records every incarnation.
type solo struct {
	*Core
	t      *testing.T
	voters int
}

func recorded(voters int) Configuration {
	config := bootstrapConfig(voters, 0)
	for i := range config.Members {
		config.Members[i].Incarnation = uint64(100 + i)
	}
	return config
}

// logOf makes entries 1… with these terms.
func logOf(terms ...uint64) []Entry {
	var entries []Entry
	for i, term := range terms {
		entries = append(entries, Entry{Index: uint64(i + 1), Term: term, Type: EntryCommand, Data: []byte{byte(i)}})
	}
	return entries
}

func newSolo(t *testing.T, voters int, hard HardState, entries []Entry) *solo {
	cfg := testConfig("1", 100, 1)
	return &solo{New(cfg, State{HardState: hard, Snapshot: SnapshotMeta{Config: recorded(voters)}, Entries: entries}), t, voters}
}

// hear receives m from a peer. Answers are to this process.
func (s *solo) hear(from NodeID, m Message) {
	member, _ := recordedMember(s.voters, from)
	m.From, m.To, m.Incarnation = from, "1", member.Incarnation
	if m.Term == 0 {
		m.Term = s.term
	}
	if m.Round == 0 && m.toProcess() {
		m.Round = s.nonce
	}
	s.Receive(m)
}

func recordedMember(voters int, id NodeID) (Member, bool) {
	config := recorded(voters)
	return config.member(id)
}

// turn flushes until nothing more comes, with a disk that is done at once.
func (s *solo) turn() Output {
	var all Output
	for {
		out := s.Flush()
		all.Sends = append(all.Sends, out.Sends...)
		all.Committed = append(all.Committed, out.Committed...)
		all.Reads = append(all.Reads, out.Reads...)
		all.FailedReads = append(all.FailedReads, out.FailedReads...)
		all.SnapshotTo = append(all.SnapshotTo, out.SnapshotTo...)
		if out.Install != nil {
			all.Install = out.Install
		}
		if out.Write == nil {
			return all
		}
		all.Write = out.Write
		s.Persisted(out.Write.Seq)
	}
}

// sent returns the messages of that type.
func (o Output) sent(typ MessageType) []Message {
	var list []Message
	for _, s := range o.Sends {
		if s.Msg.Type == typ {
			list = append(list, s.Msg)
		}
	}
	return list
}

// one returns the only message of that type.
func (s *solo) one(o Output, typ MessageType) Message {
	s.t.Helper()
	list := o.sent(typ)
	if len(list) != 1 {
		s.t.Fatalf("%d messages %s, want one: %v", len(list), messageNames[typ], o.Sends)
	}
	return list[0]
}

// stand makes s a candidate of the next term whose vote is durable.
func (s *solo) stand() Output {
	s.electionTimeout()
	for i := 2; i <= s.voters && s.role == PreCandidate; i++ {
		s.hear(nodeID(i), Message{Type: MsgPreVoteReply, Term: s.term + 1})
	}
	return s.turn()
}

// win makes s the leader of the next term.
func (s *solo) win() Output {
	s.stand()
	for i := 2; i <= s.voters && s.role == Candidate; i++ {
		s.hear(nodeID(i), Message{Type: MsgVoteReply})
	}
	if s.role != Leader {
		s.t.Fatalf("not elected: %+v", s.Status())
	}
	return s.turn()
}

// ack lets peers acknowledge everything up to index.
func (s *solo) ack(index uint64, peers ...NodeID) {
	for _, id := range peers {
		s.hear(id, Message{Type: MsgAppendReply, Index: index})
	}
}

func (s *solo) terms() []uint64 {
	terms := []uint64{}
	for _, e := range s.log.entries {
		terms = append(terms, e.Term)
	}
	return terms
}
