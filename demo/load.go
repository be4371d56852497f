package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"redoubt/devcluster"
	"redoubt/resp"
)

const (
	writePause    = 15 * time.Millisecond  // between two writes of one client
	refusedPause  = 100 * time.Millisecond // after one that came to nothing
	clientTimeout = 3 * time.Second        // well above the nodes' own
	bucketLength  = 100 * time.Millisecond // a point of the curve
	maxBuckets    = 1024
)

// outcome is what became of a write.
type outcome byte

const (
	acknowledged outcome = iota
	refused              // surely not executed
	unknown              // may or may not have been
	notSent              // no connection, so no write
)

// refusals are the codes of errors that promise that nothing was executed.
var refusals = []string{"CLUSTERDOWN", "TRYAGAIN", "LOADING", "MISCONF", "OOM"}

// Load is the clients that write, and what became of every write.
type Load struct {
	mu      sync.Mutex // guards what follows, and the ledgers of the writers
	writers []*writer
	writing bool
	counts  [notSent]int
	lastAck time.Time
	longest time.Duration // without an acknowledged write, since Mark
	first   int64         // number of the oldest bucket
	buckets []int         // acknowledged writes in each
}

// Figures is how the clients fare.
type Figures struct {
	Acknowledged, Refused, Unknown int
	PerSecond                      map[string]float64 // acknowledged, by node
	LongestGap                     time.Duration      // between two acknowledged writes, whoever made them, since Mark
	Curve                          []float64          // acknowledged in each tenth of a second, up to now
}

// writer is one client. It writes through one node only.
type writer struct {
	name   string // its keys bear it
	node   string
	addr   string
	steady bool   // one of those that write all the time: gap, curve and rate are theirs
	rest   func() // ends its work and waits for the reply that is due; nil: it rests
	conn   *resp.Client
	ledger []outcome   // of key number i
	recent []time.Time // of acknowledged writes, a second long
}

// newWriter adds a client, which does not write yet.
func (l *Load) newWriter(name string, n *devcluster.Node) *writer {
	w := &writer{name: name, node: n.ID, addr: n.Addr}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writers = append(l.writers, w)
	return w
}

// newLoad makes a client for each node.
func newLoad(nodes []*devcluster.Node) *Load {
	l := &Load{}
	for _, n := range nodes {
		l.Join(n)
	}
	return l
}

// Join adds a client for a node, if it has none. Start has it write.
func (l *Load) Join(n *devcluster.Node) {
	if !slices.ContainsFunc(l.writers, func(w *writer) bool { return w.steady && w.node == n.ID }) {
		l.newWriter(n.ID, n).steady = true
	}
}

// Leave ends the client of a node for good. What it has written stays in the ledger.
func (l *Load) Leave(n *devcluster.Node) {
	l.Rest(n)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.writers {
		w.steady = w.steady && w.node != n.ID
	}
}

// Rest stops the client of a node until Start, and waits for the reply that is due.
func (l *Load) Rest(n *devcluster.Node) {
	l.rest(func(w *writer) bool { return w.node == n.ID })
}

func (l *Load) rest(chosen func(*writer) bool) {
	l.mu.Lock()
	writers := slices.Clone(l.writers)
	l.mu.Unlock()
	for _, w := range writers {
		if w.rest != nil && chosen(w) {
			w.rest()
			w.rest = nil
		}
	}
}

// Start lets the client of each node write, until Stop or Rest.
func (l *Load) Start() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.writing {
		l.writing, l.lastAck = true, time.Now() // the rest was no gap
	}
	for _, w := range l.writers {
		if w.steady && w.rest == nil {
			l.begin(w)
		}
	}
}

func (l *Load) begin(w *writer) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { l.work(ctx, w) })
	w.rest = func() {
		cancel()
		wg.Wait()
	}
}

func (l *Load) work(ctx context.Context, w *writer) {
	defer w.disconnect()
	for ctx.Err() == nil {
		wait := writePause
		if l.write(w) != acknowledged {
			wait = refusedPause
		}
		sleep(ctx, wait)
	}
}

// Stop ends the writing and waits for the replies that are due.
func (l *Load) Stop() {
	l.rest(func(*writer) bool { return true })
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writing = false
}

const bulkClients = 64

