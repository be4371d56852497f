package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics is what a node counts, by area.
type Metrics struct {
	Server   *Server
	Raft     *Raft
	Peer     *Peers
	WAL      *WAL
	Snapshot *Snapshot
}

// New registers every counted series, and those of the Go runtime and the
// process, with reg. It panics when reg holds one of them already: one registry
// serves one node.
func New(reg prometheus.Registerer) *Metrics {
	reg.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return build(&builder{reg: reg})
}

func build(b *builder) *Metrics {
	return &Metrics{
		Server:   newServer(b),
		Raft:     newRaft(b),
		Peer:     newPeers(b),
		WAL:      newWAL(b),
		Snapshot: newSnapshot(b),
	}
}

// Series describes one metric family.
type Series struct {
	Name   string
	Type   string // counter, gauge, histogram
	Labels []string
	Help   string
}

// Catalogue lists every series of this package in the order of the areas; the
// series of the Go runtime and the process are not in it.
func Catalogue() []Series {
	b := &builder{reg: prometheus.NewRegistry()}
	build(b)
	for _, g := range gaugeTable() {
		b.series = append(b.series, g.Series)
	}
	return b.series
}

// builder registers a collector and notes its description in one step.
type builder struct {
	reg    prometheus.Registerer
	series []Series
}

func (b *builder) add(c prometheus.Collector, kind, name, help string, labels ...string) {
	b.reg.MustRegister(c)
	b.series = append(b.series, Series{Name: name, Type: kind, Labels: labels, Help: help})
}

func (b *builder) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	b.add(c, "counter", name, help)
	return c
}

// counterVec creates the series of the given label values at once (rule 4).
func (b *builder) counterVec(name, help, label string, values ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	b.add(c, "counter", name, help, label)
	for _, v := range values {
		c.WithLabelValues(v)
	}
	return c
}

func (b *builder) histogram(name, help string, buckets []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(histogramOpts(name, help, buckets))
	b.add(h, "histogram", name, help)
	return h
}

func (b *builder) histogramVec(name, help string, buckets []float64, label string, values ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(histogramOpts(name, help, buckets), []string{label})
	b.add(h, "histogram", name, help, label)
	for _, v := range values {
		h.WithLabelValues(v)
	}
	return h
}

func histogramOpts(name, help string, buckets []float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Name:    name,
		Help:    help,
		Buckets: buckets,
		// Each native bucket is at most 10 % wider than the one before; the
		// limit bounds what one series can hold in memory.
		NativeHistogramBucketFactor:    1.1,
		NativeHistogramMaxBucketNumber: 160,
	}
}

// fastSeconds spans 50 µs, an fsync on a good NVMe drive, to 6.5 s.
func fastSeconds() []float64 { return prometheus.ExponentialBuckets(50e-6, 2, 18) }

// slowSeconds spans 5 ms to 82 s, for work on whole snapshots.
func slowSeconds() []float64 { return prometheus.ExponentialBuckets(5e-3, 2, 15) }
