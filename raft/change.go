package raft

import (
	"cmp"
	"errors"
	"slices"
)

// Why a change of the members is refused. None has had an effect.
var (
	ErrChanging = errors.New("raft: the last change of the members is not complete")
	ErrNoQuorum = errors.New("raft: too few of the voters that would be left are up and caught up")
	ErrMember   = errors.New("raft: there is a member of this id")
	ErrNoMember = errors.New("raft: no member of this id")
	ErrNotVoter = errors.New("raft: not a voter")
	ErrRemoved  = errors.New("raft: this id was removed and is not used again")
	ErrLast     = errors.New("raft: no voter would be left")
)

// ChangeKind is what a MemberChange does.
type ChangeKind uint8

const (
	// AddVoter has ID join as a learner that becomes a voter when it has caught up.
	AddVoter ChangeKind = iota + 1
	// AddLearner has ID join as a learner that stays one.
	AddLearner
	// Replace is AddVoter, and in the step in which ID becomes a voter, Old leaves.
	Replace
	// Promote makes a learner a voter when it has caught up.
	Promote
	// Demote makes a voter a learner.
	Demote
	// Remove has ID leave, for good.
	Remove
	// Readdress gives ID other addresses.
	Readdress
)

// MemberChange is one change of the members.
type MemberChange struct {
	Kind           ChangeKind
	ID             NodeID
	Old            NodeID // Replace
	Addr, PeerAddr string // AddVoter, AddLearner, Replace, Readdress
	// Incarnation is that of a new member, as far as it is known. The leader
	// records what it learns, before the member becomes a voter.
	Incarnation uint64
	// Force: even if too few voters would be left to decide anything. They must
	// come back before the change can be completed.
	Force bool
}

// ChangeMembers begins a change (leader). It is complete when the configuration
// in force is not joint any more and committed, at the index returned or later.
// What is so already is no change and no error. That it is so still the leader learns
// when an entry without a command is committed behind the question: another may lead,
// and have changed it.
//
// One change is under way at a time: ErrChanging may be tried again.
func (c *Core) ChangeMembers(ch MemberChange) (uint64, error) {
	switch {
	case c.role != Leader:
		return 0, ErrNotLeader
	case c.lead.transferee != "":
		return 0, ErrTransferring
	}
	next, err := c.config().changed(&ch)
	switch {
	case err != nil:
		return 0, err
	case slices.Equal(next.Members, c.config().Members):
		return c.appendOwn(EntryNoOp, nil), nil
	case !c.settled() || c.config().Joint():
		return 0, ErrChanging
	case next.Joint() && !ch.Force && !c.upHolds(&next):
		return 0, ErrNoQuorum
	}
	return c.appendOwn(EntryConfig, next.Append(nil)), nil
}

// ChangeComplete says that ch, whose configuration a leader put at index, has come
// into force for good, as far as this node knows. It is lost when all is settled
// there and it has not: the leader was replaced before its entry was committed.
func (c *Core) ChangeComplete(ch *MemberChange, index uint64) (complete, lost bool) {
	if c.log.commit < max(index, c.configs.latestIndex()) || c.config().Joint() {
		return false, false
	}
	next, err := c.config().changed(ch)
	complete = err == nil && slices.Equal(next.Members, c.config().Members)
	return complete, !complete
}

// upHolds says that the members that are up and caught up are enough to decide
// under config.
func (c *Core) upHolds(config *Configuration) bool {
	return config.HasQuorum(func(m Member) bool {
		p := c.lead.progress[m.ID]
		return m.ID == c.cfg.ID || p != nil && p.keepsUp(c.log.last()) && p.up(c.ticks, c.cfg.ElectionTicks)
	})
}

// changed is the configuration that ch makes of c, which is not joint.
func (c *Configuration) changed(ch *MemberChange) (Configuration, error) {
	next := c.clone()
	switch ch.Kind {
	case AddVoter, AddLearner, Replace:
		return next, next.add(ch)
	case Remove:
		if slices.Contains(c.Removed, ch.ID) {
			return next, nil
		}
	}
	i, ok := next.find(ch.ID)
	if !ok {
		return next, ErrNoMember
	}
	switch m := &next.Members[i]; ch.Kind {
	case Promote:
		if m.Role == Learner {
			m.Role = Joining // seat does the rest
		}
	case Demote:
		next.unseat(m, Learner)
	case Remove:
		next.unseat(m, Leaving)
	case Readdress:
		m.Addr, m.PeerAddr = ch.Addr, ch.PeerAddr
	default:
		return next, errors.New("raft: no such change of the members")
	}
	if next.size(incoming) == 0 {
		return next, ErrLast
	}
	return next, nil
}

