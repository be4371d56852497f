package raft

// leadership is all that only a leader has; it ends with the term.
type leadership struct {
	progress map[NodeID]*progress // every other member
	noOp     uint64               // index of this term's first entry

	beatTicks int  // since the last heartbeats
	beatDue   bool // at the next Flush

	reads readQueue

	transferee    NodeID // "" = none
	transferTicks int
	timeoutSent   bool
	stallTick     uint64 // no handing over because of the disk before
	handedOver    bool   // was tried, because this leader leaves

	snapshotTo []NodeID
}

// becomeLeader: §5.2, §5.4.2 and §8. The no-op commits what earlier terms left.
func (c *Core) becomeLeader() {
	if c.role != Candidate || c.hardSeq > c.persistedSeq {
		c.broken("cannot become leader")
	}
	c.elections.Won++
	c.role = Leader
	c.votes = nil
	c.elapsedTicks = 0
	c.setLeader(c.cfg.ID)
	c.lead = &leadership{}
	c.trackMembers()
	c.lead.noOp = c.appendOwn(EntryNoOp, nil)
	c.recordIncarnations()
	c.advanceCommit()
}

// trackMembers has a progress for every other member and no one else.
func (c *Core) trackMembers() {
	known := c.lead.progress
	c.lead.progress = map[NodeID]*progress{}
	for _, m := range c.config().Members {
		switch p := known[m.ID]; {
		case m.ID == c.cfg.ID:
		case p != nil:
			c.lead.progress[m.ID] = p
		default:
			c.lead.progress[m.ID] = newProgress(c.log.last()+1, c.ticks)
		}
	}
}

// Propose appends a command, whose bytes belong to the core from then on. It is
// sent and written with the next Flush. A refused command is not in the log.
func (c *Core) Propose(data []byte) (uint64, error) {
	switch {
	case c.role != Leader:
		return 0, ErrNotLeader
	case c.lead.transferee != "" || c.leaves():
		return 0, ErrTransferring
	case c.log.uncommitted > 0 && c.log.uncommitted+len(data)+entryOverheadBytes > c.cfg.MaxUncommittedBytes:
		return 0, ErrBusy
	}
	return c.appendOwn(EntryCommand, data), nil
}

// NotifyCommit has the commit index told to a member as soon as it covers what
// is in the log now, without waiting for the next heartbeat or append.
func (c *Core) NotifyCommit(to NodeID) {
	if c.role == Leader {
		if p := c.lead.progress[to]; p != nil {
			p.notify = c.log.last()
		}
	}
}

// SnapshotSent reports the end of a transfer asked for with SnapshotTo; ok: the
// member has taken the snapshot in.
func (c *Core) SnapshotSent(to NodeID, ok bool) {
	if c.role != Leader {
		return
	}
	p := c.lead.progress[to]
	if p == nil || p.state != StateSnapshot {
		return
	}
	next := p.match + 1
	if ok {
		next = c.log.base + 1
	}
	p.probe(next)
	p.waitForContact(c.ticks) // its acknowledgement may be behind the report
}

func (c *Core) tickLeader() {
	ld := c.lead
	if !c.quorumActive() {
		c.becomeFollower() // thesis §6.2: a leader that cannot reach a majority
		return
	}
	if ld.beatTicks++; ld.beatTicks >= c.cfg.HeartbeatTicks {
		ld.beatTicks = 0
		ld.beatDue = true
	}
	c.tickTransfer()
}

func (c *Core) quorumActive() bool {
	return c.config().HasQuorum(func(m Member) bool {
		return m.ID == c.cfg.ID || c.lead.progress[m.ID].active(c.ticks, c.cfg.ElectionTicks)
	})
}

// handleFollower takes the answers of followers.
func (c *Core) handleFollower(m *Message) {
	if c.role != Leader {
		return
	}
	p := c.lead.progress[m.From]
	if m.Round > c.lead.reads.round {
		return
	}
	p.heard(c.ticks, m.Round)
	switch {
	case m.Type == MsgHeartbeatReply:
		p.heartbeat(c.ticks, c.cfg.HeartbeatTicks)
	case m.Reject:
		hint, _ := c.log.lastNotAfter(m.LogIndex, m.LogTerm)
		p.refused(m.Index, hint+1)
	case m.Index <= c.log.last():
		p.acked(m.Index, c.log.base)
		c.advanceCommit()
		c.continueTransfer(m.From)
	}
	c.confirmReads()
}

