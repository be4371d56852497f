package replica

import (
	"encoding/binary"
	"errors"
	"slices"

	"redoubt/raft"
)

// Membership is a request of an operator, on its way to the leader: a change of
// the members, or that somebody else is to lead.
type Membership struct {
	Change raft.MemberChange
	// Transfer asks the leader to hand over to Change.ID instead, "" meaning
	// whoever is best placed.
	Transfer bool

	done       chan error // gets the outcome, once
	deadlineMs int64
	open       []uint64 // attempts without an answer: any of them may have had an effect
	refusal    error    // the newest
	index      uint64   // the change is complete when this configuration is; 0 = not accepted yet
	term       uint64   // in which the oldest open attempt was made
	waitTicks  uint64   // until the next attempt: twice as long each time, for distant leaders
	askAgain   uint64   // tick
}

// NewMembership returns a request that has not been made yet.
func NewMembership(change raft.MemberChange, transfer bool) *Membership {
	return &Membership{Change: change, Transfer: transfer, done: make(chan error, 1)}
}

// Done gets the outcome of the request, once.
func (r *Membership) Done() <-chan error { return r.done }

// Outcomes of a request that no leader has refused.
var (
	ErrNoLeader = errors.New("replica: no leader took the request in time; nothing was changed")
	ErrUnclear  = errors.New("replica: the change is not complete yet, and goes on if it was begun")
)

// membershipRetryTicks is how long a request waits at first before it is made again.
const membershipRetryTicks = 5

// RequestMembership takes a request. It is made until a leader has accepted or
// refused it; asking twice for one change does no harm.
func (m *Machine) RequestMembership(r *Membership) {
	r.deadlineMs, r.waitTicks = m.UpMs+m.limits.TimeoutMs, membershipRetryTicks
	m.requests = append(m.requests, r)
	m.ask(r)
}

// ask makes a request to the leader, this node or another.
func (m *Machine) ask(r *Membership) {
	r.askAgain = m.ticks + r.waitTicks
	leader, term := m.Core.Leader()
	if !m.canPropose() {
		return
	}
	if len(r.open) == 0 {
		r.term = term
	}
	if leader == m.Core.ID() {
		index, err := m.decideMembership(r.Change, r.Transfer)
		m.membershipAnswered(r, index, err)
		return
	}
	m.requestID++
	r.waitTicks *= 2
	r.open = append(r.open, m.requestID)
	m.send(raft.Send{
		After: m.Core.TermSeq(),
		Msg: raft.Message{
			Type: raft.MsgChange, From: m.Core.ID(), To: leader, Term: term, ID: m.requestID, Round: m.boot,
			Entries: []raft.Entry{{Data: r.encode()}},
		},
	})
}

// decideMembership is the leader's answer to a request.
func (m *Machine) decideMembership(change raft.MemberChange, transfer bool) (uint64, error) {
	switch leader, _ := m.Core.Leader(); {
	case transfer && leader == change.ID && leader == m.Core.ID():
		return 0, nil
	case transfer:
		return 0, m.Core.TransferLeadership(change.ID)
	}
	return m.Core.ChangeMembers(change)
}

// membershipAnswered takes in what the leader has decided. What may be otherwise
// in a moment is asked again; a refusal for good counts when no attempt is left that
// may have been taken.
func (m *Machine) membershipAnswered(r *Membership, index uint64, err error) {
	switch {
	case err == nil && r.Transfer:
		r.index = 1
	case err == nil:
		r.index = max(index, 1)
	case slices.Contains(passingRefusals, err) || len(r.open) > 0:
		r.refusal = err
	default:
		m.settle(r, err)
	}
}

// requestOf returns the request that an attempt belongs to, if that is open.
func (m *Machine) requestOf(attempt uint64) *Membership {
	i := slices.IndexFunc(m.requests, func(r *Membership) bool { return slices.Contains(r.open, attempt) })
	if i < 0 {
		return nil
	}
	return m.requests[i]
}

func (r *Membership) answered(attempt uint64) {
	r.open = slices.DeleteFunc(r.open, func(id uint64) bool { return id == attempt })
}

// refusals are the reasons of a leader, as MsgChangeReply.Index counts them from
// 1 on; the order is part of the protocol between nodes.
var refusals = []error{
	errors.New("replica: the leader does not know this request"),
	raft.ErrNotLeader, raft.ErrTransferring, raft.ErrChanging,
	raft.ErrNoQuorum, raft.ErrMember, raft.ErrNoMember, raft.ErrNotVoter, raft.ErrRemoved, raft.ErrLast, raft.ErrNoTarget,
}

var passingRefusals = []error{raft.ErrNotLeader, raft.ErrTransferring, raft.ErrChanging, raft.ErrNoQuorum}

