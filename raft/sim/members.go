package sim

import (
	"fmt"
	"slices"

	"redoubt/raft"
	"redoubt/raft/replica"
)

// Changes of the members: what operators do, and what the oracle makes of it.

// request is a change that an operator wants.
type request struct {
	*replica.Membership
	untilUs int64
	open    bool // it may still be begun
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
	r := &request{replica.NewMembership(ch, f.Kind == FaultTransfer), w.nowUs + f.ForMs*1000, true}
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
			if err == replica.ErrNoLeader || err == replica.ErrUnclear {
				again()
			} else {
				r.open = false
			}
		default: // it went down with it
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

// placedConfig is a configuration and its place in a log.
type placedConfig struct {
	index, term uint64
	config      raft.Configuration
}

// noteConfig remembers a configuration that somebody writes down.
func (o *oracle) noteConfig(e *raft.Entry) {
	if e.Type != raft.EntryConfig || slices.ContainsFunc(o.configs, func(p placedConfig) bool { return p.index == e.Index && p.term == e.Term }) {
		return
	}
	config, err := raft.DecodeConfiguration(e.Data)
	if err != nil {
		o.w.fail("log", "entry %d is no configuration: %v", e.Index, err)
		return
	}
	o.configs = append(o.configs, placedConfig{e.Index, e.Term, config})
}

// deciding are the configurations under which entry index can be committed: the
// one that is in force there, and what some leader may have had behind it.
func (o *oracle) deciding(index uint64) []raft.Configuration {
	configs := []raft.Configuration{o.config}
	for _, p := range o.configs {
		if p.index >= index {
			configs = append(configs, p.config)
		}
	}
	return configs
}

// onQuorum: an entry is on the disks of a majority, of both if need be.
func (o *oracle) onQuorum(index, chain uint64) bool {
	return slices.ContainsFunc(o.deciding(index), func(c raft.Configuration) bool {
		return c.HasQuorum(func(m raft.Member) bool { return o.views[o.w.node(m.ID).index].durable.at(index) == chain })
	})
}

// committedConfig is told of each configuration that is committed, in order.
func (o *oracle) committedConfig(e *raft.Entry) {
	if o.recorded == 0 {
		o.recorded = e.Index
	}
	i := slices.IndexFunc(o.configs, func(p placedConfig) bool { return p.index == e.Index && p.term == e.Term })
	before, now := o.config, o.configs[i].config
	o.config = now
	w := o.w
	w.tracef("committed members: %v", now)
	if slices.ContainsFunc(before.Removed, func(id raft.NodeID) bool { return !slices.Contains(now.Removed, id) }) {
		w.fail("members", "a removed id is forgotten: %v becomes %v", before, now)
	}
	w.markIf(now.Joint() && !before.Joint(), MarkJointCommitted)
	w.markIf(!now.Joint() && before.Joint(), MarkJointLeft)
	for _, m := range now.Members {
		was, _ := member(&before, m.ID)
		w.markIf(was.Role == raft.Joining && m.Role == raft.Voter, MarkVoterAdded)
		w.markIf(was.Replaces != "" && m.Role == raft.Voter, MarkVoterReplaced)
		w.markIf(was.Role == raft.Voter && m.Role == raft.Learner, MarkVoterDemoted)
	}
	leader, led := o.leaders[e.Term]
	for _, m := range before.Members {
		if _, ok := member(&now, m.ID); !ok {
			w.mark(MarkMemberLeft)
			w.markIf(led && w.nodes[leader].id == m.ID, MarkLeaderLeft)
		}
	}
	if j := slices.IndexFunc(o.configs, func(p placedConfig) bool { return p.index < e.Index && p.config.Joint() && p.term < e.Term }); j >= 0 {
		w.markIf(before.Joint() && !now.Joint(), MarkJointLeftByNextLeader)
	}
}
