package raft

import "slices"

// maxVoters is the largest number of voters for which quorum sums need no
// allocation; more work too.
const maxVoters = 9

// quorum is the size of a majority of n.
func quorum(n int) int { return n/2 + 1 }

// Joint says that c stands between two sets of voters.
func (c *Configuration) Joint() bool {
	return slices.ContainsFunc(c.Members, func(m Member) bool { return m.Outgoing })
}

// HasQuorum says whether the members for which has is true can decide: they are
// a majority of the voters and, if c is joint, one of those before (§6).
func (c *Configuration) HasQuorum(has func(m Member) bool) bool {
	majority := func(voter electorate) bool {
		n := 0
		for _, m := range c.Members {
			n += count(voter(&m) && has(m))
		}
		return n >= quorum(c.size(voter))
	}
	return majority(incoming) && (!c.Joint() || majority(outgoing))
}

// electorate says who votes in one of the two configurations that a joint one is
// made of. Others have incoming alone.
type electorate func(*Member) bool

func incoming(m *Member) bool { return m.Role == Voter }
func outgoing(m *Member) bool { return m.Outgoing }

func (m *Member) votes() bool { return incoming(m) || outgoing(m) }

// size counts its voters.
func (c *Configuration) size(voter electorate) int {
	n := 0
	for i := range c.Members {
		n += count(voter(&c.Members[i]))
	}
	return n
}

// quorumValue returns the highest value that a quorum has reached. Only a voter
// whose incarnation is recorded counts: the others may be another disk tomorrow
// (doc.go, "Incarnations").
func (c *Configuration) quorumValue(of func(id NodeID) uint64) uint64 {
	value := c.majorityValue(incoming, of)
	if c.Joint() {
		value = min(value, c.majorityValue(outgoing, of))
	}
	return value
}

func (c *Configuration) majorityValue(voter electorate, of func(id NodeID) uint64) uint64 {
	var array [maxVoters]uint64
	values := array[:0]
	for i := range c.Members {
		m := &c.Members[i]
		switch {
		case !voter(m):
		case m.Incarnation == 0:
			values = append(values, 0)
		default:
			values = append(values, of(m.ID))
		}
	}
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)-quorum(len(values))]
}

// outcome of an election so far.
type outcome uint8

const (
	undecided outcome = iota
	won
	lost
)

// election counts votes: true granted, false refused, absent not heard of. While
// c is joint, it takes both configurations to win and one to lose.
func (c *Configuration) election(votes map[NodeID]bool) outcome {
	result := c.ballot(incoming, votes)
	if !c.Joint() {
		return result
	}
	switch before := c.ballot(outgoing, votes); {
	case result == lost || before == lost:
		return lost
	case result == won && before == won:
		return won
	}
	return undecided
}

// ballot is the part of an election among one configuration's voters.
//
// A majority of voters whose incarnation is recorded wins (§5.2). As long as
// some are not recorded, which is so only before a new cluster's first leader
// has written them down, all voters together win as well: among all of them is
// one that has what was committed, however many of the others are new disks
// under old names.
func (c *Configuration) ballot(voter electorate, votes map[NodeID]bool) outcome {
	all, recorded := 0, 0       // have granted
	mayAll, mayRecorded := 0, 0 // have granted or may still
	for i := range c.Members {
		m := &c.Members[i]
		if !voter(m) {
			continue
		}
		granted, heard := votes[m.ID]
		may := granted || !heard
		all += count(granted)
		mayAll += count(may)
		if m.Incarnation != 0 {
			recorded += count(granted)
			mayRecorded += count(may)
		}
	}
	n := c.size(voter)
	switch {
	case n == 0:
		return lost
	case recorded >= quorum(n) || all == n:
		return won
	case mayRecorded < quorum(n) && mayAll < n:
		return lost
	}
	return undecided
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}
