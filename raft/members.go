package raft

import "slices"

// config is the configuration in force.
func (c *Core) config() *Configuration { return c.configs.latest() }

// ConfigAt returns the configuration in force at index, which must not be
// below the compacted part of the log.
func (c *Core) ConfigAt(index uint64) Configuration { return c.configs.at(index) }

// Member returns the member of that name in the configuration in force.
func (c *Core) Member(id NodeID) (Member, bool) { return c.config().member(id) }

// Removed says that id has left the cluster for good: what says so is committed.
func (c *Core) Removed(id NodeID) bool {
	if id == c.cfg.ID && c.dismissed {
		return true
	}
	_, gone := slices.BinarySearch(c.Tombstones(), id)
	return gone
}

// Tombstones are the ids that have left the cluster for good. The slice is the
// core's: read only.
func (c *Core) Tombstones() []NodeID { return c.configs.upTo(c.log.commit).Removed }

// silent says that this node has no part in the cluster. The log knows its id
// with another incarnation: our data directory is not the one that made this
// member's promises. Or the id was removed.
func (c *Core) silent() bool { return c.replaced() || c.Removed(c.cfg.ID) }

func (c *Core) replaced() bool {
	m, ok := c.config().member(c.cfg.ID)
	return ok && m.Incarnation != 0 && m.Incarnation != c.cfg.Incarnation
}

// admitSender decides whether the sender of m may be heard at all.
func (c *Core) admitSender(m *Message) bool {
	member, ok := c.config().member(m.From)
	if !ok {
		return !c.refuseRemoved(m) && (m.fromLeader() || m.fromStranger() && len(c.config().Members) > 0)
	}
	if member.Incarnation != 0 {
		return member.Incarnation == m.Incarnation
	}
	// Not recorded yet: while we count votes or acknowledgements the first one
	// heard in this term is the only one.
	known := c.heard[m.From]
	if known != 0 && known != m.Incarnation && (c.role == Candidate || c.role == Leader) {
		return false
	}
	c.heard[m.From] = m.Incarnation
	return true
}

// refuseRemoved tells a member that was removed so. Nobody else does: it is sent
// nothing any more.
func (c *Core) refuseRemoved(m *Message) bool {
	if !c.Removed(m.From) {
		return false
	}
	if m.Type != MsgRemoved {
		c.send(Message{Type: MsgRemoved, To: m.From})
	}
	return true
}

// fromStranger says that m may come from a node that is not in the configuration
// in force here: leaders and candidates may have a later one, in which they are
// members, and we may be (thesis §4.1). A node that has yet to join hears leaders
// alone.
func (m *Message) fromStranger() bool {
	switch m.Type {
	case MsgPreVote, MsgVote, MsgTimeoutNow, MsgReadIndexReply:
		return true
	}
	return false
}

// dismiss: a member knows that this node was removed.
func (c *Core) dismiss() {
	c.becomeFollower()
	c.setLeader("")
	c.dismissed = true
}

// recordIncarnations appends the configuration with the incarnations learned
// since the last. It changes no quorum, so right after an election it need not
// wait for an entry of the own term to be committed; later on only one may be
// uncommitted (thesis §4.1).
func (c *Core) recordIncarnations() {
	ld := c.lead
	fresh := c.log.last() == ld.noOp
	if !fresh && !c.settled() || ld.transferee != "" {
		return
	}
	if !slices.ContainsFunc(c.config().Members, func(m Member) bool { return m.Incarnation == 0 && c.learned(m.ID) != 0 }) {
		return
	}
	next := c.config().clone()
	for i := range next.Members {
		if m := &next.Members[i]; m.Incarnation == 0 {
			m.Incarnation = c.learned(m.ID)
		}
	}
	c.appendOwn(EntryConfig, next.Append(nil))
}

// settled says that a leader may append another configuration: the one in force
// is committed, and an entry of its own term. Without the latter, two leaders
// that each changed one member could have majorities that do not meet.
func (c *Core) settled() bool {
	return c.log.commit >= c.lead.noOp && c.log.commit >= c.configs.latestIndex()
}

// learned is the incarnation of a member that the log does not record yet; 0:
// it has not been heard from.
func (c *Core) learned(id NodeID) uint64 {
	if id == c.cfg.ID {
		return c.cfg.Incarnation
	}
	return c.heard[id]
}
