package raft

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"testing"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "run TestRandom with this seed only")
	seedsFlag = flag.Int("seeds", 1000, "how many seeds TestRandom runs")
)

// TestRandom runs clusters of 3 and 5 through loss, duplication, reordering,
// delay, partitions, crashes that lose unwritten data, restarts, a minority of
// lost disks, compaction, snapshots, transfers, reads and changes of the members; the checker
// watches. Afterwards everything heals, and the cluster must get a leader, complete the change
// under way and commit on every node.
func TestRandom(t *testing.T) {
	first, n := uint64(1), *seedsFlag
	if *seedFlag != 0 {
		first, n = *seedFlag, 1
	} else if testing.Short() {
		n /= 10
	}
	for seed := first; seed < first+uint64(n); seed++ {
		if err := runRandom(seed); err != nil {
			t.Fatalf("seed %d: %v\nreplay: go test ./raft -run TestRandom -seed %d", seed, err, seed)
		}
	}
}

// chaos is one random run.
type chaos struct {
	*cluster
	rng     *rand.Rand
	blocked map[[2]NodeID]bool
	// How often things go wrong differs from run to run.
	dropPercent, dupPercent, crashPermille, leapPermille int
	proposed                                             int
	// wipes is how many voters may still lose their disk for good: a minority.
	wipes int
	// changes of the members take place; then one voter at a time may have lost its
	// disk, until it is replaced or removed.
	changes bool
	wiped   NodeID
}

func runRandom(seed uint64) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v\n%s", r, debug.Stack())
		}
	}()
	rng := rand.New(rand.NewPCG(seed, 7))
	voters := 3 + 2*rng.IntN(2)
	learners := rng.IntN(2)
	c := &chaos{
		cluster: newCluster(voters, learners, seed), rng: rng, blocked: map[[2]NodeID]bool{},
		dropPercent: rng.IntN(20), dupPercent: rng.IntN(20), crashPermille: rng.IntN(15), leapPermille: rng.IntN(60),
	}
	for _, n := range c.nodes {
		n.template.MaxAppendBytes = 100 + rng.IntN(400)
		n.template.MaxInflightBytes = 300 + rng.IntN(1000)
		n.template.MaxUncommittedBytes = 2000
		n.template.DiskStallTicks = rng.IntN(2) * 15
	}
	if c.changes = rng.IntN(2) == 0; !c.changes && rng.IntN(3) == 0 {
		c.wipes = (voters - 1) / 2
	}
	if rng.IntN(4) > 0 { // a cluster that has come up; else one that has to
		c.elect(nodeID(1 + rng.IntN(voters)))
	}
	steps := 200 + rng.IntN(800)
	for range steps {
		c.step()
	}
	c.check.logsMatch()
	c.heal()
	return nil
}

func (c *chaos) step() {
	n := c.nodes[c.rng.IntN(len(c.nodes))]
	if n.core == nil {
		if c.rng.IntN(10) == 0 && !c.gone(n) {
			if c.wipes > 0 && c.rng.IntN(3) == 0 && n.voter() {
				c.wipes--
				n.wipe()
			}
			if c.changes && c.rng.IntN(6) == 0 && c.mayLoseADisk(n) {
				c.wiped = n.id
				n.wipe()
			}
			n.start()
		}
		return
	}
	if c.changes && c.rng.IntN(10) == 0 {
		c.someSettle()
		if leader := c.leader(); leader != nil && c.rng.IntN(4) > 0 {
			n = leader
		}
		c.change(n)
	}
	switch p := c.rng.IntN(1000); {
	case p < 400:
		c.network()
	case p < 600:
		n.core.Tick()
	case p < 600+c.leapPermille:
		for range n.core.cfg.ElectionTicks + c.rng.IntN(10) {
			n.core.Tick() // a clock that runs ahead; the others think all is well
		}
	case p < 800:
		n.persist(c.rng.IntN(len(n.pending) + 1))
	case p < 880:
		for range 1 + c.rng.IntN(3) {
			c.proposed++
			_, _ = n.propose(fmt.Sprintf("%0*d", 1+c.rng.IntN(60), c.proposed))
		}
	case p < 930:
		_, _ = n.read(c.rng.Uint64N(n.core.log.commit + 1))
	case p < 945:
		n.snapshot(c.rng.Uint64N(10))
	case p < 950:
		_ = n.core.TransferLeadership(c.anyID(true))
	case p < 960:
		n.core.PeerDown(c.anyID(false))
	case p < 970:
		n.core.NotifyCommit(c.anyID(false))
	case p < 980:
		c.partition()
	case p < 980+c.crashPermille:
		n.persist(c.rng.IntN(len(n.pending) + 1))
		n.crash()
		return
	}
	if c.rng.IntN(4) > 0 {
		n.flush()
		c.check.marks(n)
	}
}

