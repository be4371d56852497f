package sim

import (
	"errors"
	"math/rand/v2"
	"slices"
	"syscall"

	"redoubt/raft/replica"
	"redoubt/wal"
)

// Fault is one thing that goes wrong for a while.
type Fault struct {
	Kind   FaultKind
	AtMs   int64
	ForMs  int64
	Node   int   // whom it hits
	Leader bool  // instead: whoever leads then, if anybody does
	Peer   int   // on the other side, where there is one
	Arg    int64 // see the kinds
	// SlowTimer: a leader around which links are cut has a timer at a tenth of
	// its speed meanwhile, so that it leads on while the others elect another.
	SlowTimer bool `json:",omitempty"`
}

// FaultKind names what goes wrong.
type FaultKind uint8

// The kinds of faults. A process that ended comes back when the fault is over.
const (
	FaultIsolate       FaultKind = iota // Node hears nobody and nobody hears it
	FaultSplit                          // the nodes in the bit set Arg and the others are apart
	FaultOneWay                         // nothing gets from Node to Peer
	FaultDeaf                           // nothing gets to Node
	FaultMute                           // nothing gets from Node
	FaultBridge                         // only Node is heard by all; the others are split by Arg
	FaultChain                          // every node hears its two neighbours only
	FaultSlowLink                       // Node to Peer takes Arg µs more
	FaultLoss                           // of what goes from and to Node, Arg in 1000 is lost
	FaultKill                           // SIGKILL
	FaultPower                          // power cut of Node
	FaultPowerAll                       // of all
	FaultKillAll                        // SIGKILL of all
	FaultCutInStep                      // power cut at the Arg'th operation of its disk from now
	FaultCutAtName                      // power cut at the Arg'th rename or fsync of a directory from now
	FaultCutAtSnapshot                  // whoever has just got a snapshot, written or received, loses power
	FaultHunt                           // whoever leads is killed Arg ms after its election, for up to a second
	FaultCrashLoop                      // every start is followed by the next crash, Arg ms later
	FaultStop                           // SIGTERM: hands over if it leads, Arg ms later it ends in good order
	FaultPause                          // SIGSTOP
	FaultSuspend                        // the machine sleeps: its clock stands still as well
	FaultClockJump                      // the wall clock jumps by Arg ms, for good
	FaultClockRate                      // the timer runs at Arg percent
	FaultDiskStall                      // syncs hang
	FaultDiskSlow                       // syncs take Arg times as long
	FaultReadError                      // EIO on the Arg'th read from now
	FaultWriteError                     // EIO on the Arg'th write from now, which is cut short
	FaultSyncError                      // EIO on the Arg'th fsync from now, whose pages are lost
	FaultMetaError                      // EIO on the Arg'th open, rename or removal from now
	FaultDiskFull                       // Arg more bytes and the disk is full
	FaultSlowApply                      // the state machine takes Arg µs more per round
	FaultHangUp                         // all client connections of Node break
	FaultRot                            // power cut, then a byte of a file is changed
	FaultLoseFile                       // power cut, then a file is gone
	FaultMisdirect                      // power cut, then a sector is found elsewhere
	FaultWipe                           // the disk is replaced by an empty one
	FaultMemberAdd                      // a node that was none becomes a member
	FaultMemberReplace                  // such a node takes the place of Node
	FaultMemberRemove                   // Node leaves
	FaultMemberDemote                   // Node loses its vote
	FaultMemberPromote                  // Node, a learner, becomes a voter
	FaultTransfer                       // Node is to lead
	faultKinds
)

var faultNames = [faultKinds]string{
	"isolate", "split", "one-way", "deaf", "mute", "bridge", "chain", "slow-link", "loss", "kill", "power", "power-all", "kill-all",
	"cut-in-step", "cut-at-name", "cut-at-snapshot", "hunt", "crash-loop", "stop", "pause", "suspend", "clock-jump", "clock-rate", "disk-stall", "disk-slow", "read-error",
	"write-error", "sync-error", "meta-error", "disk-full", "slow-apply", "hang-up", "rot", "lose-file", "misdirect", "wipe",
	"member-add", "member-replace", "member-remove", "member-demote", "member-promote", "transfer",
}

