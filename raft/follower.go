package raft

// pendingAck is the one acknowledgement that a turn's appends are answered
// with: a success for the highest index says all that the lower ones would.
type pendingAck struct {
	to    NodeID
	index uint64
}

// hearsLeader says that the leader was heard from within the least election
// timeout. Until then a vote for anybody else would only disturb (thesis
// §4.2.3, §9.6). A leader hears itself until CheckQuorum ends its leadership.
func (c *Core) hearsLeader() bool {
	return c.role == Leader || c.leader != "" && c.elapsedTicks < c.cfg.ElectionTicks
}

// handleLeader takes messages of the current term's leader. There is one at
// most; a second can only be forged.
func (c *Core) handleLeader(m *Message) {
	if c.role == Leader || c.leader != "" && c.leader != m.From {
		return
	}
	if c.role != Follower {
		c.becomeFollower() // §5.2: recognises the leader as legitimate
	}
	c.setLeader(m.From)
	c.elapsedTicks = 0
	fresh := m.Round > c.seenRound
	c.seenRound = max(c.seenRound, m.Round)
	switch m.Type {
	case MsgAppend:
		c.handleAppend(m, fresh)
	case MsgHeartbeat:
		c.handleHeartbeat(m)
	case MsgSnapshot:
		c.handleSnapshot(m)
	}
}

// handleAppend is AppendEntries (Figure 2).
func (c *Core) handleAppend(m *Message, freshRound bool) {
	prev, prevTerm, entries := m.LogIndex, m.LogTerm, m.Entries
	if commit := c.log.commit; prev < commit {
		// Committed entries are the same everywhere and may be compacted here:
		// begin behind them.
		entries = entries[min(uint64(len(entries)), commit-prev):]
		prev = commit
		prevTerm, _ = c.log.term(commit)
		if len(entries) > 0 && entries[0].Term < prevTerm {
			return // not from any log that has what is committed
		}
	}
	if !c.log.matches(prev, prevTerm) {
		c.refuseAppend(m)
		return
	}
	for i := range entries {
		e := &entries[i]
		if c.log.matches(e.Index, e.Term) {
			continue
		}
		if e.Index <= c.log.last() {
			c.truncate(e.Index) // only on a conflict: an old, short append must not cut the log
		}
		c.appendEntries(entries[i:])
		break
	}
	if c.replaced() {
		return
	}
	last := prev + uint64(len(entries))
	c.log.commitTo(min(m.Commit, last))
	c.acknowledge(m.From, last)
	if freshRound && c.writeOf(last) != 0 {
		// The round need not wait for the disk as the acknowledgement does.
		c.send(Message{Type: MsgHeartbeatReply, To: m.From, Round: c.seenRound})
	}
}

func (c *Core) truncate(index uint64) {
	c.log.truncate(index)
	c.configs = c.configs.truncate(index)
}

func (c *Core) acknowledge(to NodeID, index uint64) {
	if c.ack == nil {
		c.ack = &pendingAck{to: to}
	}
	c.ack.index = max(c.ack.index, index)
}

// flushAck sends the acknowledgement collected. It waits for its entries.
func (c *Core) flushAck() {
	if a := c.ack; a != nil {
		c.ack = nil
		c.sendAfter(Message{Type: MsgAppendReply, To: a.to, Index: a.index, Round: c.seenRound}, c.writeOf(a.index))
	}
}

// refuseAppend answers that the entry before the new ones is not here, with the
// last place where the logs can still agree (§5.3, the optimisation at its end).
func (c *Core) refuseAppend(m *Message) {
	c.flushAck()
	hint, hintTerm := c.log.lastNotAfter(m.LogIndex, m.LogTerm)
	c.send(Message{
		Type: MsgAppendReply, To: m.From, Reject: true,
		Index: m.LogIndex, LogIndex: hint, LogTerm: hintTerm, Round: c.seenRound,
	})
}

// handleHeartbeat learns the commit index. The leader has seen us acknowledge
// it; a log that lacks it (a lost disk) or has another entry there is left be.
func (c *Core) handleHeartbeat(m *Message) {
	if c.log.matches(m.Commit, m.LogTerm) {
		c.log.commitTo(m.Commit)
	}
	c.send(Message{Type: MsgHeartbeatReply, To: m.From, Round: c.seenRound})
}

// handleSnapshot replaces the log (Figure 13). The snapshot's file is durable
// already. A log that holds the snapshot's last entry stays as it is, with all that
// follows (§7): it only learns that all up to there is committed. To begin it behind
// the snapshot would mean to write again what is durable and acknowledged, and a
// crash in the middle of that would lose it.
func (c *Core) handleSnapshot(m *Message) {
	snap := *m.Snapshot
	switch {
	case c.log.matches(snap.Index, snap.Term):
		c.log.commitTo(snap.Index)
	case snap.Index > c.log.commit:
		snap.Config = snap.Config.clone()
		c.log.restart(snap.Index, snap.Term)
		c.configs = configHistory{{snap.Index, snap.Config}}
		c.snapshot = &snap
	}
	if !c.replaced() {
		c.acknowledge(m.From, c.log.commit)
	}
}
