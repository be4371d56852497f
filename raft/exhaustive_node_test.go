package raft

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
)

// event is one thing that happens to one node: four bits for the kind, two for
// the node, two for the flags below, the rest for the argument.
type event uint32

type eventKind uint8

const (
	evDeliver      eventKind = iota // the message of that number arrives
	evPersist                       // the oldest write is durable
	evCrash                         // a crash after that many more writes were durable; restart
	evTimeout                       // the election timer runs out
	evTick                          // a leader's clock: a heartbeat; the second tick without contact ends its rule
	evPropose                       // a client's command, of that number
	evRead                          // a client's read; that index was committed before
	evTransfer                      // leadership is to go to the node of that number
	evCompact                       // a snapshot of all that is applied; the log before it is dropped
	evSnapshotSent                  // the snapshot to half that number has been sent or, when it is odd, not
	evWipe                          // the disk is lost for good; restart with another one
	evChange                        // the root's change of the members of that number
)

const (
	// The turn goes on: the next event falls into it as well.
	eventQuiet event = 1 << 25
	// Before the message arrives, the least election timeout has passed since the
	// leader was heard from, so that the receiver may vote. To nothing else would
	// it matter, except that old questions for reads are given up, which a timeout
	// does as well: hence it is no event of its own.
	eventLate event = 1 << 24
)

func newEvent(kind eventKind, node int, arg uint32) event {
	return event(kind)<<28 | event(node)<<26 | event(arg)
}

func (e event) kind() eventKind { return eventKind(e >> 28) }
func (e event) node() int       { return int(e >> 26 & 3) }
func (e event) arg() uint32     { return uint32(e & (eventLate - 1)) }

// ends: the node's life is over and another begins.
func (e event) ends() bool { return e.kind() == evCrash || e.kind() == evWipe }

// constant is a source without randomness: election timeouts are the longest,
// so that the least one can pass before, and the nonce of reads differs from life
// to life.
type constant uint64

func (c constant) Uint64() uint64 { return uint64(c) }

// newLife starts the node from its disk.
func (n *node) newLife() {
	cfg := n.template
	cfg.Incarnation = n.incarnation
	cfg.Rand = rand.New(constant(uint64(n.life)<<32 | 1))
	n.core = New(cfg, State{HardState: n.disk.hard, Snapshot: n.disk.snap, Entries: n.disk.entries})
	n.life++
	n.applied = n.disk.snap.Index
	n.reads, n.readID = map[uint64]uint64{}, 0
}

func (n *node) clone() *node {
	m := *n
	m.core = cloneCore(n.core)
	m.pending, m.held, m.reads = slices.Clone(n.pending), slices.Clone(n.held), maps.Clone(n.reads)
	return &m
}

// fingerprintOfNode covers all that a node's future and the checks depend on.
func fingerprintOfNode(n *node) [16]byte {
	f := make(fingerprint, 0, 1024)
	f.core(n.core)
	f.hardState(n.disk.hard)
	f.snapshot(&n.disk.snap)
	f.entries(n.disk.entries)
	f.number(uint64(len(n.lost)))
	for i := range n.lost {
		f.snapshot(&n.lost[i].snap)
		f.entries(n.lost[i].entries)
	}
	f.number(uint64(len(n.pending)))
	for i := range n.pending {
		w := &n.pending[i]
		f.number(w.Seq - n.core.persistedSeq)
		f.hardState(w.HardState)
		f.entries(w.Entries)
		f.snapshot(w.Snapshot)
		f.flag(w.MustSync)
	}
	held := make([]string, len(n.held)) // a set: what one write frees leaves at once
	for i := range n.held {
		var h fingerprint
		h.number(n.held[i].After - n.core.persistedSeq)
		h.message(&n.held[i].Msg)
		held[i] = string(h)
	}
	slices.Sort(held)
	f.number(uint64(len(held)))
	for _, h := range held {
		f.text(h)
	}
	f.number(n.readID)
	for _, id := range slices.Sorted(maps.Keys(n.reads)) {
		f.number(id)
		f.number(n.reads[id])
	}
	sum := sha256.Sum256(f)
	return [16]byte(sum[:])
}

