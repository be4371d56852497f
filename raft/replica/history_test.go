package replica

import (
	"flag"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"redoubt/fsm"
	"redoubt/raft"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "run only this seed of TestHistories")
	seedsFlag = flag.Int("seeds", 60, "seeds that TestHistories runs")
)

// TestHistories runs whole clusters through crashes, partitions, lost,
// repeated and reordered messages, and checks what the clients saw: the history
// is linearizable, "surely not executed" is true, and all replicas end equal.
func TestHistories(t *testing.T) {
	if *seedFlag != 0 {
		runHistory(t, *seedFlag)
		return
	}
	for seed := uint64(1); seed <= uint64(*seedsFlag) && !t.Failed(); seed++ {
		ok := t.Run(fmt.Sprint(seed), func(t *testing.T) { runHistory(t, seed) })
		if !ok {
			t.Logf("replay: go test ./raft/replica -run TestHistories -seed %d", seed)
		}
	}
}

// client has one batch in flight at one node.
type client struct {
	id    int
	node  *simNode
	life  uint64
	batch *Batch
	ops   []operation // of the batch
}

// operation is one command and what became of it.
type operation struct {
	key, verb, arg string
	reply          string
	outcome        outcome
	call, ret      int64
	client         int
}

type outcome uint8

const (
	done outcome = iota
	unknown
	never // surely not executed
)

type history struct {
	w       *world
	clients []*client
	ops     []operation
	moment  int64
}

func runHistory(t *testing.T, seed uint64) {
	size := 3
	if seed%3 == 0 {
		size = 5
	}
	h := &history{w: newWorld(t, seed, size)}
	w := h.w
	for i := range 4 {
		h.clients = append(h.clients, &client{id: i})
	}
	for round := range 4000 {
		h.clientStep()
		for range 10 {
			w.step()
		}
		if round%5 == 0 {
			w.tickAll()
		}
		if w.rng.IntN(120) == 0 {
			w.fault()
		}
	}
	w.heal()
	for i := 0; i < 3000 && !(h.idle() && w.settled()); i++ {
		for range 20 * size {
			w.step()
		}
		w.tickAll()
		h.collect()
	}
	if !h.idle() || !w.settled() {
		t.Fatalf("not settled after healing: %s", w)
	}
	w.checkEqual()
	h.check(t, seed)
}

// fault breaks something or mends everything.
func (w *world) fault() {
	switch w.rng.IntN(6) {
	case 0:
		n := w.nodes[w.rng.IntN(len(w.nodes))]
		if n.up {
			n.crash()
		}
	case 1:
		a, b := w.nodes[w.rng.IntN(len(w.nodes))], w.nodes[w.rng.IntN(len(w.nodes))]
		w.cut[[2]raft.NodeID{a.id, b.id}] = true
	case 2:
		n := w.nodes[w.rng.IntN(len(w.nodes))]
		for _, o := range w.nodes {
			w.cut[[2]raft.NodeID{n.id, o.id}] = true
			w.cut[[2]raft.NodeID{o.id, n.id}] = true
		}
	default:
		w.heal()
	}
}

func (w *world) heal() {
	clear(w.cut)
	for _, n := range w.nodes {
		if !n.up {
			n.start()
		}
	}
}

// settled: one leader, everybody has applied everything.
func (w *world) settled() bool {
	last := w.nodes[0].machine.Core.Status().LastIndex
	for _, n := range w.nodes {
		s := n.machine.Core.Status()
		if s.Leader == "" || s.LastIndex != last || s.Applied != last {
			return false
		}
	}
	return true
}

func (w *world) String() string {
	var b strings.Builder
	for _, n := range w.nodes {
		s := n.machine.Core.Status()
		fmt.Fprintf(&b, "\n%s %s term %d leader %q last %d commit %d applied %d snapshot %d", n.id, s.Role, s.Term, s.Leader,
			s.LastIndex, s.Commit, s.Applied, n.machine.snapshot.meta.Index)
	}
	return b.String()
}

func (w *world) checkEqual() {
	first := w.nodes[0].applier.store
	for _, n := range w.nodes[1:] {
		if s := n.applier.store; s.Index() != first.Index() || s.Hash() != first.Hash() || s.Digest() != first.Digest() {
			w.t.Fatalf("%s differs from %s: index %d and %d, hash %x and %x", n.id, w.nodes[0].id,
				s.Index(), first.Index(), s.Hash(), first.Hash())
		}
	}
}

func (h *history) idle() bool {
	for _, c := range h.clients {
		if c.batch != nil {
			return false
		}
	}
	return true
}

