package raft

import (
	"fmt"
	"slices"
)

// Changes of the members in TestRandom.

// someSettle has a part of the nodes come to rest among each other: changes take
// several rounds, which chaos alone hardly ever grants.
func (c *chaos) someSettle() {
	var some []NodeID
	for _, n := range c.nodes {
		if n.core != nil && c.rng.IntN(5) > 0 {
			some = append(some, n.id)
			if c.rng.IntN(20) == 0 {
				n.core.electionTimeout()
			}
		}
	}
	if len(some) > 0 {
		c.tick(c.rng.IntN(3), some...)
		c.stabilize(some...)
	}
}

// change asks n, which should lead, for a change of the members.
func (c *chaos) change(n *node) {
	if len(c.nodes) < 9 && c.rng.IntN(3) == 0 {
		id := nodeID(len(c.nodes) + 1)
		c.join(id).template = n.template
		c.node(id).template.ID = id
	}
	if c.wiped != "" && c.lastConfig().isGone(c.wiped) {
		c.wiped = "" // its node stays down: a directory that was removed is not used again
	}
	ch := MemberChange{Kind: ChangeKind(1 + c.rng.IntN(int(Readdress))), ID: c.anyID(false), Old: c.anyID(false), Addr: fmt.Sprint(c.rng.IntN(3))}
	if c.wiped != "" {
		ch.Kind, ch.Old = Replace, c.wiped
		if c.rng.IntN(3) == 0 {
			ch.Kind, ch.ID = Remove, c.wiped
		}
	}
	if ch.ID != c.wiped || ch.Kind == Remove {
		_, _ = n.core.ChangeMembers(ch)
	}
}

// lastConfig is the latest configuration that is known to be committed.
func (c *chaos) lastConfig() *Configuration {
	var config Configuration
	newest := uint64(0)
	for _, n := range c.nodes {
		if n.core != nil && n.core.log.commit >= newest {
			newest = n.core.log.commit
			config = n.core.configs.at(newest)
		}
	}
	return &config
}

func (c *Configuration) isGone(id NodeID) bool { return slices.Contains(c.Removed, id) }

// mayLoseADisk: the others are enough, in every configuration that any node has.
func (c *chaos) mayLoseADisk(n *node) bool {
	if m, _ := c.lastConfig().member(n.id); c.wiped != "" || m.Role != Voter {
		return false
	}
	for _, other := range c.nodes {
		if other.core == nil {
			continue
		}
		for _, p := range other.core.configs {
			if p.config.Joint() || p.config.size(incoming) < 3 {
				return false
			}
		}
	}
	return true
}

// gone says that n lost its disk and was removed since.
func (c *chaos) gone(n *node) bool { return len(n.lost) > 1 && c.lastConfig().isGone(n.id) }

// changeIsComplete: the configuration in force has nothing left to be done.
func (c *chaos) changeIsComplete() bool {
	config := c.leader().core.config()
	joining := slices.ContainsFunc(config.Members, func(m Member) bool { return m.Role == Joining })
	return !config.Joint() && (!joining || c.wiped != "")
}
