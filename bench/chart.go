package bench

import (
	"fmt"
	"math"
	"strings"
)

const (
	chartHeight = 6
	chartWidth  = 60
	barWidth    = 40
)

// throughputChart shows the series' throughput over time.
func (r *Result) throughputChart() string {
	mean := func(group []Point) (v float64) {
		for _, p := range group {
			v += p.OKPerSecond / float64(len(group))
		}
		return v
	}
	return columns("requests per second", r.Series, mean, func(v float64) string { return number(v) })
}

// latencyChart shows the series' 99th percentile over time. There is no mean of
// percentiles, and it would hide a pause: of a group the highest is shown.
func (r *Result) latencyChart() string {
	highest := func(group []Point) (v float64) {
		for _, p := range group {
			v = max(v, p.P99)
		}
		return v
	}
	return columns("99th percentile of the latency", r.Series, highest, us)
}

// percentileChart has a bar for each percentile that people ask for.
func (r *Result) percentileChart() string {
	var bars []bar
	l := r.Latency
	for _, p := range []struct {
		name string
		us   float64
	}{{"p50", l.P50}, {"p90", l.P90}, {"p99", l.P99}, {"p99.9", l.P999}, {"max", l.Max}} {
		bars = append(bars, bar{p.name, p.us, us(p.us)})
	}
	return "  latency\n" + barChart(bars)
}

// columns draws one column for each point, or for each group of points when
// there are too many.
func columns(title string, series []Point, value func(group []Point) float64, label func(float64) string) string {
	if len(series) == 0 {
		return ""
	}
	values := squeeze(series, value)
	top := 0.0
	for _, v := range values {
		top = max(top, v)
	}
	top = roundUp(top)
	var b strings.Builder
	fmt.Fprintf(&b, "  %s\n", title)
	for row := chartHeight - 1; row >= 0; row-- {
		axis := ""
		switch row {
		case chartHeight - 1:
			axis = label(top)
		case 0:
			axis = "0"
		}
		fmt.Fprintf(&b, "  %9s ┤", axis)
		line := ""
		for _, v := range values {
			line += eighths(v/top*chartHeight - float64(row))
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	end := fmt.Sprintf("%.1f s", series[len(series)-1].Seconds)
	fmt.Fprintf(&b, "  %9s └%s %s\n", "", strings.Repeat("─", len(values)), end)
	return b.String()
}

// squeeze makes as many groups as the chart has room for, and one value of each.
func squeeze(series []Point, value func(group []Point) float64) []float64 {
	n := min(len(series), chartWidth)
	values := make([]float64, n)
	for i := range n {
		values[i] = value(series[i*len(series)/n : (i+1)*len(series)/n])
	}
	return values
}

// eighths is a character of which so much is filled.
func eighths(part float64) string {
	const blocks = " ▁▂▃▄▅▆▇█"
	n := int(math.Round(min(max(part, 0), 1) * 8))
	return string([]rune(blocks)[n])
}

// roundUp is the next number that makes a good end of an axis.
func roundUp(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 1.5, 2, 2.5, 3, 4, 5, 6, 8} {
		if v <= m*power {
			return m * power
		}
	}
	return 10 * power
}

// bar is one row of a chart of bars.
type bar struct {
	name  string
	value float64
	label string
}

// barChart draws bars of which the longest has barWidth characters.
func barChart(bars []bar) string {
	top, names := 0.0, 0
	for _, r := range bars {
		top, names = max(top, r.value), max(names, len([]rune(r.name)))
	}
	if top == 0 {
		top = 1
	}
	var b strings.Builder
	for _, r := range bars {
		length := r.value / top * barWidth
		line := strings.Repeat("█", int(length)) + strings.TrimSpace(eighthsWide(length-math.Floor(length)))
		padding := strings.Repeat(" ", names-len([]rune(r.name)))
		fmt.Fprintf(&b, "  %s%s  %s %s\n", r.name, padding, line, r.label)
	}
	return b.String()
}

// eighthsWide is a character of which so much is filled from the left.
func eighthsWide(part float64) string {
	const blocks = " ▏▎▍▌▋▊▉█"
	return string([]rune(blocks)[int(math.Round(part*8))])
}
