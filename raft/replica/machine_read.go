package replica

import (
	"cmp"
	"slices"

	"redoubt/fsm"
	"redoubt/raft"
	"redoubt/resp"
)

// clockSlackMs is how old the time may be that a reply shows.
const clockSlackMs = 10

// readGroup is the read-only batches of one turn; they share a read index.
type readGroup struct {
	batches    []*Batch
	needsClock bool
}

// confirmedRead waits until the entries up to index are handed over.
type confirmedRead struct {
	index   uint64
	batches []*Batch
}

// reads holds the read-only batches on their way.
type reads struct {
	queue     []*Batch // this turn's
	id        uint64
	asked     map[uint64]*readGroup // by the number given to the core
	confirmed []confirmedRead

	// The last entry that the log had at the start. A former life of this node may
	// have shown everything up to it.
	former struct{ index, term uint64 }
	early  []*Batch // local reads from before the state was as new as it was then
}

// readHere serves a batch from the state as it is here, if that is not older than
// what this node has shown before it was restarted.
func (m *Machine) readHere(b *Batch) {
	if m.asNewAsBefore() {
		m.fx.Apply = append(m.fx.Apply, ApplyItem{Reads: []*Batch{b}})
		return
	}
	m.reads.early = append(m.reads.early, b)
}

// asNewAsBefore: all that a former life can have shown has been handed over. It was
// committed, so it precedes any committed entry of a later term.
func (m *Machine) asNewAsBefore() bool {
	return m.handed >= m.reads.former.index || m.handedTerm > m.reads.former.term
}

// startReads asks the core to confirm this turn's reads, all in one.
func (m *Machine) startReads() {
	if len(m.reads.queue) == 0 {
		return
	}
	g := &readGroup{batches: m.reads.queue}
	for _, b := range g.batches {
		g.needsClock = g.needsClock || b.needsClock
	}
	m.reads.queue = nil
	minIndex := uint64(0)
	if leader, _ := m.Core.Leader(); leader == m.Core.ID() {
		minIndex = m.clockIndex(g.needsClock)
	}
	m.reads.id++
	m.reads.asked[m.reads.id] = g
	if err := m.Core.Read(m.reads.id, minIndex); err != nil {
		delete(m.reads.asked, m.reads.id)
		m.waiting = append(m.waiting, g.batches...)
	}
}

func (r *reads) wantClock(id uint64) bool {
	g := r.asked[id]
	return g != nil && g.needsClock
}

// clockIndex returns the index that a read has to wait for so that it sees the
// time: it appends a tick when the log's time is too old, because a key has
// fallen due since or because the reply shows the time.
func (m *Machine) clockIndex(needsClock bool) uint64 {
	var wanted int64
	switch {
	case needsClock:
		wanted = m.NowMs - clockSlackMs
	case m.expiryMs != 0 && m.expiryMs <= m.NowMs:
		wanted = m.expiryMs
	default:
		return 0
	}
	_, term := m.Core.Leader()
	if m.stamp.term != term || m.stamp.ms < wanted {
		m.tickClock()
	}
	if m.stamp.term != term {
		return 0
	}
	return m.stamp.index
}

// tickClock appends an entry that only carries the time. When the core takes no
// proposals just now, or the disk is full, the old time stands.
func (m *Machine) tickClock() {
	if m.diskFull {
		return
	}
	_, _ = m.append(fsm.AppendEntry(nil, nil))
}

// confirmed takes the core's answers to reads.
func (m *Machine) confirmed(states []raft.ReadState, failed []uint64) {
	for _, id := range failed {
		if g := m.reads.asked[id]; g != nil {
			delete(m.reads.asked, id)
			m.waiting = append(m.waiting, g.batches...)
		}
	}
	for _, s := range states {
		if g := m.reads.asked[s.ID]; g != nil {
			delete(m.reads.asked, s.ID)
			m.reads.confirmed = append(m.reads.confirmed, confirmedRead{index: s.Index, batches: g.batches})
		}
	}
	kept := m.reads.confirmed[:0]
	for _, r := range m.reads.confirmed {
		if r.index > m.handed {
			kept = append(kept, r)
			continue
		}
		m.fx.Apply = append(m.fx.Apply, ApplyItem{Reads: r.batches})
	}
	clear(m.reads.confirmed[len(kept):])
	m.reads.confirmed = kept
	if len(m.reads.early) > 0 && m.asNewAsBefore() {
		m.fx.Apply = append(m.fx.Apply, ApplyItem{Reads: m.reads.early})
		m.reads.early = nil
	}
}

// expire answers the reads whose time is up. They did not happen.
func (r *reads) expire(upMs int64) {
	late := func(b *Batch) bool {
		if upMs < b.deadlineMs {
			return false
		}
		b.fail(resp.ErrClusterDown)
		return true
	}
	r.queue = slices.DeleteFunc(r.queue, late)
	r.early = slices.DeleteFunc(r.early, late)
	for _, id := range sortedKeys(r.asked) {
		g := r.asked[id]
		if g.batches = slices.DeleteFunc(g.batches, late); len(g.batches) == 0 {
			delete(r.asked, id)
		}
	}
	for i := range r.confirmed {
		c := &r.confirmed[i]
		c.batches = slices.DeleteFunc(c.batches, late)
	}
	r.confirmed = slices.DeleteFunc(r.confirmed, func(c confirmedRead) bool { return len(c.batches) == 0 })
}

// sortedKeys makes walks over maps repeatable.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
