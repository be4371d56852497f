package sim

import (
	"errors"
	"math/rand/v2"

	"redoubt/fsm"
	"redoubt/raft"
	"redoubt/raft/replica"
	"redoubt/raft/sim/model"
	"redoubt/wal"
)

const (
	databases     = 2
	keepSnapshots = 2
	minFreeBytes  = 64 << 10
)

// node is a member: what outlives its process.
type node struct {
	w        *World
	id       raft.NodeID
	index    int
	identity wal.Identity
	disk     *disk
	dir      wal.Dir
	rng      *rand.Rand
	faults   nodeFaults

	// lost: the disk was wiped or damaged, and the node is to stay away for ever.
	lost    bool
	damaged bool // something was done to the disk that Open may refuse
	joins   bool // it is no member from the beginning, and nobody has started it yet
	removed bool // it was told that it has left the cluster
	// What waits for the end of a pause, or of a stall of the disk.
	frozen, stalled []event
	life            uint64
	*process
}

// nodeFaults are the faults that a node suffers from just now.
type nodeFaults struct {
	pauses      int   // that hold the process up
	stalls      int   // that hold the disk up
	slowDisk    int64 // factor, 0 = none
	slowApplyUs int64
	clockMs     int64 // how far the wall clock is off
	tickPercent int64 // speed of the timer, 0 = 100
}

// process is what a crash takes away; nil while the node is down.
type process struct {
	log     *wal.Log
	machine *replica.Machine
	applier *replica.Applier
	model   *model.Model

	inbox    []inboxItem
	handled  []inboxItem // the inbox of the last turn; its memory is used again
	turning  bool        // a turn is due
	ticked   bool
	writes   []logItem
	writing  bool
	applies  []replica.ApplyItem
	applying bool
	told     replica.Applied // by the applier, in this round
	snapshot *snapshotRun
	receipt  *transfer         // that comes in
	sending  map[int]*transfer // by the index of the node that it goes to
	sessions []*session
	calls    []*call // batches under way
}

// logItem is one step of the log, as in the replica's logger.
type logItem struct {
	write   raft.Write
	compact uint64
}

func (n *node) up() bool { return n.process != nil }

// away: there is no process, and there will be none.
func (n *node) away() bool { return n.lost || n.joins || n.removed }

func (n *node) paused() bool { return n.faults.pauses > 0 }

func (n *node) nowMs() int64 { return epochMs + n.w.nowUs/1000 + n.faults.clockMs }

// after is World.after for this life of the process: a crash cancels it, a
// pause puts it off.
func (n *node) after(us int64, run func()) {
	n.w.push(us, event{run: run, node: n, life: n.life})
}

// inLife runs what belongs to a life of the process, now or after a pause.
func (n *node) inLife(life uint64, run func()) { n.happen(event{run: run, node: n, life: life}) }

func (n *node) happen(e event) {
	switch {
	case n.life != e.life || !n.up():
	case n.paused():
		n.frozen = append(n.frozen, e)
	default:
		e.run()
	}
}

// thaw lets happen what has waited for the end of a pause or a stall.
func (n *node) thaw() {
	if !n.paused() {
		frozen := n.frozen
		n.frozen = nil
		for _, e := range frozen {
			n.w.push(0, e)
		}
	}
	if n.faults.stalls == 0 {
		stalled := n.stalled
		n.stalled = nil
		for _, e := range stalled {
			n.w.push(0, e)
		}
	}
}

// start begins a life of the process, as replica.Open does.
func (n *node) start() {
	if n.up() || n.away() {
		return
	}
	n.life++
	n.disk.release()
	var log *wal.Log
	var rec wal.Recovered
	ok := n.onDisk(func() (err error) {
		if _, exists, err := n.dir.LoadIdentity(); err != nil {
			return err
		} else if !exists {
			if err := n.dir.CreateIdentity(n.identity); err != nil {
				return err
			}
		}
		log, rec, err = wal.Open(n.dir, n.identity, n.w.plan.Knobs.walOptions())
		return err
	})
	if !ok {
		return
	}
	if rec.Snapshot.Index == 0 {
		rec.Snapshot.Config = n.identity.Bootstrap
	}
	n.w.oracle.recovered(n, rec)
	n.w.markIf(n.damaged, MarkDamageHarmless)
	store := fsm.New(n.storeConfig())
	if rec.Snapshot.Index > 0 {
		if !n.onDisk(func() (err error) {
			store, err = replica.LoadSnapshot(n.dir, rec.Snapshot, n.storeConfig())
			return err
		}) {
			return
		}
	}
	n.process = &process{log: log, sending: map[int]*transfer{}}
	n.machine = n.newMachine(rec)
	n.applier = n.newApplier(store, rec.Snapshot.Index)
	n.model = n.w.oracle.modelAt(n, rec.Snapshot.Index)
	n.w.tracef("%s starts: term %d vote %q snapshot %d entries %d torn %d clean %v", n.id, rec.HardState.Term, rec.HardState.Vote,
		rec.Snapshot.Index, len(rec.Entries), rec.TornBytes, rec.Clean)
	n.after(n.rng.Int64N(n.w.plan.Knobs.tickUs())+1, n.tick)
	n.after(1_000_000, n.watchDisk)
}

