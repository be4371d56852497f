package chaos

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Report is what a run has come to.
type Report struct {
	Seed   uint64 `json:"seed"`
	Nodes  int    `json:"nodes"`
	Canary string `json:"canary,omitempty"`
	// Namespaces: the nodes had network namespaces instead of proxies between them.
	Namespaces bool    `json:"namespaces,omitempty"`
	Rounds     int     `json:"rounds"` // that were judged
	Seconds    float64 `json:"seconds"`

	Faults     map[Kind]int   `json:"faults"`
	Operations Operations     `json:"operations"`
	Errors     map[string]int `json:"errors"` // what was answered instead of a result
	// Ledger counts acknowledged writes of which each was read back at the end of
	// each round, from one node; all nodes had the same state.
	Ledger            int          `json:"ledger"`
	HistoryKeys       int          `json:"history_keys"`
	HistoryOperations int          `json:"history_operations"`
	Availability      Availability `json:"availability"`
	// Failover is from the moment in which a leader was killed, nothing else being
	// wrong, to the answer to the first write sent after it. When its process dies, its
	// connections tell the others; when its machine dies, nothing does.
	Failover       Times `json:"failover"`
	FailoverSilent Times `json:"failover_silent"`
	// Recovery is from the end of the last fault of a round until every node was
	// ready and had acknowledged a write.
	Recovery Times `json:"recovery"`

	Verdict    Verdict     `json:"verdict"`
	Violations []Violation `json:"violations"`
	Undecided  []string    `json:"undecided"` // keys for which the checker had no time
	Kept       string      `json:"kept,omitempty"`
}

// Verdict sums a run up.
type Verdict string

const (
	Innocent    Verdict = "no violation"
	Guilty      Verdict = "violation"
	Undecided   Verdict = "undecided"
	Interrupted Verdict = "interrupted"
)

// AsExpected reports whether the run is a success: nothing was broken, or, with a
// canary, what was weakened was found.
func (r *Report) AsExpected() bool {
	if r.Canary == "" {
		return r.Verdict == Innocent
	}
	want := map[string]string{CanaryNoFsync: LostWrite, CanaryStaleReads: NotLinearizable}[r.Canary]
	return slices.ContainsFunc(r.Violations, func(v Violation) bool { return v.Kind == want })
}

// Violation is a promise that was broken.
type Violation struct {
	Round int    `json:"round"`
	Kind  string `json:"kind"`
	Text  string `json:"text"`
}

// Kinds of violations.
const (
	LostWrite       = "lost write"
	NotLinearizable = "not linearizable"
	Diverged        = "states differ"
	NodeEnded       = "node ended"
	NotRecovered    = "not recovered"
	WrongReply      = "wrong reply"
)

// sliceLength is the unit of availability.
const sliceLength = 100 * time.Millisecond

// Availability counts slices of time, of 100 ms, from the beginning of each round
// to its last client; in an available one some write was acknowledged.
type Availability struct {
	Slices    int     `json:"slices"`
	Available int     `json:"available"`
	Share     float64 `json:"share"`
}

// add counts the slices between two times.
func (a *Availability) add(from, to int64, acks []ack) {
	slice := int64(sliceLength)
	seen := map[int64]bool{}
	count := (to - from) / slice
	for _, k := range acks {
		if i := (k.ret - from) / slice; k.ret >= from && i < count {
			seen[i] = true
		}
	}
	a.Slices += int(count)
	a.Available += len(seen)
	if a.Slices > 0 {
		a.Share = float64(a.Available) / float64(a.Slices)
	}
}

// Times is a distribution, in milliseconds.
type Times struct {
	Count  int     `json:"count"`
	Median float64 `json:"median_ms"`
	P99    float64 `json:"p99_ms"`
	Worst  float64 `json:"worst_ms"`

	all []time.Duration
}

func (t *Times) add(d time.Duration) {
	t.all = append(t.all, d)
	sorted := slices.Sorted(slices.Values(t.all))
	ms := func(share float64) float64 {
		i := min(int(share*float64(len(sorted))), len(sorted)-1)
		return float64(sorted[i].Microseconds()) / 1000
	}
	t.Count, t.Median, t.P99, t.Worst = len(sorted), ms(0.5), ms(0.99), ms(1)
}

func (t *Times) String() string {
	if t.Count == 0 {
		return "none"
	}
	return fmt.Sprintf("%d, median %.0f ms, 99%% %.0f ms, worst %.0f ms", t.Count, t.Median, t.P99, t.Worst)
}

// failover is from a moment to the first acknowledgement of a write sent after it;
// false when there was none.
func failover(lost int64, acks []ack) (time.Duration, bool) {
	first := int64(Forever)
	for _, k := range acks {
		if k.call >= lost {
			first = min(first, k.ret)
		}
	}
	return time.Duration(first - lost), first != Forever
}

// shownViolations is how many of them people want to read; JSON has all.
const shownViolations = 6

// Write prints the report for people.
func (r *Report) Write(w io.Writer) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-13s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(w, "\n%s\n", strings.ToUpper(string(r.Verdict)))
	row("run", "seed %d, %d nodes, %d rounds, %.0f s", r.Seed, r.Nodes, r.Rounds, r.Seconds)
	if r.Namespaces {
		row("network", "a namespace for each node")
	}
	if r.Canary != "" {
		row("canary", "%s", r.Canary)
	}
	row("faults", "%s", tally(r.Faults))
	o := r.Operations
	row("operations", "%d acknowledged, %d refused (surely not executed), %d of unknown outcome", o.Acknowledged, o.Refused, o.Unknown)
	row("errors", "%s", tally(r.Errors))
	row("histories", "%d operations on %d keys", r.HistoryOperations, r.HistoryKeys)
	row("ledger", "%d acknowledged writes, read back", r.Ledger)
	row("availability", "%.1f %% of %d slices of %v had an acknowledged write", 100*r.Availability.Share, r.Availability.Slices, sliceLength)
	row("failover", "process dies: %s", &r.Failover)
	row("", "machine dies: %s", &r.FailoverSilent)
	row("recovery", "%s", &r.Recovery)
	for _, v := range r.Violations[:min(shownViolations, len(r.Violations))] {
		row("violation", "round %d: %s: %s", v.Round, v.Kind, v.Text)
	}
	if more := len(r.Violations) - shownViolations; more > 0 {
		row("", "and %d more", more)
	}
	for _, key := range r.Undecided {
		row("undecided", "%s: the checker had no time to the end", key)
	}
	if r.Kept != "" {
		row("kept", "histories, logs and data: %s", r.Kept)
	}
}

// tally lists counts by name.
func tally[K ~string](counts map[K]int) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", k, counts[k]))
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}
