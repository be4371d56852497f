package sim

import (
	"encoding/json"
	"slices"
)

// Shrink looks for a smaller plan that breaks the same rule: without most of the
// faults, clients and odd settings, and shorter. It asks more before each run
// and ends when that says no, or when nothing can be left out any more. The
// result is the run of the smallest plan found.
func (r *Runner) Shrink(failed Result, more func() bool) Result {
	s := &shrinker{runner: &Runner{fronts: r.fronts}, best: failed, more: more}
	for size := -1; size != s.best.Plan.decisions() && more(); {
		size = s.best.Plan.decisions()
		s.shorten()
		s.list(func(p *Plan) int { return len(p.Faults) }, func(p *Plan, lo, hi int) { p.Faults = slices.Delete(p.Faults, lo, hi) })
		s.list(func(p *Plan) int { return len(p.Clients) }, func(p *Plan, lo, hi int) { p.Clients = slices.Delete(p.Clients, lo, hi) })
		s.operations()
		s.knobs()
	}
	return s.best
}

// decisions is the size of a plan: faults, clients, and settings that are not
// the plain ones.
func (p *Plan) decisions() int {
	n := len(p.Faults) + len(p.Clients)
	plain := plainKnobs()
	for _, reset := range knobResets {
		k := p.Knobs
		reset(&k, &plain)
		if k != p.Knobs {
			n++
		}
	}
	return n
}

type shrinker struct {
	runner *Runner
	best   Result
	more   func() bool
}

func (p *Plan) clone() *Plan {
	c := *p
	c.Clients, c.Faults = slices.Clone(p.Clients), slices.Clone(p.Faults)
	return &c
}

// try runs a changed copy of the best plan and keeps it if it fails alike.
func (s *shrinker) try(change func(*Plan)) bool {
	if !s.more() {
		return false
	}
	p := s.best.Plan.clone()
	change(p)
	res := s.runner.Run(p)
	if res.Violation == nil || res.Violation.Oracle != s.best.Violation.Oracle {
		return false
	}
	s.best = res
	return true
}

// list leaves out pieces of a list, large ones first (delta debugging).
func (s *shrinker) list(length func(*Plan) int, remove func(p *Plan, lo, hi int)) {
	for size := length(s.best.Plan); size > 0; size /= 2 {
		for lo := 0; lo < length(s.best.Plan); {
			hi := min(lo+size, length(s.best.Plan))
			if !s.try(func(p *Plan) { remove(p, lo, hi) }) {
				lo += size
			}
		}
	}
}

// shorten ends the plan soon after what went wrong, and drops what comes later.
func (s *shrinker) shorten() {
	ms := s.best.Violation.AtUs/1000 + 1
	for _, end := range []int64{ms / 2, ms, ms + 1000} {
		if end >= s.best.Plan.DurationMs {
			continue
		}
		if s.try(func(p *Plan) {
			p.DurationMs = end
			p.Faults = slices.DeleteFunc(p.Faults, func(f Fault) bool { return f.AtMs >= end })
		}) {
			return
		}
	}
}

// operations has the clients do less.
func (s *shrinker) operations() {
	for i := range s.best.Plan.Clients {
		for i < len(s.best.Plan.Clients) && s.best.Plan.Clients[i].Operations > 1 {
			if !s.try(func(p *Plan) { p.Clients[i].Operations /= 2 }) {
				break
			}
		}
	}
}

// knobs makes odd settings plain, one by one.
func (s *shrinker) knobs() {
	plain := plainKnobs()
	for _, reset := range knobResets {
		k := s.best.Plan.Knobs
		if reset(&k, &plain); k != s.best.Plan.Knobs {
			s.try(func(p *Plan) { p.Knobs = k })
		}
	}
}

// plainKnobs are the settings of a run in which nothing is odd.
func plainKnobs() Knobs {
	return Knobs{
		TickMs: 50, ElectionTicks: 5, HeartbeatTicks: 1, TimeoutMs: 2000,
		MaxAppendBytes: 1 << 20, MaxInflightBytes: 16 << 20, MaxUncommittedBytes: 256 << 20,
		SnapshotBytes: 64 << 20, SegmentBytes: 32 << 10, PieceBytes: 64 << 10, ChunkBytes: 64 << 10,
		DiskUs: 300, ApplyUs: 5, NetFloorUs: 100, NetUs: 200, ClientUs: 500, ClientTimeoutMs: 10_000, ThinkUs: 100_000,
	}
}

var knobResets = []func(k, plain *Knobs){ // never changed
	func(k, plain *Knobs) {
		k.TickMs, k.ElectionTicks, k.HeartbeatTicks = plain.TickMs, plain.ElectionTicks, plain.HeartbeatTicks
	},
	func(k, plain *Knobs) { k.TimeoutMs = plain.TimeoutMs },
	func(k, plain *Knobs) { k.MaxAppendBytes = plain.MaxAppendBytes },
	func(k, plain *Knobs) { k.MaxInflightBytes = plain.MaxInflightBytes },
	func(k, plain *Knobs) { k.MaxUncommittedBytes = plain.MaxUncommittedBytes },
	func(k, plain *Knobs) { k.SnapshotBytes = plain.SnapshotBytes },
	func(k, plain *Knobs) { k.SegmentBytes = plain.SegmentBytes },
	func(k, plain *Knobs) {
		k.PieceBytes, k.ChunkBytes, k.PieceUs = plain.PieceBytes, plain.ChunkBytes, plain.PieceUs
	},
	func(k, plain *Knobs) { k.LoopUs = plain.LoopUs },
	func(k, plain *Knobs) { k.DiskUs, k.ApplyUs = plain.DiskUs, plain.ApplyUs },
	func(k, plain *Knobs) { k.NetFloorUs, k.NetUs = plain.NetFloorUs, plain.NetUs },
	func(k, plain *Knobs) {
		k.ClientUs, k.ClientTimeoutMs, k.ThinkUs = plain.ClientUs, plain.ClientTimeoutMs, plain.ThinkUs
	},
	func(k, plain *Knobs) { k.Reorder = plain.Reorder },
	func(k, plain *Knobs) { k.LossPermille = plain.LossPermille },
	func(k, plain *Knobs) {
		k.DuplicatePermille, k.ReplayPermille = plain.DuplicatePermille, plain.ReplayPermille
	},
	func(k, plain *Knobs) { k.SplitReads = plain.SplitReads },
}

// Encode puts a plan into a file's form.
func (p *Plan) Encode() ([]byte, error) {
	b, err := json.MarshalIndent(p, "", "  ")
	return append(b, '\n'), err
}

// DecodePlan reads what Encode wrote.
func DecodePlan(b []byte) (*Plan, error) {
	var p Plan
	if err := json.Unmarshal(b, &p); err != nil {
		return nil, err
	}
	return &p, nil
}
