package replica

import (
	"errors"
	"slices"
	"testing"

	"redoubt/raft"
)

func TestMembershipCodec(t *testing.T) {
	for _, r := range []Membership{
		{Change: raft.MemberChange{Kind: raft.Replace, ID: "n4", Old: "n3", Addr: "a:1", PeerAddr: "b:2", Incarnation: 7, Force: true}},
		{Change: raft.MemberChange{Kind: raft.Remove, ID: "n1"}},
		{Change: raft.MemberChange{ID: "n2"}, Transfer: true},
	} {
		b := r.encode()
		ch, transfer, ok := decodeMembership(b)
		if !ok || ch != r.Change || transfer != r.Transfer {
			t.Errorf("%+v became %+v, %v, %v", r.Change, ch, transfer, ok)
		}
		for n := range b {
			if _, _, ok := decodeMembership(b[:n]); ok {
				t.Errorf("%d of %d bytes are enough", n, len(b))
			}
		}
		if _, _, ok := decodeMembership(append(b, 0)); ok {
			t.Error("a byte too many is taken")
		}
		b[1] = 2
		if _, _, ok := decodeMembership(b); ok {
			t.Error("an unknown flag is taken")
		}
	}
}

// What becomes of a request depends on what was answered, and on what was not.
func TestOutcomeOfARequest(t *testing.T) {
	type answer struct {
		lost   bool
		old    bool // meant for a former life of the process
		reject bool
		index  uint64
	}
	refusal := func(err error) answer {
		for i, e := range refusals {
			if e == err {
				return answer{reject: true, index: uint64(i)}
			}
		}
		panic(err)
	}
	for name, test := range map[string]struct {
		leader  bool
		answers []answer
		want    error
	}{
		"nobody leads":                       {false, nil, ErrNoLeader},
		"the leader does not answer":         {true, nil, ErrUnclear},
		"it is refused for good":             {true, []answer{refusal(raft.ErrRemoved)}, raft.ErrRemoved},
		"it is refused for as long as asked": {true, []answer{refusal(raft.ErrNoQuorum)}, raft.ErrNoQuorum},
		"it may have been taken at first":    {true, []answer{{lost: true}, refusal(raft.ErrChanging)}, ErrUnclear},
		"refused, then accepted":             {true, []answer{refusal(raft.ErrChanging), {index: 2}}, nil},
		"accepted, and not complete in time": {true, []answer{{index: 9}}, ErrUnclear},
		"a refusal that is not known":        {true, []answer{{reject: true, index: 99}}, ErrUnclear},
		"a former life's was refused":        {true, []answer{{old: true, reject: true, index: refusal(raft.ErrRemoved).index}}, ErrUnclear},
	} {
		m := machineOf(raft.State{Snapshot: raft.SnapshotMeta{Config: members(3)}})
		beat := func() {
			if test.leader {
				hear(m, "n2", 1, raft.Message{Type: raft.MsgAppend, Commit: 1, Entries: []raft.Entry{{Index: 1, Term: 1, Type: raft.EntryNoOp}}})
			}
		}
		beat()
		rest(m)
		r := NewMembership(raft.MemberChange{Kind: raft.Remove, ID: "n3"}, false)
		m.RequestMembership(r)
		var got error
		open := true
		for tick := 0; open && tick < 1000; tick++ {
			for _, msg := range rest(m).Sends {
				if msg.Type != raft.MsgChange {
					continue
				}
				a := answer{lost: true}
				if len(test.answers) > 0 {
					a = test.answers[0]
					if len(test.answers) > 1 {
						test.answers = test.answers[1:]
					}
				}
				if !a.lost {
					reply := raft.Message{Type: raft.MsgChangeReply, ID: msg.ID, Round: msg.Round, Index: a.index, Reject: a.reject}
					if a.old {
						reply.Round++
					}
					hear(m, "n2", 1, reply)
					if !a.old && !a.reject && a.index == 2 {
						without := raft.Configuration{Members: members(3).Members[:2], Removed: []raft.NodeID{"n3"}}
						entry := raft.Entry{Index: 2, Term: 1, Type: raft.EntryConfig, Data: without.Append(nil)}
						hear(m, "n2", 1, raft.Message{Type: raft.MsgAppend, LogIndex: 1, LogTerm: 1, Commit: 2, Entries: []raft.Entry{entry}})
					}
				}
			}
			m.UpMs += 10
			beat()
			m.Tick()
			got, open = outcomeOf(r)
		}
		if open || !errors.Is(got, test.want) {
			t.Errorf("%s: %v (no outcome: %v), want %v", name, got, open, test.want)
		}
	}
}

// followerOf is n1 where n2 leads in term 1 and its first entry is committed.
func followerOf(t *testing.T) *Machine {
	t.Helper()
	m := machineOf(raft.State{Snapshot: raft.SnapshotMeta{Config: members(3)}})
	noOp := raft.Entry{Index: 1, Term: 1, Type: raft.EntryNoOp}
	hear(m, "n2", 1, raft.Message{Type: raft.MsgAppend, Commit: 1, Entries: []raft.Entry{noOp}})
	rest(m)
	return m
}

