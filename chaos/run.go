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

// Config says what a run does.
type Config struct {
	Program string // the redoubt binary; its nodes are run as `redoubt chaos node`
	Seed    uint64
	Rounds  int
	Nodes   int
	Kinds   []Kind        // nil = all; a canary has its own
	Length  time.Duration // of a round, until everything is healed
	Canary  string        // "", CanaryNoFsync or CanaryStaleReads
	// Namespaces puts nodes into network namespaces, where packets are lost, instead
	// of behind proxies. There are no slow links then.
	Namespaces bool
	Dir        string // data, logs and histories; "" = a temporary directory
	// Progress hears of every round when it begins and when it is judged; may be nil.
	Progress func(Progress)
}

// Progress is where a run is.
type Progress struct {
	Round, Rounds int // Round counts from 1
	Faults        string
	Done          bool // the round was judged
	Report        *Report
}

// The clusters that are weakened on purpose: a run that does not notice is no
// proof.
const (
	CanaryNoFsync    = "nofsync"     // nothing is synced, and the power of all is cut
	CanaryStaleReads = "stale-reads" // every node answers reads from its own state
)

const (
	startTimeout = time.Minute
	// healTimeout is how long a cluster without faults may take until it is whole;
	// generous, for machines that are busy with other things.
	healTimeout = time.Minute
	// checkTimeout bounds the judgement of one key.
	checkTimeout = 30 * time.Second
)

// Plan is what goes wrong, a function of the configuration.
func (c *Config) Plan() []Round {
	kinds := c.Kinds
	switch {
	case c.Canary == CanaryNoFsync:
		kinds = []Kind{KillAll}
	case c.Canary == CanaryStaleReads:
		kinds = []Kind{Partition, CutOffLeader, MuteLeader}
	case kinds == nil:
		kinds = slices.DeleteFunc(Kinds(), func(k Kind) bool { return k == Slow && c.Namespaces })
	}
	return NewPlan(c.Seed, c.Rounds, c.Nodes, kinds, c.Length)
}

// args are further settings of the nodes.
func (c *Config) args() []string {
	args := []string{"--snapshot-bytes", "256kb", "--shutdown-timeout", "2s"} // snapshots and log cuts are part of it
	switch c.Canary {
	case CanaryNoFsync:
		args = append(args, "--fsync", "no")
	case CanaryStaleReads:
		args = append(args, "--reads", "local")
	}
	return args
}

// run is a run under way.
type run struct {
	config  Config
	cluster *devcluster.Cluster
	load    *load
	inject  *injector
	report  *Report
}

// Run runs all rounds, or those up to the first violation, or until ctx ends. The
// error says that it could not be run; what it found is in the report.
func Run(ctx context.Context, config Config) (report *Report, err error) {
	c, err := devcluster.New(devcluster.Config{
		Program: config.Program, Command: []string{"chaos", "node"}, Nodes: config.Nodes, Dir: config.Dir, Args: config.args(),
		Links: !config.Namespaces, Namespaces: config.Namespaces,
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := c.Start(starting); err != nil {
		c.KeepDir()
		return nil, fmt.Errorf("start: %w", err)
	}
	r := &run{config: config, cluster: c, load: newLoad(c, config.Seed), report: &Report{
		Seed: config.Seed, Nodes: config.Nodes, Namespaces: config.Namespaces, Canary: config.Canary, Verdict: Innocent,
		Violations: []Violation{}, Undecided: []string{},
	}}
	r.inject = newInjector(c, r.load.recorder.Now)
	if err := r.rounds(ctx); err != nil {
		c.KeepDir()
		return nil, fmt.Errorf("%w (kept: %s)", err, c.Dir)
	}
	return r.report, nil
}

func (r *run) rounds(ctx context.Context) error {
	began := time.Now()
	for i, round := range r.config.Plan() {
		r.tell(Progress{Round: i + 1, Faults: round.String()})
		err := r.round(ctx, i+1, round)
		r.figures()
		r.report.Seconds = time.Since(began).Seconds()
		interrupted, guilty := ctx.Err() != nil, len(r.report.Violations) > 0
		if err != nil && !interrupted {
			return err
		}
		if guilty || !interrupted {
			r.report.Rounds++
			r.tell(Progress{Round: i + 1, Faults: round.String(), Done: true})
		}
		if guilty {
			r.report.Verdict = Guilty
			break
		}
		if interrupted {
			r.report.Verdict = Interrupted
			break
		}
	}
	undecided := len(r.report.Undecided) > 0
	if r.report.Verdict == Innocent && undecided {
		r.report.Verdict = Undecided
	}
	if r.report.Verdict == Guilty || undecided {
		r.cluster.KeepDir()
		r.report.Kept = r.cluster.Dir
	}
	return nil
}

func (r *run) tell(p Progress) {
	if r.config.Progress != nil {
		p.Rounds, p.Report = r.config.Rounds, r.report
		r.config.Progress(p)
	}
}

// round lets the clients work, breaks things, heals them and judges.
func (r *run) round(ctx context.Context, number int, round Round) error {
	if round.exchanges() {
		comes, err := r.cluster.Add()
		if err != nil {
			return err
		}
		r.inject.exchange.comes = comes
	}
	r.load.begin(number)
	working, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { r.load.run(working) })
	from := r.load.recorder.Now()
	least := time.After(r.config.Length)
	r.inject.run(ctx, round)
	select {
	case <-least:
	case <-ctx.Done():
	}
	healed := time.Now()
	whole, err := r.heal(ctx, number)
	if whole {
		r.report.Recovery.add(time.Since(healed))
	}
	to := r.load.recorder.Now()
	stop()
	wg.Wait()
	if err != nil || ctx.Err() != nil {
		return err
	}
	history := r.load.recorder.Take()
	r.measure(from, to)
	if whole {
		history = append(history, r.readBack(ctx, number, history)...)
	}
	return r.judge(ctx, number, history)
}

// measure takes down how available the cluster was.
func (r *run) measure(from, to int64) {
	r.load.mu.Lock()
	defer r.load.mu.Unlock()
	r.report.Availability.add(from, to, r.load.acks)
	for _, lost := range r.inject.lost {
		times := &r.report.Failover
		if lost.silent {
			times = &r.report.FailoverSilent
		}
		if d, ok := failover(lost.at, r.load.acks); ok {
			times.add(d)
		}
	}
}

// violate notes a broken promise.
func (r *run) violate(round int, kind, format string, args ...any) {
	r.report.Violations = append(r.report.Violations, Violation{round, kind, fmt.Sprintf(format, args...)})
}

// figures copies the counts into the report.
func (r *run) figures() {
	l := r.load
	l.mu.Lock()
	defer l.mu.Unlock()
	r.report.Operations, r.report.Ledger = l.operations, len(l.ledger)
	r.report.Errors = map[string]int{}
	for why, n := range l.errors {
		r.report.Errors[why] = n
	}
	r.inject.mu.Lock()
	defer r.inject.mu.Unlock()
	r.report.Faults = map[Kind]int{}
	for k, n := range r.inject.counts {
		r.report.Faults[k] = n
	}
}
