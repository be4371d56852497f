package raft

import "slices"

// read waits at the leader. from is the follower that asked, "" a local caller.
type read struct {
	id    uint64
	nonce uint64 // of from's life
	from  NodeID
	index uint64
}

// readQueue confirms reads by rounds (§8): a round's number rides on everything
// that is sent to followers, and once a majority has echoed it no later leader
// can have been elected before the round began. Numbers only grow within a
// term, so an old echo can never confirm a later read.
type readQueue struct {
	round   uint64
	open    []read // wait for the next round
	asked   []read // belong to round
	waiting []read // confirmed; the follower is answered when index is committed
}

// ask is a read that a follower has put to its leader.
type ask struct {
	id   uint64
	tick uint64
}

// Read asks for an index to read at: a state machine that has applied it serves
// a linearizable read, and it is never below minIndex. The answer comes as one
// of Output.Reads or FailedReads; id is chosen by the caller and must not be
// used twice.
func (c *Core) Read(id, minIndex uint64) error {
	switch {
	case c.role == Leader:
		c.lead.reads.open = append(c.lead.reads.open, read{id: id, index: c.readIndex(minIndex)})
		return nil
	case c.leader == "":
		return ErrNoLeader
	}
	c.asks = append(c.asks, ask{id: id, tick: c.ticks})
	c.send(Message{Type: MsgReadIndex, To: c.leader, ID: id, Index: minIndex, Round: c.nonce})
	return nil
}

// readIndex is the lowest index at which a read that begins now may be served.
// A new leader does not know what its predecessors committed, but all of that
// is before its no-op (§8).
func (c *Core) readIndex(minIndex uint64) uint64 {
	return max(c.log.commit, c.lead.noOp, minIndex)
}

// startRound gives the open reads a round. The next ones wait until it is
// confirmed: however many come, there is one round per round trip.
func (c *Core) startRound() {
	q := &c.lead.reads
	if len(q.open) == 0 || len(q.asked) > 0 {
		return
	}
	q.round++
	q.asked, q.open = q.open, nil
	c.confirmReads()
}

// confirmReads answers the round's reads when a majority has echoed it. The
// next round starts with the next Flush.
func (c *Core) confirmReads() {
	q := &c.lead.reads
	if len(q.asked) == 0 {
		return
	}
	echoed := c.config().quorumValue(func(id NodeID) uint64 {
		if id == c.cfg.ID {
			return q.round
		}
		return c.lead.progress[id].round
	})
	if echoed < q.round {
		return
	}
	for _, r := range q.asked {
		if r.from == "" {
			c.reads = append(c.reads, ReadState{ID: r.id, Index: r.index})
		} else {
			q.waiting = append(q.waiting, r)
		}
	}
	q.asked = nil
	c.answerForwarded()
}

// answerForwarded answers followers whose reads are confirmed and committed,
// and has them told the commit index with it.
func (c *Core) answerForwarded() {
	q := &c.lead.reads
	q.waiting = slices.DeleteFunc(q.waiting, func(r read) bool {
		if r.index > c.log.commit {
			return false
		}
		c.send(Message{Type: MsgReadIndexReply, To: r.from, ID: r.id, Index: r.index, Round: r.nonce})
		if p := c.lead.progress[r.from]; p != nil && p.told < r.index { // it may have left since
			p.notify = max(p.notify, r.index)
		}
		return true
	})
}

func (c *Core) handleReadIndex(m *Message) {
	if c.role != Leader || m.Index > c.log.last() {
		c.refuseRead(m.From, m.ID, m.Round)
		return
	}
	c.lead.reads.open = append(c.lead.reads.open, read{id: m.ID, nonce: m.Round, from: m.From, index: c.readIndex(m.Index)})
}

func (c *Core) handleReadIndexReply(m *Message) {
	i := slices.IndexFunc(c.asks, func(a ask) bool { return a.id == m.ID })
	if i < 0 || m.Round != c.nonce || m.From != c.leader {
		return
	}
	c.asks = slices.Delete(c.asks, i, i+1)
	if m.Reject {
		c.failed = append(c.failed, m.ID)
		return
	}
	c.reads = append(c.reads, ReadState{ID: m.ID, Index: m.Index})
}

// expireAsks gives up on reads whose question or answer was lost.
func (c *Core) expireAsks() {
	for len(c.asks) > 0 && c.ticks-c.asks[0].tick >= uint64(c.cfg.ElectionTicks) {
		c.failed = append(c.failed, c.asks[0].id)
		c.asks = c.asks[1:]
	}
}

// failReads ends every read that this node has asked for or, as the leader, was
// asked for: whether the leader still leads is known no more.
func (c *Core) failReads() {
	for _, a := range c.asks {
		c.failed = append(c.failed, a.id)
	}
	c.asks = nil
	if c.lead == nil {
		return
	}
	q := &c.lead.reads
	for _, r := range slices.Concat(q.waiting, q.asked, q.open) {
		if r.from == "" {
			c.failed = append(c.failed, r.id)
		} else {
			c.refuseRead(r.from, r.id, r.nonce)
		}
	}
	*q = readQueue{round: q.round}
}

func (c *Core) refuseRead(to NodeID, id, nonce uint64) {
	c.send(Message{Type: MsgReadIndexReply, To: to, ID: id, Round: nonce, Reject: true})
}
