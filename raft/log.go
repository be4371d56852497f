package raft

import (
	"fmt"
	"slices"
)

// entryOverheadBytes is what an entry costs besides its Data, so that bounds in
// bytes also bound the number of empty entries.
const entryOverheadBytes = 64

// log is the replicated log from the newest compaction on, with the marks that
// say how far it has come:
//
//	base ≤ applied ≤ handed ≤ min(commit, durable)    commit, durable, written ≤ last
//
// (an installed snapshot moves base and handed at once, applied and durable
// when the runtime reports them).
type log struct {
	base     uint64 // index of the entry before entries[0]
	baseTerm uint64
	entries  []Entry

	commit  uint64
	handed  uint64 // given out as Output.Committed
	applied uint64 // reported by the runtime
	written uint64 // given out in an Output.Write
	durable uint64 // what the disk holds is equal to this log up to here

	writes []pendingWrite

	bytes       int // of all entries in memory
	uncommitted int // of those above commit
}

// pendingWrite is a Write that the runtime has not reported durable. last is
// the highest index of this log that the disk will hold then; truncation
// lowers it, so that the late report of an overridden write never counts for
// the entries that came in its place.
type pendingWrite struct {
	seq  uint64
	last uint64
	tick uint64 // when it was given out
}

func entryBytes(e *Entry) int { return len(e.Data) + entryOverheadBytes }

func sizeOf(entries []Entry) int {
	n := 0
	for i := range entries {
		n += entryBytes(&entries[i])
	}
	return n
}

func (l *log) last() uint64 { return l.base + uint64(len(l.entries)) }

func (l *log) lastTerm() uint64 {
	t, _ := l.term(l.last())
	return t
}

// term returns the term of entry i; false: compacted or not there.
func (l *log) term(i uint64) (uint64, bool) {
	switch {
	case i == l.base:
		return l.baseTerm, true
	case i < l.base || i > l.last():
		return 0, false
	}
	return l.entries[i-l.base-1].Term, true
}

func (l *log) matches(i, term uint64) bool {
	t, ok := l.term(i)
	return ok && t == term
}

// between returns the entries after lo up to and including hi. Its capacity is
// its length: nobody can append into the log.
func (l *log) between(lo, hi uint64) []Entry {
	if hi <= lo {
		return nil
	}
	if lo < l.base || hi > l.last() {
		panic(fmt.Sprintf("raft: entries (%d,%d] wanted, log has (%d,%d]", lo, hi, l.base, l.last()))
	}
	return l.entries[lo-l.base : hi-l.base : hi-l.base]
}

// chunk returns the entries after lo that fit into maxBytes, at least one.
func (l *log) chunk(lo uint64, maxBytes int) ([]Entry, int) {
	rest := l.between(lo, l.last())
	n := 0
	for i := range rest {
		size := entryBytes(&rest[i])
		if i > 0 && n+size > maxBytes {
			return rest[:i:i], n
		}
		n += size
	}
	return rest, n
}

func (l *log) append(entries ...Entry) {
	for i := range entries {
		e := &entries[i]
		if e.Index != l.last()+1 || e.Term < l.lastTerm() {
			panic(fmt.Sprintf("raft: append of %d/t%d behind %d/t%d", e.Index, e.Term, l.last(), l.lastTerm()))
		}
		l.entries = append(l.entries, *e)
		l.bytes += entryBytes(e)
		l.uncommitted += entryBytes(e)
	}
}

// truncate drops entry i and all after it. The array stays as it is, for a
// Write or a message may still be reading it.
func (l *log) truncate(i uint64) {
	if i <= l.commit {
		panic(fmt.Sprintf("raft: truncation at %d, committed up to %d", i, l.commit))
	}
	keep := i - l.base - 1
	size := sizeOf(l.entries[keep:])
	l.bytes -= size
	l.uncommitted -= size
	l.entries = slices.Clip(l.entries[:keep])
	l.forgetDurable(i - 1)
}

// forgetDurable says that what was written above i is no longer this log's.
func (l *log) forgetDurable(i uint64) {
	l.written = min(l.written, i)
	l.durable = min(l.durable, i)
	for j := range l.writes {
		l.writes[j].last = min(l.writes[j].last, i)
	}
}

// commitTo moves the commit index on; it never goes back.
func (l *log) commitTo(i uint64) bool {
	if i <= l.commit {
		return false
	}
	l.uncommitted -= sizeOf(l.between(l.commit, i))
	l.commit = i
	return true
}

// restart makes the log begin behind a snapshot, whose last entry it does not hold:
// nothing of it stays.
func (l *log) restart(index, term uint64) {
	l.entries = nil
	l.forgetDurable(l.commit)
	l.base, l.baseTerm = index, term
	l.commit, l.handed, l.written = index, index, index
	l.bytes, l.uncommitted = 0, 0
}

// compact forgets the entries up to index.
func (l *log) compact(index uint64) {
	term, _ := l.term(index)
	l.entries = slices.Clone(l.between(index, l.last()))
	l.base, l.baseTerm = index, term
	l.bytes = sizeOf(l.entries)
}

// persisted takes note that write seq and all before it are durable.
func (l *log) persisted(seq uint64) {
	n := 0
	for n < len(l.writes) && l.writes[n].seq <= seq {
		l.durable = max(l.durable, l.writes[n].last)
		n++
	}
	l.writes = slices.Delete(l.writes, 0, n)
}

// writeOf returns the pending write that makes entry i durable, which it is not;
// 0: it is in none yet (then i > written).
func (l *log) writeOf(i uint64) uint64 {
	for _, w := range l.writes {
		if w.last >= i {
			return w.seq
		}
	}
	return 0
}

// lastNotAfter returns the last entry up to i whose term is not above term: the
// last place where a log that has (i, term) can still agree with this one. It
// stops at the entry before the log, whose term may be unknown (0).
func (l *log) lastNotAfter(i, term uint64) (index, t uint64) {
	i = min(i, l.last())
	for ; i > l.base; i-- {
		if t := l.entries[i-l.base-1].Term; t <= term {
			return i, t
		}
	}
	t, _ = l.term(i)
	return i, t
}
