package raft

// TransferLeadership hands over to a voter (thesis §3.10); "" is the active one
// whose log is longest. Proposals are refused until the new leader is heard
// from or an election timeout has passed, after which everything is as before.
func (c *Core) TransferLeadership(to NodeID) error {
	if c.role != Leader {
		return ErrNotLeader
	}
	ld := c.lead
	if to == "" {
		to = c.bestTarget(0)
	}
	switch {
	case ld.transferee != "" && ld.transferee != to:
		return ErrTransferring
	case ld.transferee != "":
		return nil
	}
	if m, _ := c.config().member(to); m.Role != Voter || to == c.cfg.ID {
		return ErrNoTarget
	}
	ld.transferee, ld.transferTicks, ld.timeoutSent = to, 0, false
	c.continueTransfer(to)
	return nil
}

// bestTarget returns the active voter that has most of the log, at least up to
// atLeast; "" if there is none.
func (c *Core) bestTarget(atLeast uint64) NodeID {
	var best NodeID
	for _, m := range c.config().Members {
		p := c.lead.progress[m.ID]
		if p == nil || m.Role != Voter || p.match < atLeast || !p.up(c.ticks, c.cfg.ElectionTicks) {
			continue
		}
		if best == "" || p.match > c.lead.progress[best].match {
			best = m.ID
		}
	}
	return best
}

// continueTransfer tells the transferee to campaign once its log is complete.
func (c *Core) continueTransfer(id NodeID) {
	ld := c.lead
	if ld.transferee != id || ld.timeoutSent || ld.progress[id].match < c.log.last() {
		return
	}
	ld.timeoutSent = true
	c.send(Message{Type: MsgTimeoutNow, To: id})
}

func (c *Core) tickTransfer() {
	ld := c.lead
	if ld.transferee != "" {
		if ld.transferTicks++; ld.transferTicks >= c.cfg.ElectionTicks {
			ld.transferee = ""
		}
		return
	}
	c.handOverStalledDisk()
}

// handOverStalledDisk: the cluster goes on while a majority of the others has
// working disks, but reads of what is only committed elsewhere wait for ours.
// A voter that has acknowledged what our disk has not is better placed, if it can be
// elected and commit without our disk. When all disks are slow there is none, and
// leadership stays, with which reads go on.
func (c *Core) handOverStalledDisk() {
	if c.cfg.DiskStallTicks == 0 || len(c.log.writes) == 0 || c.ticks < c.lead.stallTick {
		return
	}
	oldest := c.log.writes[0]
	if c.ticks-oldest.tick <= uint64(c.cfg.DiskStallTicks) {
		return
	}
	there := c.config().quorumValue(func(id NodeID) uint64 {
		if id == c.cfg.ID {
			return 0 // our disk has it not
		}
		return c.lead.progress[id].match
	})
	if to := c.bestTarget(oldest.last); to != "" && there >= oldest.last {
		c.lead.stallTick = c.ticks + uint64(c.cfg.DiskStallTicks+c.cfg.ElectionTicks)
		_ = c.TransferLeadership(to) // to is a voter and none is under way
	}
}

// handleTimeoutNow: campaign at once and without asking first; the leader whose
// followers would refuse us wants it so. Only the leader may, and only a
// follower obeys.
func (c *Core) handleTimeoutNow(m *Message) {
	if c.role != Follower || c.leader != m.From || !c.mayCampaign() {
		return
	}
	c.campaign(true)
}
