package monitor

import (
	"math"
	"time"
)

// History is what a watcher has seen so far.
type History struct {
	Last   Snapshot
	Events []Event // oldest first
	// Ops and LatencyUs are curves of the whole cluster: commands a second of all
	// members, and the p99 of the slowest. NaN: not known.
	Ops, LatencyUs []float64

	seen     bool
	nodes    map[string][]float64 // operations a second by member
	goneFrom time.Time            // since when no member answers; zero: one does
}

const (
	maxPoints = 1000 // wider than any terminal
	maxEvents = 1000
)

// Add takes the next snapshot and returns what happened since the one before.
// It fills in what only a history knows: rates, and since when a member is
// unreachable.
func (h *History) Add(s Snapshot) []Event {
	known := make([]bool, len(s.Members))
	for i := range s.Members {
		known[i] = h.complete(s.At, &s.Members[i])
	}
	var prev *Snapshot
	if h.seen {
		prev = &h.Last
	}
	events := diff(prev, &s)
	h.Events = keep(append(h.Events, events...), maxEvents)
	h.extend(&s, known)
	switch {
	case s.MembersUp > 0:
		h.goneFrom = time.Time{}
	case h.goneFrom.IsZero():
		h.goneFrom = s.At
	}
	h.Last, h.seen = s, true
	return events
}

// complete compares a member with itself a snapshot ago, and says whether its
// rate is known by that.
func (h *History) complete(at time.Time, m *Member) (known bool) {
	before := h.Last.member(m.ID)
	if m.ID == "" && len(h.Last.Members) > 0 { // never answered
		before = &h.Last.Members[0]
	}
	if m.Figures == nil {
		since := at
		if before != nil && before.Since != nil {
			since = *before.Since
		}
		m.Since = &since
		return false
	}
	if before == nil || before.Figures == nil || before.RunID != m.RunID || m.CommandsTotal < before.CommandsTotal {
		return false
	}
	// One of them was the question that the figures before came from.
	commands := max(m.CommandsTotal-before.CommandsTotal, 1) - 1
	m.OpsPerSecond = float64(commands) / m.AnsweredAt.Sub(before.AnsweredAt).Seconds()
	return true
}

// extend draws the curves on.
func (h *History) extend(s *Snapshot, known []bool) {
	if h.nodes == nil {
		h.nodes = map[string][]float64{}
	}
	ops, slowest := math.NaN(), math.NaN()
	for i, m := range s.Members {
		point := math.NaN()
		if known[i] {
			point = m.OpsPerSecond
			ops = plus(ops, point)
		}
		if m.Figures != nil && m.LatencyP99Us > 0 {
			slowest = max(plus(slowest, 0), float64(m.LatencyP99Us))
		}
		h.nodes[m.ID] = keep(append(h.nodes[m.ID], point), maxPoints)
	}
	for id := range h.nodes {
		if s.member(id) == nil {
			delete(h.nodes, id)
		}
	}
	h.Ops, h.LatencyUs = keep(append(h.Ops, ops), maxPoints), keep(append(h.LatencyUs, slowest), maxPoints)
}

// plus adds to a sum that may not have begun.
func plus(sum, v float64) float64 {
	if math.IsNaN(sum) {
		return v
	}
	return sum + v
}

// keep drops the oldest beyond most.
func keep[T any](list []T, most int) []T { return list[max(0, len(list)-most):] }

// newest is the last point of a curve.
func newest(curve []float64) float64 {
	if len(curve) == 0 {
		return math.NaN()
	}
	return curve[len(curve)-1]
}
