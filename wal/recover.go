package wal

import (
	"errors"
	"fmt"
	"io/fs"

	"redoubt/raft"
)

// Recovery is in the identity of a node whose cluster had lost a majority for
// good, and which was made the only member of a new one. It is the first entry of
// the new cluster, and its hard state: Open adds both to a log of an earlier term.
type Recovery struct {
	FromClusterID string
	Term          uint64 // later than any that the directory knows
	Config        raft.Configuration
}

// ErrChanged: the directory is not as it was when it was inspected.
var ErrChanged = errors.New("wal: the data directory has changed meanwhile")

// Inspect reads the data directory of a node that does not run, all of it, and
// changes nothing. It returns what Open would, and the errors that Open would;
// ErrIdentity when there is no identity.
func (d Dir) Inspect() (Identity, Recovered, error) {
	if _, _, err := d.FS.Stat(d.path(lockName)); err == nil {
		held, err := d.lock(d.path(lockName))
		if err != nil {
			return Identity{}, Recovered{}, err
		}
		defer held.Close()
	} else if !errors.Is(err, fs.ErrNotExist) { // else nobody has ever opened it
		return Identity{}, Recovered{}, fmt.Errorf("wal: %w", err)
	}
	return d.inspect()
}

func (d Dir) inspect() (Identity, Recovered, error) {
	id, exists, err := d.LoadIdentity()
	if err == nil && !exists {
		err = fmt.Errorf("%w: %s has none", ErrIdentity, d.Path)
	}
	if err != nil {
		return id, Recovered{}, err
	}
	l := &Log{dir: d, seed: frameSeed(id.Incarnation)}
	s, rec, _, err := l.read(id)
	if err != nil {
		return id, Recovered{}, err
	}
	if rec.SnapshotFile != nil {
		if err := rec.SnapshotFile.Check(); err != nil {
			return id, Recovered{}, err
		}
	}
	if s.torn != nil {
		rec.TornBytes = int64(len(s.torn.bytes))
	}
	rec.Clean = s.clean
	s.replay.recover(&id)
	rec.HardState, rec.Entries = s.replay.hardState, s.replay.entries
	return id, rec, nil
}

// Recover makes the node the only member of a new cluster, config, that goes on
// with all entries of its log: they count as committed. Seen is what Inspect has
// found, and on which the decision was made; ErrChanged if that is not so any
// more. It returns the new identity.
//
// One rename decides: that of IDENTITY, which has the new cluster's id as well as
// its first entry. Before it nothing was changed, after it Open adds the entry:
// the one at the end of this call, or the first one that gets so far. Two steps
// would leave something in between. With the entry first, a node that decides
// alone would have the old id, and whoever comes back of the old cluster would
// talk to it. With the new id first, it would be a member of a cluster that has
// no majority, and could not go back.
//
// The incarnation stays, for all frames are sealed with it. Nobody else can have
// it, and what it has promised to the old cluster the new one never hears of.
func (d Dir) Recover(seen Recovered, clusterID string, config raft.Configuration) (Identity, error) {
	id, err := d.replaceIdentity(seen, clusterID, config)
	if err != nil {
		return id, err
	}
	l, _, err := Open(d, id, Options{})
	if err != nil {
		return id, fmt.Errorf("the new identity is written, but its first entry is not; the next start adds it: %w", err)
	}
	return id, l.Close()
}

func (d Dir) replaceIdentity(seen Recovered, clusterID string, config raft.Configuration) (Identity, error) {
	held, err := d.lock(d.path(lockName))
	if err != nil {
		return Identity{}, err
	}
	defer held.Close()
	id, rec, err := d.inspect()
	if err != nil {
		return id, err
	}
	if rec.HardState != seen.HardState || !rec.sameEnd(&seen) {
		return id, ErrChanged
	}
	id.Recovery = &Recovery{FromClusterID: id.ClusterID, Term: rec.HardState.Term + 1, Config: config}
	id.ClusterID = clusterID
	if err := id.validate(); err != nil {
		return id, err
	}
	data, err := seal(id)
	if err != nil {
		return id, err
	}
	if err := d.withBallast(func() error { return writeFile(d.FS, d.path(identityName), data) }); err != nil {
		return id, fmt.Errorf("wal: %w", err)
	}
	return id, nil
}

// sameEnd says that both logs end with the same entry.
func (r *Recovered) sameEnd(other *Recovered) bool {
	index, term := r.state().Last()
	otherIndex, otherTerm := other.state().Last()
	return index == otherIndex && term == otherTerm
}

func (r *Recovered) state() *raft.State {
	return &raft.State{HardState: r.HardState, Snapshot: r.Snapshot, Entries: r.Entries}
}

// recover adds what the identity's Recovery says to r and returns it as a write;
// nil when there is nothing to add.
func (r *replay) recover(id *Identity) *raft.Write {
	if id.Recovery == nil || r.hardState.Term >= id.Recovery.Term {
		return nil
	}
	e := raft.Entry{Index: r.last() + 1, Term: id.Recovery.Term, Type: raft.EntryConfig, Data: id.Recovery.Config.Append(nil)}
	r.hardState = raft.HardState{Term: e.Term, Vote: id.NodeID, Commit: e.Index}
	r.entries = append(r.entries, e)
	return &raft.Write{HardState: r.hardState, Entries: []raft.Entry{e}, MustSync: true}
}
