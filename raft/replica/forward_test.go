package replica

import (
	"bytes"
	"testing"

	"redoubt/fsm"
	"redoubt/raft"
	"redoubt/resp"
)

// A leader that restarts has forgotten what it appended in its term. It must not
// tell a follower whose proposal comes once more that it surely was not.
func TestRestartedLeaderRefusesNothing(t *testing.T) {
	m := machineOf(raft.State{HardState: raft.HardState{Term: 5, Vote: "n1"}, Snapshot: raft.SnapshotMeta{Config: members(3)}})
	entry := fsm.AppendEntry(nil, nil)
	fsm.SetOrigin(entry, fsm.Origin{Boot: 7, Seq: 1})
	forward := raft.Message{Type: raft.MsgForward, From: "n2", Incarnation: 2, Term: 5, Entries: []raft.Entry{{Data: entry}}}

	m.Receive(forward)
	if sends := m.Flush().Sends; len(sends) > 0 {
		t.Fatalf("in the term of its former life it answers %+v", sends)
	}

	// In a term that it has seen begin, and does not lead, it knows.
	m.Receive(raft.Message{Type: raft.MsgHeartbeat, From: "n3", Incarnation: 3, Term: 6})
	seq := m.Flush().Writes[0].Seq
	m.Wrote(seq)
	m.Flush()
	forward.Term = 6
	m.Receive(forward)
	sends := m.Flush().Sends
	if len(sends) != 1 || sends[0].Type != raft.MsgForwardReply || !sends[0].Reject || sends[0].ID != 1 {
		t.Fatalf("it answers %+v, want one refusal", sends)
	}
}

// The refusal of what a former life of the process proposed says nothing about a
// proposal of this one, which counts from 1 again.
func TestRefusalForAFormerLifeIsNotTaken(t *testing.T) {
	for boot, open := range map[uint64]int{1: 0, 7: 1} {
		m := machineOf(raft.State{HardState: raft.HardState{Term: 5}, Snapshot: raft.SnapshotMeta{Config: members(3)}})
		hear(m, "n2", 6, raft.Message{Type: raft.MsgHeartbeat})
		m.Submit(batchOf("INCR k"))
		wantForward(t, forwardsOf(rest(m).Sends), "n2", 6, 1)
		hear(m, "n2", 0, raft.Message{Type: raft.MsgForwardReply, ID: 1, Round: boot, Reject: true})
		if len(m.pending) != open {
			t.Errorf("a refusal for life %d leaves %d proposals open, want %d", boot, len(m.pending), open)
		}
	}
}

// A leader says whose proposal it refuses.
func TestRefusalNamesTheLifeOfTheProcess(t *testing.T) {
	m := machineOf(raft.State{HardState: raft.HardState{Term: 5}, Snapshot: raft.SnapshotMeta{Config: members(3)}})
	hear(m, "n3", 6, raft.Message{Type: raft.MsgHeartbeat})
	rest(m)
	entry := batchOf("INCR k").entry
	fsm.SetOrigin(entry, fsm.Origin{Boot: 7, Seq: 1})
	hear(m, "n2", 6, raft.Message{Type: raft.MsgForward, Entries: []raft.Entry{{Data: entry}}})
	if sends := rest(m).Sends; len(sends) != 1 || sends[0].Type != raft.MsgForwardReply || sends[0].Round != 7 || sends[0].ID != 1 {
		t.Errorf("it answers %+v", sends)
	}
}

// forwardsOf are the proposals among messages.
func forwardsOf(sends []raft.Message) (list []raft.Message) {
	for _, msg := range sends {
		if msg.Type == raft.MsgForward {
			list = append(list, msg)
		}
	}
	return list
}

