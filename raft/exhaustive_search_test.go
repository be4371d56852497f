package raft

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// explorer visits the worlds that can come out of one, breadth first, so that a
// broken promise is found on a shortest path. States of nodes, messages, logs
// and pasts are numbered: a world is a few numbers, and what an event does to a
// node is worked out by the real core once for each state of that node.
type explorer struct {
	root   *root
	script []event // that has led to where the search begins

	nodes     []*node
	nodeOf    map[[16]byte]uint32
	views     []view
	messages  []Message
	messageOf map[string]uint32
	logs      *logs
	pasts     []past
	pastOf    map[past]uint32
	steps     []step
	stepOf    map[uint64]uint32

	scratch    *cluster // takes what a node sends
	scratchNet []uint32

	// The search. A world is known again by 64 bits of hash.
	seen        hashSet
	origins     []uint64 // of each world
	origin      uint64   // of the one being looked at
	level       worldList
	next        worldList
	depth       int // to which every order of events has been tried
	transitions int
	met         marks
	metAt       [numMarks]int
}

func newExplorer(r *root) *explorer {
	return &explorer{
		root:   r,
		nodeOf: map[[16]byte]uint32{}, messageOf: map[string]uint32{}, logs: newLogs(),
		pastOf: map[past]uint32{}, stepOf: map[uint64]uint32{},
		scratch: &cluster{check: &checker{}, log: func(string, ...any) {}},
	}
}

// search visits up to maxStates worlds. It panics at a broken promise; path
// tells how it came about.
func (x *explorer) search(maxStates int) {
	first := x.begin()
	x.seen.add(hashOf(&first))
	x.origins = append(x.origins, 0)
	x.level.push(&first, 0)
	for ; x.level.len() > 0; x.depth++ {
		for i := range x.level.len() {
			if len(x.origins) >= maxStates {
				return
			}
			w, number := x.level.at(i)
			x.events(&w, func(e event) { x.visit(&w, number, e) })
		}
		x.level, x.next = x.next, worldList{words: x.level.words[:0], starts: x.level.starts[:0]}
	}
}

// begin is the world after the root's script.
func (x *explorer) begin() world {
	s := script{x: x, delivered: map[uint32]bool{}}
	s.w, _ = x.newWorld()
	x.root.script(&s)
	s.w.left = x.root.limits.budget()
	return s.w
}

// newWorld has nodes that have never run.
func (x *explorer) newWorld() (w world, nodes []*node) {
	w.past = x.pastNumber(past{})
	nodes = x.root.newNodes()
	for i, n := range nodes {
		n.c = x.scratch
		w.nodes[i] = x.nodeNumber(n.clone())
	}
	return w, nodes
}

// visit follows e out of w.
func (x *explorer) visit(w *world, number uint32, e event) {
	x.origin = origin(number, e)
	next, s := x.after(w, e)
	if next.nodes == w.nodes && len(next.net) == len(w.net) {
		return // nothing has happened
	}
	x.transitions++
	x.meet(s.marks | x.worldMarks(w, &next, e, s))
	if x.seen.add(hashOf(&next)) {
		x.next.push(&next, uint32(len(x.origins)))
		x.origins = append(x.origins, x.origin)
		x.check(&next)
	}
}

// origin says where a world comes from: the number of the one before, and the
// event.
func origin(number uint32, e event) uint64 { return uint64(number)<<32 | uint64(e) }

// path leads from where the search began to a world.
func (x *explorer) path(o uint64) []event {
	var path []event
	for ; o != 0; o = x.origins[o>>32] {
		path = append(path, event(o))
	}
	slices.Reverse(path)
	return path
}

// worldList holds worlds in a row of numbers that the garbage collector need not
// look into.
type worldList struct {
	words  []uint32
	starts []int
}

func (l *worldList) len() int { return len(l.starts) }

func (l *worldList) push(w *world, number uint32) {
	l.starts = append(l.starts, len(l.words))
	l.words = append(l.words, number, w.past, uint32(w.left), uint32(w.left>>32))
	l.words = append(l.words, w.nodes[:]...)
	l.words = append(l.words, w.net...)
}

func (l *worldList) at(i int) (w world, number uint32) {
	end := len(l.words)
	if i+1 < len(l.starts) {
		end = l.starts[i+1]
	}
	r := l.words[l.starts[i]:end]
	return world{past: r[1], left: budget(r[2]) | budget(r[3])<<32, nodes: [maxNodes]uint32(r[4:]), net: r[4+maxNodes:]}, r[0]
}

