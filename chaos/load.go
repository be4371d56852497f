package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"redoubt/devcluster"
)

const (
	// clientsPerNode write and read at the same time.
	clientsPerNode = 2
	// generationLength is how long a set of keys is in use. Short histories can be
	// judged; reads go back to the keys of earlier generations, too.
	generationLength = 300 * time.Millisecond
	// pause is between two operations of one client.
	pause = 2 * time.Millisecond
	// refusedPause is what a client waits after a refusal.
	refusedPause = 10 * time.Millisecond
)

// ack is an acknowledged write: when it was sent and when it was answered.
type ack struct{ call, ret int64 }

// load is the clients of one run, and what they have come to.
type load struct {
	cluster  *devcluster.Cluster
	recorder *Recorder
	seed     uint64

	mu         sync.Mutex
	round      int
	began      int64    // of the round
	ledger     []string // keys whose only write was acknowledged; ledgerValue is in them
	acks       []ack    // of this round
	operations Operations
	errors     map[string]int
	surprises  []string // replies that no command of ours may get
}

// Operations counts what became of operations.
type Operations struct {
	Acknowledged int `json:"acknowledged"`
	Refused      int `json:"refused"` // surely not executed
	Unknown      int `json:"unknown"` // may or may not have been
}

func newLoad(c *devcluster.Cluster, seed uint64) *load {
	return &load{cluster: c, recorder: NewRecorder(), seed: seed, errors: map[string]int{}}
}

// begin starts a round: fresh keys, no acks.
func (l *load) begin(round int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.round, l.began, l.acks = round, l.recorder.Now(), nil
}

// run lets all clients work until ctx ends.
func (l *load) run(ctx context.Context) {
	var wg sync.WaitGroup
	nodes := l.cluster.Nodes // of this round, those that come and go included
	for i := range clientsPerNode * len(nodes) {
		wg.Go(func() {
			w := l.newWorker(i, nodes)
			defer w.disconnect()
			for ctx.Err() == nil {
				wait := pause
				if !w.work() {
					wait = refusedPause
				}
				sleep(ctx, wait)
			}
		})
	}
	wg.Wait()
}

// sleep waits, or not longer than ctx.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// worker is one client.
type worker struct {
	load   *load
	name   string
	rng    *rand.Rand
	unique int // distinguishes the values of this round
	// displeased: the last operation had no result. Some clients then try another
	// node, some insist.
	displeased bool
	caller
}

func (l *load) newWorker(i int, nodes []*devcluster.Node) *worker {
	return &worker{
		load: l, name: fmt.Sprintf("%d.%d", l.round, i), rng: rand.New(rand.NewPCG(l.seed, uint64(l.round)<<16|uint64(i))),
		caller: caller{nodes: nodes, at: i, recorder: l.recorder},
	}
}

// value returns one that nobody has written before.
func (w *worker) value() string {
	w.unique++
	return fmt.Sprintf("%s.%d", w.name, w.unique)
}

// key returns a key of the family; reads may go back to an earlier generation.
func (w *worker) key(family string, count int, mayBeOld bool) string {
	generation := int(time.Duration(w.load.recorder.Now()-w.load.began) / generationLength)
	if mayBeOld && w.rng.IntN(4) == 0 {
		generation = w.rng.IntN(generation + 1)
	}
	return fmt.Sprintf("%s:%d:%d:%d", family, w.load.round, generation, w.rng.IntN(count))
}

// Families of keys.
const (
	register = "register"
	growing  = "string"
	counter  = "counter"
	pair     = "pair"
)

// work does one operation; false when it was not acknowledged.
func (w *worker) work() bool {
	if w.rng.IntN(50) == 0 || w.displeased && w.rng.IntN(4) == 0 {
		w.disconnect()
		w.at++ // to the next node
	}
	op := Operation{}
	switch p := w.rng.IntN(100); {
	case p < 20:
		return w.enter()
	case p < 35:
		op = Operation{Verb: Set, Key: w.key(register, 3, false), Arg: w.value()}
	case p < 42:
		op = Operation{Verb: GetSet, Key: w.key(register, 3, false), Arg: w.value()}
	case p < 48:
		op = Operation{Verb: Swap, Key: w.key(register, 3, false), Arg: w.value()}
	case p < 65:
		op = Operation{Verb: Get, Key: w.key(register, 3, true)}
	case p < 71:
		op = Operation{Verb: Append, Key: w.key(growing, 2, false), Arg: w.value() + ";"}
	case p < 76:
		op = Operation{Verb: Get, Key: w.key(growing, 2, true)}
	case p < 84:
		op = Operation{Verb: Incr, Key: w.key(counter, 2, false)}
	case p < 89:
		op = Operation{Verb: Get, Key: w.key(counter, 2, true)}
	case p < 95:
		op = Operation{Verb: Pair, Key: w.key(pair, 1, false)}
	default:
		op = Operation{Verb: Both, Key: w.key(pair, 1, true)}
	}
	out := w.do(&op)
	w.note(out, op)
	if out.result == acknowledged || out.result == unknownOutcome {
		w.load.recorder.Add(op)
	}
	return out.result == acknowledged || out.result == aborted
}

// enter writes a key of the ledger.
func (w *worker) enter() bool {
	op := Operation{Verb: Set, Key: "ledger:" + w.value()}
	op.Arg = ledgerValue(op.Key)
	out := w.do(&op)
	w.note(out, op)
	if out.result == acknowledged {
		w.load.mu.Lock()
		w.load.ledger = append(w.load.ledger, op.Key)
		w.load.mu.Unlock()
	}
	return out.result == acknowledged
}

func ledgerValue(key string) string { return "value of " + key }

func (w *worker) note(out outcome, op Operation) {
	w.displeased = out.result == refused || out.result == unknownOutcome
	w.load.count(out, op)
}

// count adds an operation to the figures.
func (l *load) count(out outcome, op Operation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch out.result {
	case acknowledged:
		l.operations.Acknowledged++
		if !op.Verb.reads() {
			l.acks = append(l.acks, ack{op.Call, op.Return})
		}
	case refused:
		l.operations.Refused++
	case unknownOutcome:
		l.operations.Unknown++
	case surprise:
		l.surprises = append(l.surprises, fmt.Sprintf("%s %s on %s: %s", op.Verb, op.Key, op.Node, out.why))
	}
	if out.result != acknowledged && out.result != aborted {
		l.errors[out.why]++
	}
}

// readAll reads every key of the history through every node, and notes that as
// operations of it.
func (l *load) readAll(ctx context.Context, history []Operation) {
	keys := map[string]bool{}
	for _, op := range history {
		keys[op.Key] = true
	}
	var wg sync.WaitGroup
	for i := range l.cluster.Nodes {
		wg.Go(func() {
			c := caller{nodes: l.cluster.Nodes[i : i+1], recorder: l.recorder}
			defer c.disconnect()
			for key := range keys {
				verb := Get
				if strings.HasPrefix(key, pair) {
					verb = Both
				}
				for ctx.Err() == nil {
					op := Operation{Verb: verb, Key: key}
					if out := c.do(&op); out.result == acknowledged {
						l.recorder.Add(op)
						break
					}
					sleep(ctx, refusedPause)
				}
			}
		})
	}
	wg.Wait()
}