// act lets e happen to n. Broken promises panic.
func (x *explorer) act(n *node, e event) {
	arg := e.arg()
	switch e.kind() {
	case evDeliver:
		for e&eventLate != 0 && n.core.elapsedTicks < n.core.cfg.ElectionTicks {
			n.core.Tick()
		}
		n.core.Receive(x.messages[arg])
	case evPersist:
		n.persist(1)
		n.reportUnsynced()
	case evCrash:
		for _, w := range n.pending {
			if w.MustSync && arg > 0 {
				n.disk.apply(w)
				arg--
			}
		}
		n.crash()
		n.newLife()
	case evTimeout:
		for range n.core.timeoutTicks - n.core.elapsedTicks {
			n.core.Tick()
		}
	case evTick:
		n.core.Tick()
	case evPropose:
		_, _ = n.core.Propose([]byte{byte(arg)})
	case evRead:
		n.readID++
		n.reads[n.readID] = uint64(arg)
		if err := n.core.Read(n.readID, 0); err != nil {
			delete(n.reads, n.readID)
			n.readID--
		}
	case evTransfer:
		_ = n.core.TransferLeadership(nodeID(int(arg) + 1))
	case evCompact:
		n.snapshot(0)
	case evSnapshotSent:
		n.core.SnapshotSent(nodeID(int(arg)/2+1), arg%2 == 0)
	case evChange:
		_, _ = n.core.ChangeMembers(x.root.changes[arg])
	case evWipe:
		n.lost = slices.Clip(n.lost)
		n.newDisk(n.incarnation + 100)
		n.crash()
		n.newLife()
	}
	if e&eventQuiet != 0 {
		return
	}
	x.endTurn(n)
	for x.root.promptDisks && len(n.pending) > 0 {
		n.persist(1)
		x.endTurn(n)
	}
}

// reportUnsynced: a new commit index alone is worth no fsync. Such a write is
// reported when its turn comes, and a crash forgets it.
func (n *node) reportUnsynced() {
	for len(n.pending) > 0 && !n.pending[0].MustSync {
		n.core.Persisted(n.pending[0].Seq)
		n.pending = n.pending[1:]
	}
	n.release()
}

// endTurn carries out what the core asks for, except that writes wait.
func (x *explorer) endTurn(n *node) {
	out := n.core.Flush()
	n.logOutput(&out)
	if out.Write != nil {
		n.pending = append(n.pending, *out.Write)
	}
	n.held = append(n.held, out.Sends...)
	n.reportUnsynced()
	if out.Install != nil {
		n.applied = out.Install.Index
	}
	for _, e := range out.Committed {
		x.scratch.check.appliesNext(n, e)
		n.applied = e.Index
	}
	n.core.Applied(n.applied)
	for _, r := range out.Reads {
		x.scratch.check.read(n, r)
	}
	for _, id := range out.FailedReads {
		delete(n.reads, id)
	}
	for _, to := range out.SnapshotTo {
		n.sendSnapshot(to)
	}
}

// checkStep compares a node before and after an event.
func (x *explorer) checkStep(before, after *node, e event) {
	a, b := before.core, after.core
	failf := x.scratch.check.failf
	x.scratch.check.marks(after)
	for i := range x.scratch.net {
		if m := &x.scratch.net[i]; !m.check() {
			failf("%s says what others take for malformed: %s", after.id, describe(*m))
		}
	}
	if b.role == Leader && after.disk.hard.Term < b.term {
		failf("%s leads term %d, durable is %d", after.id, b.term, after.disk.hard.Term)
	}
	was, is := before.disk.hard, after.disk.hard
	if e.kind() != evWipe && (is.Term < was.Term || is.Term == was.Term && was.Vote != "" && is.Vote != was.Vote) {
		failf("%s's disk had term %d, vote %q, has term %d, vote %q", after.id, was.Term, was.Vote, is.Term, is.Vote)
	}
	if e.ends() {
		return
	}
	switch {
	case b.term < a.term, b.term == a.term && a.vote != "" && b.vote != a.vote:
		failf("%s was in term %d with vote %q, is in term %d with vote %q", after.id, a.term, a.vote, b.term, b.vote)
	case b.log.commit < a.log.commit, b.log.handed < a.log.handed, b.log.applied < a.log.applied, b.log.base < a.log.base:
		failf("%s: marks went back from %+v to %+v", after.id, a.Status(), b.Status())
	case a.role == Leader && b.role == Leader && a.term == b.term && !b.log.extends(&a.log):
		failf("%s leads term %d and has changed its log from %s to %s", after.id, b.term,
			describeEntries(a.log.entries), describeEntries(b.log.entries))
	}
}

