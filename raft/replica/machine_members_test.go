package replica

import (
	"errors"
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
		"refused, then accepted":             {true, []answer{refusal(raft.ErrChanging), {index: 1}}, nil},
		"accepted, and not complete in time": {true, []answer{{index: 9}}, ErrUnclear},
		"a refusal that is not known":        {true, []answer{{reject: true, index: 99}}, ErrUnclear},
		"a former life's was accepted":       {true, []answer{{old: true, index: 1}}, ErrUnclear},
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
				}
			}
			m.NowMs += 10
			beat()
			m.Tick()
			select {
			case got = <-r.Done():
				open = false
			default:
			}
		}
		if open || !errors.Is(got, test.want) {
			t.Errorf("%s: %v (no outcome: %v), want %v", name, got, open, test.want)
		}
	}
}
