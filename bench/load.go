package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// run is one Run under way.
type run struct {
	o       Options
	dial    func(ctx context.Context, addr string, o *Options) (link, error)
	random  []byte
	workers []*worker

	start    time.Time    // of the warm-up
	from     time.Time    // of what is measured
	until    time.Time    // nothing is due then or later; far away if Requests says how many
	requests int64        // open loop: how many are scheduled, warm-up included
	left     atomic.Int64 // closed loop: of Options.Requests
	unsent   atomic.Int64
}

// worker drives one connection.
type worker struct {
	*run
	number int
	g      *generator
	rec    *recorder
	link   link
	dials  int
	batch  []request
}

// Run sends requests as o says and counts what becomes of them. It calls
// progress, if there is one, after each interval. When ctx ends it stops
// sending and returns what there is. The error is about what kept it from
// measuring: options that make no sense, no server.
func Run(ctx context.Context, o Options, progress func(Point)) (*Result, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	r := &run{o: o, dial: dialRaw, random: randomBytes(&o)}
	if o.Compat {
		r.dial = dialCompat
	}
	if err := r.fill(ctx); err != nil {
		return nil, fmt.Errorf("storing the keys: %w", err)
	}
	recorders := r.newWorkers()
	defer func() {
		for _, w := range r.workers {
			w.hangUp()
		}
	}()
	for _, w := range r.workers {
		if err := w.firstDial(ctx); err != nil {
			return nil, err
		}
	}
	r.schedule()
	var working sync.WaitGroup
	for _, w := range r.workers {
		working.Go(func() { w.work(ctx) })
	}
	over := make(chan struct{})
	go func() {
		working.Wait()
		close(over)
	}()
	c := newCollector(r, recorders)
	c.collectUntil(over, progress)
	return c.result(ctx.Err() != nil), nil
}

// newWorkers makes a worker for each connection and the recorders they share.
func (r *run) newWorkers() []*recorder {
	recorders := make([]*recorder, min(runtime.GOMAXPROCS(0), r.o.Connections))
	for i := range recorders {
		recorders[i] = &recorder{t: newTally(len(r.o.Commands))}
	}
	for i := range r.o.Connections {
		r.workers = append(r.workers, &worker{
			run: r, number: i, g: newGenerator(&r.o, i, r.random), rec: recorders[i%len(recorders)],
			dials: i, batch: make([]request, r.o.Pipeline),
		})
	}
	return recorders
}

// schedule fixes the times of the run, beginning now.
func (r *run) schedule() {
	o := &r.o
	r.start = time.Now()
	r.from = r.start.Add(o.Warmup)
	r.until = r.from.Add(o.Duration)
	if o.Requests > 0 {
		r.until = r.start.Add(100 * 365 * 24 * time.Hour)
		r.requests = o.Requests + int64(math.Ceil(o.Rate*o.Warmup.Seconds()))
		if o.Rate == 0 {
			r.left.Store(o.Requests)
		}
	} else {
		r.requests = int64(o.Rate * (o.Warmup + o.Duration).Seconds())
	}
}

func (w *worker) work(ctx context.Context) {
	if w.o.Rate > 0 {
		w.openLoop(ctx)
	} else {
		w.closedLoop(ctx)
	}
}

// closedLoop sends the next batch when the last one is answered.
func (w *worker) closedLoop(ctx context.Context) {
	for {
		giveUp := w.until
		if w.o.Requests > 0 {
			giveUp = time.Now().Add(w.o.Timeout)
		}
		if !w.connected(ctx, giveUp) {
			return
		}
		w.g.draw(w.batch)
		now := time.Now()
		n := w.take(len(w.batch), now)
		if n == 0 || ctx.Err() != nil {
			return
		}
		for i := range n {
			w.batch[i].due = now
		}
		w.send(w.batch[:n])
	}
}

// take is how many of the next n requests may still be sent.
func (w *worker) take(n int, now time.Time) int {
	switch {
	case !now.Before(w.until):
		return 0
	case w.o.Requests == 0 || now.Before(w.from):
		return n
	}
	before := w.left.Add(-int64(n)) + int64(n)
	return int(max(0, min(before, int64(n))))
}