// outcomeOf takes the outcome of a request, if there is one.
func outcomeOf(r *Membership) (err error, open bool) {
	select {
	case err = <-r.Done():
		return err, false
	default:
		return nil, true
	}
}

// asked returns the requests among the messages.
func asked(fx Effects) (list []raft.Message) {
	for _, msg := range fx.Sends {
		if msg.Type == raft.MsgChange {
			list = append(list, msg)
		}
	}
	return list
}

// A leader that accepts a change and is replaced before it is anywhere else has
// changed nothing: the entry of the next leader has come in its place.
func TestLostChangeIsMadeAgain(t *testing.T) {
	m := followerOf(t)
	r := NewMembership(raft.MemberChange{Kind: raft.Remove, ID: "n3"}, false)
	m.RequestMembership(r)
	first := asked(rest(m))
	hear(m, "n2", 1, raft.Message{Type: raft.MsgChangeReply, ID: first[0].ID, Round: first[0].Round, Index: 2})
	noOp := raft.Entry{Index: 2, Term: 2, Type: raft.EntryNoOp}
	hear(m, "n3", 2, raft.Message{Type: raft.MsgAppend, LogIndex: 1, LogTerm: 1, Commit: 2, Entries: []raft.Entry{noOp}})
	rest(m)
	var again []raft.Message
	for range 3 {
		m.Tick()
		again = append(again, asked(rest(m))...)
	}
	if len(again) != 1 || again[0].To != "n3" || again[0].Term != 2 {
		t.Errorf("asked again: %+v", again)
	}
	if err, open := outcomeOf(r); !open {
		t.Errorf("the outcome is said to be %v", err)
	}
}

// However far away the leader is, its answer is heard.
func TestRequestToADistantLeader(t *testing.T) {
	const distance = 12 // ticks until the answer is there
	for name, tt := range map[string]struct {
		transfer bool
		reply    raft.Message
		want     error
	}{
		"refused":     {false, raft.Message{Reject: true, Index: uint64(slices.Index(refusals, raft.ErrRemoved))}, raft.ErrRemoved},
		"transferred": {true, raft.Message{}, nil},
	} {
		m := followerOf(t)
		r := NewMembership(raft.MemberChange{Kind: raft.AddVoter, ID: "n9"}, tt.transfer)
		m.RequestMembership(r)
		due := map[int][]raft.Message{}
		asks := 0
		var got error
		open := true
		for tick := 0; open && tick < 200; tick++ {
			for _, msg := range asked(rest(m)) {
				asks++
				reply := tt.reply
				reply.Type, reply.ID, reply.Round = raft.MsgChangeReply, msg.ID, msg.Round
				due[tick+distance] = append(due[tick+distance], reply)
			}
			for _, reply := range due[tick] {
				hear(m, "n2", 1, reply)
			}
			if tt.transfer && tick > 3*distance {
				hear(m, "n3", 2, raft.Message{Type: raft.MsgHeartbeat})
			}
			m.UpMs += 1
			m.Tick()
			got, open = outcomeOf(r)
		}
		if open || !errors.Is(got, tt.want) || asks > 4 {
			t.Errorf("%s: %v (open: %v) after %d attempts, want %v", name, got, open, asks, tt.want)
		}
	}
}

// Who was asked to hand over and does not lead any more has done so, whether the
// answer came or not. Another leader is not asked.
func TestTransferEndsWithTheLeader(t *testing.T) {
	m := followerOf(t)
	r := NewMembership(raft.MemberChange{}, true)
	m.RequestMembership(r)
	rest(m)
	hear(m, "n3", 2, raft.Message{Type: raft.MsgHeartbeat})
	m.Tick()
	if more := asked(rest(m)); len(more) > 0 {
		t.Errorf("the next leader is asked: %+v", more)
	}
	if err, open := outcomeOf(r); open || err != nil {
		t.Errorf("%v, no outcome: %v", err, open)
	}
}

// What never left was not begun.
func TestRequestThatIsNotSent(t *testing.T) {
	m := followerOf(t)
	r := NewMembership(raft.MemberChange{Kind: raft.Remove, ID: "n3"}, false)
	m.RequestMembership(r)
	for range 200 {
		for _, msg := range asked(rest(m)) {
			m.Unsent(msg)
		}
		hear(m, "n2", 1, raft.Message{Type: raft.MsgHeartbeat})
		m.UpMs += 10
		m.Tick()
	}
	if err, open := outcomeOf(r); err != ErrNoLeader {
		t.Errorf("%v, no outcome: %v", err, open)
	}
}

// A leader that restarts in its term has forgotten what it answered.
func TestRestartedLeaderAnswersNoRequest(t *testing.T) {
	m := machineOf(raft.State{HardState: raft.HardState{Term: 5, Vote: "n1"}, Snapshot: raft.SnapshotMeta{Config: members(3)}})
	r := NewMembership(raft.MemberChange{Kind: raft.Remove, ID: "n3"}, false)
	hear(m, "n2", 5, raft.Message{Type: raft.MsgChange, ID: 1, Round: 7, Entries: []raft.Entry{{Data: r.encode()}}})
	if sends := rest(m).Sends; len(sends) > 0 {
		t.Errorf("it answers %+v", sends)
	}
}