func (n *node) storeConfig() fsm.Config { return fsm.Config{Databases: databases} }

func (n *node) newMachine(rec wal.Recovered) *replica.Machine {
	k := &n.w.plan.Knobs
	core := raft.New(raft.Config{
		ID: n.id, Incarnation: n.identity.Incarnation,
		ElectionTicks: k.ElectionTicks, HeartbeatTicks: k.HeartbeatTicks,
		MaxAppendBytes: k.MaxAppendBytes, MaxInflightBytes: k.MaxInflightBytes, MaxUncommittedBytes: k.MaxUncommittedBytes,
		DiskStallTicks: 10 * k.ElectionTicks, Rand: newRand(n.rng.Uint64()),
	}, raft.State{HardState: rec.HardState, Snapshot: rec.Snapshot, Entries: rec.Entries})
	return replica.NewMachine(core, rec.Snapshot, n.rng.Uint64(), n.nowMs(), newRand(n.rng.Uint64()), replica.Limits{
		TimeoutMs: k.TimeoutMs, Databases: databases, SnapshotBytes: k.SnapshotBytes,
	})
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// onDisk runs a step that uses the disk. An error ends the process, as does a
// power cut in the middle of the step.
func (n *node) onDisk(step func() error) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			cut, ok := p.(powerCut)
			if !ok {
				panic(p)
			}
			n.w.cutMarks(n, cut)
			n.powerOff("in the middle of a step: " + cut.name)
			ok = false
		}
	}()
	if err := step(); err != nil {
		n.stopped(err)
		return false
	}
	return true
}

// stopped ends the process the way it ends itself after an error.
func (n *node) stopped(err error) {
	n.w.tracef("%s stops: %v", n.id, err)
	n.w.oracle.stopped(n, err)
	n.end("error")
	n.disk.release()
}

// stop ends the process in good order, as replica.Node.Close does: what is open
// is answered, and the log is closed.
func (n *node) stop() {
	m := n.machine
	m.NowMs, m.UpMs = n.nowMs(), n.w.nowUs/1000
	inbox := n.inbox
	n.inbox = nil
	for i := range inbox {
		if inbox[i].event != nil {
			inbox[i].event(m)
		} else {
			m.Receive(inbox[i].msg)
		}
	}
	for _, c := range n.calls {
		n.w.oracle.proposed(c)
	}
	m.Stop()
	n.w.mark(MarkStopped)
	n.w.markIf(len(n.calls) > 0, MarkStoppedWithClients)
	n.wakeSessions()
	if !n.up() || !n.onDisk(n.log.Close) {
		return
	}
	n.end("stopped")
	n.disk.release()
}

// kill is SIGKILL: what was written stays, synced or not.
func (n *node) kill() {
	if n.up() {
		n.w.Stats.Crashes++
	}
	n.end("killed")
	n.disk.release()
}

// powerOff is a power cut.
func (n *node) powerOff(why string) {
	n.w.Stats.Crashes++
	n.end("power cut " + why)
	n.disk.cut()
}

// end takes the process away.
func (n *node) end(why string) {
	p := n.process
	n.life++
	n.process = nil
	if p == nil {
		return
	}
	n.w.tracef("%s ends: %s", n.id, why)
	n.w.oracle.ended(n, p)
	for _, s := range p.sessions {
		s.hangUp()
	}
	n.w.net.processEnded(n)
}

// tick is the timer of the loop.
func (n *node) tick() {
	k := &n.w.plan.Knobs
	us := k.tickUs()
	if n.faults.tickPercent > 0 {
		us = us * 100 / n.faults.tickPercent
	}
	n.after(us, n.tick)
	n.ticked = true
	n.turn()
}

// inboxItem is what the loop is to handle: a message, or anything else.
type inboxItem struct {
	msg   raft.Message
	event func(*replica.Machine) // nil: msg
}

// post gives the loop an event.
func (n *node) post(event func(*replica.Machine)) { n.postItem(inboxItem{event: event}) }

func (n *node) postItem(item inboxItem) {
	n.inbox = append(n.inbox, item)
	if n.turning {
		return
	}
	delay := n.w.plan.Knobs.LoopUs
	if delay == 0 && !n.paused() && !n.w.inSession() {
		n.turn()
		return
	}
	n.turning = true
	if delay > 0 {
		delay = n.rng.Int64N(delay)
	}
	n.after(delay, n.turn)
}

