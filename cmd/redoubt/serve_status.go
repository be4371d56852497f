package main

import (
	"fmt"
	"runtime"
	"time"

	"redoubt/metrics"
	"redoubt/raft"
	"redoubt/raft/replica"
)

// endpoints is what the HTTP port shows.
func (p *process) endpoints() metrics.Endpoints {
	return metrics.Endpoints{Gatherer: p.reg, Ready: p.ready, Status: p.status, Pprof: p.config.Pprof}
}

// ready lists the conditions under which this node serves.
func (p *process) ready() []metrics.Check {
	s := p.node.Recent()
	return []metrics.Check{
		{Name: "running", OK: p.node.Err() == nil},
		{Name: "leader", OK: s.Leader != "", Detail: fmt.Sprintf("leader %q in term %d", s.Leader, s.Term)},
		{Name: "caught_up", OK: s.Ready, Detail: fmt.Sprintf("applied %d of %d", s.Applied, s.Commit)},
		{Name: "disk", OK: !s.DiskFull, Detail: fmt.Sprintf("%d bytes free", s.DiskFree)},
	}
}

// statusPage is the JSON of /status.
type statusPage struct {
	Version       string       `json:"version"`
	ClusterID     string       `json:"cluster_id"`
	Node          raft.NodeID  `json:"node"`
	Incarnation   string       `json:"incarnation"`
	Role          string       `json:"role"`
	Leader        raft.NodeID  `json:"leader"`
	Term          uint64       `json:"term"`
	Commit        uint64       `json:"commit_index"`
	Applied       uint64       `json:"applied_index"`
	First         uint64       `json:"first_index"`
	Last          uint64       `json:"last_index"`
	Persisted     uint64       `json:"persisted_index"`
	Snapshot      uint64       `json:"snapshot_index"`
	StateHash     string       `json:"state_hash"`
	StateHashAt   uint64       `json:"state_hash_index"`
	Pending       int          `json:"pending"`
	DiskFreeBytes uint64       `json:"disk_free_bytes"`
	WALBytes      int64        `json:"wal_bytes"`
	WALSegments   int          `json:"wal_segments"`
	Members       []memberPage `json:"members"`
}

type memberPage struct {
	ID       raft.NodeID `json:"id"`
	Role     string      `json:"role"`
	Addr     string      `json:"addr"`
	PeerAddr string      `json:"peer_addr"`
	Up       bool        `json:"up"`              // as this node sees it
	Match    uint64      `json:"match,omitempty"` // leader only
}

func (p *process) status() any {
	s := p.node.Status()
	page := statusPage{
		Version: version, ClusterID: s.ClusterID, Node: s.ID, Incarnation: fmt.Sprintf("%016x", s.Incarnation),
		Role: role(&s), Leader: s.Leader, Term: s.Term, Commit: s.Commit, Applied: s.Applied,
		First: s.FirstIndex, Last: s.LastIndex, Persisted: s.Persisted, Snapshot: s.SnapshotIndex,
		StateHash: fmt.Sprintf("%016x", s.StateHash), StateHashAt: s.StateHashIndex,
		Pending: s.Pending, DiskFreeBytes: s.DiskFree, WALBytes: s.WAL.Bytes, WALSegments: s.WAL.Segments,
	}
	up := map[raft.NodeID]bool{s.ID: true}
	for _, l := range s.Links {
		up[l.ID] = l.Up
	}
	match := map[raft.NodeID]uint64{}
	for _, q := range s.Peers {
		match[q.ID] = q.Match
	}
	for _, m := range s.Config.Members {
		kind := "voter"
		if m.Role == raft.Learner {
			kind = "learner"
		}
		page.Members = append(page.Members, memberPage{
			ID: m.ID, Role: kind, Addr: m.Addr, PeerAddr: m.PeerAddr, Up: up[m.ID], Match: match[m.ID],
		})
	}
	return page
}

// role is the node's role as INFO and the metrics name it.
func role(s *replica.Status) string {
	if s.Learner {
		return "learner"
	}
	return s.Role.String()
}

// gauges is the state of the process at one scrape.
func (p *process) gauges() metrics.Gauges {
	s := p.node.Status()
	clients := p.server.Stats()
	g := metrics.Gauges{
		Version: version, Revision: revision(), GoVersion: runtime.Version(),
		ConnectedClients: clients.Connected, MaxClients: clients.MaxClients,
		MemoryUsedBytes: uint64(s.Store.MemoryBytes), MemoryMaxBytes: uint64(clients.MaxMemoryBytes),
		KeyspaceHits: s.Store.KeyspaceHits, KeyspaceMisses: s.Store.KeyspaceMisses, ExpiredKeys: s.Store.ExpiredKeys,
		Role: role(&s), HasLeader: s.Leader != "", Term: s.Term,
		ElectionsWon: s.Elections.Won, ElectionsLost: s.Elections.Lost, PreVotesLost: s.Elections.PreVoteLost,
		FirstIndex: s.FirstIndex, LastIndex: s.LastIndex, CommitIndex: s.Commit, AppliedIndex: s.Applied,
		ProposalsPending: s.Pending, LastContactSeconds: (time.Duration(s.ContactTicks) * p.config.Tick()).Seconds(),
		SnapshotIndex: s.SnapshotIndex, SnapshotTime: s.LastSnapshot, SnapshotSizeBytes: s.SnapshotBytes,
		WALSizeBytes: s.WAL.Bytes, WALSegments: s.WAL.Segments, DiskFreeBytes: s.DiskFree,
	}
	for _, d := range s.Store.Databases {
		g.Databases = append(g.Databases, metrics.DatabaseGauges{DB: d.DB, Keys: d.Keys, KeysExpiring: d.Expires})
	}
	for _, m := range s.Config.Members {
		if m.Role == raft.Voter {
			g.Voters++
		} else {
			g.Learners++
		}
	}
	match := map[raft.NodeID]uint64{}
	for _, q := range s.Peers {
		match[q.ID] = q.Match
	}
	for _, l := range s.Links {
		g.Peers = append(g.Peers, metrics.PeerGauges{
			ID: string(l.ID), Up: l.Up, MatchIndex: match[l.ID],
			SentBytes: l.BytesOut, ReceivedBytes: l.BytesIn, SendFailures: l.Drops,
		})
	}
	return g
}
