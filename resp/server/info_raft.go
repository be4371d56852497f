package server

import (
	"fmt"

	"redoubt/raft"
)

// replidBytes is the length of master_replid.
const replidBytes = 40

// infoReplication speaks Redis's language of masters and replicas: the leader is
// the master. Offsets are log indexes.
func infoReplication(_ *Server, p *page) {
	s := &p.status
	if isLeader(&s.Status) {
		followers := attached(s)
		p.field("role", "master")
		p.field("connected_slaves", len(followers))
		for i, f := range followers {
			p.field(fmt.Sprintf("slave%d", i), fmt.Sprintf("ip=%s,port=%s,state=%s,offset=%d,lag=0", f.host, f.port, f.state, f.match))
		}
	} else {
		host, port := leaderAddr(s)
		link, syncing := "up", 0
		if s.Leader == "" {
			link = "down"
		} else if !s.Ready {
			syncing = 1
		}
		p.field("role", "slave")
		p.field("master_host", host)
		p.field("master_port", port)
		p.field("master_link_status", link)
		p.field("master_sync_in_progress", syncing)
		p.field("slave_read_repl_offset", s.LastIndex)
		p.field("slave_repl_offset", s.Applied)
		p.field("slave_priority", 100)
		p.field("slave_read_only", 0) // writes are forwarded
		p.field("connected_slaves", 0)
	}
	p.field("master_failover_state", failoverState(s.Transferee))
	p.field("master_replid", fmt.Sprintf("%-*.*s", replidBytes, replidBytes, s.ClusterID+"00000000"))
	p.field("master_repl_offset", s.Commit)
}

func failoverState(to raft.NodeID) string {
	if to != "" {
		return "waiting-for-sync"
	}
	return "no-failover"
}

func infoRaft(_ *Server, p *page) {
	s := &p.status
	p.field("raft_node_id", s.ID)
	p.field("raft_cluster_id", s.ClusterID)
	p.field("raft_role", raftRole(&s.Status))
	p.field("raft_leader_id", s.Leader)
	p.field("raft_leader_addr", memberAddr(s, s.Leader))
	p.field("raft_term", s.Term)
	p.field("raft_commit_index", s.Commit)
	p.field("raft_applied_index", s.StateHashIndex)
	p.field("raft_last_index", s.LastIndex)
	p.field("raft_snapshot_index", s.SnapshotIndex)
	p.field("raft_state_hash", fmt.Sprintf("%016x", s.StateHash))
	voters := 0
	for _, m := range s.Config.Members {
		if m.Role == raft.Voter {
			voters++
		}
	}
	p.field("raft_voters", voters)
	for i, m := range s.Config.Members {
		p.field(fmt.Sprintf("raft_member%d", i), fmt.Sprintf("id=%s,role=%s,addr=%s", m.ID, m.Role, m.Addr))
	}
}

func raftRole(s *raft.Status) string {
	switch {
	case s.Learner:
		return "learner"
	case s.Role == raft.PreCandidate:
		return "candidate"
	}
	return s.Role.String()
}