// advanceCommit commits what a majority of voters has on disk. Only an entry of
// the own term is committed by counting; with it those before it (§5.4.2).
func (c *Core) advanceCommit() {
	index := c.config().quorumValue(func(id NodeID) uint64 {
		if id == c.cfg.ID {
			return c.log.durable
		}
		return c.lead.progress[id].match
	})
	if index > c.log.commit && c.log.matches(index, c.term) {
		c.log.commitTo(index)
		c.answerForwarded()
	}
}

// flushLeader composes what the turn has to tell the members.
func (c *Core) flushLeader() {
	ld := c.lead
	c.changeOnOwnAccord()
	done := c.leftBehind()
	ld.beatDue = ld.beatDue || done
	c.startRound()
	for _, m := range c.config().Members {
		p := ld.progress[m.ID]
		if p == nil {
			continue
		}
		if ld.beatDue {
			c.sendHeartbeat(m.ID, p)
		}
		c.replicate(m.ID, p)
		if p.roundSent < ld.reads.round && m.votes() {
			c.sendHeartbeat(m.ID, p)
		}
		c.tellCommit(m.ID, p)
	}
	ld.beatDue = false
	if done {
		c.becomeFollower()
	}
}

// replicate sends what the member lacks and its window has room for.
func (c *Core) replicate(id NodeID, p *progress) {
	if p.state == StateSnapshot || p.state == StateProbe && (p.probing || p.match == c.log.last()) {
		return
	}
	if p.next-1 < c.log.base {
		if p.active(c.ticks, c.cfg.ElectionTicks) {
			p.feedSnapshot()
			c.lead.snapshotTo = append(c.lead.snapshotTo, id)
		}
		return
	}
	if p.state == StateProbe {
		entries, _ := c.log.chunk(p.next-1, c.cfg.MaxAppendBytes)
		c.sendAppend(id, p, entries)
		p.waitForContact(c.ticks)
		return
	}
	for p.next <= c.log.last() {
		entries, bytes := c.log.chunk(p.next-1, min(c.cfg.MaxAppendBytes, c.cfg.MaxInflightBytes-p.windowBytes))
		if len(p.window) > 0 && p.windowBytes+bytes > c.cfg.MaxInflightBytes {
			break // not even one entry fits
		}
		c.sendAppend(id, p, entries)
		p.sent(entries[len(entries)-1].Index, bytes)
		p.verify = false
	}
	if p.verify {
		c.sendAppend(id, p, nil)
		p.verify = false
	}
}

func (c *Core) sendAppend(id NodeID, p *progress, entries []Entry) {
	prev := p.next - 1
	prevTerm, ok := c.log.term(prev)
	if !ok {
		c.broken("append to %s behind %d, which the log does not have", id, prev)
	}
	p.told = max(p.told, min(c.log.commit, prev+uint64(len(entries))))
	p.roundSent = c.lead.reads.round
	c.send(Message{
		Type: MsgAppend, To: id, LogIndex: prev, LogTerm: prevTerm, Entries: entries,
		Commit: c.log.commit, Round: p.roundSent,
	})
}

// sendHeartbeat tells no more of the commit index than the member is known to
// have; LogTerm lets it check that.
func (c *Core) sendHeartbeat(id NodeID, p *progress) {
	commit := min(p.match, c.log.commit)
	term, ok := c.log.term(commit)
	if !ok {
		commit = 0
	}
	p.told = max(p.told, commit)
	p.roundSent = c.lead.reads.round
	c.send(Message{Type: MsgHeartbeat, To: id, Commit: commit, LogTerm: term, Round: p.roundSent})
}

// tellCommit keeps the promise of NotifyCommit and of answers to reads.
func (c *Core) tellCommit(id NodeID, p *progress) {
	switch {
	case p.notify == 0 || c.log.commit < p.notify:
		return
	case p.told >= p.notify:
	case p.match >= p.notify:
		c.sendHeartbeat(id, p)
	case p.state == StateReplicate && p.next > p.notify && p.next > c.log.base:
		c.sendAppend(id, p, nil) // behind the entries that are on their way
	default:
		return
	}
	p.notify = 0
}
