package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Kind is a kind of fault.
type Kind string

// What goes wrong. A killed node loses what it has not synced: its power was cut.
const (
	KillLeader   Kind = "kill-leader"
	KillOne      Kind = "kill-one"
	KillSeveral  Kind = "kill-several" // up to all but one
	KillAll      Kind = "kill-all"
	KillAgain    Kind = "kill-again" // one node, three times in a row
	PauseLeader  Kind = "pause-leader"
	PauseOne     Kind = "pause-one"
	StopLeader   Kind = "stop-leader" // asked to, by SIGTERM
	RestartAll   Kind = "restart-all" // asked to, one after the other
	Partition    Kind = "partition"   // two sides
	CutOffLeader Kind = "cut-off-leader"
	MuteLeader   Kind = "mute-leader" // one-way: it hears and is not heard
	DeafenLeader Kind = "deafen-leader"
	OneWay       Kind = "one-way" // between two nodes
	Slow         Kind = "slow"    // latency on all links
	Lossy        Kind = "lossy"   // messages are dropped on all links
	LowDisk      Kind = "low-disk"
	FullDisk     Kind = "full-disk"
	SlowDisk     Kind = "slow-disk"
	// A node joins while one leaves: the leader, or one whose machine is gone for good.
	ReplaceLeader Kind = "replace-leader"
	ReplaceDead   Kind = "replace-dead"
)

// exchanges says that the kind changes the members; a round has one of these at most.
func (k Kind) exchanges() bool { return k == ReplaceLeader || k == ReplaceDead }

// Kinds lists them all.
func Kinds() []Kind {
	return []Kind{KillLeader, KillOne, KillSeveral, KillAll, KillAgain, PauseLeader, PauseOne, StopLeader, RestartAll,
		Partition, CutOffLeader, MuteLeader, DeafenLeader, OneWay, Slow, Lossy, LowDisk, FullDisk, SlowDisk, ReplaceLeader, ReplaceDead}
}

// ParseKinds reads a list with commas.
func ParseKinds(list string) ([]Kind, error) {
	var kinds []Kind
	for _, word := range strings.Split(list, ",") {
		k := Kind(strings.TrimSpace(word))
		if !slices.Contains(Kinds(), k) {
			return nil, fmt.Errorf("%q is no kind of fault", word)
		}
		kinds = append(kinds, k)
	}
	return kinds, nil
}

// Fault is one thing that goes wrong in a round.
type Fault struct {
	Kind   Kind          `json:"kind"`
	At     time.Duration `json:"at_ns"` // since the round began
	Length time.Duration `json:"length_ns"`
	// Nodes are numbers of nodes, in an order of their own: a kind takes as many as
	// it needs. Who leads is known only when the time has come.
	Nodes []int `json:"nodes"`
	Count int   `json:"count"` // of nodes that are killed or whose disks suffer, or of one side of a partition
	// Cut: links break, and those of a killed node, too; otherwise they stall, as when
	// a cable is pulled or a machine is gone.
	Cut bool `json:"cut"`
	// BusyDisks: when power is cut, the disks of a majority have been slow before.
	BusyDisks bool          `json:"busy_disks"`
	Delay     time.Duration `json:"delay_ns"`
	Loss      float64       `json:"loss"`
	Jitter    time.Duration `json:"jitter_ns"`
}

// Round is what goes wrong between two judgements. Faults may overlap.
type Round struct {
	Faults []Fault `json:"faults"`
}

// exchanges says that the members change in this round.
func (r Round) exchanges() bool {
	return slices.ContainsFunc(r.Faults, func(f Fault) bool { return f.Kind.exchanges() })
}

// String names the faults in the order of their beginning.
func (r Round) String() string {
	var names []string
	for _, f := range r.Faults {
		names = append(names, string(f.Kind))
	}
	return strings.Join(names, " + ")
}

// NewPlan returns what goes wrong in so many rounds, each about as long as length:
// a function of its arguments. All kinds come up equally often, in random order;
// every other round has two.
func NewPlan(seed uint64, rounds, nodes int, kinds []Kind, length time.Duration) []Round {
	rng := rand.New(rand.NewPCG(seed, 0))
	var deck []Kind
	draw := func(fits func(Kind) bool) (Kind, bool) {
		if len(deck) == 0 {
			deck = slices.Clone(kinds)
			rng.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		}
		at := slices.IndexFunc(deck, fits)
		if at < 0 {
			return "", false
		}
		k := deck[at]
		deck = slices.Delete(deck, at, at+1)
		return k, true
	}
	plan := make([]Round, rounds)
	for i := range plan {
		first, _ := draw(func(Kind) bool { return true })
		plan[i].Faults = []Fault{newFault(rng, first, nodes, length)}
		if rng.IntN(2) == 0 {
			if second, ok := draw(func(k Kind) bool { return !k.exchanges() || !first.exchanges() }); ok {
				plan[i].Faults = append(plan[i].Faults, newFault(rng, second, nodes, length))
			}
		}
		slices.SortStableFunc(plan[i].Faults, func(a, b Fault) int { return int(a.At - b.At) })
	}
	return plan
}

func newFault(rng *rand.Rand, kind Kind, nodes int, length time.Duration) Fault {
	f := Fault{
		Kind:      kind,
		At:        length/10 + between(rng, 0, length*3/10),
		Length:    between(rng, length/20, length/2),
		Nodes:     rng.Perm(nodes),
		Cut:       rng.IntN(2) == 0,
		BusyDisks: rng.IntN(2) == 0,
	}
	switch kind {
	case KillSeveral:
		f.Count = 1 + rng.IntN(max(1, nodes-1))
	case LowDisk, FullDisk, SlowDisk:
		f.Count = 1 + rng.IntN(nodes)
	case Partition:
		f.Count = 1 + rng.IntN(max(1, nodes/2))
	case Slow:
		f.Delay, f.Jitter = between(rng, time.Millisecond, 80*time.Millisecond), between(rng, 0, 40*time.Millisecond)
	case Lossy:
		f.Loss = 0.02 + 0.4*rng.Float64()
	}
	return f
}

// between draws from lo to hi, hi excluded unless they are equal.
func between(rng *rand.Rand, lo, hi time.Duration) time.Duration {
	if hi <= lo {
		return lo
	}
	return lo + time.Duration(rng.Int64N(int64(hi-lo)))
}
