package sim

import (
	"runtime/debug"
	"testing"
)

// BenchmarkSeed is the run that the figures in docs/SIMULATION.md are about: 5
// nodes, 60 simulated seconds, 300 operations, all faults and all oracles on. The
// garbage collector is set as redoubt sim sets it; GOMAXPROCS=1 makes it one core.
func BenchmarkSeed(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(1000))
	r := &Runner{}
	seed := uint64(0)
	for b.Loop() {
		seed++
		p := NewPlan(seed)
		p.Nodes, p.DurationMs, p.Registers = 5, 60_000, false
		p.Clients = nil
		for i := range 5 {
			p.Clients = append(p.Clients, ClientPlan{Index: i, Operations: 60, Pipeline: 3})
		}
		p.Knobs.ThinkUs = 500_000
		p.Faults = nil
		rng := p.stream(streamPlan, 1, 0)
		for range 12 {
			k := FaultKind(rng.IntN(int(faultKinds)))
			if !k.costsDisk() {
				p.Faults = append(p.Faults, newFault(rng, p, k))
			}
		}
		if res := r.Run(p); res.Violation != nil {
			b.Fatalf("seed %d: %v", seed, res.Violation)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "seeds/s")
}
