package chaos

import (
	"math"
	"sync"
	"time"
)

// Verb is what an operation does to its key.
type Verb string

// The families of keys: registers take SET, GETSET, SWAP and GET; strings that
// grow take APPEND and GET; counters INCR and GET; pairs of counters, which always
// change together, PAIR and BOTH.
const (
	Set    Verb = "SET"
	GetSet Verb = "GETSET"
	Swap   Verb = "SWAP" // WATCH, GET, MULTI, SET, EXEC: Old becomes Arg
	Get    Verb = "GET"
	Append Verb = "APPEND"
	Incr   Verb = "INCR"
	Pair   Verb = "PAIR" // MULTI, INCR, INCR, EXEC
	Both   Verb = "BOTH" // MULTI, GET, GET, EXEC
)

// reads reports whether the operation changes nothing.
func (v Verb) reads() bool { return v == Get || v == Both }

// Forever is the return time of an operation whose outcome is unknown: it may be
// executed at any time after its call.
const Forever = math.MaxInt64

// Operation is what one client saw of one operation. Operations that were surely
// not executed are in no history; that they were not is what the checker then
// finds out, as all values are unique.
type Operation struct {
	Client int    `json:"client"` // never used again after an unknown outcome
	Node   string `json:"node"`
	Verb   Verb   `json:"verb"`
	Key    string `json:"key"`
	Arg    string `json:"arg,omitempty"`
	Old    string `json:"old,omitempty"`
	// Reply is what came back: a number, a value, "" for none; two of them with a
	// space between.
	Reply string `json:"reply"`
	// Known is false when the outcome is not known: -UNCERTAIN, or the connection
	// ended. Then Return is Forever.
	Known  bool  `json:"known"`
	Call   int64 `json:"call_ns"` // since the run began, by the monotonic clock
	Return int64 `json:"return_ns"`
}

// Recorder collects operations of several clients.
type Recorder struct {
	began time.Time

	mu         sync.Mutex
	ops        []Operation
	lastClient int
}

// NewRecorder starts the clock.
func NewRecorder() *Recorder { return &Recorder{began: time.Now()} }

// Now is the time in nanoseconds since the recorder was made.
func (r *Recorder) Now() int64 { return int64(time.Since(r.began)) }

// NewClient returns a number that no client has had.
func (r *Recorder) NewClient() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lastClient++
	return r.lastClient
}

// Add notes an operation.
func (r *Recorder) Add(op Operation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, op)
}

// Take returns what was added since the last Take.
func (r *Recorder) Take() []Operation {
	r.mu.Lock()
	defer r.mu.Unlock()
	ops := r.ops
	r.ops = nil
	return ops
}
