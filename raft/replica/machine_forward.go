package replica

import (
	"redoubt/fsm"
	"redoubt/raft"
	"redoubt/resp"
)

// Writes that a follower's clients make go to the leader in MsgForward, pinned to its
// term. A write is settled when its entry is committed, or an entry of a later term
// without it, or when it surely was not sent or not appended.

// forwards are this turn's proposals for the leader of term.
type forwards struct {
	leader  raft.NodeID
	term    uint64
	entries []raft.Entry
}

// seen is what a leader has taken from followers in its term: by the boot
// number of the follower's process, the newest sequence number. A proposal that
// comes twice must not be appended twice, nor be refused after it was appended.
type seen struct {
	term  uint64
	seq   map[uint64]uint64
	asked map[uint64]uint64 // the same of requests for changes of the members
}

// in begins anew with each term.
func (s *seen) in(term uint64) {
	if s.term != term {
		s.term = term
		clear(s.seq)
		clear(s.asked)
	}
}

func (m *Machine) sendForwards() {
	if leader, term := m.Core.Leader(); leader != m.forwards.leader || term != m.forwards.term {
		m.recallForwards()
	}
	f := m.forwards
	m.forwards = forwards{}
	for rest := f.entries; len(rest) > 0; {
		n, size := 1, len(rest[0].Data)
		for n < len(rest) && size+len(rest[n].Data) <= maxForwardBytes {
			size += len(rest[n].Data)
			n++
		}
		m.send(raft.Send{
			After: m.Core.TermSeq(),
			Msg:   raft.Message{Type: raft.MsgForward, From: m.Core.ID(), To: f.leader, Term: f.term, Entries: rest[:n:n]},
		})
		rest = rest[n:]
	}
}

// recallForwards takes back what was meant for a leader and has not been sent.
// It cannot wait for the entries of a later term to settle it: the leader that we
// lost sight of may still be there, and there will be none.
func (m *Machine) recallForwards() {
	m.waiting = append(m.waiting, m.takeBack(m.forwards.entries)...)
	m.forwards = forwards{}
}

// takeBack returns the batches of entries that nobody else has seen.
func (m *Machine) takeBack(entries []raft.Entry) (batches []*Batch) {
	for _, e := range entries {
		o, _ := fsm.EntryOrigin(e.Data)
		if b := m.pending[o.Seq]; b != nil {
			delete(m.pending, o.Seq)
			b.proposed = false
			batches = append(batches, b)
		}
	}
	return batches
}

// Why a leader refuses what was forwarded to it: MsgForwardReply.Index.
const (
	refusedForNow   = 0 // it leads no more, or takes nothing at the moment
	refusedDiskFull = 1
)

// forwardRefused takes back a proposal that surely was not appended. It is
// proposed again with the next tick: whoever refuses now would do so for ever if
// he were asked at once.
func (m *Machine) forwardRefused(msg raft.Message) {
	b := m.pending[msg.ID] // every attempt has its own number, in each life of the process
	if b == nil || msg.Round != m.boot {
		return
	}
	delete(m.pending, msg.ID)
	if msg.Index == refusedDiskFull {
		b.fail(resp.ErrMisconf)
		return
	}
	b.busy = true
	m.refused = append(m.refused, b)
}

// Unsent is told that a message was not sent: its link is down, or the queue
// full. Raft repeats what it needs, but nobody repeats a proposal. It is made again
// with the next tick.
func (m *Machine) Unsent(msg raft.Message) {
	switch msg.Type {
	case raft.MsgForward:
		m.refused = append(m.refused, m.takeBack(msg.Entries)...)
	case raft.MsgChange:
		if r := m.requestOf(msg.ID); r != nil {
			r.answered(msg.ID)
		}
	}
}

// forwarded appends what a follower's clients want written, or says that it
// surely was not appended. It keeps silent where it cannot know: then the
// entries of a later term settle the proposal at the follower. It cannot know of
// a term that began before this process: it may have led it and forgotten what
// it appended.
func (m *Machine) forwarded(msg raft.Message) {
	leader, term := m.Core.Leader()
	if msg.Term != term || msg.Term <= m.bootTerm {
		return
	}
	m.seen.in(term)
	appended := false
	for _, e := range msg.Entries {
		o, ok := fsm.EntryOrigin(e.Data)
		if !ok || o.Seq <= m.seen.seq[o.Boot] {
			continue
		}
		m.seen.seq[o.Boot] = o.Seq
		_, isMember := m.Core.Member(msg.From) // who has left cannot answer its client
		if isMember && leader == m.Core.ID() && !m.diskFull && fsm.CheckEntry(e.Data, m.limits.Databases) == nil {
			if _, err := m.append(e.Data); err == nil {
				appended = true
				continue
			}
		}
		why := uint64(refusedForNow)
		if leader == m.Core.ID() && m.diskFull {
			why = refusedDiskFull
		}
		m.fx.Sends = append(m.fx.Sends, raft.Message{
			Type: raft.MsgForwardReply, From: m.Core.ID(), To: msg.From, ID: o.Seq, Round: o.Boot, Index: why, Reject: true,
		})
	}
	if appended {
		m.Core.NotifyCommit(msg.From)
	}
}