func (c *Configuration) add(ch *MemberChange) error {
	m := Member{ID: ch.ID, Role: Joining, Addr: ch.Addr, PeerAddr: ch.PeerAddr, Incarnation: ch.Incarnation}
	switch ch.Kind {
	case AddLearner:
		m.Role = Learner
	case Replace:
		m.Replaces = ch.Old
	}
	i, ok := c.find(m.ID)
	old, oldIsMember := c.member(m.Replaces)
	switch {
	case m.ID == "":
		return ErrNoMember
	case slices.Contains(c.Removed, m.ID):
		return ErrRemoved
	case ok && c.Members[i].isAlready(&m, oldIsMember):
		return nil // whoever asked before and did not hear the answer may ask again
	case ok:
		return ErrMember
	case m.Replaces != "" && !oldIsMember:
		return ErrNoMember
	case m.Replaces != "" && old.Role != Voter:
		return ErrNotVoter
	}
	c.Members = slices.Insert(c.Members, i, m)
	return nil
}

// isAlready says that m is what the new member want is to become.
func (m *Member) isAlready(want *Member, oldIsMember bool) bool {
	if m.Addr != want.Addr || m.PeerAddr != want.PeerAddr || want.Incarnation != 0 && want.Incarnation != m.Incarnation {
		return false
	}
	return m.Role == want.Role && m.Replaces == want.Replaces || m.Role == Voter && want.Role == Joining && !oldIsMember
}

// unseat takes the vote of m, which then leaves or is a learner. If it had none,
// nothing has to be decided jointly.
func (c *Configuration) unseat(m *Member, to MemberRole) {
	if m.Role == Voter {
		c.begin()
	}
	m.Role, m.Replaces = to, ""
	if !m.Outgoing {
		*c = c.completed()
	}
}

// begin makes c joint: the voters that there are decide as well as those that
// will have been made of them.
func (c *Configuration) begin() {
	for i := range c.Members {
		m := &c.Members[i]
		m.Outgoing = m.Role == Voter
	}
}

// seat makes a Joining member a voter, and unseats the one that it replaces.
func (c *Configuration) seat(id NodeID) Configuration {
	next := c.clone()
	next.begin()
	i, _ := next.find(id)
	m := &next.Members[i]
	if j, ok := next.find(m.Replaces); ok {
		next.Members[j].Role = Leaving
	}
	m.Role, m.Replaces = Voter, ""
	return next
}

// completed is the configuration after a joint one: the Leaving are gone.
func (c *Configuration) completed() Configuration {
	next := Configuration{Removed: slices.Clone(c.Removed)}
	for _, m := range c.Members {
		if m.Role == Leaving {
			next.Removed = append(next.Removed, m.ID)
			continue
		}
		m.Outgoing = false
		next.Members = append(next.Members, m)
	}
	for i := range next.Members {
		if m := &next.Members[i]; slices.Contains(next.Removed, m.Replaces) {
			m.Replaces = "" // it has left already
		}
	}
	slices.Sort(next.Removed)
	return next
}

// find returns where the member of that id is, or would be.
func (c *Configuration) find(id NodeID) (int, bool) {
	return slices.BinarySearchFunc(c.Members, id, func(m Member, id NodeID) int { return cmp.Compare(m.ID, id) })
}

// changeOnOwnAccord appends the configurations that follow from what the leader
// sees: a joint one is left when it is committed, a Joining member that has
// caught up becomes a voter.
func (c *Core) changeOnOwnAccord() {
	c.recordIncarnations()
	ld := c.lead
	if !c.settled() || ld.transferee != "" {
		return
	}
	config := c.config()
	if config.Joint() {
		// A leader that leaves lets another one complete the change, who can go on
		// without a pause; if nobody takes over, it does so itself.
		if me, _ := config.member(c.cfg.ID); me.Role != Voter && !ld.handedOver {
			ld.handedOver = true
			if c.TransferLeadership("") == nil {
				return
			}
		}
		next := config.completed()
		c.appendOwn(EntryConfig, next.Append(nil))
		return
	}
	for _, m := range config.Members {
		p := ld.progress[m.ID]
		if m.Role != Joining || m.Incarnation == 0 || !p.caughtUp(c.log.last(), c.ticks, c.cfg.ElectionTicks) {
			continue
		}
		if next := config.seat(m.ID); c.upHolds(&next) {
			c.appendOwn(EntryConfig, next.Append(nil))
			return
		}
	}
}

// leaves says that the leader is no voter any more. It takes no proposals: what
// would become of them another leader decides.
func (c *Core) leaves() bool {
	me, _ := c.config().member(c.cfg.ID)
	return !me.votes()
}

// leftBehind says that the leader is no voter any more, and that this is
// committed without it: its work is done (thesis §4.2.2).
func (c *Core) leftBehind() bool {
	return c.leaves() && c.settled()
}
