package sim

import (
	"fmt"
	"io"
	"runtime/debug"

	"redoubt/raft"
	"redoubt/raft/sim/model"
	"redoubt/wal"
)

// Runner carries out plans, one after the other. What does not depend on the
// plan is made once.
type Runner struct {
	fronts []*frontEnd
	// Trace, when set, gets an account of what happens.
	Trace io.Writer
}

// Result is what became of a run.
type Result struct {
	Plan      *Plan
	Violation *Violation // nil: all is well
	Hash      uint64     // of everything that happened
	Stats     Stats
	Marks     Marks
	// Picture, when set, draws the history that could not be explained, as HTML.
	Picture func(path string) error
}

// Run carries out a plan.
func (r *Runner) Run(p *Plan) (res Result) {
	for len(r.fronts) < p.size() {
		r.fronts = append(r.fronts, newFrontEnd())
	}
	w := newWorld(p, r.fronts, &trace{out: r.Trace})
	defer func() {
		if v := recover(); v != nil {
			w.fail("no panic", "%v\n%s", v, debug.Stack())
		}
		w.dismiss()
		res = Result{Plan: p, Violation: w.failure, Hash: w.trace.hash, Stats: w.Stats, Marks: w.Marks, Picture: w.picture}
		res.Stats.SimulatedUs = w.nowUs
	}()
	w.play()
	return res
}

const dataDir = "/data"

func newWorld(p *Plan, fronts []*frontEnd, t *trace) *World {
	p = p.clone() // healing changes it
	w := &World{plan: p, fronts: fronts, trace: t}
	for i := range p.Nodes {
		w.config.Members = append(w.config.Members, raft.Member{
			ID: raft.NodeID(fmt.Sprint("n", i+1)), Role: raft.Voter,
			Addr: fmt.Sprintf("10.0.0.%d:6379", i+1), PeerAddr: fmt.Sprintf("10.0.0.%d:16379", i+1),
		})
	}
	for i := range p.size() {
		n := &node{w: w, id: raft.NodeID(fmt.Sprint("n", i+1)), index: i, rng: p.stream(streamNode, i, 0), disk: newDisk(p.stream(streamDisk, i, 0))}
		n.dir = wal.Dir{Path: dataDir, FS: n.disk}
		n.identity = wal.Identity{
			ClusterID: "00112233445566778899aabbccddeeff", NodeID: n.id, Incarnation: uint64(i + 1),
			Databases: databases, Bootstrap: w.config,
		}
		if n.joins = i >= p.Nodes; n.joins {
			n.identity.Bootstrap = raft.Configuration{}
		}
		fronts[i].node, fronts[i].current = n, nil
		w.nodes = append(w.nodes, n)
	}
	w.net.init(w)
	w.oracle.init(w)
	var generator *model.Generator
	if !p.Registers {
		generator = model.NewGenerator(p.stream(streamClient, 0, 1), databases)
	}
	for _, cp := range p.Clients {
		c := &client{w: w, index: cp.Index, rng: p.stream(streamClient, cp.Index+1, 0)}
		if p.Registers {
			c.work = &registers{user: cp.Index, keys: 1 + int(p.Seed%5), left: cp.Operations, pipeline: cp.Pipeline}
		} else {
			c.work = &everything{w: w, generator: generator, user: cp.Index, left: cp.Operations}
		}
		w.users = append(w.users, c)
	}
	return w
}

// play is the whole run: start, trouble, healing, judgement.
func (w *World) play() {
	for _, n := range w.nodes {
		n.start()
	}
	for _, c := range w.users {
		c.start()
	}
	for _, f := range w.plan.Faults {
		w.after(f.AtMs*1000, func() { w.begin(f) })
	}
	w.runUntil(w.plan.DurationMs * 1000)
	if w.failure != nil {
		return
	}
	w.heal()
	w.recover()
	if w.failure == nil {
		w.history()
	}
}

