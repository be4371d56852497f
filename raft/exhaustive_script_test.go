package raft

import (
	"fmt"
	"slices"
)

// script brings a cluster into the state in which a search begins. Messages are
// delivered once.
type script struct {
	x         *explorer
	w         world
	delivered map[uint32]bool
}

func (s *script) do(kind eventKind, node int, arg uint32) { s.happen(newEvent(kind, node-1, arg)) }

func (s *script) happen(e event) {
	s.x.script = append(s.x.script, e)
	s.w.left = ^budget(0)
	next, _ := s.x.after(&s.w, e)
	next.net = slices.Clone(next.net)
	s.w = next
	s.x.check(&s.w)
}

func (s *script) view(id int) *view { return &s.x.views[s.w.nodes[id-1]] }

// one lets the next thing happen among ids: a write is done, or else the oldest
// message arrives that has not yet.
func (s *script) one(ids ...int) bool {
	for _, id := range ids {
		if s.view(id).pending > 0 {
			s.do(evPersist, id, 0)
			return true
		}
	}
	for _, number := range s.w.net {
		m := &s.x.messages[number]
		from, to := nodeIndex(m.From)+1, nodeIndex(m.To)+1
		if !s.delivered[number] && slices.Contains(ids, from) && slices.Contains(ids, to) {
			s.deliver(number)
			return true
		}
	}
	return false
}

func (s *script) deliver(number uint32) {
	m := &s.x.messages[number]
	e := newEvent(evDeliver, nodeIndex(m.To), number)
	if (m.Type == MsgVote || m.Type == MsgPreVote) && s.x.views[s.w.nodes[e.node()]].hears {
		e |= eventLate
	}
	s.delivered[number] = true
	s.happen(e)
}

// settle goes on until all is quiet among ids.
func (s *script) settle(ids ...int) {
	for s.one(ids...) {
	}
}

// elect makes the first of ids leader with the votes of the others.
func (s *script) elect(ids ...int) {
	for range 3 { // refused at first, it learns the term
		s.do(evTimeout, ids[0], 0)
		for s.one(ids...) {
			if s.view(ids[0]).role == Leader {
				return
			}
		}
	}
	panic(fmt.Sprintf("%d is not elected", ids[0]))
}

// keep loses all messages but those of these types.
func (s *script) keep(types ...MessageType) {
	s.w.net = slices.DeleteFunc(s.w.net, func(number uint32) bool { return !slices.Contains(types, s.x.messages[number].Type) })
}

func (s *script) said(typ MessageType, from, to int) (number uint32, ok bool) {
	for _, number := range slices.Backward(s.w.net) {
		if m := &s.x.messages[number]; m.Type == typ && m.From == nodeID(from) && m.To == nodeID(to) {
			return number, true
		}
	}
	return 0, false
}

// find returns the number of the newest message of that type on the network.
func (s *script) find(typ MessageType, from, to int) uint32 {
	number, ok := s.said(typ, from, to)
	if !ok {
		panic(fmt.Sprintf("%d has not said %s to %d", from, messageNames[typ], to))
	}
	return number
}

// until goes on among two nodes until one has said that to the other.
func (s *script) until(typ MessageType, from, to int) {
	for {
		if _, ok := s.said(typ, from, to); ok {
			return
		}
		if !s.one(from, to) {
			panic(fmt.Sprintf("%d does not say %s to %d", from, messageNames[typ], to))
		}
	}
}

// again puts a message that was lost back on the network.
func (s *script) again(number uint32) {
	s.w.net = slices.Clone(s.x.union(s.w.net, []uint32{number}))
}

// started: 1 leads and knows that a command is committed; the others have it.
func (s *script) started() {
	s.elect(1, 2, 3)
	s.do(evPropose, 1, 15)
	s.settle(1, 2, 3)
	s.keep()
}

// lagging: 1 and 2 have committed a command that 3 lacks.
func (s *script) lagging() {
	s.started()
	s.do(evPropose, 1, 14)
	s.settle(1, 2)
	s.keep()
}

// replaced: 1 has two commands of its own on its disk and still leads; 2 leads a
// later term with the vote of 3.
func (s *script) replaced() {
	s.started()
	s.do(evPropose, 1, 14)
	s.do(evPropose, 1, 13)
	s.settle(1)
	s.keep()
	s.elect(2, 3)
	s.keep(MsgAppend)
}

// figure8 is just before (c) in the paper's figure: 1 leads again, and the entry
// of its first term is about to reach a majority. 3, who has another one there,
// knows the term.
func (s *script) figure8() {
	s.started()
	s.do(evPropose, 1, 14)
	s.settle(1)
	s.do(evCrash, 1, 0)
	s.keep()
	s.elect(3, 2)
	s.settle(3)
	s.do(evCrash, 3, 0)
	s.keep()
	s.elect(1, 2)
	s.deliver(s.find(MsgVote, 1, 3))
	s.keep(MsgAppend)
}

