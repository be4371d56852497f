package raft

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// cluster is a network of cores with disks, in one goroutine and without a
// clock. Nothing happens by itself: tests deliver, persist, tick and crash.
type cluster struct {
	nodes []*node // sorted by id
	net   []Message
	rng   *rand.Rand
	check *checker
	log   func(format string, args ...any) // what happens, for traces; never nil
}

// node is one member: its disk survives, the rest does not.
type node struct {
	c           *cluster
	id          NodeID
	incarnation uint64
	template    Config
	disk        disk
	lost        []disk // earlier ones

	core    *Core // nil: down
	life    int
	pending []Write // given out, not durable
	held    []Send  // wait for a write
	applied uint64
	reads   map[uint64]uint64 // read id → least index that is right
	readID  uint64
	answers []ReadState
	failed  []uint64
}

// disk is what a restart finds.
type disk struct {
	hard    HardState
	snap    SnapshotMeta
	entries []Entry
}

func (d *disk) last() uint64 { return d.snap.Index + uint64(len(d.entries)) }

func (d *disk) has(e Entry) bool { return d.snap.Index >= e.Index || d.term(e.Index) == e.Term }

func (d *disk) term(i uint64) uint64 {
	if i == d.snap.Index {
		return d.snap.Term
	}
	if i < d.snap.Index || i > d.last() {
		return 0
	}
	return d.entries[i-d.snap.Index-1].Term
}

func (d *disk) apply(w Write) {
	if w.Snapshot != nil {
		d.snap, d.entries = *w.Snapshot, nil
	}
	if len(w.Entries) > 0 {
		first := w.Entries[0].Index
		if first <= d.snap.Index {
			w.Entries = w.Entries[d.snap.Index-first+1:]
			first = d.snap.Index + 1
		}
		if first > d.last()+1 {
			panic(fmt.Sprintf("write of %d leaves a gap after %d", first, d.last()))
		}
		d.entries = append(slices.Clone(d.entries[:first-d.snap.Index-1]), w.Entries...)
	}
	d.hard = w.HardState
}

func testConfig(id NodeID, incarnation, seed uint64) Config {
	return Config{
		ID: id, Incarnation: incarnation, ElectionTicks: 10, HeartbeatTicks: 2,
		MaxAppendBytes: 1 << 10, MaxInflightBytes: 4 << 10, MaxUncommittedBytes: 64 << 10,
		Rand: rand.New(rand.NewPCG(seed, incarnation)),
	}
}

func nodeID(i int) NodeID { return NodeID(fmt.Sprint(i)) }

// bootstrapConfig has voters 1…voters and learners behind them.
func bootstrapConfig(voters, learners int) Configuration {
	var config Configuration
	for i := 1; i <= voters+learners; i++ {
		role := Voter
		if i > voters {
			role = Learner
		}
		config.Members = append(config.Members, Member{ID: nodeID(i), Role: role})
	}
	return config
}

func newCluster(voters, learners int, seed uint64) *cluster {
	c := &cluster{rng: rand.New(rand.NewPCG(seed, 0)), log: func(string, ...any) {}}
	c.check = newChecker(c)
	for _, m := range bootstrapConfig(voters, learners).Members {
		n := &node{c: c, id: m.ID, template: testConfig(m.ID, 0, 0)}
		c.nodes = append(c.nodes, n)
		n.wipe()
		n.disk.snap.Config = bootstrapConfig(voters, learners)
		n.start()
	}
	return c
}

// join starts a node that knows nothing and waits to be added.
func (c *cluster) join(id NodeID) *node {
	n := &node{c: c, id: id, template: testConfig(id, 0, 0)}
	i, _ := slices.BinarySearchFunc(c.nodes, id, func(n *node, id NodeID) int { return strings.Compare(string(n.id), string(id)) })
	c.nodes = slices.Insert(c.nodes, i, n)
	n.wipe()
	n.start()
	return n
}

func (c *cluster) node(id NodeID) *node {
	for _, n := range c.nodes {
		if n.id == id {
			return n
		}
	}
	panic("no node " + string(id))
}

// wipe makes a new, empty disk with a new incarnation.
func (n *node) wipe() { n.newDisk(n.c.rng.Uint64() | 1) }

func (n *node) newDisk(incarnation uint64) {
	bootstrap := Configuration{}
	for _, m := range n.disk.snap.Config.Members {
		m.Incarnation = 0
		bootstrap.Members = append(bootstrap.Members, m)
	}
	n.incarnation = incarnation
	n.lost = append(n.lost, n.disk)
	n.disk = disk{snap: SnapshotMeta{Config: bootstrap}}
}

func (n *node) start() {
	cfg := n.template
	cfg.Incarnation = n.incarnation
	cfg.Rand = rand.New(rand.NewPCG(n.c.rng.Uint64(), 1))
	n.core = New(cfg, State{HardState: n.disk.hard, Snapshot: n.disk.snap, Entries: slices.Clone(n.disk.entries)})
	n.life++
	n.applied = n.disk.snap.Index
	n.reads, n.readID = map[uint64]uint64{}, 0
}

// crash loses what is not durable.
func (n *node) crash() {
	n.core, n.pending, n.held = nil, nil, nil
}

