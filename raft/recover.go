package raft

import (
	"fmt"
	"slices"
)

// Last returns index and term of the last entry. Of two logs of one cluster the
// one with the later last term is the better, then the longer (§5.4.1).
func (st *State) Last() (index, term uint64) {
	if n := len(st.Entries); n > 0 {
		e := &st.Entries[n-1]
		return e.Index, e.Term
	}
	return st.Snapshot.Index, st.Snapshot.Term
}

// Config returns the configuration in force, which is the latest in the log.
func (st *State) Config() (Configuration, error) {
	for i := range slices.Backward(st.Entries) {
		e := &st.Entries[i]
		if e.Type != EntryConfig {
			continue
		}
		config, err := DecodeConfiguration(e.Data)
		if err != nil {
			return config, fmt.Errorf("entry %d: %w", e.Index, err)
		}
		return config, nil
	}
	return st.Snapshot.Config.clone(), nil
}

// Alone returns the configuration of a cluster that consists of m alone and goes
// on with a log of c's. The ids of all others become tombstones: whoever joins
// reads through the configurations of the old cluster, and would find its own id
// there with the incarnation of another disk. For the same reason it fails when
// the old cluster has removed m, or knows it with another incarnation: nobody who
// reads that log would hear m any more.
func (c *Configuration) Alone(m Member) (Configuration, error) {
	if slices.Contains(c.Removed, m.ID) {
		return Configuration{}, fmt.Errorf("%w: %s", ErrRemoved, m.ID)
	}
	if old, ok := c.member(m.ID); ok && old.Incarnation != 0 && old.Incarnation != m.Incarnation {
		return Configuration{}, fmt.Errorf("raft: %s is recorded with incarnation %x, not %x", m.ID, old.Incarnation, m.Incarnation)
	}
	m.Role, m.Outgoing, m.Replaces = Voter, false, ""
	alone := Configuration{Members: []Member{m}, Removed: slices.Clone(c.Removed)}
	for _, other := range c.Members {
		if other.ID != m.ID {
			alone.Removed = append(alone.Removed, other.ID)
		}
	}
	slices.Sort(alone.Removed)
	return alone, alone.check()
}
