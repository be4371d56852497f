package metrics

import "github.com/prometheus/client_golang/prometheus"

// Values of the reason label of redoubt_raft_proposals_failed_total.
const (
	FailedNotLeader      = "not_leader"      // surely not executed: no leader to take it
	FailedLostLeadership = "lost_leadership" // appended, outcome unknown
	FailedTimeout        = "timeout"         // no outcome within the command timeout
	FailedOverloaded     = "overloaded"      // surely not executed: the uncommitted tail is full
)

// Values of the path label of redoubt_raft_read_index_duration_seconds.
const (
	ReadQuorum   = "quorum"   // the leader asked a majority
	ReadFollower = "follower" // a follower asked the leader
)

// Raft counts what the replica does. All its methods may be called from any
// goroutine. Elections are not here: the core counts them, see Gauges.
type Raft struct {
	LeaderChanges   prometheus.Counter
	Proposals       prometheus.Counter
	CommitSeconds   prometheus.Histogram
	ApplySeconds    prometheus.Histogram
	BatchEntries    prometheus.Histogram
	ReadIndexFailed prometheus.Counter

	proposalsFailed *prometheus.CounterVec
	readIndex       *prometheus.HistogramVec
}

func newRaft(b *builder) *Raft {
	return &Raft{
		LeaderChanges: b.counter("redoubt_raft_leader_changes_total", "Leader changes seen by this node."),
		Proposals:     b.counter("redoubt_raft_proposals_total", "Proposals accepted on this node."),
		proposalsFailed: b.counterVec("redoubt_raft_proposals_failed_total", "Proposals that did not commit or whose outcome is unknown.",
			"reason", FailedNotLeader, FailedLostLeadership, FailedTimeout, FailedOverloaded),
		CommitSeconds: b.histogram("redoubt_raft_commit_duration_seconds", "Proposal accepted to committed.", fastSeconds()),
		ApplySeconds:  b.histogram("redoubt_raft_apply_duration_seconds", "Time to apply one batch of committed entries.", fastSeconds()),
		BatchEntries:  b.histogram("redoubt_raft_batch_entries", "Entries per appended batch.", prometheus.ExponentialBuckets(1, 2, 12)),
		readIndex: b.histogramVec("redoubt_raft_read_index_duration_seconds", "Time to obtain a linearizable read index.",
			fastSeconds(), "path", ReadQuorum, ReadFollower),
		ReadIndexFailed: b.counter("redoubt_raft_read_index_failed_total", "Linearizable reads refused because leadership could not be confirmed."),
	}
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
		roundTrip: b.histogramVec("redoubt_raft_peer_round_trip_seconds", "Message round trip on the link to the peer.", fastSeconds(), "peer"),
	}
}

// RoundTripSeconds returns the histogram of one peer; callers keep it.
func (p *Peers) RoundTripSeconds(peer string) prometheus.Observer {
	return p.roundTrip.WithLabelValues(peer)
}

// Forget drops the series of a peer that left the configuration.
func (p *Peers) Forget(peer string) { p.roundTrip.DeleteLabelValues(peer) }
