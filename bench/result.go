package bench

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// resultSchema is the version of Result's JSON form: it changes when a field
// changes its meaning or goes away.
const resultSchema = 2

// Result is what one Run found. Warm-up is in none of the figures.
type Result struct {
	Schema      int       `json:"schema"`
	Options     Options   `json:"options"`
	Began       time.Time `json:"began"`
	Seconds     float64   `json:"seconds"` // as long as it was to last, or to the last outcome if that came later
	Interrupted bool      `json:"interrupted"`

	Sent         int64            `json:"sent"` // = OK + Uncertain + the sum of Errors
	OK           int64            `json:"ok"`
	Misses       int64            `json:"misses"`      // of OK: answered with null
	Uncertain    int64            `json:"uncertain"`   // answered with -UNCERTAIN: may have been executed
	Errors       map[string]int64 `json:"errors"`      // by the code of the reply, or why there was none
	DialErrors   map[string]int64 `json:"dial_errors"` // attempts to connect again; no requests
	Unsent       int64            `json:"unsent"`      // due, and not sent within Timeout of the end
	OKPerSecond  float64          `json:"ok_per_second"`
	Latency      Latency          `json:"latency"` // of OK
	Commands     []CommandResult  `json:"commands"`
	GeneratorLag Latency          `json:"generator_lag"` // how late it woke up itself; part of the latency of an open loop
	Distribution []Bracket        `json:"distribution"`
	Series       []Point          `json:"series"`
}

// Latency sums up a distribution, in microseconds.
type Latency struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean_us"`
	Min   float64 `json:"min_us"`
	P50   float64 `json:"p50_us"`
	P90   float64 `json:"p90_us"`
	P99   float64 `json:"p99_us"`
	P999  float64 `json:"p999_us"`
	Max   float64 `json:"max_us"`
}

// CommandResult is the part of one command.
type CommandResult struct {
	Command string  `json:"command"`
	Latency Latency `json:"latency"`
}

// Bracket says that so many percent of the requests took at most Us
// microseconds, and how many those are.
type Bracket struct {
	Percent float64 `json:"percent"`
	Us      float64 `json:"us"`
	Count   int64   `json:"count"`
}

// Point is one interval of a run. One in which nothing succeeded has no latency.
type Point struct {
	Seconds     float64 `json:"seconds"` // at its end, since the end of the warm-up; negative within that
	OKPerSecond float64 `json:"ok_per_second"`
	Errors      int64   `json:"errors"`
	Uncertain   int64   `json:"uncertain"`
	P50         float64 `json:"p50_us"`
	P99         float64 `json:"p99_us"`
	Max         float64 `json:"max_us"`
}

// HasLatency is whether anything succeeded.
func (p Point) HasLatency() bool { return p.OKPerSecond > 0 }

const nsPerUs = float64(time.Microsecond)

func latencyOf(h *hdrhistogram.Histogram) Latency {
	if h.TotalCount() == 0 {
		return Latency{}
	}
	at := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) / nsPerUs }
	return Latency{
		Count: h.TotalCount(), Mean: h.Mean() / nsPerUs, Min: float64(h.Min()) / nsPerUs,
		P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: float64(h.Max()) / nsPerUs,
	}
}

func distributionOf(h *hdrhistogram.Histogram) []Bracket {
	out := []Bracket{}
	if h.TotalCount() == 0 {
		return out
	}
	for _, b := range h.CumulativeDistributionWithTicks(2) {
		out = append(out, Bracket{Percent: b.Quantile, Us: float64(b.ValueAt) / nsPerUs, Count: b.Count})
	}
	return out
}

// collector takes from the recorders, interval by interval.
type collector struct {
	r         *run
	recorders []*recorder
	total     *tally
	interval  *tally
	since     time.Time // the interval began
	over      time.Time // the last connection was done
	series    []Point
}

func newCollector(r *run, recorders []*recorder) *collector {
	n := len(r.o.Commands)
	return &collector{r: r, recorders: recorders, total: newTally(n), interval: newTally(n), since: r.from, series: []Point{}}
}

// collectUntil collects once in an interval, and once more when it is over.
func (c *collector) collectUntil(over <-chan struct{}, progress func(Point)) {
	if progress == nil {
		progress = func(Point) {}
	}
	step := c.r.o.interval()
	for next := c.r.start; ; next = next.Add(step) {
		timer := time.NewTimer(time.Until(next))
		select {
		case <-over:
			timer.Stop()
			c.over = time.Now()
			c.collect()
			c.point(c.over, step/2, progress)
			c.total.add(c.interval)
			return
		case <-timer.C:
		}
		if now := time.Now(); now.Before(c.r.from) {
			progress(Point{Seconds: now.Sub(c.r.from).Seconds()})
		} else {
			c.collect()
			c.point(now, step/2, progress)
		}
	}
}

func (c *collector) collect() {
	for _, r := range c.recorders {
		r.collect(c.interval)
	}
}

// point ends an interval now, unless it is too short to say anything and goes on.
func (c *collector) point(now time.Time, shortest time.Duration, progress func(Point)) {
	length := now.Sub(c.since)
	if length < shortest {
		return
	}
	l := latencyOf(c.interval.all())
	p := Point{
		Seconds: now.Sub(c.r.from).Seconds(), OKPerSecond: float64(c.interval.ok) / length.Seconds(),
		Errors: total(c.interval.errors), Uncertain: c.interval.uncertain, P50: l.P50, P99: l.P99, Max: l.Max,
	}
	c.total.add(c.interval)
	c.interval.reset()
	c.since = now
	c.series = append(c.series, p)
	progress(p)
}

// seconds is how long the run was. Time in which nothing was answered counts,
// that at the end, too; what an interruption took away does not.
func (c *collector) seconds(interrupted bool) float64 {
	end := c.total.last
	if c.r.o.Requests == 0 {
		planned := c.r.until
		if interrupted && c.over.Before(planned) {
			planned = c.over
		}
		if planned.After(end) {
			end = planned
		}
	}
	return max(0, end.Sub(c.r.from).Seconds())
}

func (c *collector) result(interrupted bool) *Result {
	t, all := c.total, c.total.all()
	res := &Result{
		Schema: resultSchema, Options: c.r.o, Began: c.r.from.UTC().Truncate(time.Millisecond),
		Seconds: c.seconds(interrupted), Interrupted: interrupted,
		Sent: t.sent, OK: t.ok, Misses: t.misses, Uncertain: t.uncertain, Errors: t.errors, DialErrors: t.dialErrors,
		Unsent: c.r.unsent.Load() + max(0, c.r.left.Load()), Latency: latencyOf(all), GeneratorLag: latencyOf(t.lag),
		Distribution: distributionOf(all), Series: c.series,
	}
	for i, s := range c.r.o.Commands {
		res.Commands = append(res.Commands, CommandResult{s.Command, latencyOf(t.latency[i])})
	}
	if res.Seconds > 0 {
		res.OKPerSecond = float64(t.ok) / res.Seconds
	}
	return res
}
