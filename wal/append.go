package wal

import (
	"fmt"

	"redoubt/raft"
)

// AppendStats says what one Append did.
type AppendStats struct {
	Frames  int
	Entries int
	Bytes   int64
	// WriteSeconds is the time in write, SyncSeconds that in fdatasync and, where
	// a segment was begun, in making its name known.
	WriteSeconds float64
	SyncSeconds  float64
	Rotated      bool // a segment was begun
}

// Append makes ws durable, in order, in one frame and one fdatasync; in several, one
// after the other, when they exceed Options.FrameBytes. Writes of which nothing must
// be synced are kept for the next frame or Close, and cost nothing now. It keeps none
// of the slices.
//
// The first error is final: this call and all later ones return it, wrapping
// ErrPoisoned, and what was to be written may or may not be there after a restart.
// A write that does not fit the log (an index gap, a term that goes back, a
// snapshot mark without the snapshot) is a broken invariant and panics.
func (l *Log) Append(ws []raft.Write) (AppendStats, error) {
	var st AppendStats
	if l.err != nil {
		return st, l.err
	}
	if !l.mustSync(ws) {
		if len(ws) > 0 {
			l.hardState = ws[len(ws)-1].HardState
		}
		return st, nil
	}
	if err := l.beginFrame(); err != nil {
		return st, err
	}
	for i := range ws {
		if err := l.add(&ws[i], &st); err != nil {
			return st, err
		}
	}
	return st, l.endFrame(&st)
}

func (l *Log) mustSync(ws []raft.Write) bool {
	for i := range ws {
		h := ws[i].HardState
		if ws[i].MustSync || len(ws[i].Entries) > 0 || ws[i].Snapshot != nil ||
			h.Term != l.hardState.Term || h.Vote != l.hardState.Vote {
			return true
		}
	}
	return false
}

// add puts one write into the frame being built, and finishes frames as they
// fill up.
func (l *Log) add(w *raft.Write, st *AppendStats) error {
	if w.HardState.Term < l.hardState.Term || len(w.HardState.Vote) > maxNodeIDBytes {
		panic(fmt.Sprintf("wal: hard state %+v after %+v", w.HardState, l.hardState))
	}
	l.hardState = w.HardState
	if w.Snapshot != nil {
		if err := l.addMark(w.Snapshot); err != nil {
			return err
		}
	}
	for i := range w.Entries {
		e := &w.Entries[i]
		l.checkEntry(e, i > 0)
		if len(e.Data) > MaxEntryBytes {
			return l.poison(fmt.Errorf("entry %d has %d bytes, more than %d", e.Index, len(e.Data), MaxEntryBytes))
		}
		size := recordHeaderBytes + entryHeaderBytes + len(e.Data)
		if len(l.frame) > frameHeaderBytes && len(l.frame)+size > l.o.FrameBytes {
			if err := l.endFrame(st); err != nil {
				return err
			}
			if err := l.beginFrame(); err != nil {
				return err
			}
		}
		l.frame = appendEntry(l.frame, e)
		l.segments.sawEntry(e.Index)
		l.lastIndex, l.lastTerm = e.Index, e.Term
		st.Entries++
	}
	return nil
}

func (l *Log) checkEntry(e *raft.Entry, following bool) {
	switch {
	case e.Index <= l.base, e.Index > l.lastIndex+1, following && e.Index != l.lastIndex+1,
		e.Index == l.lastIndex+1 && e.Term < l.lastTerm, e.Term == 0, e.Term > l.hardState.Term:
		panic(fmt.Sprintf("wal: entry %d of term %d after entry %d of term %d, snapshot %d, hard state %+v",
			e.Index, e.Term, l.lastIndex, l.lastTerm, l.base, l.hardState))
	}
}

// addMark voids everything written so far. The snapshot has to be durable by
// now: a mark without it would be a log without a beginning.
func (l *Log) addMark(m *raft.SnapshotMeta) error {
	newest, _, err := l.dir.LatestSnapshot()
	if err != nil {
		return l.poison(err)
	}
	if newest.Meta.Index < m.Index || m.Index == 0 {
		panic(fmt.Sprintf("wal: the log is to be reset to snapshot %d, but the newest durable one is %d", m.Index, newest.Meta.Index))
	}
	l.frame = appendMark(l.frame, m)
	l.segments.sawMark(m.Index)
	l.base, l.lastIndex, l.lastTerm = m.Index, m.Index, m.Term
	return nil
}

// beginFrame begins a frame, and the segment it goes to if the newest is full:
// the frame's entries count for that one.
func (l *Log) beginFrame() error {
	if l.segments.tail().bytes >= int64(l.o.SegmentBytes) {
		if err := l.beginSegment(); err != nil {
			return l.poison(err)
		}
	}
	l.frame = beginFrame(l.frame)
	return nil
}

// endFrame closes the frame with the current hard state, which thereby survives
// the dropping of any older segment, and makes it durable.
func (l *Log) endFrame(st *AppendStats) error {
	h := l.hardState
	h.Commit = min(h.Commit, l.lastIndex) // the rest of the entries may follow in the next frame
	l.frame = appendHardState(l.frame, h)
	sealFrame(l.frame, l.seed, l.seq+1)
	if err := l.writeFrame(st); err != nil {
		return l.poison(err)
	}
	l.durable = h
	st.Frames++
	l.publish()
	if cap(l.frame) > 2*l.o.FrameBytes {
		l.frame = nil // one huge entry must not keep its buffer for ever
	}
	return nil
}
