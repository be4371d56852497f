package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"redoubt/devcluster"
)

// injector makes faults happen, several at a time, and takes them back.
type injector struct {
	cluster *devcluster.Cluster
	now     func() int64

	mu       sync.Mutex                 // one change at a time
	effects  []*effect                  // on links
	active   int                        // faults under way
	exits    map[*devcluster.Node][]int // codes with which the node may end in this round
	asked    map[*devcluster.Node]int   // process that was asked to end
	counts   map[Kind]int
	failures []error
	lost     []loss
	exchange exchange
}

// loss is the moment in which a leader was killed while all else was well.
type loss struct {
	at     int64
	silent bool // as when its machine is gone: nobody hears of it
}

// effect is what one fault does to the links.
type effect struct {
	on func(from, to *devcluster.Node) devcluster.LinkState
}

const (
	exitKilled = -1
	exitOK     = 0
	exitDisk   = 74
	// stopTimeout is beyond the nodes' own --shutdown-timeout.
	stopTimeout = 30 * time.Second
)

func newInjector(c *devcluster.Cluster, now func() int64) *injector {
	return &injector{cluster: c, now: now, counts: map[Kind]int{}, asked: map[*devcluster.Node]int{}}
}

// run makes all faults of the round happen and returns when the last is over.
func (x *injector) run(ctx context.Context, r Round) {
	x.mu.Lock()
	x.exits, x.lost = map[*devcluster.Node][]int{}, nil
	x.mu.Unlock()
	var wg sync.WaitGroup
	for _, f := range r.Faults {
		wg.Go(func() {
			sleep(ctx, f.At)
			if ctx.Err() != nil {
				return
			}
			x.enter(f.Kind, 1)
			defer x.enter(f.Kind, -1)
			if err := x.fault(ctx, f); err != nil {
				x.mu.Lock()
				x.failures = append(x.failures, fmt.Errorf("%s: %w", f.Kind, err))
				x.mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func (x *injector) enter(k Kind, n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.active += n
	if n > 0 {
		x.counts[k]++
	}
}

// fault makes one fault happen and takes it back after its time.
func (x *injector) fault(ctx context.Context, f Fault) error {
	one := x.cluster.Nodes[f.Nodes[0]]
	switch f.Kind {
	case KillLeader:
		return x.killFor(ctx, f, f.Length, x.leader(f))
	case KillOne:
		return x.killFor(ctx, f, f.Length, one)
	case KillSeveral:
		return x.killFor(ctx, f, f.Length, x.pick(f, f.Count)...)
	case KillAll:
		return x.killFor(ctx, f, f.Length/4, x.cluster.Nodes...)
	case KillAgain:
		return x.killAgain(ctx, f, one)
	case PauseLeader:
		return x.pauseFor(ctx, f.Length, x.leader(f))
	case PauseOne:
		return x.pauseFor(ctx, f.Length, one)
	case StopLeader:
		return x.restart(ctx, x.leader(f), f.Length)
	case RestartAll:
		var errs []error
		for _, n := range x.pick(f, len(f.Nodes)) {
			errs = append(errs, x.restart(ctx, n, f.Length/8))
		}
		return errors.Join(errs...)
	case LowDisk, FullDisk, SlowDisk:
		return x.troubleDisks(ctx, f)
	case ReplaceLeader, ReplaceDead:
		return x.exchangeNode(ctx, f)
	}
	x.bendLinks(ctx, f)
	return nil
}

// pick returns the first so many nodes of the fault's order.
func (x *injector) pick(f Fault, count int) (nodes []*devcluster.Node) {
	for _, i := range f.Nodes[:min(count, len(f.Nodes))] {
		nodes = append(nodes, x.cluster.Nodes[i])
	}
	return nodes
}

// leader returns who leads now; when nobody does, the first node of the fault.
func (x *injector) leader(f Fault) *devcluster.Node {
	if n := x.cluster.Leader(); n != nil {
		return n
	}
	return x.cluster.Nodes[f.Nodes[0]]
}

// killFor cuts the power of nodes for some time. Unless the fault says that links
// break, the others do not hear of it: a process that dies closes its connections, a
// machine that dies does not.
func (x *injector) killFor(ctx context.Context, f Fault, length time.Duration, nodes ...*devcluster.Node) error {
	silence := &effect{on: func(from, to *devcluster.Node) devcluster.LinkState {
		return devcluster.LinkState{Stalled: !f.Cut && (slices.Contains(nodes, from) || slices.Contains(nodes, to))}
	}}
	var errs []error
	var slow []*devcluster.Node
	if f.BusyDisks { // a majority is in the middle of a sync when the power goes
		slow = x.pick(f, len(f.Nodes)/2+1)
	}
	for _, n := range slow {
		errs = append(errs, DiskSlow.begin(n.DataDir))
	}
	if len(slow) > 0 {
		sleep(ctx, slowBefore)
	}
	x.kill(silence, !f.Cut, nodes)
	for _, n := range slow {
		errs = append(errs, DiskSlow.end(n.DataDir))
	}
	sleep(ctx, length)
	x.remove(silence)
	for _, n := range nodes {
		errs = append(errs, x.start(n))
	}
	return errors.Join(errs...)
}

// slowBefore is how long disks are slow before their power goes.
const slowBefore = 4 * slowSync

// kill cuts the power of the nodes, at the same moment: they stand still from then
// on, while their links are broken, and are killed when nobody hears of it any more.
func (x *injector) kill(silence *effect, silent bool, nodes []*devcluster.Node) {
	leader := x.cluster.Leader()
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, n := range nodes {
		x.exits[n] = append(x.exits[n], exitKilled)
		if n.Running() {
			if err := n.Pause(); err != nil {
				x.failures = append(x.failures, err)
			}
		}
	}
	majority := len(x.cluster.Nodes)/2 + 1
	if slices.Contains(nodes, leader) && x.active == 1 && len(x.cluster.Nodes)-len(nodes) >= majority {
		x.lost = append(x.lost, loss{x.now(), silent})
	}
	x.effects = append(x.effects, silence)
	x.setLinks()
	var wg sync.WaitGroup
	for _, n := range nodes {
		wg.Go(n.Kill)
	}
	wg.Wait()
}

// start starts a node that does not run and stays, and looks at how it has ended.
func (x *injector) start(n *devcluster.Node) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if n.Running() || x.goes(n) {
		return nil
	}
	if err := x.judgeExit(n); err != nil {
		return err
	}
	return n.Start()
}

// judgeExit complains about a node that has ended without a fault that explains it.
func (x *injector) judgeExit(n *devcluster.Node) error {
	if code := n.ExitCode(); n.Started() && !n.Running() && !slices.Contains(x.exits[n], code) {
		return &devcluster.ExitError{Node: n.ID, Code: code, Last: "see " + n.LogFile}
	}
	return nil
}

func (x *injector) killAgain(ctx context.Context, f Fault, n *devcluster.Node) error {
	for range 3 {
		if err := x.killFor(ctx, f, f.Length/12, n); err != nil {
			return err
		}
		sleep(ctx, f.Length/4)
	}
	return nil
}

func (x *injector) pauseFor(ctx context.Context, length time.Duration, n *devcluster.Node) error {
	if err := n.Pause(); err != nil {
		return err
	}
	sleep(ctx, length)
	return n.Continue()
}

// restart asks a node to end and starts it again.
func (x *injector) restart(ctx context.Context, n *devcluster.Node, away time.Duration) error {
	if asked, err := x.ask(n); err != nil || !asked {
		return err
	}
	waiting, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := n.AwaitExit(waiting); err != nil {
		return err
	}
	sleep(ctx, away)
	return x.start(n)
}

// ask asks a node to end; false when some other fault has it, and starts it again.
// A second signal would end the node at once.
func (x *injector) ask(n *devcluster.Node) (bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !n.Running() || x.asked[n] == n.Pid() {
		return false, nil
	}
	x.asked[n] = n.Pid()
	x.exits[n] = append(x.exits[n], exitOK)
	return true, errors.Join(n.Terminate(), n.Continue())
}

func (x *injector) troubleDisks(ctx context.Context, f Fault) error {
	trouble := map[Kind]DiskTrouble{LowDisk: DiskLow, FullDisk: DiskFull, SlowDisk: DiskSlow}[f.Kind]
	nodes := x.pick(f, f.Count)
	if trouble == DiskFull {
		x.mu.Lock()
		for _, n := range nodes {
			x.exits[n] = append(x.exits[n], exitDisk)
		}
		x.mu.Unlock()
	}
	err := x.sufferFor(ctx, trouble, f.Length, nodes)
	if err != nil || trouble != DiskFull {
		return err
	}
	var errs []error
	for _, n := range nodes {
		errs = append(errs, x.start(n))
	}
	return errors.Join(errs...)
}

// sufferFor gives the disks of the nodes a trouble for some time.
func (x *injector) sufferFor(ctx context.Context, t DiskTrouble, length time.Duration, nodes []*devcluster.Node) error {
	var errs []error
	for _, n := range nodes {
		errs = append(errs, t.begin(n.DataDir))
	}
	sleep(ctx, length)
	for _, n := range nodes {
		errs = append(errs, t.end(n.DataDir))
	}
	return errors.Join(errs...)
}