// Bulk writes about count keys through one node as fast as it goes, or until ctx
// ends. Many clients do, for each pipeline would be one entry of the log.
func (l *Load) Bulk(ctx context.Context, n *devcluster.Node, count int) {
	l.mu.Lock()
	run := len(l.writers)
	l.mu.Unlock()
	var wg sync.WaitGroup
	for i := range bulkClients {
		w := l.newWriter(fmt.Sprintf("bulk%d.%d", run, i), n)
		wg.Go(func() {
			defer w.disconnect()
			for range count / bulkClients {
				if ctx.Err() != nil || l.write(w) != acknowledged {
					return
				}
			}
		})
	}
	wg.Wait()
}

func (w *writer) key(number int) string { return fmt.Sprintf("demo:%s:%07d", w.name, number) }

func valueOf(key string) string { return "the value of " + key }

// write writes the next key.
func (l *Load) write(w *writer) outcome {
	l.mu.Lock()
	key := w.key(len(w.ledger))
	l.mu.Unlock()
	out := w.set(key)
	l.note(w, out, time.Now())
	return out
}

// note enters what became of a write.
func (l *Load) note(w *writer, out outcome, now time.Time) {
	if out == notSent {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	w.ledger = append(w.ledger, out)
	l.counts[out]++
	if out == acknowledged && w.steady {
		l.acknowledge(w, now)
	}
}

// acknowledge counts a write for the gap, the curve and the rate of its client.
func (l *Load) acknowledge(w *writer, now time.Time) {
	l.longest = max(l.longest, now.Sub(l.lastAck))
	l.lastAck = now
	bucket := now.UnixNano() / int64(bucketLength)
	l.extend(bucket)
	l.buckets[max(bucket-l.first, 0)]++ // another client may have been entered before, and clocks step back
	w.recent = append(w.recent, now)
	old := 0
	for now.Sub(w.recent[old]) > time.Second {
		old++
	}
	w.recent = slices.Delete(w.recent, 0, old)
}

// extend draws the curve on to the bucket and forgets the oldest.
func (l *Load) extend(bucket int64) {
	if l.buckets == nil {
		l.first = bucket
	}
	for l.first+int64(len(l.buckets)) <= bucket {
		l.buckets = append(l.buckets, 0)
	}
	if extra := len(l.buckets) - maxBuckets; extra > 0 {
		l.buckets = slices.Clone(l.buckets[extra:])
		l.first += int64(extra)
	}
}

// set writes one key and says what became of it.
func (w *writer) set(key string) outcome {
	if !w.connect() {
		return notSent
	}
	v, err := w.conn.Do("SET", key, valueOf(key))
	if err != nil {
		w.disconnect()
		return unknown
	}
	return judge(v)
}

func judge(v resp.Value) outcome {
	err := v.Err()
	if err == nil {
		return acknowledged
	}
	var reply resp.ErrorReply
	if errors.As(err, &reply) && slices.Contains(refusals, reply.Code()) {
		return refused
	}
	return unknown
}

func (w *writer) connect() bool {
	if w.conn == nil {
		conn, err := resp.Dial(w.addr, clientTimeout)
		if err != nil {
			return false
		}
		w.conn = conn
	}
	return true
}

func (w *writer) disconnect() {
	if w.conn != nil {
		_ = w.conn.Close() // every reply was read, or its write is unknown
		w.conn = nil
	}
}

// Mark begins the count of the longest gap anew.
func (l *Load) Mark() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.longest = 0
}

// LastAck is when a write was acknowledged last.
func (l *Load) LastAck() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lastAck
}

// Figures counts. The gap under way belongs to them.
func (l *Load) Figures() Figures {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	f := Figures{
		Acknowledged: l.counts[acknowledged], Refused: l.counts[refused], Unknown: l.counts[unknown],
		PerSecond: map[string]float64{}, LongestGap: l.longest, Curve: l.curve(now),
	}
	if l.writing {
		f.LongestGap = max(f.LongestGap, now.Sub(l.lastAck))
	}
	for _, w := range l.writers {
		for _, at := range w.recent {
			if now.Sub(at) <= time.Second {
				f.PerSecond[w.node]++
			}
		}
	}
	return f
}

// curve is the buckets up to the last one that is over.
func (l *Load) curve(now time.Time) []float64 {
	if l.buckets == nil {
		return nil
	}
	var points []float64
	for at := l.first; at < now.UnixNano()/int64(bucketLength); at++ {
		n := 0
		if i := at - l.first; i < int64(len(l.buckets)) {
			n = l.buckets[i]
		}
		points = append(points, float64(n))
	}
	return points[max(0, len(points)-maxBuckets):]
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