func (k FaultKind) String() string { return faultNames[k] }

// MarshalText implements encoding.TextMarshaler.
func (k FaultKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *FaultKind) UnmarshalText(text []byte) error {
	i := slices.Index(faultNames[:], string(text))
	if i < 0 {
		return errors.New("sim: unknown kind of fault " + string(text))
	}
	*k = FaultKind(i)
	return nil
}

func (k FaultKind) changesMembers() bool { return k >= FaultMemberAdd }

// costsDisk: the node loses what it has promised. No majority may suffer that.
func (k FaultKind) costsDisk() bool { return k >= FaultRot && k <= FaultWipe }

var (
	errInjected = errors.New("injected failure")
	errNoSpace  = syscall.ENOSPC
)

// injected is an I/O error, of which the oracle knows that it was made.
type injected struct{ syscall.Errno }

func (e injected) Is(target error) bool { return target == errInjected || e.Errno.Is(target) }

func isDiskFailure(err error) bool {
	var e injected
	return errors.As(err, &e)
}

func isCorrupt(err error) bool {
	var damage *wal.CorruptError
	return errors.As(err, &damage)
}

// newFaults draws which kinds of faults there are, how many, and when.
func newFaults(rng *rand.Rand, p *Plan) []Fault {
	var kinds []FaultKind
	for k := range FaultMemberAdd { // the rest: changeMembers
		if rng.IntN(2) == 0 && !(k.costsDisk() && rng.IntN(4) > 0) {
			kinds = append(kinds, k)
		}
	}
	if len(kinds) == 0 || rng.IntN(50) == 0 {
		return nil
	}
	var faults []Fault
	disks := 0
	for range rng.IntN(pick(rng, 4, 12, 30)) {
		f := newFault(rng, p, kinds[rng.IntN(len(kinds))])
		if f.Kind.costsDisk() {
			if disks++; disks > (p.Nodes-1)/2 {
				continue
			}
			f.Node = p.Nodes - disks // another one each time
		}
		faults = append(faults, f)
	}
	slices.SortStableFunc(faults, func(a, b Fault) int { return int(a.AtMs - b.AtMs) })
	return faults
}

func newFault(rng *rand.Rand, p *Plan, k FaultKind) Fault {
	f := Fault{
		Kind: k, AtMs: rng.Int64N(p.DurationMs), ForMs: pick[int64](rng, 20, 300, 2000, 10_000),
		Node: rng.IntN(p.Nodes), Peer: rng.IntN(p.Nodes), Leader: !k.costsDisk() && rng.IntN(2) == 0,
	}
	if k <= FaultChain && rng.IntN(2) == 0 { // long enough for the others to elect one, and for clients to ask both
		f.SlowTimer, f.Leader, f.ForMs = true, true, max(f.ForMs, 2000)
	}
	switch k {
	case FaultSplit, FaultBridge:
		f.Arg = 1 + rng.Int64N(1<<p.Nodes-2)
	case FaultSlowLink:
		f.Arg = pick[int64](rng, 1000, 30_000, 300_000, 3_000_000)
	case FaultLoss:
		f.Arg = pick[int64](rng, 100, 500, 900)
	case FaultCutInStep:
		f.Arg = 1 + rng.Int64N(pick[int64](rng, 4, 12, 40))
	case FaultCutAtName:
		f.Arg = 1 + rng.Int64N(pick[int64](rng, 1, 3, 8))
	case FaultHunt:
		f.Arg = pick[int64](rng, 1, 5, 20, 100, 500)
	case FaultReadError, FaultWriteError, FaultSyncError, FaultMetaError:
		f.Arg = 1 + rng.Int64N(pick[int64](rng, 1, 5, 20))
	case FaultCrashLoop:
		f.Arg = pick[int64](rng, 50, 300, 1000)
	case FaultStop:
		f.Arg = pick[int64](rng, 0, 20, 300, 1000)
	case FaultClockJump:
		f.Arg = pick[int64](rng, -3_600_000, -5000, -100, 100, 5000, 3_600_000)
	case FaultClockRate:
		f.Arg = pick[int64](rng, 50, 95, 105, 200)
	case FaultDiskSlow:
		f.Arg = pick[int64](rng, 10, 100)
	case FaultDiskFull:
		f.Arg = pick[int64](rng, 0, 1000, 20_000, 100_000)
	case FaultSlowApply:
		f.Arg = pick[int64](rng, 10_000, 300_000)
	}
	return f
}