func (h *history) clientStep() {
	h.collect()
	for _, c := range h.clients {
		if c.batch != nil || h.w.rng.IntN(10) > 0 {
			continue
		}
		c.node = h.w.nodes[h.w.rng.IntN(len(h.w.nodes))]
		if !c.node.up {
			continue
		}
		h.send(c)
	}
}

func (h *history) send(c *client) {
	c.batch, c.ops, c.life = NewBatch(), nil, c.node.lives
	h.moment++
	for range 1 + h.w.rng.IntN(3) {
		op := operation{key: fmt.Sprint("k", h.w.rng.IntN(2)), client: c.id, call: h.moment}
		switch h.w.rng.IntN(3) {
		case 0:
			op.verb, op.arg = "SET", strconv.FormatInt(h.moment*100, 10)
		case 1:
			op.verb = "INCR"
		default:
			op.verb = "GET"
		}
		args := [][]byte{[]byte(op.verb), []byte(op.key)}
		if op.arg != "" {
			args = append(args, []byte(op.arg))
		}
		spec, text := fsm.Resolve(args)
		if text != "" {
			h.w.t.Fatal(text)
		}
		c.batch.Commands = append(c.batch.Commands, fsm.Command{Proto: 2, Spec: spec, Args: args})
		c.ops = append(c.ops, op)
	}
	c.batch.Prepare()
	c.node.turn(func(m *Machine) { m.Submit(c.batch) })
}

// collect takes the replies that have come.
func (h *history) collect() {
	for _, c := range h.clients {
		if c.batch == nil {
			continue
		}
		answered := false
		select {
		case <-c.batch.done:
			answered = true
		default:
		}
		if !answered && c.node.up && c.node.lives == c.life {
			continue
		}
		h.moment++
		rest := string(c.batch.Reply)
		for _, op := range c.ops {
			op.ret = h.moment
			op.outcome = unknown
			if answered {
				op.reply, rest = cutReply(rest)
				switch {
				case strings.HasPrefix(op.reply, "-UNCERTAIN"):
				case strings.HasPrefix(op.reply, "-CLUSTERDOWN"), strings.HasPrefix(op.reply, "-TRYAGAIN"):
					op.outcome = never
				case strings.HasPrefix(op.reply, "-"):
					h.w.t.Fatalf("%s %s: %q", op.verb, op.key, op.reply)
				default:
					op.outcome = done
				}
			}
			h.ops = append(h.ops, op)
		}
		c.batch = nil
	}
}

// cutReply cuts the first reply off: a simple string, error, integer or bulk.
func cutReply(s string) (reply, rest string) {
	line, rest, _ := strings.Cut(s, "\r\n")
	if line[0] == '$' && line != "$-1" {
		bulk, rest, _ := strings.Cut(rest, "\r\n")
		return bulk, rest
	}
	return line, rest
}

// check asks porcupine for an order of the operations that explains all
// replies. An operation of unknown outcome may take effect at any later time or
// never; what was surely not executed is left out.
func (h *history) check(t *testing.T, seed uint64) {
	byKey := map[string][]porcupine.Operation{}
	done, lost := 0, 0
	for i, op := range h.ops {
		if op.outcome == never || op.outcome == unknown && op.verb == "GET" {
			continue
		}
		ret := op.ret
		if op.outcome == unknown {
			ret = math.MaxInt64
			lost++
		} else {
			done++
		}
		byKey[op.key] = append(byKey[op.key], porcupine.Operation{ClientId: i, Input: op, Output: op, Call: op.call, Return: ret})
	}
	for key, ops := range byKey {
		if res := porcupine.CheckOperationsTimeout(registerModel, ops, 20*time.Second); res != porcupine.Ok {
			t.Fatalf("history of %s is not linearizable: %v (%d operations, seed %d)", key, res, len(ops), seed)
		}
	}
	if done < 20 {
		t.Fatalf("only %d operations were done, %d unknown: the cluster did not work", done, lost)
	}
}

// registerModel is one key with SET, INCR and GET; "" is a missing key.
var registerModel = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		v, op := state.(string), input.(operation)
		switch op.verb {
		case "SET":
			return op.outcome == unknown || op.reply == "+OK", op.arg
		case "INCR":
			n, _ := strconv.Atoi(v) // only numbers are ever set
			v = strconv.Itoa(n + 1)
			return op.outcome == unknown || op.reply == ":"+v, v
		}
		if v == "" {
			v = "$-1"
		}
		return op.reply == v, state
	},
}
