package replica

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"redoubt/fsm"
	"redoubt/metrics"
	"redoubt/raft"
)

// world is a whole cluster in one goroutine: machines and keyspaces as in
// production, with a network and disks that do what a seed tells them.
type world struct {
	t       *testing.T
	rng     *rand.Rand
	metrics *metrics.Metrics
	nowMs   int64
	nodes   []*simNode
	net     []raft.Message
	cut     map[[2]raft.NodeID]bool
	config  raft.Configuration
	fsm     fsm.Config
}

// disk is what survives a crash.
type disk struct {
	hard     raft.HardState
	entries  []raft.Entry // contiguous, may begin anywhere up to snapshot+1
	snapshot raft.SnapshotMeta
	state    []byte // the snapshot's
}

type simNode struct {
	w       *world
	id      raft.NodeID
	up      bool
	lives   uint64
	disk    disk
	machine *Machine
	applier *Applier
	writes  []raft.Write
	applies []ApplyItem
	applied []Applied
	writing bool // a snapshot runs; what it has so far:
	run     uint64
	meta    raft.SnapshotMeta
	bytes   []byte
}

func newWorld(t *testing.T, seed uint64, size int) *world {
	w := &world{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)), metrics: metrics.New(prometheus.NewRegistry()),
		nowMs: 1_700_000_000_000, cut: map[[2]raft.NodeID]bool{}, fsm: fsm.Config{Databases: 1},
	}
	for i := range size {
		w.config.Members = append(w.config.Members, raft.Member{ID: raft.NodeID(fmt.Sprint("n", i+1)), Role: raft.Voter})
	}
	for _, m := range w.config.Members {
		n := &simNode{w: w, id: m.ID}
		n.disk.snapshot.Config = w.config
		w.nodes = append(w.nodes, n)
		n.start()
	}
	return w
}

func (n *simNode) start() {
	w := n.w
	n.lives++
	n.up = true
	n.writes, n.applies, n.applied, n.writing = nil, nil, nil, false
	d := &n.disk
	core := raft.New(raft.Config{
		ID: n.id, Incarnation: uint64(n.id[1]), ElectionTicks: 15, HeartbeatTicks: 3,
		MaxAppendBytes: 512, MaxInflightBytes: 4096, MaxUncommittedBytes: 8192,
		Rand: rand.New(rand.NewPCG(w.rng.Uint64(), 2)),
	}, raft.State{HardState: d.hard, Snapshot: d.snapshot, Entries: d.after(d.snapshot.Index)})
	n.machine = NewMachine(core, d.snapshot, w.rng.Uint64(), w.nowMs, rand.New(rand.NewPCG(w.rng.Uint64(), 3)),
		Limits{Databases: 1, TimeoutMs: 2000, SnapshotBytes: 4000})
	store := fsm.New(w.fsm)
	if d.snapshot.Index > 0 {
		store = n.load()
	}
	n.applier = NewApplier(store, d.snapshot.Index, ApplierHooks{
		Applied:  func(a Applied) { n.applied = append(n.applied, a) },
		Answered: func(*Batch) {},
		Load:     func(raft.SnapshotMeta) (*fsm.Store, error) { return n.load(), nil },
		Start: func(run uint64, meta raft.SnapshotMeta) {
			n.writing, n.run, n.meta, n.bytes = true, run, meta, nil
		},
		Drop: func() { n.writing = false },
	})
}

func (n *simNode) load() *fsm.Store {
	s, err := fsm.Restore(bytes.NewReader(n.disk.state), n.w.fsm)
	if err != nil {
		n.w.t.Fatalf("%s: restore: %v", n.id, err)
	}
	return s
}

// after returns the entries behind index.
func (d *disk) after(index uint64) []raft.Entry {
	for i, e := range d.entries {
		if e.Index == index+1 {
			return append([]raft.Entry(nil), d.entries[i:]...)
		}
	}
	return nil
}

// crash loses everything that is not on the disk, and maybe some of what was
// on its way there.
func (n *simNode) crash() {
	n.sync(n.w.rng.IntN(len(n.writes) + 1))
	n.up = false
	n.machine, n.applier = nil, nil
}

// sync makes the first count queued writes durable.
func (n *simNode) sync(count int) {
	for _, w := range n.writes[:count] {
		d := &n.disk
		d.hard = w.HardState
		if w.Snapshot != nil {
			// The file was durable before; see receive.
			if d.snapshot.Index < w.Snapshot.Index {
				n.w.t.Fatalf("%s: snapshot mark at %d, file at %d", n.id, w.Snapshot.Index, d.snapshot.Index)
			}
			d.entries = nil
		}
		for _, e := range w.Entries {
			for i := range d.entries {
				if d.entries[i].Index >= e.Index {
					d.entries = d.entries[:i]
					break
				}
			}
			d.entries = append(d.entries, e)
		}
	}
	n.writes = n.writes[count:]
}