// begin makes a fault happen, and schedules its end.
func (w *World) begin(f Fault) {
	if leader := w.leader(); f.Leader && leader != nil {
		f.Node = leader.index
	}
	n := w.nodes[f.Node]
	if w.healed || n.away() && !f.Kind.changesMembers() || f.Kind.costsDisk() && !w.mayLose(n) {
		return
	}
	w.Stats.Faults[f.Kind]++
	w.faultMarks(f, n)
	w.tracef("FAULT %s node %s peer n%d arg %d for %d ms", f.Kind, n.id, f.Peer+1, f.Arg, f.ForMs)
	end := w.inject(f, n)
	w.after(f.ForMs*1000, func() {
		if !w.healed && end != nil {
			w.tracef("END %s %s", f.Kind, n.id)
			end()
		}
	})
}

// inject makes a fault happen and returns what ends it.
func (w *World) inject(f Fault, n *node) (end func()) {
	switch f.Kind {
	case FaultIsolate, FaultSplit, FaultOneWay, FaultDeaf, FaultMute, FaultBridge, FaultChain:
		return w.cutLinks(f)
	case FaultSlowLink, FaultLoss:
		return w.worsenLinks(f)
	case FaultKill:
		n.kill()
		return n.start
	case FaultPower:
		n.powerOff("")
		return n.start
	case FaultPowerAll, FaultKillAll:
		return w.all(f)
	case FaultCutInStep:
		if f.Peer == f.Node { // while it recovers
			n.kill()
			n.disk.cutIn, n.disk.cutNames = int(f.Arg), false
			n.start()
		} else {
			n.disk.cutIn, n.disk.cutNames = int(f.Arg), false
		}
		return func() { n.disk.cutIn = 0; n.start() }
	case FaultCutAtName:
		n.disk.cutIn, n.disk.cutNames = int(f.Arg), true
		return func() { n.disk.cutIn = 0; n.start() }
	case FaultCutAtSnapshot:
		w.cutAtSnapshot++
		return func() { w.cutAtSnapshot--; w.startAll() }
	case FaultHunt:
		w.huntMs = f.Arg
		w.hunt(w.leader())
		return func() { w.huntMs = 0; w.startAll() }
	case FaultCrashLoop:
		return w.crashLoop(f, n)
	case FaultStop:
		return w.stop(f, n)
	case FaultPause, FaultSuspend:
		return w.pause(f, n)
	case FaultClockJump:
		n.faults.clockMs += f.Arg
	case FaultClockRate:
		n.faults.tickPercent = f.Arg
		return func() { n.faults.tickPercent = 0 }
	case FaultSlowApply:
		n.faults.slowApplyUs = f.Arg
		return func() { n.faults.slowApplyUs = 0 }
	case FaultHangUp:
		if n.up() {
			for _, s := range slices.Clone(n.sessions) {
				s.hangUp()
			}
		}
	case FaultRot, FaultLoseFile, FaultMisdirect, FaultWipe:
		return w.damage(f, n)
	case FaultMemberAdd, FaultMemberReplace, FaultMemberRemove, FaultMemberDemote, FaultMemberPromote, FaultTransfer:
		w.changeMembers(f, n)
	default:
		return w.diskFault(f, n)
	}
	return nil
}

func (w *World) pause(f Fault, n *node) func() {
	n.faults.pauses++
	return func() {
		n.faults.pauses--
		if f.Kind == FaultSuspend {
			n.faults.clockMs -= f.ForMs
		}
		n.thaw()
	}
}

// stop ends a process the way SIGTERM does, and starts it again in the end.
func (w *World) stop(f Fault, n *node) func() {
	if n.up() {
		leads, term := n.leads()
		if leads {
			n.post(func(m *replica.Machine) { _ = m.Core.TransferLeadership("") }) // may have nobody to hand over to
		}
		n.after(f.Arg*1000, func() {
			if w.healed {
				return
			}
			still, now := n.leads()
			w.markIf(leads && !still && now == term+1, MarkStopHandedOver)
			n.stop()
		})
	}
	return n.start
}

