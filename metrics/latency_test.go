package metrics

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestLatencies(t *testing.T) {
	s := New(prometheus.NewRegistry()).Server
	observe := func(class string, seconds float64, times int) {
		for range times {
			s.Observe(class, seconds)
		}
	}
	observe(ClassRead, 40e-6, 50)  // up to 50 µs
	observe(ClassWrite, 90e-6, 50) // 50 to 100 µs
	observe(ClassAdmin, 1, 1000)   // not looked at
	start := s.Latencies()
	observe(ClassWrite, 300e-6, 98) // 200 to 400 µs
	observe(ClassWrite, 100, 2)     // beyond all buckets
	tests := []struct {
		name string
		of   Latencies
		q    float64
		want time.Duration
	}{
		{"nothing", start.Since(start), 0.5, 0},
		{"the median is a border", start, 0.5, 50 * time.Microsecond},
		{"even steps within a bucket", start, 0.75, 75 * time.Microsecond},
		{"all", start, 1, 100 * time.Microsecond},
		{"only what came since", s.Latencies().Since(start), 0.49, 300 * time.Microsecond},
		{"beyond all buckets", s.Latencies().Since(start), 0.99, 6553600 * time.Microsecond},
	}
	for _, tt := range tests {
		if got := tt.of.Quantile(tt.q); got.Round(time.Microsecond) != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
