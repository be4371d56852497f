package sim

import (
	"redoubt/raft"
	"redoubt/wal"
)

// What the oracle makes of a disk that a process starts from.

// recovered: a restart finds what was durable, with or without what was being
// written, and nothing else.
func (o *oracle) recovered(n *node, rec wal.Recovered) {
	v := &o.views[n.index]
	found := logView{hard: rec.HardState}
	o.restart(&found, rec.Snapshot.Index)
	for i := range rec.Entries {
		e := &rec.Entries[i]
		found.chain = append(found.chain, link32(found.at(e.Index-1), e))
		found.terms = append(found.terms, e.Term)
	}
	for i := range rec.Entries {
		e := &rec.Entries[i]
		o.match(n, entryID{e.Index, e.Term}, found.at(e.Index))
	}
	if !o.mayBeFound(v, &found, rec.Snapshot.Index) {
		o.w.fail("exact recovery", "%s finds term %d vote %q and %d entries; durable were term %d vote %q and %d entries; being written: %d writes",
			n.id, found.hard.Term, found.hard.Vote, found.last(), v.durable.hard.Term, v.durable.hard.Vote, v.durable.last(), len(v.pending))
	}
	commit := min(v.durable.hard.Commit, found.last())
	for i := range v.pending {
		commit = min(commit, v.pending[i].HardState.Commit)
	}
	if found.hard.Commit < commit {
		o.w.fail("exact recovery", "%s finds commit index %d, durable was %d", n.id, found.hard.Commit, commit)
	}
	if found.hard.Vote != "" {
		v.votes[found.hard.Term] = found.hard.Vote
	}
	o.recoveredMarks(v, &found, &rec)
	v.now, v.durable, v.pending = found, found.clone(), nil
	v.term, v.handed = 0, rec.Snapshot.Index
	_, v.unfinished = n.snapshotFiles()
}

// mayBeFound: a log may be what was durable, or that and the writes under way. If
// these take several frames there may be a part of them, up to any entry.
func (o *oracle) mayBeFound(v *view, found *logView, snapshot uint64) bool {
	with := v.durable.clone()
	if found.fits(&with, snapshot) {
		return true
	}
	split := o.w.plan.Knobs.FrameBytes > 0
	for i := range v.pending {
		w := v.pending[i]
		entries := w.Entries
		w.Entries = nil
		o.write(&with, &w)
		for k := range entries {
			if split && found.fits(&with, snapshot) {
				o.w.markIf(i > 0 || k > 0, MarkRecoveredPartOfInflight)
				return true
			}
			o.write(&with, &raft.Write{HardState: w.HardState, Entries: entries[k : k+1]})
		}
	}
	return found.fits(&with, snapshot)
}

// fits says whether a log is what it should be. A snapshot may have replaced it
// up to an index, and a term that it brought.
func (v *logView) fits(want *logView, snapshot uint64) bool {
	sameHard := v.hard.Term == want.hard.Term && v.hard.Vote == want.hard.Vote
	if !sameHard && !(snapshot > 0 && v.hard.Term > want.hard.Term && v.hard.Vote == "") {
		return false
	}
	if want.last() <= snapshot || want.at(snapshot) != v.at(snapshot) {
		return v.last() == snapshot || v.last() == want.last()
	}
	return v.last() == want.last() && v.at(v.last()) == want.at(want.last())
}