// lateVote: 2's vote for 1 is on its way, and 3 has been elected since.
func (s *script) lateVote() {
	s.do(evTimeout, 1, 0)
	s.until(MsgVoteReply, 2, 1)
	s.elect(3, 2)
	s.settle(2, 3)
	s.keep(MsgVoteReply)
}

// votesUnderWay: all have voted for 1, which does not know it yet.
func (s *script) votesUnderWay() {
	s.do(evTimeout, 1, 0)
	s.until(MsgVoteReply, 2, 1)
	s.deliver(s.find(MsgVote, 1, 3))
	s.settle(3)
	s.keep(MsgVoteReply)
}

// leadsAgain: 1 leads for the second time. 2 has acknowledged an entry of the
// first that 1 has lost, and much of what was said then is still on its way.
func (s *script) leadsAgain() {
	s.started()
	s.do(evRead, 1, 2)
	s.settle(1, 2, 3)
	s.keep(MsgHeartbeatReply)
	s.do(evPropose, 1, 14)
	s.deliver(s.find(MsgAppend, 1, 2))
	s.settle(2)
	s.keep(MsgAppendReply, MsgHeartbeatReply)
	s.do(evCrash, 1, 0)
	s.elect(3, 1)
	s.settle(3, 1)
	s.do(evCrash, 3, 0)
	s.elect(1, 3)
	s.keep(MsgAppend, MsgAppendReply, MsgHeartbeatReply, MsgVoteReply)
}

// asked: a follower's read was confirmed, and the answer is on its way once
// more. The follower has crashed since, and a command was committed.
func (s *script) asked() {
	s.started()
	s.do(evRead, 2, 2)
	s.settle(1, 2, 3)
	s.do(evCrash, 2, 0)
	s.do(evPropose, 1, 14)
	s.settle(1, 3)
	s.do(evTick, 1, 0)
	s.settle(1, 2)
	s.keep(MsgHeartbeatReply, MsgReadIndexReply)
}

// confirmed: a read at 1 was confirmed, and the answers are on their way once
// more; those to another read have not arrived yet. 2 leads a later term and has
// committed an entry.
func (s *script) confirmed() {
	s.started()
	s.do(evRead, 1, 2)
	s.settle(1, 2, 3)
	s.do(evRead, 1, 2)
	s.deliver(s.find(MsgHeartbeat, 1, 3))
	s.elect(2, 3)
	s.settle(2, 3)
	s.keep(MsgHeartbeatReply)
}

// lateOrder: 1 has told 2 to take over and given it up since, before 2 heard it.
func (s *script) lateOrder() {
	s.started()
	s.do(evTransfer, 1, 1)
	order := s.find(MsgTimeoutNow, 1, 2)
	s.keep()
	for range 2 {
		s.do(evTick, 1, 0)
		s.settle(1, 3)
	}
	s.keep()
	s.again(order)
}

// snapshotNeeded: 2 has dropped from its log what 1 lacks, and 1 has other
// entries in its place. The entry that was dropped is on its way, too.
func (s *script) snapshotNeeded() {
	s.replaced()
	dropped := s.find(MsgAppend, 2, 1)
	s.settle(2, 3)
	s.keep()
	s.do(evCompact, 2, 0)
	s.do(evTick, 2, 0)
	s.until(MsgSnapshot, 2, 1)
	s.keep(MsgSnapshot)
	s.again(dropped)
}

// halfFounded: 1 and 2 have committed the configuration with the incarnations; 3
// knows nothing of it.
func (s *script) halfFounded() {
	s.elect(1, 2, 3)
	s.settle(1, 2)
	s.keep()
}

// joined: 4 has been added and has the log; that it becomes a voter is on the
// leader's disk and on its way.
func (s *script) joined() {
	s.started()
	s.do(evChange, 1, 0)
	s.untilVoter(4, 1, 2, 3, 4)
	s.keep(MsgAppend)
}

// replacing: 3 is dead, and 4 is about to take its place.
func (s *script) replacing() {
	s.started()
	s.do(evChange, 1, 0)
	s.untilVoter(4, 1, 2, 4)
	s.keep(MsgAppend)
}

// untilVoter goes on among ids until the leader 1 has made id a voter.
func (s *script) untilVoter(id int, ids ...int) {
	for {
		m, _ := s.x.nodes[s.w.nodes[0]].core.Member(nodeID(id))
		switch {
		case m.Role == Voter:
			return
		case !s.one(ids...):
			panic(fmt.Sprintf("%d does not become a voter", id))
		}
	}
}

// leaving: the leader has a joint configuration without 3, and so has 2.
func (s *script) leaving() {
	s.started()
	s.do(evChange, 1, 0)
	s.deliver(s.find(MsgAppend, 1, 2))
	s.keep(MsgAppend)
}

// leaderLeaving: the configuration in which 1 leaves is under way.
func (s *script) leaderLeaving() {
	s.started()
	s.do(evChange, 1, 0)
	s.keep(MsgAppend)
}
