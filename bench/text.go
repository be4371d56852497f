package bench

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Describe says in one line what o does.
func (o *Options) Describe() string {
	var b strings.Builder
	if o.Rate > 0 {
		fmt.Fprintf(&b, "open loop at %s/s", number(o.Rate))
	} else {
		b.WriteString("closed loop")
	}
	fmt.Fprintf(&b, ", %s connections to %s, pipeline %d, commands %v, %s keys", number(o.Connections), strings.Join(o.Addrs, ","), o.Pipeline, o.Commands, number(o.Keys))
	if o.Zipf != 0 {
		fmt.Fprintf(&b, " by zipf %v", o.Zipf)
	}
	fmt.Fprintf(&b, ", values of %v bytes", o.ValueBytes)
	if o.Compat {
		b.WriteString(", through go-redis")
	}
	return b.String()
}

// WriteText writes r for a reader: counts, latencies, charts.
func (r *Result) WriteText(w io.Writer) {
	fmt.Fprintln(w, r.Options.Describe())
	if r.Interrupted {
		fmt.Fprintln(w, "interrupted: only what was measured until then")
	}
	fmt.Fprintf(w, "\n  sent        %s in %.2f s\n", number(r.Sent), r.Seconds)
	fmt.Fprintf(w, "  succeeded   %s: %s/s", number(r.OK), number(r.OKPerSecond))
	if r.Misses > 0 {
		fmt.Fprintf(w, " (%s found no key)", number(r.Misses))
	}
	fmt.Fprintf(w, "\n  uncertain   %s\n", number(r.Uncertain))
	fmt.Fprintf(w, "  failed      %s\n", countsText(r.Errors))
	if len(r.DialErrors) > 0 {
		fmt.Fprintf(w, "  unreachable %s\n", countsText(r.DialErrors))
	}
	if r.Unsent > 0 {
		fmt.Fprintf(w, "  never sent  %s: the server fell behind, and the time to catch up was over\n", number(r.Unsent))
	}
	r.writeLatencies(w)
	if r.OK > 0 {
		fmt.Fprintf(w, "\n%s\n%s\n%s", r.throughputChart(), r.latencyChart(), r.percentileChart())
	}
}

func (r *Result) writeLatencies(w io.Writer) {
	fmt.Fprintf(w, "\n  %-10s %12s %9s %9s %9s %9s %9s %9s\n", "latency", "count", "mean", "p50", "p90", "p99", "p99.9", "max")
	row := func(name string, l Latency) {
		fmt.Fprintf(w, "  %-10s %12s %9s %9s %9s %9s %9s %9s\n", name, number(l.Count), us(l.Mean), us(l.P50), us(l.P90), us(l.P99), us(l.P999), us(l.Max))
	}
	if len(r.Commands) > 1 {
		for _, c := range r.Commands {
			row(c.Command, c.Latency)
		}
		row("all", r.Latency)
	} else {
		row(r.Options.Commands.String(), r.Latency)
	}
	if r.GeneratorLag.Count > 0 {
		row("(own lag)", r.GeneratorLag)
		fmt.Fprintln(w, "  own lag: how late this program woke up to send; contained in the latencies")
	}
}

// WriteJSON writes everything.
func (r *Result) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteCSV writes the series, one line for each interval. Latencies that there
// are not are empty.
func (r *Result) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"seconds", "ok_per_second", "errors", "uncertain", "p50_us", "p99_us", "max_us"}}
	for _, p := range r.Series {
		f := func(v float64) string { return strconv.FormatFloat(v, 'f', 3, 64) }
		row := []string{f(p.Seconds), f(p.OKPerSecond), strconv.FormatInt(p.Errors, 10), strconv.FormatInt(p.Uncertain, 10), "", "", ""}
		if p.HasLatency() {
			row = append(row[:4], f(p.P50), f(p.P99), f(p.Max))
		}
		rows = append(rows, row)
	}
	return out.WriteAll(rows)
}

// countsText is "3: 2 TRYAGAIN, 1 no reply: timeout".
func countsText(counts map[string]int64) string {
	text := number(total(counts))
	for i, kind := range slices.Sorted(maps.Keys(counts)) {
		separator := ", "
		if i == 0 {
			separator = ": "
		}
		text += separator + number(counts[kind]) + " " + kind
	}
	return text
}

// number writes thousands apart; fractions are rounded away.
func number[T int | int64 | float64](n T) string {
	digits := strconv.FormatFloat(float64(n), 'f', 0, 64)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// us writes microseconds with a unit and three digits.
func us(v float64) string {
	unit := "µs"
	switch {
	case math.IsInf(v, 1):
		return "∞"
	case v >= 1e6:
		v, unit = v/1e6, "s"
	case v >= 1e3:
		v, unit = v/1e3, "ms"
	}
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f %s", v, unit)
	case v >= 10:
		return fmt.Sprintf("%.1f %s", v, unit)
	}
	return fmt.Sprintf("%.2f %s", v, unit)
}