// A proposal is pinned to a term. That of an earlier one may have been settled by
// the entries since then and be on its way a second time.
func TestForwardOfAnEarlierTermIsNotTaken(t *testing.T) {
	m := machineOf(raft.State{HardState: raft.HardState{Term: 5}, Snapshot: raft.SnapshotMeta{Config: members(3)}})
	hear(m, "n3", 6, raft.Message{Type: raft.MsgHeartbeat})
	rest(m)
	lead(t, m)
	_, term := m.Core.Leader()
	for seq, tc := range []struct {
		term  uint64
		taken bool
	}{{term - 1, false}, {term, true}} {
		entry := batchOf("INCR k").entry
		fsm.SetOrigin(entry, fsm.Origin{Boot: 7, Seq: uint64(seq + 1)})
		last := m.Core.Status().LastIndex
		hear(m, "n2", tc.term, raft.Message{Type: raft.MsgForward, Entries: []raft.Entry{{Data: entry}}})
		for _, msg := range rest(m).Sends {
			if msg.Type == raft.MsgForwardReply {
				t.Errorf("term %d: answered %+v", tc.term, msg)
			}
		}
		if taken := m.Core.Status().LastIndex > last; taken != tc.taken {
			t.Errorf("in term %d a write that was meant for term %d is taken: %v", term, tc.term, taken)
		}
	}
}

// A proposal on its way to one leader is not made to the next one before an entry
// of the later term has settled that it is not in the log; then it is another
// proposal: the first one's bytes stay as they are, whoever has them. What has not
// left yet goes to the next leader at once.
func TestProposalBelongsToItsTerm(t *testing.T) {
	for _, sent := range []bool{false, true} {
		m := machineOf(raft.State{HardState: raft.HardState{Term: 5}, Snapshot: raft.SnapshotMeta{Config: members(3)}})
		hear(m, "n2", 6, raft.Message{Type: raft.MsgHeartbeat})
		rest(m)
		m.Submit(batchOf("INCR k"))
		var first []byte // as it lies in the queue of the link
		if sent {
			list := forwardsOf(rest(m).Sends)
			if len(list) != 1 || list[0].To != "n2" || list[0].Term != 6 {
				t.Fatalf("forwarded %+v, want one proposal to n2 in term 6", list)
			}
			first = list[0].Entries[0].Data
		}
		was := bytes.Clone(first)
		hear(m, "n3", 7, raft.Message{Type: raft.MsgHeartbeat})
		list := forwardsOf(rest(m).Sends)
		if sent {
			if len(list) > 0 {
				t.Fatalf("the leader of the next term is sent %+v", list)
			}
			noOp := raft.Entry{Index: 1, Term: 7, Type: raft.EntryNoOp}
			hear(m, "n3", 7, raft.Message{Type: raft.MsgAppend, Entries: []raft.Entry{noOp}, Commit: 1})
			list = forwardsOf(rest(m).Sends)
		}
		wantForward(t, list, "n3", 7, 2)
		if !bytes.Equal(first, was) {
			t.Error("the second attempt has changed the bytes of the first")
		}
	}
}

// wantForward checks that there is one proposal, to whom, and which attempt.
func wantForward(t *testing.T, list []raft.Message, to raft.NodeID, term, seq uint64) {
	t.Helper()
	if len(list) != 1 || list[0].To != to || list[0].Term != term {
		t.Fatalf("forwarded %+v, want one proposal to %s in term %d", list, to, term)
	}
	if o, _ := fsm.EntryOrigin(list[0].Entries[0].Data); o.Seq != seq {
		t.Errorf("attempt %d of the proposal, want %d", o.Seq, seq)
	}
}