// heal ends all faults and brings back every node that has its disk.
func (w *World) heal() {
	w.tracef("HEAL")
	w.healed = true
	for i := range w.net.links {
		for j := range w.net.links[i] {
			l := &w.net.links[i][j]
			l.cuts, l.lossPermille, l.slowUs = 0, 0, 0
		}
	}
	k := &w.plan.Knobs
	k.LossPermille, k.DuplicatePermille, k.ReplayPermille, k.LoopUs, k.PieceUs = 0, 0, 0, 0, 0
	k.NetUs = min(k.NetUs, k.electionUs()/100)
	k.ChunkBytes, k.PieceBytes = max(k.ChunkBytes, 64<<10), max(k.PieceBytes, 64<<10) // or a large snapshot takes for ever
	k.DiskUs = min(k.DiskUs, k.electionUs()/100)
	for _, n := range w.nodes {
		n.faults = nodeFaults{clockMs: n.faults.clockMs}
		n.disk.failOp, n.disk.cutIn, n.disk.capacity = nil, 0, 0
		n.thaw()
		n.start()
	}
}

// settleElections is within how many of the longest election timeouts a healed
// cluster has to have a leader and everybody the same state.
const settleElections = 40

// recover waits until the cluster is well: a leader, everybody equal, every
// client answered, and a write taken by each member.
func (w *World) recover() {
	k := &w.plan.Knobs
	slack := 2*k.ClientTimeoutMs*1000 + 2*k.TimeoutMs*1000 + 6_000_000
	writesFrom := w.nowUs + 1_500_000 // every node has looked at its disk by then
	var last lastWrites
	leaderBy := w.nowUs + 10*k.electionUs() + 4_000_000
	limit := w.nowUs + settleElections*k.electionUs() + slack
	led := false
	for w.failure == nil && w.nowUs < limit {
		w.runUntil(w.nowUs + 100_000)
		if !led && w.leaderKnown() {
			led = true
		}
		if !led && w.nowUs > leaderBy && w.oracle.firstLeaderUs > 0 {
			w.fail("liveness", "no leader %d election timeouts after healing: %s", 10, w.standing())
			return
		}
		if led && w.nowUs >= writesFrom && w.settled() && last.done(w) {
			w.oracle.allEqual()
			w.oracle.calm()
			w.marksAtEnd()
			return
		}
	}
	if w.failure == nil {
		w.fail("liveness", "not settled after healing: %s", w.standing())
	}
}

// leaderKnown: a leader, known to a majority.
func (w *World) leaderKnown() bool {
	count := map[raft.NodeID]int{}
	for _, n := range w.nodes {
		if n.up() {
			if leader, _ := n.machine.Core.Leader(); leader != "" {
				if count[leader]++; count[leader] > voters(&w.oracle.config)/2 {
					return true
				}
			}
		}
	}
	return false
}

// settled: everybody who has a disk knows the leader and has applied all there
// is, and no client waits.
func (w *World) settled() bool {
	for _, c := range w.users {
		if len(c.waiting) > 0 {
			return false
		}
	}
	var leader raft.NodeID
	last := uint64(0)
	if !w.changeComplete() {
		return false
	}
	for _, n := range w.nodes {
		if n.away() || !w.belongs(n) {
			continue
		}
		if !n.up() {
			return false
		}
		id, _ := n.machine.Core.Leader()
		v := &w.oracle.views[n.index]
		if id == "" || leader != "" && id != leader {
			return false
		}
		if leader == "" {
			leader, last = id, v.now.last()
		}
		if v.now.last() != last || n.applier.Index() != last {
			return false
		}
	}
	return true
}

// standing describes the nodes.
func (w *World) standing() string {
	s := ""
	for _, n := range w.nodes {
		switch {
		case n.lost, n.removed:
			s += fmt.Sprintf("\n%s lost %v removed %v", n.id, n.lost, n.removed)
		case !n.up():
			s += fmt.Sprintf("\n%s down", n.id)
		default:
			st := n.machine.Core.Status()
			s += fmt.Sprintf("\n%s %s term %d leader %q last %d persisted %d commit %d applied %d snapshot %v writing %v",
				n.id, st.Role, st.Term, st.Leader, st.LastIndex, st.Persisted, st.Commit, st.Applied, n.snapshot != nil, n.writing)
		}
	}
	for _, c := range w.users {
		if len(c.waiting) > 0 {
			s += fmt.Sprintf("\nclient %d waits for %d replies", c.index, len(c.waiting))
		}
	}
	return s
}

// dismiss ends everything that a run has left going.
func (w *World) dismiss() {
	for _, n := range w.nodes {
		if n.up() {
			for _, s := range n.sessions {
				s.user = &client{w: w}
				s.hangUp()
			}
		}
	}
}

func (w *World) history() { w.oracle.history.check() }