// flush carries out one turn's Output, except that writes wait for persist.
func (n *node) flush() {
	if n.core == nil {
		return
	}
	out := n.core.Flush()
	n.logOutput(&out)
	if out.Write != nil {
		n.pending = append(n.pending, *out.Write)
	}
	n.held = append(n.held, out.Sends...)
	n.release()
	if out.Install != nil {
		n.c.check.installed(n, *out.Install)
		n.applied = out.Install.Index
		n.core.Applied(n.applied)
	}
	for _, e := range out.Committed {
		n.c.check.committed(n, e)
		n.applied = e.Index
	}
	if len(out.Committed) > 0 {
		n.core.Applied(n.applied)
	}
	for _, r := range out.Reads {
		n.c.check.read(n, r)
		n.answers = append(n.answers, r)
	}
	n.failed = append(n.failed, out.FailedReads...)
	for _, id := range out.FailedReads {
		delete(n.reads, id)
	}
	for _, to := range out.SnapshotTo {
		n.sendSnapshot(to)
	}
	n.c.check.turn(n)
}

// release lets the messages go whose write is durable.
func (n *node) release() {
	seq := n.core.persistedSeq
	kept := n.held[:0]
	for _, s := range n.held {
		if s.After > seq {
			kept = append(kept, s)
			continue
		}
		n.c.check.leaves(n, s.Msg)
		n.c.net = append(n.c.net, s.Msg)
	}
	n.held = kept
}

// persist makes the first count pending writes durable.
func (n *node) persist(count int) {
	if n.core == nil || count == 0 {
		return
	}
	for _, w := range n.pending[:count] {
		n.disk.apply(w)
	}
	seq := n.pending[count-1].Seq
	n.pending = slices.Clone(n.pending[count:])
	n.core.Persisted(seq)
	n.release()
}

func (n *node) read(minIndex uint64) (uint64, error) {
	n.readID++
	n.reads[n.readID] = max(minIndex, n.c.check.maxCommitted)
	if err := n.core.Read(n.readID, minIndex); err != nil {
		delete(n.reads, n.readID)
		return 0, err
	}
	return n.readID, nil
}

// snapshot makes a durable snapshot of what is applied and drops the log up to
// keep entries before it.
func (n *node) snapshot(keep uint64) {
	index := n.applied
	if index > n.disk.snap.Index && index <= n.disk.last() {
		meta := SnapshotMeta{Index: index, Term: n.disk.term(index), Config: n.core.ConfigAt(index)}
		n.disk.entries = slices.Clone(n.disk.entries[index-n.disk.snap.Index:])
		n.disk.snap = meta
	}
	if snap := n.disk.snap; snap.Index > keep {
		n.core.Compact(snap, snap.Index-keep)
	}
}

// sendSnapshot puts the newest snapshot on the network, made to fit if need be.
func (n *node) sendSnapshot(to NodeID) {
	n.snapshot(1 << 62)
	snap := n.disk.snap
	m := Message{Type: MsgSnapshot, From: n.id, To: to, Incarnation: n.incarnation, Term: n.core.term, Snapshot: &snap}
	n.c.check.leaves(n, m)
	n.c.net = append(n.c.net, m)
}

// take removes message i from the network.
func (c *cluster) take(i int) Message {
	m := c.net[i]
	c.net = slices.Delete(c.net, i, i+1)
	return m
}

// deliver hands m to its receiver; the end of a snapshot is reported to the
// sender.
func (c *cluster) deliver(m Message) {
	n := c.node(m.To)
	if n.core != nil {
		n.core.Receive(m)
	}
	if m.Type == MsgSnapshot {
		c.snapshotSent(m, n.core != nil)
	}
}

func (c *cluster) drop(m Message) {
	if m.Type == MsgSnapshot {
		c.snapshotSent(m, false)
	}
}

func (c *cluster) snapshotSent(m Message, ok bool) {
	if sender := c.node(m.From); sender.core != nil && sender.core.term == m.Term {
		sender.core.SnapshotSent(m.To, ok)
	}
}

// stabilize flushes, persists and delivers among ids (none: all) until nothing
// moves. Messages to and from others stay on the network.
func (c *cluster) stabilize(ids ...NodeID) {
	in := func(id NodeID) bool { return len(ids) == 0 || slices.Contains(ids, id) }
	for range 10_000 {
		moved := false
		for _, n := range c.nodes {
			if n.core == nil || !in(n.id) {
				continue
			}
			n.flush()
			if len(n.pending) > 0 {
				n.persist(len(n.pending))
				n.flush()
				moved = true
			}
		}
		for i := 0; i < len(c.net); {
			if m := c.net[i]; !in(m.To) || !in(m.From) {
				i++
				continue
			}
			m := c.take(i)
			c.log("%s", describe(m))
			c.deliver(m)
			moved = true
		}
		if !moved {
			return
		}
	}
	panic("the cluster does not come to rest")
}

// tick moves the clocks of ids (none: all) on and lets things settle, n times.
func (c *cluster) tick(n int, ids ...NodeID) {
	for range n {
		for _, node := range c.nodes {
			if node.core != nil && (len(ids) == 0 || slices.Contains(ids, node.id)) {
				node.core.Tick()
			}
		}
		c.stabilize(ids...)
	}
}

// elect makes id the leader with the help of ids (none: all).
func (c *cluster) elect(id NodeID, ids ...NodeID) *node {
	n := c.node(id)
	for _, other := range c.nodes {
		if other.core != nil && other != n {
			other.core.elapsedTicks = other.core.cfg.ElectionTicks // forgets its leader's claim
		}
	}
	n.core.electionTimeout()
	c.stabilize(ids...)
	if n.core.role != Leader {
		panic(fmt.Sprintf("%s did not become leader: %+v", id, n.core.Status()))
	}
	return n
}

func (c *cluster) leader() *node {
	var leader *node
	for _, n := range c.nodes {
		if n.core != nil && n.core.role == Leader && (leader == nil || n.core.term > leader.core.term) {
			leader = n
		}
	}
	return leader
}

func (n *node) propose(data string) (uint64, error) { return n.core.Propose([]byte(data)) }
