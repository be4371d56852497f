package metrics

import "slices"

// gaugeTable is every series that is read at scrape time.
func gaugeTable() []gauge {
	return slices.Concat(serverGauges(), raftGauges(), peerGauges(), diskGauges())
}

func serverGauges() []gauge {
	return []gauge{
		many("gauge", "redoubt_build_info", "Build information, value is always 1.",
			[]string{"version", "revision", "goversion"},
			func(g *Gauges, e emit) { e(1, g.Version, g.Revision, g.GoVersion) }),
		one("redoubt_connected_clients", "Client connections, excluding node-to-node links.",
			func(g *Gauges) float64 { return float64(g.ConnectedClients) }),
		one("redoubt_blocked_clients", "Clients that wait in WAIT or WAITAOF.",
			func(g *Gauges) float64 { return float64(g.BlockedClients) }),
		one("redoubt_max_clients", "Configured connection limit.",
			func(g *Gauges) float64 { return float64(g.MaxClients) }),
		total("redoubt_keyspace_hits_total", "Successful key lookups.",
			func(g *Gauges) float64 { return float64(g.KeyspaceHits) }),
		total("redoubt_keyspace_misses_total", "Failed key lookups.",
			func(g *Gauges) float64 { return float64(g.KeyspaceMisses) }),
		total("redoubt_expired_keys_total", "Keys removed by expiry.",
			func(g *Gauges) float64 { return float64(g.ExpiredKeys) }),
		perDatabase("redoubt_db_keys", "Keys per database.",
			func(d *DatabaseGauges) int { return d.Keys }),
		perDatabase("redoubt_db_keys_expiring", "Keys with a TTL per database.",
			func(d *DatabaseGauges) int { return d.KeysExpiring }),
		one("redoubt_memory_used_bytes", "Estimated bytes held by the dataset.",
			func(g *Gauges) float64 { return float64(g.MemoryUsedBytes) }),
		one("redoubt_memory_max_bytes", "Configured memory limit, 0 for none.",
			func(g *Gauges) float64 { return float64(g.MemoryMaxBytes) }),
	}
}

func raftGauges() []gauge {
	return []gauge{
		one("redoubt_raft_has_leader", "1 when this node knows a leader for its term.",
			func(g *Gauges) float64 { return flag(g.HasLeader) }),
		one("redoubt_raft_is_leader", "1 when this node is the leader.",
			func(g *Gauges) float64 { return flag(g.Role == roleLeader) }),
		many("gauge", "redoubt_raft_state", "1 for the state this node is in.", []string{"state"},
			func(g *Gauges, e emit) {
				for _, s := range []string{roleLeader, "follower", "candidate", "pre_candidate", "learner"} {
					e(flag(g.Role == s), s)
				}
			}),
		one("redoubt_raft_term", "Current term.",
			func(g *Gauges) float64 { return float64(g.Term) }),
		many("gauge", "redoubt_raft_members", "Members of the cluster, as this node knows it.", []string{"role"},
			func(g *Gauges, e emit) {
				e(float64(g.Voters), "voter")
				e(float64(g.Learners), "learner")
			}),
		many("counter", "redoubt_raft_elections_total", "Elections this node started.", []string{"outcome"},
			func(g *Gauges, e emit) {
				e(float64(g.ElectionsWon), "won")
				e(float64(g.ElectionsLost), "lost")
				e(float64(g.PreVotesLost), "prevote_lost")
			}),
		one("redoubt_raft_first_index", "First index still in the log.",
			func(g *Gauges) float64 { return float64(g.FirstIndex) }),
		one("redoubt_raft_last_index", "Last index in the log.",
			func(g *Gauges) float64 { return float64(g.LastIndex) }),
		one("redoubt_raft_commit_index", "Highest committed index known.",
			func(g *Gauges) float64 { return float64(g.CommitIndex) }),
		one("redoubt_raft_applied_index", "Highest index applied to the state machine.",
			func(g *Gauges) float64 { return float64(g.AppliedIndex) }),
		one("redoubt_raft_snapshot_index", "Index of the newest snapshot.",
			func(g *Gauges) float64 { return float64(g.SnapshotIndex) }),
		one("redoubt_raft_proposals_pending", "Batches of writes from clients of this node that wait for commit.",
			func(g *Gauges) float64 { return float64(g.ProposalsPending) }),
		one("redoubt_raft_leader_last_contact_seconds",
			"Seconds since a follower heard from a leader, or the leader from a majority; since the start if never.",
			func(g *Gauges) float64 { return g.LastContactSeconds }),
	}
}

func peerGauges() []gauge {
	return []gauge{
		perPeer("gauge", "redoubt_raft_peer_up", "1 when the connections to the peer are open.",
			func(p *PeerGauges) float64 { return flag(p.Up) }),
		perFollower("redoubt_raft_peer_match_index", "Highest index known replicated on the peer, leader only.",
			func(_ *Gauges, p *PeerGauges) float64 { return float64(p.MatchIndex) }),
		perFollower("redoubt_raft_peer_lag_entries", "Entries the peer is behind the leader, leader only.",
			func(g *Gauges, p *PeerGauges) float64 {
				// Indexes are read one after the other: a peer may seem ahead.
				return float64(g.LastIndex - min(p.MatchIndex, g.LastIndex))
			}),
		perPeer("counter", "redoubt_raft_peer_sent_bytes_total", "Bytes sent to the peer.",
			func(p *PeerGauges) float64 { return float64(p.SentBytes) }),
		perPeer("counter", "redoubt_raft_peer_received_bytes_total", "Bytes received from the peer.",
			func(p *PeerGauges) float64 { return float64(p.ReceivedBytes) }),
		perPeer("counter", "redoubt_raft_peer_send_failures_total", "Messages to the peer that were dropped: it cannot be reached, or is too slow.",
			func(p *PeerGauges) float64 { return float64(p.SendFailures) }),
	}
}

func diskGauges() []gauge {
	return []gauge{
		many("gauge", "redoubt_raft_snapshot_size_bytes", "Size of the newest snapshot.", nil,
			func(g *Gauges, e emit) {
				if !g.SnapshotTime.IsZero() {
					e(float64(g.SnapshotSizeBytes))
				}
			}),
		many("gauge", "redoubt_raft_snapshot_timestamp_seconds", "Unix time of the newest snapshot.", nil,
			func(g *Gauges, e emit) {
				if !g.SnapshotTime.IsZero() {
					e(float64(g.SnapshotTime.UnixMilli()) / 1000)
				}
			}),
		one("redoubt_wal_size_bytes", "Bytes of log segments on disk.",
			func(g *Gauges) float64 { return float64(g.WALSizeBytes) }),
		one("redoubt_wal_segments", "Log segments on disk.",
			func(g *Gauges) float64 { return float64(g.WALSegments) }),
		one("redoubt_disk_free_bytes", "Free bytes on the data directory's file system.",
			func(g *Gauges) float64 { return float64(g.DiskFreeBytes) }),
		one("redoubt_disk_min_free_bytes", "Free bytes below which writes are refused.",
			func(g *Gauges) float64 { return float64(g.DiskMinFreeBytes) }),
	}
}
