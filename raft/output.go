package raft

// send queues a message of the current term. It may leave once the term and
// the vote are durable.
func (c *Core) send(m Message) { c.sendAfter(m, c.hardSeq) }

func (c *Core) sendAfter(m Message, after uint64) {
	m.From, m.Incarnation = c.cfg.ID, c.cfg.Incarnation
	if m.Term == 0 {
		m.Term = c.term
	}
	c.sends = append(c.sends, Send{Msg: m, After: max(after, c.hardSeq)})
}

// writeOf returns the Write after which entry i is durable here, 0 if it is.
func (c *Core) writeOf(i uint64) uint64 {
	if i <= c.log.durable {
		return 0
	}
	if seq := c.log.writeOf(i); seq != 0 {
		return seq
	}
	return c.seq + 1
}

// Flush ends a turn: it returns everything that follows from the calls since
// the last one. Batching happens here.
func (c *Core) Flush() Output {
	if c.role == Leader {
		c.flushLeader()
	}
	c.flushAck()
	out := Output{Install: c.snapshot}
	out.Write = c.takeWrite()
	for i := range c.sends {
		s := &c.sends[i]
		if s.After > c.seq {
			c.broken("message waits for write %d, the last is %d", s.After, c.seq)
		}
		if s.After <= c.persistedSeq {
			s.After = 0
		}
	}
	out.Sends, c.sends = c.sends, nil
	if c.lead != nil {
		out.SnapshotTo, c.lead.snapshotTo = c.lead.snapshotTo, nil
	}
	if upTo := min(c.log.commit, c.log.durable); upTo > c.log.handed {
		out.Committed = c.log.between(c.log.handed, upTo)
		c.log.handed = upTo
	}
	out.Reads, c.reads = c.reads, nil
	out.FailedReads, c.failed = c.failed, nil
	return out
}

// takeWrite puts all that is not written yet into one Write.
func (c *Core) takeWrite() *Write {
	hard := HardState{Term: c.term, Vote: c.vote, Commit: c.log.commit}
	old := c.writtenHard
	mustSync := hard.Term != old.Term || hard.Vote != old.Vote || c.log.written < c.log.last() || c.snapshot != nil
	if !mustSync && hard.Commit == old.Commit {
		return nil
	}
	w := Write{
		Seq:       c.seq + 1,
		HardState: hard,
		Entries:   c.log.between(c.log.written, c.log.last()),
		Snapshot:  c.snapshot,
		MustSync:  mustSync,
	}
	c.seq = w.Seq
	c.writtenHard = w.HardState
	c.snapshot = nil
	c.log.written = c.log.last()
	if w.MustSync {
		c.log.writes = append(c.log.writes, pendingWrite{seq: w.Seq, last: c.log.written, tick: c.ticks})
	}
	return &w
}

// Status returns a copy of what the core knows.
func (c *Core) Status() Status {
	member, _ := c.config().member(c.cfg.ID)
	s := Status{
		ID: c.cfg.ID, Role: c.role, Learner: member.Role == Learner || member.Role == Joining, Replaced: c.replaced(), Removed: c.Removed(c.cfg.ID),
		Term: c.term, TermSeq: c.hardSeq, Vote: c.vote, Leader: c.leader,
		Commit: c.log.commit, Applied: c.log.applied,
		FirstIndex: c.log.base + 1, LastIndex: c.log.last(), Persisted: c.log.durable,
		LogBytes: c.log.bytes, Config: c.config().clone(), Elections: c.elections,
	}
	if c.lead == nil {
		return s
	}
	s.Transferee, s.Uncommitted = c.lead.transferee, c.log.uncommitted
	for _, m := range s.Config.Members {
		p := c.lead.progress[m.ID]
		if p == nil {
			continue
		}
		s.Peers = append(s.Peers, PeerStatus{
			ID: m.ID, Match: p.match, Next: p.next, State: p.state,
			Active: p.active(c.ticks, c.cfg.ElectionTicks), InflightBytes: p.windowBytes,
		})
	}
	return s
}