// openLoop sends each request when it is due. This connection has every
// Connections-th of them.
func (w *worker) openLoop(ctx context.Context) {
	giveUp := w.dueAt(w.requests - 1).Add(w.o.Timeout)
	for k := int64(w.number); k < w.requests; {
		due := w.dueAt(k)
		if ctx.Err() != nil {
			return
		}
		if !w.connected(ctx, giveUp) || time.Now().After(giveUp) {
			w.countUnsent(k)
			return
		}
		if sleepUntil(ctx, due) && !due.Before(w.from) {
			w.rec.lag(time.Since(due))
		}
		n, now := 0, time.Now()
		for n < len(w.batch) && k < w.requests && !due.After(now) {
			w.batch[n].due = due
			n++
			k += int64(w.o.Connections)
			due = w.dueAt(k)
		}
		w.g.draw(w.batch[:n])
		w.send(w.batch[:n])
	}
}

// dueAt is when request k of all connections is to be sent.
func (r *run) dueAt(k int64) time.Time {
	return r.start.Add(time.Duration(float64(k) / r.o.Rate * float64(time.Second)))
}

// countUnsent counts the requests from k on that this connection has not sent.
func (w *worker) countUnsent(k int64) {
	for ; k < w.requests; k += int64(w.o.Connections) {
		if !w.dueAt(k).Before(w.from) {
			w.unsent.Add(1)
		}
	}
}

// send sends a batch and records it. A connection that fails is closed.
func (w *worker) send(batch []request) {
	if len(batch) == 0 {
		return
	}
	err := w.link.roundTrip(batch)
	w.rec.batch(w.g, batch, w.from, err)
	if err != nil {
		w.hangUp()
	}
}

func (w *worker) hangUp() {
	if w.link != nil {
		w.link.close()
		w.link = nil
	}
}

// dialNext connects to the next address.
func (w *worker) dialNext(ctx context.Context) (err error) {
	addr := w.o.Addrs[w.dials%len(w.o.Addrs)]
	w.dials++
	if w.link, err = w.dial(ctx, addr, &w.o); err != nil {
		w.link = nil
		return fmt.Errorf("connecting to %s: %w", addr, err)
	}
	return nil
}

// firstDial fails when none of the addresses can be reached.
func (w *worker) firstDial(ctx context.Context) error {
	var errs []error
	for range w.o.Addrs {
		err := w.dialNext(ctx)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// redialPause is the time between attempts to connect again.
const redialPause = 10 * time.Millisecond

// connected connects again if need be; false when that did not succeed before
// the time given.
func (w *worker) connected(ctx context.Context, giveUp time.Time) bool {
	for w.link == nil {
		if ctx.Err() != nil || !time.Now().Before(giveUp) {
			return false
		}
		if err := w.dialNext(ctx); err != nil {
			w.rec.dialError(err)
			sleepUntil(ctx, time.Now().Add(redialPause))
		}
	}
	return true
}

// fillPipeline is how many keys are stored at a time.
const fillPipeline = 128

// fill stores every key if there is a command that reads.
func (r *run) fill(ctx context.Context) error {
	reads := false
	for _, s := range r.o.Commands {
		c, _ := lookupCommand(s.Command)
		reads = reads || c.reads
	}
	if !r.o.Fill || !reads {
		return nil
	}
	o := r.o
	o.Commands = Mix{{"set", 1}}
	w := &worker{run: &run{o: o, dial: r.dial}, g: newGenerator(&o, -1, r.random), batch: make([]request, fillPipeline)}
	if err := w.firstDial(ctx); err != nil {
		return err
	}
	defer w.hangUp()
	key := uint64(0)
	w.g.next = func() uint64 { key++; return key - 1 }
	for key < uint64(o.Keys) && ctx.Err() == nil {
		batch := w.batch[:min(uint64(len(w.batch)), uint64(o.Keys)-key)]
		w.g.draw(batch)
		if err := w.link.roundTrip(batch); err != nil {
			return err
		}
		for i := range batch {
			if !w.g.commands[0].accepts(batch[i].reply) {
				return fmt.Errorf("SET answered with %s", batch[i].reply.code)
			}
		}
	}
	return ctx.Err()
}
