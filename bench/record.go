package bench

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latencies are kept in nanoseconds, with three significant digits, from a
// microsecond to more than any timeout; what is longer counts as the longest.
const (
	shortest = int64(time.Microsecond)
	longest  = int64(time.Hour)
)

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(shortest, longest, 3) }

func recordIn(h *hdrhistogram.Histogram, d time.Duration) {
	if err := h.RecordValue(min(max(int64(d), 0), longest)); err != nil {
		panic("bench: a latency in range was refused: " + err.Error())
	}
}

// tally counts what became of requests.
type tally struct {
	last                        time.Time // something became of a request
	sent, ok, misses, uncertain int64
	errors                      map[string]int64
	dialErrors                  map[string]int64
	latency                     []*hdrhistogram.Histogram // of those that went well, by command
	lag                         *hdrhistogram.Histogram   // of the generator itself: how late it woke up
}

func newTally(commands int) *tally {
	t := &tally{errors: map[string]int64{}, dialErrors: map[string]int64{}, lag: newHistogram()}
	for range commands {
		t.latency = append(t.latency, newHistogram())
	}
	return t
}

func (t *tally) add(u *tally) {
	if u.last.After(t.last) {
		t.last = u.last
	}
	t.sent += u.sent
	t.ok += u.ok
	t.misses += u.misses
	t.uncertain += u.uncertain
	addCounts(t.errors, u.errors)
	addCounts(t.dialErrors, u.dialErrors)
	for i, h := range u.latency {
		t.latency[i].Merge(h)
	}
	t.lag.Merge(u.lag)
}

func (t *tally) reset() {
	t.last = time.Time{}
	t.sent, t.ok, t.misses, t.uncertain = 0, 0, 0, 0
	clear(t.errors)
	clear(t.dialErrors)
	for _, h := range t.latency {
		h.Reset()
	}
	t.lag.Reset()
}

func (t *tally) all() *hdrhistogram.Histogram {
	if len(t.latency) == 1 {
		return t.latency[0]
	}
	h := newHistogram()
	for _, l := range t.latency {
		h.Merge(l)
	}
	return h
}

func addCounts(to, from map[string]int64) {
	for kind, n := range from {
		to[kind] += n
	}
}

func total(counts map[string]int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// recorder is a tally that a few connections share until it is collected.
type recorder struct {
	mu sync.Mutex
	t  *tally
}

// batch records a batch that was due, or sent, at or after from. err is why
// some have no reply; that is known now.
func (r *recorder) batch(g *generator, batch []request, from time.Time, err error) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range batch {
		q := &batch[i]
		if q.due.Before(from) {
			continue
		}
		r.t.sent++
		known := q.arrived
		if known.IsZero() {
			known = now
		}
		if known.After(r.t.last) {
			r.t.last = known
		}
		switch {
		case q.arrived.IsZero():
			r.t.errors["no reply: "+failure(err)]++
		case q.reply.code == "UNCERTAIN":
			r.t.uncertain++
		case q.reply.kind == '-':
			r.t.errors[q.reply.code]++
		case !g.commands[q.command].accepts(q.reply):
			r.t.errors["unexpected reply"]++
		default:
			r.t.ok++
			if q.reply.null {
				r.t.misses++
			}
			recordIn(r.t.latency[q.command], q.arrived.Sub(q.due))
		}
	}
}

func (r *recorder) dialError(err error) {
	r.mu.Lock()
	r.t.dialErrors[failure(err)]++
	r.mu.Unlock()
}

func (r *recorder) lag(d time.Duration) {
	r.mu.Lock()
	recordIn(r.t.lag, d)
	r.mu.Unlock()
}

// collect moves what was recorded since the last call to t.
func (r *recorder) collect(t *tally) {
	r.mu.Lock()
	t.add(r.t)
	r.t.reset()
	r.mu.Unlock()
}
