package metrics

import "github.com/prometheus/client_golang/prometheus"

// Values of the reason label of redoubt_raft_proposals_failed_total.
const (
	FailedNotLeader      = "not_leader"      // surely not executed: no leader was there, or to be reached, to take it
	FailedOverloaded     = "overloaded"      // surely not executed: the leader takes no more, or hands over
	FailedDiskFull       = "disk_full"       // surely not executed: the disk is almost full, here or at the leader
	FailedTooLarge       = "too_large"       // surely not executed: a transaction that fits into no entry
	FailedLostLeadership = "lost_leadership" // outcome unknown: the leader that had it leads no more
	FailedTimeout        = "timeout"         // outcome unknown: no majority confirmed it within the command timeout
)

// Values of the path label of redoubt_raft_read_index_duration_seconds. There are
// no leases: every linearizable read is confirmed by a majority.
const (
	ReadQuorum   = "quorum"   // the leader asked a majority
	ReadFollower = "follower" // a follower asked the leader
)

// Raft counts what the replica does. All its methods may be called from any
// goroutine. Elections are not here: the core counts them, see Gauges.
//
// A proposal is a batch: the commands of one pipeline that write. It becomes one
// entry.
type Raft struct {
	LeaderChanges   prometheus.Counter
	Proposals       prometheus.Counter
	CommitSeconds   prometheus.Histogram
	ApplySeconds    prometheus.Histogram
	BatchEntries    prometheus.Histogram
	ReadIndexFailed prometheus.Counter

	ForwardedWrites, ForwardedReads prometheus.Counter

	proposalsFailed *prometheus.CounterVec
	readIndex       *prometheus.HistogramVec
}

func newRaft(b *builder) *Raft {
	r := &Raft{
		LeaderChanges: b.counter("redoubt_raft_leader_changes_total", "Leader changes seen by this node."),
		Proposals:     b.counter("redoubt_raft_proposals_total", "Batches of writes from clients of this node."),
		proposalsFailed: b.counterVec("redoubt_raft_proposals_failed_total", "Batches of writes that were refused, or whose outcome is unknown.",
			"reason", FailedNotLeader, FailedOverloaded, FailedDiskFull, FailedTooLarge, FailedLostLeadership, FailedTimeout),
		CommitSeconds: b.histogram("redoubt_raft_commit_duration_seconds", "Batch of writes from a client of this node until it is committed.", fastSeconds()),
		ApplySeconds:  b.histogram("redoubt_raft_apply_duration_seconds", "Time to apply what was committed since the last time.", fastSeconds()),
		BatchEntries:  b.histogram("redoubt_raft_batch_entries", "Entries per fsync of the log.", prometheus.ExponentialBuckets(1, 2, 12)),
		readIndex: b.histogramVec("redoubt_raft_read_index_duration_seconds", "Linearizable read until a majority has confirmed its index and this node has reached it.",
			fastSeconds(), "path", ReadQuorum, ReadFollower),
		ReadIndexFailed: b.counter("redoubt_raft_read_index_failed_total", "Batches of reads refused because no leader could be confirmed."),
	}
	forwarded := b.counterVec("redoubt_forwarded_commands_total", "Commands for which a follower needed the leader: writes it passed on, reads whose index it asked for.",
		"kind", "write", "read")
	r.ForwardedWrites, r.ForwardedReads = forwarded.WithLabelValues("write"), forwarded.WithLabelValues("read")
	return r
}

// ProposalsFailed returns the counter of one reason.
func (r *Raft) ProposalsFailed(reason string) prometheus.Counter {
	return r.proposalsFailed.WithLabelValues(reason)
}

// ReadIndexSeconds returns the histogram of one path; callers on a hot path
// keep it.
func (r *Raft) ReadIndexSeconds(path string) prometheus.Observer {
	return r.readIndex.WithLabelValues(path)
}

// Peers measures the links to the other members. What the transport counts by
// itself — bytes, failures — is read at scrape time, see PeerGauges.
type Peers struct {
	roundTrip *prometheus.HistogramVec
}

func newPeers(b *builder) *Peers {
	return &Peers{
		roundTrip: b.histogramVec("redoubt_raft_peer_round_trip_seconds", "Append sent until the peer has it on disk and has said so, leader only.", fastSeconds(), "peer"),
	}
}

// RoundTripSeconds returns the histogram of one peer; callers keep it.
func (p *Peers) RoundTripSeconds(peer string) prometheus.Observer {
	return p.roundTrip.WithLabelValues(peer)
}

// Forget drops the series of a peer that left the configuration.
func (p *Peers) Forget(peer string) { p.roundTrip.DeleteLabelValues(peer) }
