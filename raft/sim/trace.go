package sim

import (
	"fmt"
	"io"
)

// trace sums up a run in one number, and writes it down for a reader if there is
// one.
type trace struct {
	hash uint64
	out  io.Writer
}

const fnvPrime = 1099511628211

func (t *trace) mix(numbers ...uint64) {
	for _, n := range numbers {
		t.hash = (t.hash ^ n) * fnvPrime
		t.hash ^= t.hash >> 29
	}
}

// tracef writes a line about what has just happened.
func (w *World) tracef(format string, args ...any) {
	if w.trace.out == nil {
		return
	}
	fmt.Fprintf(w.trace.out, "%12.6f  %s\n", float64(w.nowUs)/1e6, fmt.Sprintf(format, args...))
}

func (w *World) tracing() bool { return w.trace.out != nil }