// step lets one thing happen, chosen by the seed.
func (w *world) step() {
	n := w.nodes[w.rng.IntN(len(w.nodes))]
	switch k := w.rng.IntN(100); {
	case k < 50:
		w.deliver()
	case k < 60:
		w.nowMs += int64(w.rng.IntN(3))
		if n.up {
			n.turn(func(m *Machine) { m.Tick() })
		}
	case k < 75:
		if n.up && len(n.writes) > 0 {
			count := 1 + w.rng.IntN(len(n.writes))
			seq := n.writes[count-1].Seq
			n.sync(count)
			n.turn(func(m *Machine) { m.Wrote(seq) })
		}
	case k < 95:
		if n.up {
			n.apply()
		}
	default:
		if n.up && n.writing {
			n.piece()
		}
	}
}

// tickAll passes time for all nodes at about the same rate.
func (w *world) tickAll() {
	w.nowMs += 10
	for _, n := range w.nodes {
		if n.up {
			n.turn(func(m *Machine) { m.Tick() })
		}
	}
}

func (w *world) deliver() {
	if len(w.net) == 0 {
		return
	}
	i := w.rng.IntN(min(len(w.net), 8)) // mostly in order
	msg := w.net[i]
	if w.rng.IntN(50) > 0 { // else: it will come once more
		w.net = append(w.net[:i], w.net[i+1:]...)
	}
	if w.cut[[2]raft.NodeID{msg.From, msg.To}] || w.rng.IntN(50) == 0 {
		return
	}
	for _, n := range w.nodes {
		if n.id == msg.To && n.up {
			n.receive(msg)
		}
	}
}

func (n *simNode) receive(msg raft.Message) {
	if msg.Type == raft.MsgForward {
		// Like a message that was read from a socket: nobody shares its bytes.
		own := msg.Entries
		msg.Entries = nil
		for _, e := range own {
			msg.Entries = append(msg.Entries, raft.Entry{Data: bytes.Clone(e.Data)})
		}
	}
	if msg.Type == raft.MsgSnapshot {
		for _, from := range n.w.nodes {
			// The stream ends with the file on the follower's disk.
			if from.id == msg.From && from.disk.snapshot.Index == msg.Snapshot.Index && msg.Snapshot.Index > n.disk.snapshot.Index {
				n.disk.snapshot, n.disk.state = *msg.Snapshot, from.disk.state
			}
		}
		if n.disk.snapshot.Index < msg.Snapshot.Index {
			return
		}
	}
	n.turn(func(m *Machine) { m.Receive(msg) })
}

// turn is one turn of the loop.
func (n *simNode) turn(event func(*Machine)) {
	n.machine.NowMs = n.w.nowMs
	event(n.machine)
	fx := n.machine.Flush()
	for _, msg := range fx.Sends {
		msg.Incarnation = uint64(n.id[1])
		n.w.net = append(n.w.net, msg)
	}
	n.writes = append(n.writes, fx.Writes...)
	n.applies = append(n.applies, fx.Apply...)
	if fx.Compact > 0 {
		n.disk.entries = n.disk.after(min(fx.Compact, n.disk.snapshot.Index))
	}
	for _, to := range fx.SnapshotTo {
		meta := n.disk.snapshot
		_, term := n.machine.Core.Leader()
		n.w.net = append(n.w.net, raft.Message{
			Type: raft.MsgSnapshot, From: n.id, To: to, Term: term, Incarnation: uint64(n.id[1]), Snapshot: &meta,
		})
		n.turn(func(m *Machine) { m.Core.SnapshotSent(to, n.w.rng.IntN(4) > 0) })
	}
}

func (n *simNode) apply() {
	items := n.applies
	if len(items) == 0 {
		return
	}
	items = items[:1+n.w.rng.IntN(len(items))]
	n.applies = n.applies[len(items):]
	if err := n.applier.Round(items); err != nil {
		n.w.t.Fatal(err)
	}
	told := n.applied
	n.applied = nil
	for _, a := range told {
		n.turn(func(m *Machine) { m.AppliedTo(a) })
	}
}

// piece moves the running snapshot on.
func (n *simNode) piece() {
	chunk, done := n.applier.SnapshotNext(100)
	n.bytes = append(n.bytes, chunk...)
	if !done {
		return
	}
	n.writing = false
	if n.meta.Index > n.disk.snapshot.Index {
		n.disk.snapshot, n.disk.state = n.meta, n.bytes
	}
	n.turn(func(m *Machine) { m.SnapshotDone(n.run, n.meta, int64(len(n.bytes)), true) })
}
