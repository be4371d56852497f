package sim

import (
	"fmt"
	"math/rand/v2"

	"redoubt/raft"
)

// epochMs is the wall clock at the beginning of every run.
const epochMs = 1_700_000_000_000

// World is one run of a plan.
type World struct {
	plan   *Plan
	config raft.Configuration
	nodes  []*node
	net    network
	users  []*client
	fronts []*frontEnd
	oracle oracle
	asked  []*request // changes of the members

	nowUs                 int64
	events                eventHeap
	ordinal               uint64 // of events
	healed                bool
	huntMs, cutAtSnapshot int64 // see FaultHunt, FaultCutAtSnapshot

	Marks   Marks
	Stats   Stats
	trace   *trace
	failure *Violation
	picture func(path string) error
}

// Stats counts what happened in a run.
type Stats struct {
	SimulatedUs int64
	Events      uint64
	Messages    uint64
	Operations  int // client commands that were answered
	Unknown     int // with an unknown outcome
	Refused     int // surely not executed
	Entries     uint64
	Elections   int
	Crashes     int
	Faults      [faultKinds]int
}

// Violation is a rule that was broken.
type Violation struct {
	Oracle string
	Text   string
	AtUs   int64
}

func (v *Violation) Error() string {
	return fmt.Sprintf("%s: %s (at %.6f s)", v.Oracle, v.Text, float64(v.AtUs)/1e6)
}

// fail notes the first violation, which ends the run.
func (w *World) fail(oracle, format string, args ...any) {
	if w.failure != nil {
		return
	}
	w.failure = &Violation{oracle, fmt.Sprintf(format, args...), w.nowUs}
	w.tracef("VIOLATION %s", w.failure.Error())
}

// The purposes of random streams.
const (
	streamPlan = iota + 1
	streamNode
	streamDisk
	streamLink
	streamClient
)

// stream returns the source of randomness for one purpose of one thing.
func (p *Plan) stream(purpose, i, j int) *rand.Rand {
	return rand.New(rand.NewPCG(p.Seed, uint64(purpose)<<40|uint64(i)<<20|uint64(j)))
}

// event is something that will happen.
type event struct {
	atUs    int64
	ordinal uint64 // events of one moment happen in the order of their making
	run     func()
	node    *node  // whose event it is, nil: the world's
	life    uint64 // the node's life that it belongs to
}

// after has run called in so many microseconds.
func (w *World) after(us int64, run func()) { w.push(us, event{run: run}) }

func (w *World) push(us int64, e event) {
	w.ordinal++
	e.atUs, e.ordinal = w.nowUs+max(us, 0), w.ordinal
	w.events.push(e)
}

// step lets the next event happen; false when there is none up to limitUs.
func (w *World) step(limitUs int64) bool {
	if len(w.events) == 0 || w.events[0].atUs > limitUs {
		w.nowUs = max(w.nowUs, limitUs)
		return false
	}
	e := w.events.pop()
	w.nowUs = e.atUs
	w.Stats.Events++
	w.trace.mix(uint64(e.atUs), e.ordinal)
	if e.node != nil {
		e.node.happen(e)
	} else {
		e.run()
	}
	return w.failure == nil
}

// runUntil lets everything happen up to a moment.
func (w *World) runUntil(us int64) {
	for w.step(us) {
	}
}

// eventHeap is a binary heap by time, then ordinal. container/heap would box
// every event.
type eventHeap []event

func (h eventHeap) less(i, j int) bool {
	return h[i].atUs < h[j].atUs || h[i].atUs == h[j].atUs && h[i].ordinal < h[j].ordinal
}

func (h *eventHeap) push(e event) {
	*h = append(*h, e)
	s := *h
	for i := len(s) - 1; i > 0; {
		up := (i - 1) / 2
		if !s.less(i, up) {
			return
		}
		s[i], s[up] = s[up], s[i]
		i = up
	}
}

func (h *eventHeap) pop() event {
	s := *h
	top := s[0]
	last := len(s) - 1
	s[0] = s[last]
	s[last] = event{}
	s = s[:last]
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			break
		}
		if down+1 < last && s.less(down+1, down) {
			down++
		}
		if !s.less(down, i) {
			break
		}
		s[i], s[down] = s[down], s[i]
		i = down
	}
	*h = s
	return top
}

// Add adds the counts of another run.
func (s *Stats) Add(o *Stats) {
	s.SimulatedUs += o.SimulatedUs
	s.Events += o.Events
	s.Messages += o.Messages
	s.Operations += o.Operations
	s.Unknown += o.Unknown
	s.Refused += o.Refused
	s.Entries += o.Entries
	s.Elections += o.Elections
	s.Crashes += o.Crashes
	for i := range s.Faults {
		s.Faults[i] += o.Faults[i]
	}
}

// FaultsTotal counts the faults of all kinds.
func (s *Stats) FaultsTotal() int {
	n := 0
	for _, k := range s.Faults {
		n += k
	}
	return n
}
