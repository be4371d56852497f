package raft

import "slices"

// electionTimeout: no leader was heard from, or the election came to nothing.
func (c *Core) electionTimeout() {
	c.becomeFollower() // an election is lost; the next timeout is drawn anew (§5.2)
	c.elapsedTicks = 0
	c.setLeader("")
	switch {
	case c.mayCampaign():
		c.preCampaign()
	case !c.silent():
		// It cannot be elected; but see askForVotes.
		c.askForVotes(Message{Type: MsgPreVote, Term: c.term + 1})
	}
}

// mayCampaign: a voter that has left in the configuration in force may still be
// needed until that is committed (thesis §4.2.2): perhaps nobody else has it.
func (c *Core) mayCampaign() bool {
	return !c.silent() && slices.ContainsFunc(c.configs.from(c.log.commit), func(p placedConfig) bool {
		me, _ := p.config.member(c.cfg.ID)
		return me.votes()
	})
}

// preCampaign asks whether an election could be won before the term is touched
// (thesis §9.6).
func (c *Core) preCampaign() {
	c.role = PreCandidate
	c.votes = map[NodeID]bool{c.cfg.ID: true}
	c.askForVotes(Message{Type: MsgPreVote, Term: c.term + 1})
	c.decideElection()
}

// campaign starts an election (§5.2). The requests and the own vote wait until
// term and vote are durable: whoever forgot them in a crash could be elected
// twice in one term.
func (c *Core) campaign(force bool) {
	c.setTerm(c.term+1, c.cfg.ID)
	c.role = Candidate
	c.votes = map[NodeID]bool{}
	c.elapsedTicks = 0
	c.redrawTimeout()
	c.askForVotes(Message{Type: MsgVote, Term: c.term, Force: force})
}

// askForVotes says which process asks, and the answers repeat it: what was
// promised to a disk that is lost does not count for the next one. Everybody is
// asked for a pre-vote, also those that do not count: whoever has left without
// hearing of it is told in answer, and perhaps no voter that it knows is left.
func (c *Core) askForVotes(m Message) {
	m.LogIndex, m.LogTerm = c.log.last(), c.log.lastTerm()
	m.Round = c.nonce
	for _, member := range c.config().Members {
		if member.ID != c.cfg.ID && (member.votes() || m.Type == MsgPreVote) {
			m.To = member.ID
			c.send(m)
		}
	}
}

// countOwnVote is called when something has become durable.
func (c *Core) countOwnVote() {
	if c.hardSeq <= c.persistedSeq {
		c.votes[c.cfg.ID] = true
		c.decideElection()
	}
}

func (c *Core) decideElection() {
	switch c.config().election(c.votes) {
	case won:
		if c.role == PreCandidate {
			c.campaign(false)
		} else if c.votes[c.cfg.ID] {
			c.becomeLeader()
		}
	case lost:
		c.becomeFollower()
	}
}

// upToDate compares the candidate's log with ours as §5.4.1 wants it: last
// terms first, then lengths.
func (c *Core) upToDate(m *Message) bool {
	last := c.log.lastTerm()
	return m.LogTerm > last || m.LogTerm == last && m.LogIndex >= c.log.last()
}

// handlePreVote promises nothing: it says how we would vote. A refusal carries
// our term, so that a candidate with an old one catches up and can win.
func (c *Core) handlePreVote(m *Message) {
	if m.Term > c.term && !c.hearsLeader() && c.upToDate(m) {
		c.send(Message{Type: MsgPreVoteReply, To: m.From, Term: m.Term, Round: m.Round})
		return
	}
	c.send(Message{Type: MsgPreVoteReply, To: m.From, Round: m.Round, Reject: true})
}

func (c *Core) handlePreVoteReply(m *Message) {
	if c.role != PreCandidate || m.Round != c.nonce || !m.Reject && m.Term != c.term+1 {
		return
	}
	c.votes[m.From] = !m.Reject
	c.decideElection()
}

// handleVote is RequestVote (Figure 2). Only a granted vote keeps us from
// standing ourselves.
func (c *Core) handleVote(m *Message) {
	free := c.vote == m.From || c.vote == "" && c.leader == ""
	if !free || !c.upToDate(m) {
		c.send(Message{Type: MsgVoteReply, To: m.From, Round: m.Round, Reject: true})
		return
	}
	if c.role != Follower {
		c.becomeFollower()
	}
	c.setVote(m.From)
	c.elapsedTicks = 0
	c.send(Message{Type: MsgVoteReply, To: m.From, Round: m.Round})
}

func (c *Core) handleVoteReply(m *Message) {
	if c.role != Candidate || m.Round != c.nonce {
		return
	}
	c.votes[m.From] = !m.Reject
	c.decideElection()
}
