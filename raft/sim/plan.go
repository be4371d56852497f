package sim

import (
	"math/rand/v2"
	"slices"

	"redoubt/wal"
)

// Plan says what a run is to be: all its decisions but the random details of the
// network, the disks and the clients, which follow from Seed. Shrink takes things
// out of it.
type Plan struct {
	Seed       uint64
	Nodes      int
	Joiners    int   `json:",omitempty"` // nodes that may be added, behind the others
	DurationMs int64 // then everything is healed
	Registers  bool  // clients use registers only, and porcupine judges
	// Of the other clients: pipelines come in pieces, so that transactions are
	// spread over several; sessions are led astray (workload_everything.go).
	Pieces, OddSessions bool `json:",omitempty"`
	Clients             []ClientPlan
	Knobs               Knobs
	Faults              []Fault
}

// ClientPlan is one client.
type ClientPlan struct {
	Index      int // names its stream
	Operations int
	Pipeline   int // at most so many commands at once, for Registers
}

// Knobs are the settings of a run. Times without another unit are in µs, those
// of the surroundings are means.
type Knobs struct {
	TickMs, ElectionTicks, HeartbeatTicks int
	TimeoutMs                             int64
	MaxAppendBytes, MaxInflightBytes      int
	MaxUncommittedBytes                   int
	SnapshotBytes, SegmentBytes           int
	FrameBytes                            int `json:",omitempty"` // 0 = more than any write has
	PieceBytes, ChunkBytes                int
	PieceUs                               int64 // between two pieces of a snapshot, or chunks

	LoopUs          int64 // longest delay of a turn, 0 = none
	DiskUs, ApplyUs int64
	NetFloorUs      int64
	NetUs           int64
	ClientUs        int64
	ClientTimeoutMs int64
	ThinkUs         int64

	Reorder           bool
	LossPermille      int64
	DuplicatePermille int64
	ReplayPermille    int64
	SplitReads        bool
}

func (k *Knobs) tickUs() int64 { return int64(k.TickMs) * 1000 }

func (k *Knobs) walOptions() wal.Options {
	return wal.Options{SegmentBytes: k.SegmentBytes, FrameBytes: k.FrameBytes, BallastBytes: -1}
}

// electionUs is the longest election timeout.
func (k *Knobs) electionUs() int64 { return 2 * int64(k.ElectionTicks) * k.tickUs() }

func pick[T any](rng *rand.Rand, choices ...T) T { return choices[rng.IntN(len(choices))] }

// NewPlan draws the plan of a seed.
func NewPlan(seed uint64) *Plan {
	p := &Plan{Seed: seed}
	rng := p.stream(streamPlan, 0, 0)
	p.Nodes = pick(rng, 3, 3, 5)
	p.DurationMs = pick[int64](rng, 5_000, 15_000, 30_000, 60_000)
	p.Registers = rng.IntN(3) == 0
	p.Knobs = newKnobs(rng)
	clients, operations := pick(rng, 1, 3, 5, 8, 12, 40), pick(rng, 100, 300, 300)
	if p.Registers {
		clients, operations = min(clients, 5), min(operations, 200)
	}
	p.Knobs.ThinkUs = max(1, p.DurationMs*1000*int64(clients)/int64(operations)/2)
	for i := range clients {
		p.Clients = append(p.Clients, ClientPlan{Index: i, Operations: operations / clients, Pipeline: pick(rng, 1, 1, 2, 3)})
	}
	p.Pieces, p.OddSessions = rng.IntN(2) == 0, rng.IntN(2) == 0
	p.Faults = newFaults(rng, p)
	if rng.IntN(40) == 0 {
		p.hunt(rng)
	}
	if members := p.stream(streamPlan, 1, 0); members.IntN(3) == 0 {
		p.changeMembers(members)
	}
	return p
}

