package replica

import (
	"context"
	"fmt"
	"slices"

	"redoubt/raft"
	"redoubt/resp/peer"
)

// membership is what other goroutines see of the members.
type membership struct {
	config  raft.Configuration // in force
	removed []raft.NodeID      // for good
}

func member(c *raft.Configuration, id raft.NodeID) (raft.Member, bool) {
	for _, m := range c.Members {
		if m.ID == id {
			return m, true
		}
	}
	return raft.Member{}, false
}

// others are the members that this node talks to.
func (n *Node) others() []raft.Member {
	return slices.DeleteFunc(slices.Clone(n.members.Load().config.Members), func(m raft.Member) bool {
		return m.ID == n.config.Identity.NodeID
	})
}

// verify decides whether a peer may speak. What one that is no member may say
// the core decides.
func (n *Node) verify(id raft.NodeID, incarnation uint64) error {
	all := n.members.Load()
	if slices.Contains(all.removed, id) {
		return peer.ErrRemoved
	}
	if m, ok := member(&all.config, id); ok && m.Incarnation != 0 && m.Incarnation != incarnation {
		return peer.ErrIncarnation
	}
	return nil
}

// ChangeMembers has the leader, wherever it is, change the members, and waits
// until the change is complete as far as this node knows. A new member is
// complete as a learner; it becomes a voter by itself.
//
// An error of package raft (ErrMember, ErrNoQuorum, …) or ErrNoLeader means that
// nothing was changed, ErrUnclear that it may be. To ask for the same once more
// does no harm.
func (n *Node) ChangeMembers(ctx context.Context, change raft.MemberChange) error {
	return n.request(ctx, NewMembership(change, false))
}

// TransferTo has the leader, wherever it is, hand over to a voter, "" meaning the
// one that is most up to date, and waits until another node leads.
func (n *Node) TransferTo(ctx context.Context, to raft.NodeID) error {
	return n.request(ctx, NewMembership(raft.MemberChange{ID: to}, true))
}

func (n *Node) request(ctx context.Context, r *Membership) error {
	n.inbox.push(event{kind: evMembership, request: r})
	select {
	case err := <-r.Done():
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnclear, ctx.Err())
	case <-n.dead:
	}
	select {
	case err := <-r.Done():
		return err
	default:
		return ErrUnclear
	}
}

// Members returns the members as this node knows them.
func (n *Node) Members() raft.Configuration { return n.Recent().Config }
