package raft

import (
	"fmt"
	"slices"
	"strings"
)

// logs numbers logs. A log is told by its last entry and the log before it, so
// equal logs have equal numbers; 0 is the empty one.
type logs struct {
	ends   []logEnd
	last   []uint64 // index of the last entry
	number map[logEnd]uint32
	joined map[[2]uint32]uint32
}

type logEnd struct {
	before uint32
	term   uint64
	typ    EntryType
	data   string
}

func newLogs() *logs {
	return &logs{ends: make([]logEnd, 1), last: make([]uint64, 1), number: map[logEnd]uint32{}, joined: map[[2]uint32]uint32{}}
}

// extended is a log with one entry more.
func (l *logs) extended(end logEnd) uint32 {
	number, ok := l.number[end]
	if !ok {
		number = uint32(len(l.ends))
		l.number[end] = number
		l.ends = append(l.ends, end)
		l.last = append(l.last, l.last[end.before]+1)
	}
	return number
}

func (l *logs) of(entries []Entry) uint32 {
	number := uint32(0)
	for i := range entries {
		e := &entries[i]
		number = l.extended(logEnd{number, e.Term, e.Type, string(e.Data)})
	}
	return number
}

// joinedBehind is the log made of two.
func (l *logs) joinedBehind(head, rest uint32) uint32 {
	if head == 0 || rest == 0 {
		return head | rest
	}
	key := [2]uint32{head, rest}
	number, ok := l.joined[key]
	if !ok {
		end := l.ends[rest]
		end.before = l.joinedBehind(head, end.before)
		number = l.extended(end)
		l.joined[key] = number
	}
	return number
}

// prefix is the log up to that index, or the whole one if it is shorter.
func (l *logs) prefix(log uint32, index uint64) uint32 {
	for l.last[log] > index {
		log = l.ends[log].before
	}
	return log
}

// common is the longest common prefix.
func (l *logs) common(a, b uint32) uint32 {
	for a != b {
		if l.last[a] >= l.last[b] {
			a = l.ends[a].before
		} else {
			b = l.ends[b].before
		}
	}
	return a
}

func (l *logs) begins(log, prefix uint32) bool { return l.prefix(log, l.last[prefix]) == prefix }

func (l *logs) describe(number uint32) string {
	var terms []string
	for ; number != 0; number = l.ends[number].before {
		terms = append(terms, fmt.Sprintf("%d/t%d", l.last[number], l.ends[number].term))
	}
	slices.Reverse(terms)
	return "[" + strings.Join(terms, " ") + "]"
}

// tail is a log whose beginning has given way to a snapshot.
type tail struct {
	base, baseTerm uint64
	rest           uint32
}

// whole is t's log with its beginning: a snapshot covers what is committed.
func (l *logs) whole(t tail, committed uint32) uint32 {
	if t.base == 0 {
		return t.rest
	}
	head := l.prefix(committed, t.base)
	if l.last[head] != t.base || l.ends[head].term != t.baseTerm {
		panic(fmt.Sprintf("State Machine Safety: a snapshot up to %d/t%d, committed is %s", t.base, t.baseTerm, l.describe(committed)))
	}
	return l.joinedBehind(head, t.rest)
}