func (n *node) leads() (bool, uint64) {
	if !n.up() {
		return false, 0
	}
	leader, term := n.machine.Core.Leader()
	return leader == n.id, term
}

func (w *World) all(f Fault) func() {
	for _, n := range w.nodes {
		if f.Kind == FaultPowerAll {
			n.powerOff("of all")
		} else {
			n.kill()
		}
	}
	return w.startAll
}

func (w *World) startAll() {
	for _, n := range w.nodes {
		n.start()
	}
}

// leader is the node that leads in the latest term; nil: nobody does.
func (w *World) leader() (leader *node) {
	latest := uint64(0)
	for _, n := range w.nodes {
		if leads, term := n.leads(); leads && term > latest {
			leader, latest = n, term
		}
	}
	return leader
}

// hunt kills a leader a while after its election.
func (w *World) hunt(n *node) {
	if w.huntMs == 0 || n == nil {
		return
	}
	ms := w.huntMs
	n.after(ms*1000, func() {
		if w.healed {
			return
		}
		n.kill()
		w.after(2*ms*1000+n.rng.Int64N(1_000_000), n.start)
	})
}

// gotSnapshot is told of a snapshot that has just become durable, before the
// loop of the node knows.
func (w *World) gotSnapshot(n *node) {
	if w.cutAtSnapshot > 0 && !w.healed {
		w.mark(MarkCutAtSnapshot)
		n.powerOff("at a new snapshot")
	}
}

// crashLoop lets a node start and crash again until the fault is over.
func (w *World) crashLoop(f Fault, n *node) func() {
	endUs := w.nowUs + f.ForMs*1000
	var again func()
	again = func() {
		if w.healed || n.lost || w.nowUs >= endUs {
			return
		}
		n.powerOff("in a loop")
		n.start()
		w.after(f.Arg*1000, again)
	}
	again()
	return n.start
}

// cutLinks separates nodes.
func (w *World) cutLinks(f Fault) func() {
	inSet := func(i int) bool { return f.Arg>>i&1 == 1 }
	cut := func(from, to int) bool {
		switch f.Kind {
		case FaultIsolate:
			return from == f.Node || to == f.Node
		case FaultSplit:
			return inSet(from) != inSet(to)
		case FaultOneWay:
			return from == f.Node && to == f.Peer
		case FaultDeaf:
			return to == f.Node
		case FaultMute:
			return from == f.Node
		case FaultBridge:
			return from != f.Node && to != f.Node && inSet(from) != inSet(to)
		default: // FaultChain
			d := (from - to + len(w.nodes)) % len(w.nodes)
			return d != 1 && d != len(w.nodes)-1
		}
	}
	var links []*link
	leader, aroundLeader := w.leader(), false
	for i := range w.nodes {
		for j := range w.nodes {
			if i != j && cut(i, j) {
				l := &w.net.links[i][j]
				l.cuts++
				links = append(links, l)
				aroundLeader = aroundLeader || leader != nil && (leader.index == i || leader.index == j)
			}
		}
	}
	slow := f.SlowTimer && aroundLeader
	if slow {
		w.mark(MarkLeaderSlow)
		leader.faults.tickPercent = 10
	}
	return func() {
		for _, l := range links {
			l.cuts--
		}
		if slow {
			leader.faults.tickPercent = 0
		}
	}
}

func (w *World) worsenLinks(f Fault) func() {
	if f.Kind == FaultSlowLink {
		l := &w.net.links[f.Node][f.Peer]
		l.slowUs += f.Arg
		return func() { l.slowUs -= f.Arg }
	}
	var links []*link
	for i := range w.nodes {
		links = append(links, &w.net.links[i][f.Node], &w.net.links[f.Node][i])
	}
	for _, l := range links {
		l.lossPermille += f.Arg
	}
	return func() {
		for _, l := range links {
			l.lossPermille -= f.Arg
		}
	}
}
