package raft

import "math"

// maxNumber is far above what terms and indexes can reach and leaves room to
// count on.
const maxNumber = math.MaxUint64 / 4

func (m *Message) fromLeader() bool {
	return m.Type == MsgAppend || m.Type == MsgHeartbeat || m.Type == MsgSnapshot
}

// check reports whether m can have been sent by a correct node: what arrives
// is untrusted, and what passes here cannot break the log.
func (m *Message) check() bool {
	if m.From == "" || m.Incarnation == 0 || m.LogTerm > m.Term || m.Term > maxNumber || m.LogIndex > maxNumber {
		return false
	}
	if m.Term == 0 && m.Type != MsgPreVoteReply {
		return false
	}
	switch m.Type {
	case MsgAppend:
		return m.checkEntries()
	case MsgPreVote, MsgVote:
		return (m.LogIndex == 0) == (m.LogTerm == 0)
	case MsgSnapshot:
		s := m.Snapshot
		return s != nil && s.Index > 0 && s.Index <= maxNumber && s.Term > 0 && s.Term <= m.Term &&
			len(s.Config.Members) > 0 && s.Config.check() == nil
	case MsgPreVoteReply, MsgVoteReply, MsgAppendReply, MsgHeartbeat, MsgHeartbeatReply,
		MsgTimeoutNow, MsgReadIndex, MsgReadIndexReply, MsgRemoved:
		return true
	}
	return false
}

// checkEntries: they follow LogIndex without a gap, their terms do not fall and
// none is later than the sender's.
func (m *Message) checkEntries() bool {
	if (m.LogIndex == 0) != (m.LogTerm == 0) {
		return false
	}
	index, term := m.LogIndex, max(m.LogTerm, 1)
	for i := range m.Entries {
		e := &m.Entries[i]
		index++
		if e.Index != index || e.Term < term || e.Term > m.Term {
			return false
		}
		term = e.Term
		switch e.Type {
		case EntryCommand, EntryNoOp:
		case EntryConfig:
			if config, err := DecodeConfiguration(e.Data); err != nil || len(config.Members) == 0 {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// Receive takes in a message of another node. What is malformed, from a node
// that may not speak, or of an old term has no effect.
func (c *Core) Receive(m Message) {
	if m.From == c.cfg.ID || m.To != "" && m.To != c.cfg.ID || !m.check() || c.silent() || !c.admitSender(&m) {
		return
	}
	if m.Type == MsgRemoved {
		c.dismiss() // in whatever term: ids do not come back
		return
	}
	if m.Term > c.term && !c.adoptTerm(&m) {
		return
	}
	if m.Term < c.term {
		c.receiveOld(&m)
		return
	}
	switch m.Type {
	case MsgPreVote:
		c.handlePreVote(&m)
	case MsgPreVoteReply:
		c.handlePreVoteReply(&m)
	case MsgVote:
		c.handleVote(&m)
	case MsgVoteReply:
		c.handleVoteReply(&m)
	case MsgAppend, MsgHeartbeat, MsgSnapshot:
		c.handleLeader(&m)
	case MsgAppendReply, MsgHeartbeatReply:
		c.handleFollower(&m)
	case MsgTimeoutNow:
		c.handleTimeoutNow(&m)
	case MsgReadIndex:
		c.handleReadIndex(&m)
	case MsgReadIndexReply:
		c.handleReadIndexReply(&m)
	}
}

// adoptTerm follows a later term (§5.1). It returns false when m is to be
// ignored instead.
func (c *Core) adoptTerm(m *Message) bool {
	switch {
	case m.Type == MsgPreVote, m.Type == MsgPreVoteReply && !m.Reject:
		return true // the term is only proposed (thesis §9.6)
	case m.Type == MsgVote && !m.Force && c.hearsLeader():
		return false // thesis §4.2.3
	}
	c.setTerm(m.Term, "")
	c.becomeFollower()
	return true
}

// receiveOld answers a sender that has missed a term, so that it steps down
// (§5.1). The rest of old messages is noise.
func (c *Core) receiveOld(m *Message) {
	switch m.Type {
	case MsgPreVote:
		c.send(Message{Type: MsgPreVoteReply, To: m.From, Round: m.Round, Reject: true})
	case MsgVote:
		c.send(Message{Type: MsgVoteReply, To: m.From, Round: m.Round, Reject: true})
	case MsgAppend, MsgSnapshot:
		c.send(Message{Type: MsgAppendReply, To: m.From, Index: m.LogIndex, Reject: true})
	case MsgHeartbeat:
		c.send(Message{Type: MsgHeartbeatReply, To: m.From, Reject: true})
	}
}