func (c *chaos) anyID(orNone bool) NodeID {
	if orNone && c.rng.IntN(2) == 0 {
		return ""
	}
	return c.nodes[c.rng.IntN(len(c.nodes))].id
}

// network moves one message, mostly an old one.
func (c *chaos) network() {
	if len(c.net) == 0 {
		return
	}
	i := 0
	if c.rng.IntN(3) == 0 {
		i = c.rng.IntN(len(c.net))
	}
	m := c.take(i)
	if c.rng.IntN(100) < c.dropPercent || c.blocked[[2]NodeID{m.From, m.To}] {
		c.drop(m)
		return
	}
	if c.rng.IntN(100) < c.dupPercent {
		c.net = append(c.net, m)
	}
	c.deliver(m)
	if n := c.node(m.To); n.core != nil && c.rng.IntN(4) > 0 {
		n.flush()
	}
}

// partition heals or blocks some links, each in one direction.
func (c *chaos) partition() {
	clear(c.blocked)
	if c.rng.IntN(2) == 0 {
		return
	}
	for _, a := range c.nodes {
		for _, b := range c.nodes {
			if a != b && c.rng.IntN(3) == 0 {
				c.blocked[[2]NodeID{a.id, b.id}] = true
			}
		}
	}
}

// heal ends all faults: a leader must be there soon and a write reach everyone.
func (c *chaos) heal() {
	for _, n := range c.nodes {
		if n.core == nil && !c.gone(n) {
			n.start()
		}
		n.flush()
	}
	c.stabilize()
	for range 400 {
		c.tick(1)
		leader := c.leader()
		if leader == nil {
			continue
		}
		index, err := leader.propose("after the storm")
		if err != nil {
			continue
		}
		c.stabilize()
		c.tick(6)
		if c.leader() == nil {
			continue // another node knew a later term
		}
		if !c.changeIsComplete() {
			continue
		}
		if !slices.ContainsFunc(c.nodes, func(n *node) bool { return c.isMember(n) && n.applied < index }) {
			c.reads()
			c.check.logsMatch()
			return
		}
	}
	panic(fmt.Sprintf("no progress after everything healed: %+v", c.nodes[0].core.Status()))
}

func (n *node) voter() bool {
	m, ok := n.disk.snap.Config.member(n.id)
	return ok && m.Role == Voter
}

// isMember: the log knows n, and not with a disk that it has lost.
func (c *chaos) isMember(n *node) bool {
	m, ok := c.leader().core.Member(n.id)
	return ok && m.Incarnation == n.incarnation
}

// reads: each node's read is answered, and none has been forgotten.
func (c *chaos) reads() {
	for _, n := range c.nodes {
		if !c.isMember(n) {
			continue
		}
		if _, err := n.read(0); err != nil {
			panic(fmt.Sprintf("%s cannot read: %v", n.id, err))
		}
	}
	c.stabilize()
	c.tick(10) // what was lost in the storm has failed by now
	for _, n := range c.nodes {
		if c.isMember(n) && len(n.reads) > 0 {
			panic(fmt.Sprintf("%s: reads without an answer: %v", n.id, n.reads))
		}
	}
}
