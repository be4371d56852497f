package metrics

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Latencies is the distribution of the latencies of commands, in buckets from
// short to long.
type Latencies []LatencyBucket

// LatencyBucket counts what took longer than the bucket before it and at most
// UpperSeconds, which is infinite in the last one.
type LatencyBucket struct {
	UpperSeconds float64
	Count        uint64
}

// Latencies returns the distribution of reads and writes since the start.
func (s *Server) Latencies() Latencies {
	var sum Latencies
	for _, o := range []prometheus.Observer{s.read, s.write} {
		var m dto.Metric
		if err := o.(prometheus.Metric).Write(&m); err != nil {
			panic("metrics: a histogram cannot be read: " + err.Error())
		}
		h := m.GetHistogram()
		if sum == nil {
			sum = make(Latencies, len(h.Bucket)+1)
		}
		var before uint64 // Prometheus counts all that took at most so long
		for i, b := range h.Bucket {
			sum[i].UpperSeconds = b.GetUpperBound()
			sum[i].Count += b.GetCumulativeCount() - before
			before = b.GetCumulativeCount()
		}
		last := &sum[len(h.Bucket)]
		last.UpperSeconds = math.Inf(1)
		last.Count += h.GetSampleCount() - before
	}
	return sum
}

// Since returns what came after an earlier state, which may be nil.
func (l Latencies) Since(earlier Latencies) Latencies {
	out := make(Latencies, len(l))
	copy(out, l)
	for i, b := range earlier {
		out[i].Count -= b.Count
	}
	return out
}

// Quantile estimates the latency that a share q of the commands kept, as
// Prometheus does: in even steps within a bucket, at most the last finite bound.
// It is 0 when there were none.
func (l Latencies) Quantile(q float64) time.Duration {
	var total uint64
	for _, b := range l {
		total += b.Count
	}
	rank, lower := q*float64(total), 0.0
	for _, b := range l {
		if math.IsInf(b.UpperSeconds, 1) || total == 0 {
			break
		}
		if count := float64(b.Count); rank > count {
			rank -= count
		} else if count > 0 {
			lower += rank / count * (b.UpperSeconds - lower)
			break
		}
		lower = b.UpperSeconds
	}
	return time.Duration(lower * float64(time.Second))
}