// membershipAsked answers another member's request.
func (m *Machine) membershipAsked(msg raft.Message) {
	_, term := m.Core.Leader()
	m.seen.in(term)
	if msg.Term != term || msg.Term <= m.bootTerm || len(msg.Entries) != 1 || msg.ID <= m.seen.asked[msg.Round] {
		return // what comes once more must not undo what has happened since, as in forwarded
	}
	m.seen.asked[msg.Round] = msg.ID
	reply := raft.Message{Type: raft.MsgChangeReply, From: m.Core.ID(), To: msg.From, Term: term, ID: msg.ID, Round: msg.Round}
	change, transfer, ok := decodeMembership(msg.Entries[0].Data)
	index, err := uint64(0), refusals[0]
	if ok {
		index, err = m.decideMembership(change, transfer)
	}
	if reply.Index = index; err != nil {
		reply.Reject = true
		reply.Index = uint64(max(slices.Index(refusals, err), 0))
	}
	m.send(raft.Send{After: m.Core.TermSeq(), Msg: reply})
}

func (m *Machine) membershipReplied(msg raft.Message) {
	r := m.requestOf(msg.ID)
	if r == nil || r.index > 0 || msg.Round != m.boot || msg.Reject && msg.Index >= uint64(len(refusals)) {
		return
	}
	if r.answered(msg.ID); msg.Reject {
		m.membershipAnswered(r, 0, refusals[msg.Index])
	} else {
		m.membershipAnswered(r, msg.Index, nil)
	}
}

// tickMembership makes requests again, and answers those that are complete or
// whose time is up.
func (m *Machine) tickMembership() {
	for _, r := range slices.Clone(m.requests) {
		switch {
		case (r.index > 0 || r.Transfer && len(r.open) > 0) && m.isComplete(r):
			m.settle(r, nil)
		case r.index > 0 && m.isLost(r):
			r.index, r.askAgain = 0, m.ticks+1
		case m.UpMs >= r.deadlineMs && (r.index > 0 || len(r.open) > 0):
			m.settle(r, ErrUnclear)
		case m.UpMs >= r.deadlineMs && r.refusal != nil && r.refusal != raft.ErrNotLeader:
			m.settle(r, r.refusal)
		case m.UpMs >= r.deadlineMs:
			m.settle(r, ErrNoLeader)
		case r.index == 0 && m.ticks >= r.askAgain:
			m.ask(r)
		}
	}
}

func (m *Machine) isComplete(r *Membership) bool {
	leader, term := m.Core.Leader()
	switch me := m.Core.ID(); {
	case r.Transfer:
		return leader != "" && (term > r.term || leader == r.Change.ID)
	case m.Core.Removed(me): // and will know no more
		return r.Change.Kind == raft.Remove && r.Change.ID == me
	}
	complete, _ := m.Core.ChangeComplete(&r.Change, r.index)
	return complete
}

// isLost: the change was accepted by a leader that was replaced before it was
// committed. In one term nothing is lost; then somebody else has undone it.
func (m *Machine) isLost(r *Membership) bool {
	_, lost := m.Core.ChangeComplete(&r.Change, r.index)
	_, term := m.Core.Leader()
	return lost && !r.Transfer && term > r.term
}

func (m *Machine) settle(r *Membership, err error) {
	m.requests = slices.DeleteFunc(m.requests, func(other *Membership) bool { return other == r })
	r.done <- err
}

// encode: kind 1 (0 = transfer) | flags 1 | five strings and the incarnation;
// lengths before strings are uvarints.
func (r *Membership) encode() []byte {
	ch := &r.Change
	b := []byte{byte(ch.Kind), 0}
	if r.Transfer {
		b[0] = 0
	}
	if ch.Force {
		b[1] = 1
	}
	for _, s := range []string{string(ch.ID), string(ch.Old), ch.Addr, ch.PeerAddr} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return binary.LittleEndian.AppendUint64(b, ch.Incarnation)
}

func decodeMembership(b []byte) (ch raft.MemberChange, transfer, ok bool) {
	if len(b) < 2 || b[1] > 1 {
		return ch, false, false
	}
	ch.Kind, transfer, ch.Force = raft.ChangeKind(b[0]), b[0] == 0, b[1] == 1
	b = b[2:]
	var s [4]string
	for i := range s {
		n, k := binary.Uvarint(b)
		if k <= 0 || n > uint64(len(b)-k) {
			return ch, false, false
		}
		s[i], b = string(b[k:k+int(n)]), b[k+int(n):]
	}
	if len(b) != 8 {
		return ch, false, false
	}
	ch.ID, ch.Old, ch.Addr, ch.PeerAddr = raft.NodeID(s[0]), raft.NodeID(s[1]), s[2], s[3]
	ch.Incarnation = binary.LittleEndian.Uint64(b)
	return ch, transfer, true
}
