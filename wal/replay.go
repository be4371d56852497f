package wal

import (
	"fmt"

	"redoubt/raft"
)

// replay is what the frames read so far add up to: the last hard state, and the
// log as the later entry of an index and the later snapshot mark leave it.
type replay struct {
	hardState raft.HardState
	// base is the index that entries follow; baseKnown is false until the first
	// entry or mark when the oldest segments are gone.
	base      uint64
	baseTerm  uint64 // 0 when the entry at base was not seen
	baseKnown bool
	mark      raft.SnapshotMeta // newest snapshot mark
	entries   []raft.Entry
}

func (r *replay) last() uint64 { return r.base + uint64(len(r.entries)) }

func (r *replay) lastTerm() uint64 {
	if n := len(r.entries); n > 0 {
		return r.entries[n-1].Term
	}
	return r.baseTerm
}

// frame applies the records of one payload to r and reports what they mean for
// the segment they are in. Offset is where in the payload reason was found.
func (r *replay) frame(payload []byte, s segments) (offset int, reason string) {
	sawHardState := false
	for offset < len(payload) {
		rec, n, reason := nextRecord(payload[offset:])
		if reason != "" {
			return offset, reason
		}
		switch rec.kind {
		case recordHardState:
			if rec.hardState.Term < r.hardState.Term {
				return offset, fmt.Sprintf("term went back from %d to %d", r.hardState.Term, rec.hardState.Term)
			}
			r.hardState = rec.hardState
			sawHardState = true
		case recordEntry:
			if reason := r.entry(rec.entry); reason != "" {
				return offset, reason
			}
			s.sawEntry(rec.entry.Index)
		case recordSnapshot:
			r.reset(rec.mark)
			s.sawMark(rec.mark.Index)
		}
		offset += n
	}
	switch {
	case !sawHardState:
		return 0, "frame without hard state"
	case r.lastTerm() > r.hardState.Term:
		return 0, fmt.Sprintf("entry of term %d under hard state of term %d", r.lastTerm(), r.hardState.Term)
	case r.baseKnown && r.hardState.Commit > r.last():
		return 0, fmt.Sprintf("commit index %d is beyond the last entry %d", r.hardState.Commit, r.last())
	}
	return 0, ""
}

func (r *replay) entry(e raft.Entry) (reason string) {
	switch {
	case e.Index == 0 || e.Term == 0:
		return fmt.Sprintf("entry has index %d, term %d", e.Index, e.Term)
	case r.mark.Index > 0 && e.Index <= r.mark.Index:
		return fmt.Sprintf("entry %d after the log was reset to %d", e.Index, r.mark.Index)
	case !r.baseKnown || e.Index <= r.base:
		// The base was only the oldest entry left on disk; an override may reach
		// below it, into what the dropped segments held.
		r.base, r.baseTerm, r.baseKnown = e.Index-1, 0, true
		r.entries = nil
	case e.Index > r.last()+1:
		return fmt.Sprintf("entry %d follows entry %d", e.Index, r.last())
	}
	r.entries = r.entries[:e.Index-r.base-1]
	if e.Term < r.lastTerm() {
		return fmt.Sprintf("entry %d has term %d after term %d", e.Index, e.Term, r.lastTerm())
	}
	r.entries = append(r.entries, e)
	return ""
}

// reset is the meaning of a snapshot mark: everything written before it is void.
func (r *replay) reset(m raft.SnapshotMeta) {
	r.mark = m
	r.base, r.baseTerm, r.baseKnown = m.Index, m.Term, true
	r.entries = nil
}

// reconcile fits the log to the newest snapshot. NeedMark is true when the log
// was given up for the snapshot, which the log itself does not say yet: a crash
// came between the snapshot file and its mark.
func (r *replay) reconcile(snap raft.SnapshotMeta, firstSeq uint64) (needMark bool, reason string) {
	if firstSeq > 1 && snap.Index == 0 {
		return false, fmt.Sprintf("the frames before %d are gone and there is no snapshot instead", firstSeq)
	}
	if r.baseKnown && r.base > snap.Index {
		return false, fmt.Sprintf("the log starts behind entry %d, but the newest snapshot ends at %d", r.base, snap.Index)
	}
	switch {
	case snap.Index == 0:
		return false, ""
	case !r.baseKnown || r.last() < snap.Index:
		needMark = true
	case r.base == snap.Index:
		if r.baseTerm != 0 && r.baseTerm != snap.Term {
			return false, fmt.Sprintf("entry %d has term %d in the log and %d in the snapshot", snap.Index, r.baseTerm, snap.Term)
		}
		if len(r.entries) > 0 && r.entries[0].Term < snap.Term {
			return false, fmt.Sprintf("entry %d has term %d after a snapshot of term %d", r.base+1, r.entries[0].Term, snap.Term)
		}
		r.baseTerm = snap.Term
		return false, ""
	default:
		// §7: a log that holds the snapshot's last entry keeps what follows;
		// any other log is in conflict with what is committed and goes.
		keep := snap.Index - r.base
		needMark = r.entries[keep-1].Term != snap.Term
		if !needMark {
			r.entries = r.entries[keep:]
			r.base, r.baseTerm = snap.Index, snap.Term
			return false, ""
		}
	}
	r.reset(snap)
	if r.hardState.Term < snap.Term {
		// The message that brought the snapshot had at least this term; seeing a
		// higher term without voting in it is always safe.
		r.hardState.Term, r.hardState.Vote = snap.Term, ""
	}
	r.hardState.Commit = min(r.hardState.Commit, snap.Index)
	return needMark, ""
}
