package main

import (
	"context"
	"net"
	"runtime"
	"time"

	"redoubt/metrics"
	"redoubt/raft"
	"redoubt/raft/replica"
	"redoubt/resp/server"
	"redoubt/web"
)

// webConfig joins the settings of this process with the HTTP port's. ctx ends when
// the process is asked to stop.
func (p *process) webConfig(ctx context.Context) web.Config {
	c := p.config
	_, port, _ := net.SplitHostPort(p.clients.Addr().String())
	return web.Config{
		Node: p.node, Server: p.server, Gatherer: p.reg, Ready: func() []server.Check { return p.ready(ctx) }, Log: p.log,
		Token: c.HTTPToken, Port: port, Hosts: c.hosts(), Warnings: c.warnings(), Pprof: c.Pprof,
	}
}

// hosts are the names by which clients know this node.
func (c *Config) hosts() (list []string) {
	for _, addr := range []string{c.HTTPAddr, c.Self.Addr} {
		host, _, _ := net.SplitHostPort(addr)
		list = append(list, host)
	}
	return list
}

// ready lists the conditions under which this node serves.
func (p *process) ready(ctx context.Context) []server.Check {
	running := server.Check{Name: "running", OK: ctx.Err() == nil && p.node.Err() == nil}
	if !running.OK {
		running.Detail = "stopping"
	}
	return append(p.server.Checks(), running)
}

// role is the node's role as the metrics name it.
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
		ConnectedClients: clients.Connected, BlockedClients: clients.Blocked, MaxClients: clients.MaxClients,
		MemoryUsedBytes: uint64(s.Store.MemoryBytes), MemoryMaxBytes: uint64(clients.MaxMemoryBytes),
		KeyspaceHits: s.Store.KeyspaceHits, KeyspaceMisses: s.Store.KeyspaceMisses, ExpiredKeys: s.Store.ExpiredKeys,
		Role: role(&s), HasLeader: s.Leader != "", Term: s.Term,
		ElectionsWon: s.Elections.Won, ElectionsLost: s.Elections.Lost, PreVotesLost: s.Elections.PreVoteLost,
		FirstIndex: s.FirstIndex, LastIndex: s.LastIndex, CommitIndex: s.Commit, AppliedIndex: s.Applied,
		ProposalsPending: s.Pending, LastContactSeconds: (time.Duration(s.ContactTicks) * p.config.Tick()).Seconds(),
		SnapshotIndex: s.SnapshotIndex, SnapshotTime: s.LastSnapshot, SnapshotSizeBytes: s.SnapshotBytes,
		WALSizeBytes: s.WAL.Bytes, WALSegments: s.WAL.Segments,
		DiskFreeBytes: s.DiskFree, DiskMinFreeBytes: uint64(p.config.MinFreeBytes),
	}
	for _, d := range s.Store.Databases {
		g.Databases = append(g.Databases, metrics.DatabaseGauges{DB: d.DB, Keys: d.Keys, KeysExpiring: d.Expires})
	}
	for _, m := range s.Config.Members {
		switch m.Role {
		case raft.Voter:
			g.Voters++
		case raft.Learner, raft.Joining:
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