// extends says that all that was is there still, as far as it is in memory.
func (l *log) extends(was *log) bool {
	if l.last() < was.last() {
		return false
	}
	from := max(l.base, was.base)
	return from >= was.last() || slices.EqualFunc(was.between(from, was.last()), l.between(from, was.last()), func(a, b Entry) bool {
		return a.Index == b.Index && a.Term == b.Term && a.Type == b.Type && string(a.Data) == string(b.Data)
	})
}

// step is what an event does to a node in a certain state: both are numbers, so
// it is worked out once, however many worlds it happens in.
type step struct {
	to      uint32   // the state afterwards
	sent    []uint32 // messages that are on the network now, sorted
	elected uint64   // the term in which the node has become leader
	marks   marks
	failure string
}

func (x *explorer) step(from uint32, e event) *step {
	key := uint64(from)<<32 | uint64(e)
	i, ok := x.stepOf[key]
	if !ok {
		s := x.newStep(x.nodes[from], e)
		i = uint32(len(x.steps))
		x.stepOf[key] = i
		x.steps = append(x.steps, s)
	}
	return &x.steps[i]
}

func (x *explorer) newStep(before *node, e event) (s step) {
	after := before.clone()
	x.scratch.net = nil
	s.failure = failureOf(func() {
		x.act(after, e)
		x.checkStep(before, after, e)
	})
	if s.failure != "" {
		return s
	}
	for _, m := range x.scratch.net {
		s.sent = append(s.sent, x.messageNumber(m))
	}
	slices.Sort(s.sent)
	s.sent = slices.Compact(s.sent)
	if before.core.role != Leader && after.core.role == Leader {
		s.elected = after.core.term
	}
	s.marks = x.stepMarks(before, after, e)
	s.to = x.nodeNumber(after)
	return s
}

// failureOf returns what f panics with.
func failureOf(f func()) (failure string) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case runtime.Error:
			failure = fmt.Sprintf("%v\n%s", r, debug.Stack())
		default:
			failure = fmt.Sprint(r)
		}
	}()
	f()
	return ""
}

// view is what the rest of the world needs to know of a node's state.
type view struct {
	term         uint64
	role         Role
	hears        bool // a follower that ignores votes for another than its leader
	hasLeader    bool // knows one or is it
	log          tail
	commit       uint64
	disk         tail
	diskTerm     uint64
	lost         []tail
	pending      uint32 // writes that need a sync
	match        [maxNodes]uint64
	snapshotting [maxNodes]bool
}

func (x *explorer) nodeNumber(n *node) uint32 {
	key := fingerprintOfNode(n)
	if i, ok := x.nodeOf[key]; ok {
		return i
	}
	i := uint32(len(x.nodes))
	x.nodeOf[key] = i
	x.nodes = append(x.nodes, n)
	c := n.core
	v := view{
		term: c.term, role: c.role, hasLeader: c.leader != "",
		hears: c.role != Leader && c.leader != "" && c.elapsedTicks < c.cfg.ElectionTicks,
		log:   tail{c.log.base, c.log.baseTerm, x.logs.of(c.log.entries)}, commit: c.log.commit,
		disk: x.diskTail(&n.disk), diskTerm: n.disk.hard.Term,
	}
	for i := range n.lost {
		v.lost = append(v.lost, x.diskTail(&n.lost[i]))
	}
	for _, w := range n.pending {
		v.pending += uint32(count(w.MustSync))
	}
	if c.lead != nil {
		for id, p := range c.lead.progress {
			v.match[nodeIndex(id)] = p.match
			v.snapshotting[nodeIndex(id)] = p.state == StateSnapshot
		}
	}
	x.views = append(x.views, v)
	return i
}

func (x *explorer) diskTail(d *disk) tail {
	return tail{d.snap.Index, d.snap.Term, x.logs.of(d.entries)}
}

func nodeIndex(id NodeID) int { return int(id[0] - '1') }

func (x *explorer) messageNumber(m Message) uint32 {
	var f fingerprint
	f.message(&m)
	i, ok := x.messageOf[string(f)]
	if !ok {
		i = uint32(len(x.messages))
		x.messageOf[string(f)] = i
		x.messages = append(x.messages, m)
	}
	return i
}