// turn is one turn of the loop: handle everything that has come, then let the
// effects out.
func (n *node) turn() {
	n.turning = false
	m := n.machine
	m.NowMs, m.UpMs = n.nowMs(), n.w.nowUs/1000
	inbox := n.inbox
	n.inbox, n.handled = n.handled[:0], inbox
	for i := range inbox {
		if inbox[i].event != nil {
			inbox[i].event(m)
		} else {
			m.Receive(inbox[i].msg)
		}
	}
	if n.ticked {
		n.ticked = false
		m.Tick()
	}
	fx := m.Flush()
	n.w.oracle.turned(n, &fx)
	for i := range fx.Sends {
		if !n.w.net.send(n, fx.Sends[i]) {
			m.Unsent(fx.Sends[i])
		}
	}
	for i := range fx.Writes {
		n.writes = append(n.writes, logItem{write: fx.Writes[i]})
	}
	if fx.Compact > 0 {
		n.writes = append(n.writes, logItem{compact: fx.Compact})
	}
	n.applies = append(n.applies, fx.Apply...)
	for _, s := range fx.SnapshotTo {
		if n.up() {
			n.sendSnapshot(s.To, s.Run)
		}
	}
	if n.up() {
		n.runApplier()
		n.runLogger()
	}
	n.wakeSessions()
	if n.up() && m.Core.Removed(n.id) { // as the replica's node does
		n.w.mark(MarkRemovedStops)
		n.removed = true
		n.end("removed from the cluster")
		n.disk.release()
	}
}

// runLogger is a step of the replica's logger: everything queued in one frame.
// The disk has it at once, or a part of it if the power goes; the loop learns of
// it when the disk's time is over.
func (n *node) runLogger() {
	if n.writing || len(n.writes) == 0 {
		return
	}
	items := n.writes
	n.writes = nil
	n.writing = true
	var batch []raft.Write
	compact, mustSync := uint64(0), false
	for _, it := range items {
		if it.compact > 0 {
			compact = it.compact
			continue
		}
		batch = append(batch, it.write)
		mustSync = mustSync || it.write.MustSync
	}
	delay := int64(0)
	if mustSync {
		delay = n.diskUs()
		n.w.oracle.writing(n, batch)
		if !n.onDisk(func() error {
			st, err := n.log.Append(batch)
			if st.Rotated {
				n.w.mark(MarkSegmentRotated)
			}
			return err
		}) {
			return
		}
	}
	n.afterDisk(delay, func() {
		n.writing = false
		if len(batch) > 0 {
			if mustSync {
				n.w.oracle.wrote(n, batch)
			}
			seq := batch[len(batch)-1].Seq
			n.post(func(m *replica.Machine) { m.Wrote(seq) })
		}
		if compact > 0 && n.up() && !n.onDisk(func() error { return n.log.Compact(compact) }) {
			return
		}
		if n.up() {
			n.runLogger()
		}
	})
}

// diskUs is how long the next sync takes.
func (n *node) diskUs() int64 {
	us := n.exponential(n.w.plan.Knobs.DiskUs)
	if n.faults.slowDisk > 0 {
		us *= n.faults.slowDisk
	}
	return us
}

// afterDisk has run called when the disk is done.
func (n *node) afterDisk(us int64, run func()) {
	n.after(us, func() {
		if n.faults.stalls > 0 {
			n.w.mark(MarkDiskStall)
			n.stalled = append(n.stalled, event{run: run, node: n, life: n.life})
			return
		}
		run()
	})
}

// exponential draws a time with the given mean.
func (n *node) exponential(meanUs int64) int64 { return exponential(n.rng, meanUs) }

func exponential(rng *rand.Rand, meanUs int64) int64 {
	return int64(rng.ExpFloat64() * float64(meanUs))
}

// watchDisk is the replica's look at the free space.
func (n *node) watchDisk() {
	free, err := n.dir.FreeBytes()
	if err != nil {
		n.stopped(err)
		return
	}
	n.w.markIf(free < minFreeBytes, MarkDiskFullRefuses)
	n.w.markIf(n.w.count(func(m *node) bool { return m.disk.capacity > 0 && m.disk.capacity-m.disk.used < minFreeBytes }) > len(n.w.nodes)/2, MarkDiskFullMajority)
	n.post(func(m *replica.Machine) { m.Disk(free, minFreeBytes) })
	if n.up() {
		n.w.oracle.bounded(n)
		n.after(1_000_000, n.watchDisk)
	}
}

// explained says whether an error that ended a process may be: it was injected,
// or the disk was damaged before.
func (n *node) explained(err error) bool {
	var damage *wal.CorruptError
	if errors.As(err, &damage) {
		return n.damaged && damage.File != ""
	}
	return errors.Is(err, errInjected) || errors.Is(err, errNoSpace)
}
