package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// SuiteOptions says what RunSuite does.
type SuiteOptions struct {
	Redoubt string        // path of the program
	Redis   string        // path of redis-server; "" = not installed
	Dir     string        // data of all systems, on a disk; "" = a temporary directory
	Rounds  int           // each touches every system once for every workload
	Each    time.Duration // of one run
	Note    string        // what the reader has to know about the circumstances
}

// Suite is what RunSuite found.
type Suite struct {
	Began    time.Time        `json:"began"`
	Each     time.Duration    `json:"each_ns"`
	Note     string           `json:"note"`
	Machine  Machine          `json:"machine"`
	Versions []string         `json:"versions"`
	Systems  []SystemReport   `json:"systems"`
	Skipped  []string         `json:"skipped"`
	Loads    []WorkloadReport `json:"workloads"`
	Runs     []SuiteRun       `json:"runs"`
	Memory   []MemoryReport   `json:"memory"`
}

// SystemReport is what the report says about a system.
type SystemReport struct {
	Name     string   `json:"name"`
	Promise  string   `json:"promise"`
	Commands []string `json:"commands"`
}

// WorkloadReport is what the report says about a workload.
type WorkloadReport struct {
	Name    string `json:"name"`
	Command string `json:"command"` // the same by hand
}

// SuiteRun is one run of the load generator.
type SuiteRun struct {
	Round     int     `json:"round"`
	Workload  string  `json:"workload"`
	System    string  `json:"system"`
	PerSecond float64 `json:"ok_per_second"`
	P50       float64 `json:"p50_us"`
	P99       float64 `json:"p99_us"`
	Failed    int64   `json:"failed"`    // errors and requests never sent
	Uncertain int64   `json:"uncertain"` // answered with -UNCERTAIN
}

// workload is one kind of load.
type workload struct {
	name        string
	commands    string
	connections int
	pipeline    int
	zipf        float64
	halfOf      string // open loop, at half of what the slowest system reached in that workload
}

// Names of the workloads, by which ratios refer to them.
const (
	set1, set16, get1, get16 = "SET", "SET, pipeline 16", "GET", "GET, pipeline 16"
	setAlone                 = "SET, one client"
	mixed                    = "4 GET : 1 SET, zipf"
	setHalf, getHalf         = "SET at half rate", "GET at half rate"
)

const (
	suiteConnections = 50
	suiteKeys        = 100_000
	suiteValueBytes  = 64
	suiteWarmup      = 200 * time.Millisecond
)

func workloads() []workload {
	return []workload{
		{name: set1, commands: "set", connections: suiteConnections, pipeline: 1},
		{name: set16, commands: "set", connections: suiteConnections, pipeline: 16},
		{name: get1, commands: "get", connections: suiteConnections, pipeline: 1},
		{name: get16, commands: "get", connections: suiteConnections, pipeline: 16},
		{name: mixed, commands: "mixed", connections: suiteConnections, pipeline: 1, zipf: 1.1},
		{name: setAlone, commands: "set", connections: 1, pipeline: 1},
		{name: setHalf, commands: "set", connections: suiteConnections, pipeline: 1, halfOf: set1},
		{name: getHalf, commands: "get", connections: suiteConnections, pipeline: 1, halfOf: get1},
	}
}

// suite is one RunSuite under way.
type suite struct {
	o       SuiteOptions
	dir     string
	systems []*system
	report  *Suite
	say     func(format string, args ...any)
}