// hashOf mixes all of w into 64 bits. With n worlds two of them share a hash
// with a probability of n²/2⁶⁵: three in a million for ten million.
func hashOf(w *world) uint64 {
	h := uint64(len(w.net))
	mix := func(v uint32) {
		hi, lo := bits.Mul64(h^uint64(v)^0x9e3779b97f4a7c15, 0xd6e8feb86659fd93)
		h = hi ^ lo
	}
	for _, n := range w.nodes {
		mix(n)
	}
	mix(w.past)
	mix(uint32(w.left))
	mix(uint32(w.left >> 32))
	for _, m := range w.net {
		mix(m)
	}
	return h
}

// hashSet is a set of hashes with open addressing: 8 bytes a slot, no pointers.
type hashSet struct {
	slots []uint64 // 0 is free
	n     int
}

// add reports whether h was not there.
func (s *hashSet) add(h uint64) bool {
	if s.n >= len(s.slots)*3/4 {
		old := s.slots
		s.slots, s.n = make([]uint64, max(1024, 2*len(old))), 0
		for _, h := range old {
			if h != 0 {
				s.add(h)
			}
		}
	}
	h = max(h, 1)
	for i := h; ; i++ {
		switch slot := &s.slots[i&uint64(len(s.slots)-1)]; *slot {
		case 0:
			*slot = h
			s.n++
			return true
		case h:
			return false
		}
	}
}

// describe tells what e is.
func (x *explorer) describe(e event) string {
	id, arg := nodeID(e.node()+1), e.arg()
	var text string
	switch e.kind() {
	case evDeliver:
		text = describe(x.messages[arg])
	case evPersist:
		text = fmt.Sprintf("%s's oldest write is durable", id)
	case evCrash:
		text = fmt.Sprintf("%s crashes when %d more writes are durable, and restarts", id, arg)
	case evTimeout:
		text = fmt.Sprintf("%s's election timer runs out", id)
	case evTick:
		text = fmt.Sprintf("%s's clock ticks", id)
	case evPropose:
		text = fmt.Sprintf("a client gives %s the command %q", id, []byte{byte(arg)})
	case evRead:
		text = fmt.Sprintf("a client reads at %s, committed is %d", id, arg)
	case evTransfer:
		text = fmt.Sprintf("%s is to hand over to %s", id, nodeID(int(arg)+1))
	case evCompact:
		text = fmt.Sprintf("%s makes a snapshot and drops its log", id)
	case evSnapshotSent:
		text = fmt.Sprintf("%s's snapshot to %s has been sent: %v", id, nodeID(int(arg)/2+1), arg%2 == 0)
	case evChange:
		text = fmt.Sprintf("%s is asked for %+v", id, x.root.changes[arg])
	case evWipe:
		text = fmt.Sprintf("%s gets a new disk", id)
	}
	if e&eventLate != 0 {
		text += ", late"
	}
	if e&eventQuiet != 0 {
		text += "; the turn goes on"
	}
	return text
}

// trace plays events once more and without short cuts: the cores from
// beginning to end, never copied. It tells what they do and panics if they come
// into other states than the search has said.
func (x *explorer) trace(events []event) string {
	var out strings.Builder
	x.scratch.log = func(format string, args ...any) { fmt.Fprintf(&out, "        "+format+"\n", args...) }
	defer func() { x.scratch.log = func(string, ...any) {} }()
	w, live := x.newWorld()
	for i, e := range events {
		n := live[e.node()]
		fmt.Fprintf(&out, "%4d    %s\n", i+1, x.describe(e))
		if failure := failureOf(func() { x.act(n, e) }); failure != "" {
			return out.String() + "        " + failure
		}
		if failure := failureOf(func() { w, _ = x.after(&w, e) }); failure != "" {
			return out.String() + "        " + failure
		}
		w.net = slices.Clone(w.net)
		if number, ok := x.nodeOf[fingerprintOfNode(n)]; !ok || number != w.nodes[e.node()] {
			panic("the search has lost its way:\n" + out.String())
		}
	}
	return out.String()
}

// report tells how far the search has come and what it has met, each with the
// number of events after which it was met first.
func (x *explorer) report() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%d states, %d transitions, every order of %d events; %d states and %d steps of nodes, %d messages, %d logs",
		len(x.origins), x.transitions, x.depth, len(x.nodes), len(x.steps), len(x.messages), len(x.logs.ends)-1)
	for i, name := range markNames {
		if x.met>>i&1 == 1 {
			fmt.Fprintf(&out, "\n%6d %s", x.metAt[i], name)
		}
	}
	return out.String()
}
