package server

import (
	"cmp"
	"fmt"
	"time"

	"redoubt/raft"
	"redoubt/raft/replica"
)

// StatusPage is the JSON of REDOUBT STATUS and of /status: one node as it sees
// itself. Fields may be added, none changes its meaning.
type StatusPage struct {
	Version       string      `json:"version"`
	ClusterID     string      `json:"cluster_id"`
	Node          raft.NodeID `json:"node"`
	Incarnation   string      `json:"incarnation"`
	RunID         string      `json:"run_id"`     // another one after each start
	StartedAt     time.Time   `json:"started_at"` // by the node's clock
	UptimeSeconds int64       `json:"uptime_seconds"`

	Role        string      `json:"role"` // leader, follower, candidate, learner
	Leader      raft.NodeID `json:"leader"`
	Term        uint64      `json:"term"`
	Commit      uint64      `json:"commit_index"`
	Applied     uint64      `json:"applied_index"`
	First       uint64      `json:"first_index"`
	Last        uint64      `json:"last_index"`
	Persisted   uint64      `json:"persisted_index"`
	StateHash   string      `json:"state_hash"`
	StateHashAt uint64      `json:"state_hash_index"`
	Pending     int         `json:"pending"`
	Ready       bool        `json:"ready"`               // as /readyz says
	NotReady    []string    `json:"not_ready,omitempty"` // the checks that fail, in words

	Snapshot        uint64     `json:"snapshot_index"`
	SnapshotBytes   int64      `json:"snapshot_bytes"`
	SnapshotAt      *time.Time `json:"snapshot_at,omitempty"` // made or received; no snapshot: absent
	SnapshotRunning bool       `json:"snapshot_running"`
	WALBytes        int64      `json:"wal_bytes"`
	WALSegments     int        `json:"wal_segments"`
	DiskUsedBytes   int64      `json:"disk_used_bytes"` // log and newest snapshot
	DiskFreeBytes   uint64     `json:"disk_free_bytes"`

	Keys            int   `json:"keys"`
	MemoryUsedBytes int64 `json:"memory_used_bytes"`
	MemoryMaxBytes  int64 `json:"memory_max_bytes"` // 0: no limit

	ConnectedClients int     `json:"connected_clients"`
	CommandsTotal    uint64  `json:"commands_total"`
	OpsPerSecond     float64 `json:"ops_per_second"`
	// Of the reads and writes since somebody last asked, over a second at least;
	// 0 when there were none.
	LatencyP50Us int64 `json:"latency_p50_us"`
	LatencyP99Us int64 `json:"latency_p99_us"`

	Members []MemberStatus `json:"members,omitempty"`
	Removed []raft.NodeID  `json:"removed,omitempty"` // ids that have left for good
}

// MemberStatus is a member as another one sees it.
type MemberStatus struct {
	ID       raft.NodeID `json:"id"`
	Role     string      `json:"role"` // voter, learner, joining, leaving
	Addr     string      `json:"addr"`
	PeerAddr string      `json:"peer_addr"`
	Up       bool        `json:"up"`              // its streams are open
	Match    uint64      `json:"match,omitempty"` // leader only
	// Incarnation is that of its data directory; "" as long as none has been seen.
	Incarnation string      `json:"incarnation,omitempty"`
	Replaces    raft.NodeID `json:"replaces,omitempty"` // who leaves when this member is a voter
	// Outgoing: while the voters change, those of before, who have to agree too.
	Outgoing bool `json:"outgoing,omitempty"`
}

// StatusPage asks the node.
func (s *Server) StatusPage() *StatusPage {
	st, counts, now := s.node.Status(), s.Stats(), time.Now()
	p50, p99 := s.stats.latency.update(now, s.metrics.Latencies())
	page := &StatusPage{
		Version: s.version, ClusterID: st.ClusterID, Node: st.ID, Incarnation: fmt.Sprintf("%016x", st.Incarnation),
		RunID: s.runID, StartedAt: s.started.UTC(), UptimeSeconds: int64(now.Sub(s.started).Seconds()),
		Role: raftRole(&st.Status), Leader: st.Leader, Term: st.Term, Commit: st.Commit, Applied: st.Applied,
		First: st.FirstIndex, Last: st.LastIndex, Persisted: st.Persisted,
		StateHash: fmt.Sprintf("%016x", st.StateHash), StateHashAt: st.StateHashIndex, Pending: st.Pending, Ready: true,
		Snapshot: st.SnapshotIndex, SnapshotBytes: st.SnapshotBytes, SnapshotRunning: st.SnapshotRunning,
		WALBytes: st.WAL.Bytes, WALSegments: st.WAL.Segments,
		DiskUsedBytes: st.WAL.Bytes + st.SnapshotBytes, DiskFreeBytes: st.DiskFree,
		Keys: st.Store.Keys, MemoryUsedBytes: st.Store.MemoryBytes, MemoryMaxBytes: counts.MaxMemoryBytes,
		ConnectedClients: counts.Connected, CommandsTotal: counts.Commands,
		OpsPerSecond: s.stats.rate.update(now, counts.Commands),
		LatencyP50Us: p50.Microseconds(), LatencyP99Us: p99.Microseconds(),
	}
	if !st.LastSnapshot.IsZero() {
		at := st.LastSnapshot.UTC()
		page.SnapshotAt = &at
	}
	for _, c := range s.Checks() {
		if !c.OK {
			page.Ready = false
			page.NotReady = append(page.NotReady, c.Name+": "+c.Detail)
		}
	}
	page.Members, page.Removed = members(&st), st.Config.Removed
	return page
}

// members are all members as this one sees them.
func members(st *replica.Status) []MemberStatus {
	up := map[raft.NodeID]bool{st.ID: true}
	for _, l := range st.Links {
		up[l.ID] = l.Up
	}
	match := map[raft.NodeID]uint64{}
	for _, p := range st.Peers {
		match[p.ID] = p.Match
	}
	var list []MemberStatus
	for _, m := range st.Config.Members {
		s := MemberStatus{
			ID: m.ID, Role: m.Role.String(), Addr: m.Addr, PeerAddr: m.PeerAddr, Up: up[m.ID], Match: match[m.ID],
			Replaces: m.Replaces, Outgoing: m.Outgoing,
		}
		if m.Incarnation != 0 {
			s.Incarnation = fmt.Sprintf("%016x", m.Incarnation)
		}
		list = append(list, s)
	}
	return list
}

// Check is one condition of readiness.
type Check struct {
	Name   string // leader, caught_up, disk, …
	OK     bool
	Detail string // why not, or a figure
}

// Checks lists the conditions under which the node serves.
func (s *Server) Checks() []Check {
	st := s.node.Recent()
	leader := cmp.Or(string(st.Leader), "none known")
	applied := fmt.Sprintf("applied %d of %d", st.Applied, st.Commit)
	if st.Leader == "" {
		applied = "unknown without a leader" // who says how far the others are
	}
	return []Check{
		{Name: "leader", OK: st.Leader != "", Detail: fmt.Sprintf("%s in term %d", leader, st.Term)},
		{Name: "caught_up", OK: st.Ready, Detail: applied},
		{Name: "disk", OK: !st.DiskFull, Detail: fmt.Sprintf("%d bytes free", st.DiskFree)},
	}
}