// changeMembers has the members change while the other faults last.
func (p *Plan) changeMembers(rng *rand.Rand) {
	p.Joiners = 1 + rng.IntN(4)
	for i := range p.Faults {
		if f := &p.Faults[i]; rng.IntN(3) == 0 && !f.Kind.costsDisk() {
			f.Node = rng.IntN(p.Nodes + p.Joiners)
		}
	}
	for range 1 + rng.IntN(pick(rng, 3, 10, 20)) {
		p.Faults = append(p.Faults, Fault{
			Kind: FaultMemberAdd + FaultKind(rng.IntN(int(faultKinds-FaultMemberAdd))), AtMs: rng.Int64N(p.DurationMs),
			ForMs: pick[int64](rng, 1000, 10_000), Node: rng.IntN(p.Nodes + p.Joiners), Peer: rng.IntN(p.Nodes + p.Joiners), Leader: rng.IntN(3) == 0,
		})
	}
	if rng.IntN(3) == 0 && !slices.ContainsFunc(p.Faults, func(f Fault) bool { return f.Kind.costsDisk() }) {
		p.Faults = append(p.Faults, Fault{Kind: FaultWipe, AtMs: rng.Int64N(p.DurationMs), ForMs: 1000, Node: rng.IntN(p.Nodes)})
	}
	slices.SortStableFunc(p.Faults, func(a, b Fault) int { return int(a.AtMs - b.AtMs) })
}

// size is how many nodes there are, or may come to be.
func (p *Plan) size() int { return p.Nodes + p.Joiners }

// hunt makes a plan in which no leader lives long enough to replicate what it
// has, entry by entry: the surroundings of Figure 8, which chance alone hardly
// ever makes.
func (p *Plan) hunt(rng *rand.Rand) {
	p.Nodes = 3
	p.Knobs.MaxAppendBytes, p.Knobs.MaxInflightBytes = 1, 1
	p.Knobs.NetFloorUs, p.Knobs.NetUs, p.Knobs.DiskUs, p.Knobs.LossPermille = 1000, 20_000, 300, 0
	p.Faults = []Fault{{Kind: FaultHunt, ForMs: p.DurationMs, Arg: pick[int64](rng, 20, 50, 100)}}
}

func newKnobs(rng *rand.Rand) Knobs {
	k := Knobs{
		TickMs: pick(rng, 10, 25, 25, 50, 50, 50, 50), TimeoutMs: pick[int64](rng, 500, 2000, 5000),
		MaxAppendBytes: 1 << 20, MaxInflightBytes: 16 << 20, MaxUncommittedBytes: 256 << 20,
		SnapshotBytes: 64 << 20, SegmentBytes: 32 << 10, PieceBytes: 4 << 10, ChunkBytes: 16 << 10,
		DiskUs: pick[int64](rng, 50, 300, 3000), ApplyUs: pick[int64](rng, 5, 100, 3000),
		NetFloorUs: pick[int64](rng, 10, 100, 1000), NetUs: pick[int64](rng, 20, 200, 2000, 20_000),
		ClientUs: pick[int64](rng, 20, 500, 5000), ClientTimeoutMs: pick[int64](rng, 1000, 10_000),
		SplitReads: rng.IntN(4) == 0,
	}
	k.ElectionTicks = max(4, pick(rng, 150, 250, 500)/k.TickMs)
	k.HeartbeatTicks = max(1, k.ElectionTicks/pick(rng, 3, 5))
	// Each of these is off in about half of the seeds, so that no kind of
	// trouble hides the others.
	often := func() bool { return rng.IntN(2) == 0 }
	if rng.IntN(4) == 0 {
		k.LoopUs = pick[int64](rng, 50, 1000, 10_000)
	}
	if often() {
		k.Reorder = often()
		k.LossPermille = pick[int64](rng, 0, 5, 50, 200)
		k.DuplicatePermille = pick[int64](rng, 0, 10, 200)
		k.ReplayPermille = pick[int64](rng, 0, 5, 50)
	}
	if often() {
		k.SnapshotBytes = pick(rng, 500, 3000, 20_000)
		k.PieceBytes = pick(rng, 64, 1024, 64<<10)
		k.ChunkBytes = pick(rng, 64, 700, 64<<10)
		k.PieceUs = pick[int64](rng, 0, 10_000, 200_000)
	}
	if often() {
		k.SegmentBytes = pick(rng, 256, 1024, 5000)
	}
	if often() {
		k.FrameBytes = pick(rng, 1, 200, 2000)
	}
	if often() {
		k.MaxAppendBytes = pick(rng, 1, 300, 5000)
		k.MaxInflightBytes = pick(rng, 1, 1000, 50_000)
		k.MaxUncommittedBytes = pick(rng, 500, 5000, 100_000)
	}
	return k
}
