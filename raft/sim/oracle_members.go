package sim

import (
	"slices"

	"redoubt/raft"
	"redoubt/raft/replica"
)

// What the oracle makes of changes of the members.

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
		o.w.fail("state machine safety", "entry %d is no configuration: %v", e.Index, err)
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
		return c.HasQuorum(func(m raft.Member) bool {
			v := &o.views[o.w.node(m.ID).index]
			return v.durable.at(index) == chain || v.wiped.at(index) == chain
		})
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
	o.inForce = append(o.inForce, now)
	w := o.w
	w.tracef("committed members: %v", now)
	if slices.ContainsFunc(before.Removed, func(id raft.NodeID) bool { return !slices.Contains(now.Removed, id) }) {
		w.fail("changes of members", "a removed id is forgotten: %v becomes %v", before, now)
	}
	o.refusalsHold(&before, &now)
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

// requestAnswered: what an operator is told of a change is so. It is done when it
// has come into force since, or was before; it is refused for good when it never
// will be by this request.
func (o *oracle) requestAnswered(n *node, r *request, err error) {
	w := o.w
	switch {
	case r.Transfer: // leaders come and go
	case err == nil:
		w.mark(MarkChangeAnswered)
		since := o.inForce[r.configs-1:]
		if !slices.ContainsFunc(since, r.holds) && !o.placedOnQuorum(r) {
			w.fail("changes of members", "%s says that %+v is done, but in force is %v", n.id, r.Change, o.config)
		}
	case err != replica.ErrUnclear && err != replica.ErrNoLeader && !r.again:
		w.mark(MarkChangeRefused)
		o.refused = append(o.refused, r)
	}
}

// placedOnQuorum: r holds by a configuration that is committed, although nobody
// has applied it.
func (o *oracle) placedOnQuorum(r *request) bool {
	return slices.ContainsFunc(o.configs, func(p placedConfig) bool {
		return r.holds(p.config) && p.index > uint64(len(o.commits)) && o.onQuorum(p.index, o.chains[entryID{p.index, p.term}])
	})
}

// holds says that a configuration is as r wants it.
func (r *request) holds(c raft.Configuration) bool {
	m, is := member(&c, r.Change.ID)
	_, old := member(&c, r.Change.Old)
	switch r.Change.Kind {
	case raft.Remove:
		return !is && slices.Contains(c.Removed, r.Change.ID)
	case raft.Demote, raft.AddLearner:
		return m.Role == raft.Learner
	case raft.Replace:
		return m.Role == raft.Joining && m.Replaces == r.Change.Old || m.Role == raft.Voter && !old
	default: // AddVoter, Promote
		return m.Role == raft.Joining || m.Role == raft.Voter
	}
}

// refusalsHold: a change that was refused is not made. Where others have asked for
// something about the same member nobody can tell.
func (o *oracle) refusalsHold(before, now *raft.Configuration) {
	for _, r := range o.refused {
		alone := !slices.ContainsFunc(o.w.asked, func(other *request) bool { return other != r && !other.Transfer && other.concerns(r) })
		if alone && r.holds(*now) && !r.holds(*before) {
			o.w.fail("changes of members", "%+v was refused, but %v has become %v", r.Change, *before, *now)
		}
	}
}

func (r *request) concerns(other *request) bool {
	mine, others := []raft.NodeID{r.Change.ID, r.Change.Old}, []raft.NodeID{other.Change.ID, other.Change.Old}
	return slices.ContainsFunc(mine, func(id raft.NodeID) bool { return id != "" && slices.Contains(others, id) })
}