// RunSuite starts the systems, gives them all workloads in turn, and stops them.
// It says what it is doing, a line each time. Of a run that is interrupted
// nothing is returned.
func RunSuite(ctx context.Context, o SuiteOptions, say func(format string, args ...any)) (report *Suite, err error) {
	s := &suite{o: o, say: say, report: &Suite{Began: time.Now().UTC().Truncate(time.Second), Each: o.Each, Note: o.Note}}
	if s.dir, err = os.MkdirTemp(o.Dir, "redoubt-bench-"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	if s.report.Machine, err = inspect(s.dir); err != nil {
		return nil, err
	}
	defer func() {
		for _, sys := range s.systems {
			err = errors.Join(err, sys.stop())
		}
	}()
	if err := s.startAll(ctx); err != nil {
		return nil, err
	}
	if err := s.measure(ctx); err != nil {
		return nil, err
	}
	if err := s.measureMemory(ctx); err != nil {
		return nil, err
	}
	return s.report, nil
}

func (s *suite) startAll(ctx context.Context) error {
	for _, nodes := range []int{1, 3} {
		s.say("starting redoubt, %d nodes", nodes)
		started, err := startRedoubt(ctx, s.o.Redoubt, filepath.Join(s.dir, fmt.Sprintf("redoubt%d", nodes)), nodes)
		if err != nil {
			return fmt.Errorf("starting redoubt: %w", err)
		}
		s.systems = append(s.systems, started...)
	}
	programs := []string{s.o.Redoubt}
	if s.o.Redis == "" {
		s.report.Skipped = append(s.report.Skipped, redisOne, redisThree)
		s.say("redis-server is not installed: skipped")
	} else {
		programs = append(programs, s.o.Redis)
		for _, replicas := range []int{0, 2} {
			s.say("starting redis, %d replicas", replicas)
			started, err := startRedis(ctx, s.o.Redis, filepath.Join(s.dir, fmt.Sprintf("redis%d", replicas)), replicas)
			if err != nil {
				return fmt.Errorf("starting redis: %w", err)
			}
			s.systems = append(s.systems, started)
		}
	}
	for _, p := range programs {
		v, err := versionOf(p)
		if err != nil {
			return err
		}
		s.report.Versions = append(s.report.Versions, v)
	}
	for _, sys := range s.systems {
		s.report.Systems = append(s.report.Systems, SystemReport{sys.name, sys.promise, sys.commands})
	}
	return nil
}

// measure runs the rounds. What is fast and what is slow in a machine changes
// from minute to minute: the systems take turns at every workload.
func (s *suite) measure(ctx context.Context) error {
	for _, sys := range s.systems {
		s.say("storing %d keys in %s", suiteKeys, sys.name)
		o, err := s.options(ctx, sys, workload{commands: "get", connections: 1, pipeline: 1})
		if err != nil {
			return err
		}
		o.Fill, o.Requests = true, 1
		if _, err := Run(ctx, o, nil); err != nil {
			return fmt.Errorf("%s: %w", sys.name, err)
		}
	}
	// Half of a median needs the median: those workloads have rounds of their own.
	for _, half := range []bool{false, true} {
		loads := slices.DeleteFunc(workloads(), func(w workload) bool { return half != (w.halfOf != "") })
		if err := s.describe(ctx, loads); err != nil {
			return err
		}
		for round := range s.o.Rounds {
			for _, w := range loads {
				for _, i := range turns(len(s.systems), round) {
					if err := s.runOne(ctx, round, s.systems[i], w); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// describe tells the report how one would give the loads by hand.
func (s *suite) describe(ctx context.Context, loads []workload) error {
	for _, w := range loads {
		o, err := s.options(ctx, s.systems[0], w)
		if err != nil {
			return err
		}
		line := commandLine(o)
		if w.halfOf != "" {
			line += "   # half of what the slowest system reaches in " + w.halfOf
		}
		s.report.Loads = append(s.report.Loads, WorkloadReport{w.name, line})
	}
	return nil
}

// turns is the order of n systems in a round. Each round begins with another
// one, and every second goes backwards: nobody always follows the same one.
func turns(n, round int) []int {
	order := make([]int, n)
	for i := range order {
		step := i
		if round%2 == 1 {
			step = n - i
		}
		order[i] = (round + step) % n
	}
	return order
}

func (s *suite) runOne(ctx context.Context, round int, sys *system, w workload) error {
	o, err := s.options(ctx, sys, w)
	if err != nil {
		return fmt.Errorf("%s: %w", sys.name, err)
	}
	res, err := Run(ctx, o, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", sys.name, err)
	}
	if res.Interrupted {
		return ctx.Err()
	}
	r := SuiteRun{
		Round: round + 1, Workload: w.name, System: sys.name, PerSecond: res.OKPerSecond,
		P50: res.Latency.P50, P99: res.Latency.P99, Failed: total(res.Errors) + res.Unsent, Uncertain: res.Uncertain,
	}
	s.report.Runs = append(s.report.Runs, r)
	s.say("round %d of %d  %-20s %-22s %10s/s  p50 %8s  p99 %8s  failed %d", r.Round, s.o.Rounds, w.name, sys.name,
		number(r.PerSecond), us(p50().of(r)), us(p99().of(r)), r.Failed)
	return nil
}

func (s *suite) options(ctx context.Context, sys *system, w workload) (Options, error) {
	o := DefaultOptions()
	o.Connections, o.Pipeline, o.Zipf = w.connections, w.pipeline, w.zipf
	o.Keys, o.ValueBytes, o.Fill = suiteKeys, Range{suiteValueBytes, suiteValueBytes}, false
	o.Duration, o.Warmup = s.o.Each, suiteWarmup
	if w.halfOf != "" {
		o.Rate = s.report.halfRate(w.halfOf)
	}
	if err := o.Commands.UnmarshalText([]byte(w.commands)); err != nil {
		return o, err
	}
	var err error
	o.Addrs, err = sys.addrs(ctx)
	return o, err
}

// commandLine is how one would give the workload to a server by hand.
func commandLine(o Options) string {
	line := fmt.Sprintf("redoubt bench --addr HOST:PORT --commands %v --connections %d --pipeline %d --keys %d --value-bytes %v --duration %v --warmup %v",
		o.Commands, o.Connections, o.Pipeline, o.Keys, o.ValueBytes, o.Duration, o.Warmup)
	if o.Zipf != 0 {
		line += fmt.Sprintf(" --zipf %v", o.Zipf)
	}
	if o.Rate != 0 {
		line += fmt.Sprintf(" --rate %v", o.Rate)
	}
	return line
}

// figure is one number of a run.
type figure struct {
	of     func(SuiteRun) float64
	atBest func(values []float64) float64
}

func throughput() figure {
	return figure{func(r SuiteRun) float64 { return r.PerSecond }, slices.Max[[]float64]}
}
func p50() figure { return latency(func(r SuiteRun) float64 { return r.P50 }) }
func p99() figure { return latency(func(r SuiteRun) float64 { return r.P99 }) }

// tail is how much longer the slowest hundredth takes than the rest, within one run.
func tail() figure {
	return latency(func(r SuiteRun) float64 { return r.P99 / max(r.P50, 1) })
}

// latency is a figure of what succeeded. Where nothing did it is infinite: a
// system that answers nothing is not a fast one.
func latency(of func(SuiteRun) float64) figure {
	return figure{func(r SuiteRun) float64 {
		if r.PerSecond == 0 {
			return math.Inf(1)
		}
		return of(r)
	}, slices.Min[[]float64]}
}

// halfRate is half of what the slowest system reached in a workload. All get the
// same, so that their latencies are those of one load; a system that answered
// nothing does not set it.
func (s *Suite) halfRate(workload string) float64 {
	slowest := math.Inf(1)
	for _, sys := range s.Systems {
		if v := median(s, workload, sys.Name, throughput()); v > 0 {
			slowest = min(slowest, v)
		}
	}
	if math.IsInf(slowest, 1) {
		return 1 // 0 would be a closed loop
	}
	return max(math.Floor(slowest/2), 1)
}

// values are those of all rounds, in order of size.
func (s *Suite) values(workload, system string, f figure) []float64 {
	var values []float64
	for _, r := range s.Runs {
		if r.Workload == workload && r.System == system {
			values = append(values, f.of(r))
		}
	}
	slices.Sort(values)
	return values
}

func (s *Suite) measured(workload, system string) bool {
	return len(s.values(workload, system, throughput())) > 0
}

// summary makes one number of those of all rounds; 0 when there are none.
type summary func(s *Suite, workload, system string, f figure) float64

func median(s *Suite, workload, system string, f figure) float64 {
	values := s.values(workload, system, f)
	n := len(values)
	if n == 0 {
		return 0
	}
	return (values[(n-1)/2] + values[n/2]) / 2
}

// best is of the round in which the rest of the machine disturbed least.
func best(s *Suite, workload, system string, f figure) float64 {
	values := s.values(workload, system, f)
	if len(values) == 0 {
		return 0
	}
	return f.atBest(values)
}
