package metrics

import "github.com/prometheus/client_golang/prometheus"

// WAL measures the write-ahead log.
type WAL struct {
	FsyncSeconds prometheus.Histogram
	WriteSeconds prometheus.Histogram
	WrittenBytes prometheus.Counter
	TornRecords  prometheus.Counter
}

func newWAL(b *builder) *WAL {
	return &WAL{
		FsyncSeconds: b.histogram("redoubt_wal_fsync_duration_seconds", "fsync of the write-ahead log.", fastSeconds()),
		WriteSeconds: b.histogram("redoubt_wal_write_duration_seconds", "Write to the write-ahead log before each fsync.", fastSeconds()),
		WrittenBytes: b.counter("redoubt_wal_written_bytes_total", "Bytes appended to the write-ahead log."),
		TornRecords:  b.counter("redoubt_wal_truncated_records_total", "Unfinished records that a crash had left at the end of the log, cut off at the start."),
	}
}

// Values of the op label of the redoubt_raft_snapshot series.
const (
	SnapshotCreate  = "create"  // written from this node's own keyspace
	SnapshotSend    = "send"    // streamed to a follower
	SnapshotReceive = "receive" // streamed from the leader
	SnapshotRestore = "restore" // loaded into the keyspace
)

// Snapshot counts what is done with snapshots.
type Snapshot struct {
	done    *prometheus.CounterVec
	seconds *prometheus.HistogramVec
}

func newSnapshot(b *builder) *Snapshot {
	ops := []string{SnapshotCreate, SnapshotSend, SnapshotReceive, SnapshotRestore}
	s := &Snapshot{
		done: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "redoubt_raft_snapshots_total", Help: "Snapshot operations.",
		}, []string{"op", "result"}),
		seconds: b.histogramVec("redoubt_raft_snapshot_duration_seconds", "Duration of snapshot operations.", slowSeconds(), "op", ops...),
	}
	b.add(s.done, "counter", "redoubt_raft_snapshots_total", "Snapshot operations.", "op", "result")
	for _, op := range ops {
		s.done.WithLabelValues(op, "ok")
		s.done.WithLabelValues(op, "error")
	}
	return s
}

// Observe notes one finished operation; err tells its result. The duration of a
// failed one says little and is not measured.
func (s *Snapshot) Observe(op string, seconds float64, err error) {
	if err != nil {
		s.done.WithLabelValues(op, "error").Inc()
		return
	}
	s.done.WithLabelValues(op, "ok").Inc()
	s.seconds.WithLabelValues(op).Observe(seconds)
}
