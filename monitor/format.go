package monitor

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// whole writes all digits, in groups of three.
func whole(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	out := make([]byte, 0, len(digits)+len(digits)/3)
	for i, c := range []byte(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out = append(out, ',')
		}
		out = append(out, c)
	}
	return string(out)
}

// fit writes n within width columns: with groups when there is room, else with
// all digits, else rounded down with a unit, as in 12.3M.
func fit(n uint64, width int) string {
	if s := whole(n); len(s) <= width {
		return s
	}
	if s := strconv.FormatUint(n, 10); len(s) <= width {
		return s
	}
	return scaled(float64(n), 1000, []string{"k", "M", "G", "T", "P", "E"})
}

// scaled writes three digits and a unit. v is at least one of the smallest unit.
func scaled(v, step float64, units []string) string {
	for i, unit := range units {
		v /= step
		if v < step && v < 999.5 || i == len(units)-1 {
			if v < 9.95 {
				return fmt.Sprintf("%.1f%s", v, unit)
			}
			return fmt.Sprintf("%.0f%s", v, unit)
		}
	}
	return ""
}

// size writes bytes in at most five columns: 0, 512B, 1.2K, 64M, 930G.
func size(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%dB", n)
	}
	return scaled(float64(n), 1024, []string{"K", "M", "G", "T", "P", "E"})
}

// latency writes microseconds in at most five columns; none is a dash.
func latency(us int64) string {
	switch {
	case us <= 0:
		return "–"
	case us < 1000:
		return fmt.Sprintf("%dµs", us)
	case us < 9950:
		return fmt.Sprintf("%.1fms", float64(us)/1e3)
	case us < 999_500:
		return fmt.Sprintf("%.0fms", float64(us)/1e3)
	}
	return fmt.Sprintf("%.1fs", float64(us)/1e6)
}

// opsOf and latencyOf write points of curves, in at most nine columns.
func opsOf(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fit(uint64(v+0.5), 9)
}

func latencyOf(us float64) string {
	if math.IsNaN(us) {
		return "–"
	}
	return latency(int64(us))
}

// duration writes at most two units: 5s, 3m20s, 4h05m, 12d3h.
func duration(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", max(s, 0))
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	case s < 100*86400:
		return fmt.Sprintf("%dd%dh", s/86400, s/3600%24)
	}
	return fmt.Sprintf("%dd", s/86400)
}
