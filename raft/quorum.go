package raft

import "slices"

// maxVoters is the largest number of voters for which quorum sums need no
// allocation; more work too.
const maxVoters = 9

// quorum is the size of a majority of n.
func quorum(n int) int { return n/2 + 1 }

// voters counts them.
func (c *Configuration) voters() int {
	n := 0
	for i := range c.Members {
		if c.Members[i].Role == Voter {
			n++
		}
	}
	return n
}

// quorumValue returns the highest value that a majority of the voters has
// reached. Only a voter whose incarnation is recorded counts: the others may be
// another disk tomorrow (doc.go, "Incarnations").
func (c *Configuration) quorumValue(of func(id NodeID) uint64) uint64 {
	var array [maxVoters]uint64
	values := array[:0]
	for i := range c.Members {
		m := &c.Members[i]
		switch {
		case m.Role != Voter:
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

// election counts votes: true granted, false refused, absent not heard of.
//
// A majority of voters whose incarnation is recorded wins (§5.2). As long as
// some are not recorded, which is so only before a new cluster's first leader
// has written them down, all voters together win as well: among all of them is
// one that has what was committed, however many of the others are new disks
// under old names.
func (c *Configuration) election(votes map[NodeID]bool) outcome {
	all, recorded := 0, 0       // have granted
	mayAll, mayRecorded := 0, 0 // have granted or may still
	for i := range c.Members {
		m := &c.Members[i]
		if m.Role != Voter {
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
	n := c.voters()
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
