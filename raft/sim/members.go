package sim

import (
	"fmt"
	"slices"

	"redoubt/raft"
	"redoubt/raft/replica"
)

// Changes of the members: what operators do.

// request is a change that an operator wants.
type request struct {
	*replica.Membership
	untilUs int64
	open    bool // it may still be begun
	again   bool // an attempt before the newest may have had an effect
	configs int  // had been in force when it was first made
}

// changeMembers has an operator ask for a change, at any node and until a leader
// has taken or refused it.
func (w *World) changeMembers(f Fault, n *node) {
	ch := raft.MemberChange{ID: n.id}
	switch f.Kind {
	case FaultMemberAdd, FaultMemberReplace:
		spare := w.spare()
		if spare == nil {
			return
		}
		ch.Kind, ch.ID, ch.Old = raft.AddVoter, spare.id, n.id
		if f.Kind == FaultMemberReplace {
			ch.Kind = raft.Replace
		} else if f.Leader {
			ch.Kind = raft.AddLearner
		}
		ch.Addr, ch.PeerAddr = fmt.Sprintf("10.0.0.%d:6379", spare.index+1), fmt.Sprintf("10.0.0.%d:16379", spare.index+1)
		if f.Peer%2 == 0 {
			ch.Incarnation = spare.identity.Incarnation
		}
		if spare.joins {
			spare.joins = false
			spare.start()
		}
	case FaultMemberRemove:
		ch.Kind = raft.Remove
	case FaultMemberDemote:
		ch.Kind = raft.Demote
	case FaultMemberPromote:
		ch.Kind = raft.Promote
	}
	if f.Kind != FaultMemberAdd && f.Kind != FaultTransfer && !w.isPrudent(ch, n) {
		return
	}
	r := &request{replica.NewMembership(ch, f.Kind == FaultTransfer), w.nowUs + f.ForMs*1000, true, false, len(w.oracle.inForce)}
	w.asked = append(w.asked, r)
	w.ask(r, f.Peer)
}

// spare is a node that is not a member and may become one.
func (w *World) spare() *node {
	for _, n := range w.nodes[w.plan.Nodes:] {
		if _, ok := member(&w.oracle.config, n.id); !ok && !n.lost && !n.removed && !slices.Contains(w.oracle.config.Removed, n.id) {
			return n
		}
	}
	return nil
}

// isPrudent: while a disk is lost, no voter leaves but the one that had it. The
// core sees who is up, not what is on a disk.
func (w *World) isPrudent(ch raft.MemberChange, n *node) bool {
	others := w.count(func(m *node) bool {
		as, ok := member(&w.oracle.config, m.id)
		return ok && as.Role != raft.Learner && m != n && (m.lost || m.damaged)
	})
	return others == 0 || ch.Kind == raft.Promote
}

// ask makes the request at the nodes in turn, until one has an answer.
func (w *World) ask(r *request, at int) {
	if w.healed || w.nowUs >= r.untilUs {
		r.open = false
		return
	}
	n := w.nodes[at%len(w.nodes)]
	again := func() { w.ask(r, at+1) }
	if !n.up() || n.paused() {
		w.after(100_000, again)
		return
	}
	attempt := replica.NewMembership(r.Change, r.Transfer)
	n.post(func(m *replica.Machine) { m.RequestMembership(attempt) })
	w.after(w.plan.Knobs.TimeoutMs*1000+200_000, func() {
		select {
		case err := <-attempt.Done():
			w.tracef("%s answers the request %+v: %v", n.id, r.Change, err)
			w.oracle.requestAnswered(n, r, err)
			if err == replica.ErrNoLeader || err == replica.ErrUnclear {
				r.again = r.again || err == replica.ErrUnclear
				again()
			} else {
				r.open = false
			}
		default: // it went down with it
			r.again = true
			again()
		}
	})
}

func member(c *raft.Configuration, id raft.NodeID) (raft.Member, bool) {
	i := slices.IndexFunc(c.Members, func(m raft.Member) bool { return m.ID == id })
	if i < 0 {
		return raft.Member{}, false
	}
	return c.Members[i], true
}

func voters(c *raft.Configuration) (n int) {
	for _, m := range c.Members {
		if m.Role == raft.Voter {
			n++
		}
	}
	return n
}

// belongs: the node is a member, or has been and has not heard yet that it is
// none any more. One whose addition was taken back with its entry was never one:
// it waits until it is asked for again.
func (w *World) belongs(n *node) bool {
	if _, ok := member(&w.oracle.config, n.id); ok {
		return true
	}
	return n.up() && slices.Contains(w.oracle.config.Removed, n.id) && slices.ContainsFunc(n.machine.Core.Status().Config.Members, func(m raft.Member) bool {
		_, ok := member(&w.oracle.config, m.ID)
		return ok && m.ID != n.id && !w.node(m.ID).away() // who could tell it
	})
}

// changeComplete: nothing that was begun is left to do, but what lost disks
// cannot do.
func (w *World) changeComplete() bool {
	return !w.oracle.config.Joint() && !slices.ContainsFunc(w.oracle.config.Members, func(m raft.Member) bool {
		return m.Role == raft.Joining && !w.node(m.ID).lost && w.node(m.ID).identity.Incarnation == m.Incarnation
	})
}