// What never left would wait for its timeout if nobody made it again: as long as
// the leader stays, no later term settles it.
func TestProposalThatWasNotSentIsMadeAgain(t *testing.T) {
	for name, lose := range map[string]func(m *Machine){
		"the link does not take it": func(m *Machine) {
			list := forwardsOf(rest(m).Sends)
			wantForward(t, list, "n2", 6, 1)
			m.Unsent(list[0])
			if list := forwardsOf(rest(m).Sends); len(list) > 0 {
				t.Fatalf("forwarded %+v before a tick has passed", list)
			}
			m.Tick()
		},
		"the leader is out of sight": func(m *Machine) {
			m.Core.PeerDown("n2")
			if list := forwardsOf(rest(m).Sends); len(list) > 0 {
				t.Fatalf("forwarded %+v to a leader that is out of sight", list)
			}
			hear(m, "n2", 6, raft.Message{Type: raft.MsgHeartbeat})
		},
		"the next leader is proposed something else": func(m *Machine) {
			hear(m, "n3", 7, raft.Message{Type: raft.MsgHeartbeat})
			m.Submit(batchOf("INCR other"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := machineOf(raft.State{HardState: raft.HardState{Term: 5}, Snapshot: raft.SnapshotMeta{Config: members(3)}})
			hear(m, "n2", 6, raft.Message{Type: raft.MsgHeartbeat})
			rest(m)
			m.Submit(batchOf("INCR k"))
			lose(m)
			var seqs []uint64
			for _, msg := range forwardsOf(rest(m).Sends) {
				for _, e := range msg.Entries {
					o, _ := fsm.EntryOrigin(e.Data)
					seqs = append(seqs, o.Seq)
				}
			}
			for _, seq := range seqs {
				if m.pending[seq] == nil {
					t.Errorf("attempt %d is forwarded, and nobody waits for it", seq)
				}
			}
			if open := len(m.pending); len(seqs) == 0 || open != len(seqs) {
				t.Errorf("%d proposals forwarded, %d open: the others wait for their timeout", len(seqs), open)
			}
		})
	}
}

// What cannot leave before its term is durable is not made before that: it could
// leave long after its client was answered.
func TestProposalWaitsForTheTerm(t *testing.T) {
	m := machineOf(raft.State{HardState: raft.HardState{Term: 5}, Snapshot: raft.SnapshotMeta{Config: members(3)}})
	hear(m, "n2", 6, raft.Message{Type: raft.MsgHeartbeat})
	writes := m.Flush().Writes // the disk takes its time
	late, inTime := batchOf("INCR late"), batchOf("INCR k")
	m.Submit(late)
	m.Flush()
	m.UpMs += 1000
	for range expireEveryTicks {
		m.Tick()
	}
	if got := string(late.Reply); got != "-"+resp.ErrClusterDown+"\r\n" {
		t.Errorf("what did not leave in time is answered %q", got)
	}
	m.Submit(inTime)
	if list := forwardsOf(m.Flush().Sends); len(list) > 0 {
		t.Errorf("forwarded before the term is durable: %+v", list)
	}
	for _, w := range writes {
		m.Wrote(w.Seq)
	}
	list := forwardsOf(rest(m).Sends)
	if len(list) != 1 || len(list[0].Entries) != 1 || &list[0].Entries[0].Data[0] != &inTime.entry[0] {
		t.Errorf("forwarded afterwards: %+v", list)
	}
}

// Nobody else has what was not sent: it is not copied for each new attempt.
func TestWhatWasNotSentIsNotCopied(t *testing.T) {
	m := followerOf(t)
	b := batchOf("INCR k")
	first := &b.entry[0]
	m.Submit(b)
	for range 3 {
		m.Unsent(forwardsOf(rest(m).Sends)[0])
		m.Tick()
	}
	if list := forwardsOf(rest(m).Sends); len(list) != 1 || &list[0].Entries[0].Data[0] != first {
		t.Errorf("%+v", list)
	}
}

// A node that stops has surely not written what it has not sent.
func TestStopTakesBackWhatWasNotSent(t *testing.T) {
	m := followerOf(t)
	b := batchOf("INCR k")
	m.Submit(b)
	m.Stop()
	if got := string(b.Reply); got != "-"+resp.ErrClusterDown+"\r\n" {
		t.Errorf("answered %q", got)
	}
}

// Deadlines are not the wall clock's, which may jump.
func TestDeadlinesDoNotJump(t *testing.T) {
	for _, jumpMs := range []int64{-3_600_000, 3_600_000} {
		m := followerOf(t)
		b := batchOf("INCR k")
		m.Submit(b)
		rest(m)
		m.NowMs += jumpMs
		for range expireEveryTicks {
			m.Tick()
		}
		if b.Answered() {
			t.Errorf("the clock moved by %d ms: answered %q", jumpMs, b.Reply)
		}
		m.UpMs += 1000
		for range expireEveryTicks {
			m.Tick()
		}
		if !b.Answered() || !bytes.HasPrefix(b.Reply, []byte("-UNCERTAIN")) {
			t.Errorf("the clock moved by %d ms: after the timeout answered %q", jumpMs, b.Reply)
		}
	}
}
