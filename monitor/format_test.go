package monitor

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestFit(t *testing.T) {
	for _, tt := range []struct {
		n     uint64
		width int
		want  string
	}{
		{0, 4, "0"}, {999, 4, "999"}, {1234, 4, "1234"}, {1234, 5, "1,234"}, {12345, 4, "12k"}, {999_999, 4, "1.0M"},
		{9_949_999, 4, "9.9M"}, {9_950_000, 4, "10M"}, {999_499_999, 4, "999M"}, {999_500_000, 4, "1.0G"},
		{math.MaxUint64, 4, "18E"}, {1_234_567, 7, "1234567"}, {1_234_567, 9, "1,234,567"},
	} {
		if got := fit(tt.n, tt.width); got != tt.want {
			t.Errorf("%d in %d columns is %q, want %q", tt.n, tt.width, got, tt.want)
		}
	}
}

func TestUnits(t *testing.T) {
	for got, want := range map[string]string{
		size(0): "0B", size(999): "999B", size(1000): "1.0K", size(1 << 20): "1.0M", size(1023 << 20): "1.0G", size(64 << 20): "64M", size(math.MaxInt64): "8.0E",
		latency(0): "–", latency(999): "999µs", latency(1000): "1.0ms", latency(9949): "9.9ms", latency(9950): "10ms",
		latency(999_499): "999ms", latency(999_500): "1.0s", latency(6_553_600): "6.6s",
		duration(-time.Second): "0s", duration(59 * time.Second): "59s", duration(time.Minute): "1m00s",
		duration(59*time.Minute + 59*time.Second): "59m59s", duration(23*time.Hour + 5*time.Minute): "23h05m",
		duration(49 * time.Hour): "2d1h", duration(400 * 24 * time.Hour): "400d",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestChart(t *testing.T) {
	unknown := math.NaN()
	for _, tt := range []struct {
		name          string
		curve         []float64
		width, height int
		want          []string
	}{
		{"empty", nil, 3, 1, []string{"   "}},
		{"newest on the right", []float64{1, 2, 4}, 5, 1, []string{"  ▂▄█"}},
		{"only what fits", []float64{9, 1, 2, 4}, 3, 1, []string{"▂▄█"}},
		{"zero is seen, unknown is not", []float64{0, unknown, 4}, 3, 1, []string{"▁ █"}},
		{"all zero", []float64{0, 0}, 2, 1, []string{"▁▁"}},
		{"two lines", []float64{1, 2, 3, 4}, 4, 2, []string{"  ▄█", "▄███"}},
	} {
		if got := chart(tt.curve, highest(tt.curve, tt.width), tt.width, tt.height); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
