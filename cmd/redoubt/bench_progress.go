package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"redoubt/bench"
)

// benchProgress shows a run while it goes on: one line that is written anew on a
// terminal, a line a second otherwise.
type benchProgress struct {
	w        io.Writer
	terminal bool
	seconds  float64 // of the run; 0 = not known
	written  time.Time
	errors   int64
}

func newBenchProgress(w io.Writer, o *bench.Options) *benchProgress {
	p := &benchProgress{w: w, terminal: isTerminal(w)}
	if o.Requests == 0 {
		p.seconds = o.Duration.Seconds()
	}
	return p
}

const progressWidth = 20

func (p *benchProgress) show(at bench.Point) {
	p.errors += at.Errors + at.Uncertain
	if !p.terminal && time.Since(p.written) < time.Second {
		return
	}
	p.written = time.Now()
	line := fmt.Sprintf("%5.1f s  %10.0f/s  p50 %11s  p99 %11s", at.Seconds, at.OKPerSecond, "–", "–")
	if at.HasLatency() {
		line = fmt.Sprintf("%5.1f s  %10.0f/s  p50 %8.0f µs  p99 %8.0f µs", at.Seconds, at.OKPerSecond, at.P50, at.P99)
	}
	if at.Seconds < 0 {
		line = "warming up"
	}
	if p.errors > 0 {
		line += fmt.Sprintf("  %d errors", p.errors)
	}
	if !p.terminal {
		fmt.Fprintln(p.w, line)
		return
	}
	if p.seconds > 0 {
		done := int(progressWidth * min(max(at.Seconds/p.seconds, 0), 1))
		line = "[" + strings.Repeat("█", done) + strings.Repeat("·", progressWidth-done) + "] " + line
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s", line)
}

// end takes the line away.
func (p *benchProgress) end() {
	if p.terminal {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
