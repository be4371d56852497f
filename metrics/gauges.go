package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Gauges is the state of a node at one scrape.
type Gauges struct {
	Version, Revision, GoVersion string

	// Clients.
	ConnectedClients int
	BlockedClients   int
	MaxClients       int

	// Keyspace. Databases without keys may be left out.
	Databases       []DatabaseGauges
	MemoryUsedBytes uint64
	MemoryMaxBytes  uint64 // 0 = no limit
	KeyspaceHits    uint64
	KeyspaceMisses  uint64
	ExpiredKeys     uint64

	// Consensus.
	Role             string // leader, follower, candidate, pre_candidate, learner
	HasLeader        bool
	Term             uint64
	Voters           int
	Learners         int
	ElectionsWon     uint64
	ElectionsLost    uint64
	PreVotesLost     uint64
	FirstIndex       uint64
	LastIndex        uint64
	CommitIndex      uint64
	AppliedIndex     uint64
	ProposalsPending int
	// LastContactSeconds is the time since a follower heard from a leader, or the
	// leader from a majority; since the start while that has not happened.
	LastContactSeconds float64
	Peers              []PeerGauges

	// Disk. The snapshot's size and time are shown once there is one.
	SnapshotIndex     uint64
	SnapshotSizeBytes int64
	SnapshotTime      time.Time
	WALSizeBytes      int64
	WALSegments       int
	DiskFreeBytes     uint64
	DiskMinFreeBytes  uint64
}

// DatabaseGauges is one numbered database.
type DatabaseGauges struct {
	DB           int
	Keys         int
	KeysExpiring int
}

// PeerGauges is one other member. MatchIndex is shown by the leader only, once it
// has heard from the peer.
type PeerGauges struct {
	ID            string
	Up            bool
	MatchIndex    uint64 // 0 = not yet known
	SentBytes     uint64
	ReceivedBytes uint64
	SendFailures  uint64
}

const roleLeader = "leader"

// RegisterGauges registers the series that are read when they are scraped. read
// is called once per scrape, from the goroutine that serves it.
func RegisterGauges(reg prometheus.Registerer, read func() Gauges) {
	c := &gaugeCollector{read: read, table: gaugeTable()}
	for _, g := range c.table {
		c.descs = append(c.descs, prometheus.NewDesc(g.Name, g.Help, g.Labels, nil))
	}
	reg.MustRegister(c)
}

type gaugeCollector struct {
	read  func() Gauges
	table []gauge
	descs []*prometheus.Desc // of table, in its order
}

func (c *gaugeCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

func (c *gaugeCollector) Collect(ch chan<- prometheus.Metric) {
	g := c.read()
	for i, row := range c.table {
		kind := prometheus.GaugeValue
		if row.Type == "counter" {
			kind = prometheus.CounterValue
		}
		row.collect(&g, func(v float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(c.descs[i], kind, v, labels...)
		})
	}
}

// emit hands one sample over; labels are the values of the row's labels.
type emit func(v float64, labels ...string)

// gauge is one row of the table: a series and how it is read.
type gauge struct {
	Series
	collect func(g *Gauges, e emit)
}

// one is a series without labels.
func one(name, help string, value func(g *Gauges) float64) gauge {
	return gauge{Series{Name: name, Type: "gauge", Help: help}, func(g *Gauges, e emit) { e(value(g)) }}
}

// total is a counter without labels that its owner keeps.
func total(name, help string, value func(g *Gauges) float64) gauge {
	row := one(name, help, value)
	row.Type = "counter"
	return row
}

// many is a series with labels.
func many(kind, name, help string, labels []string, collect func(g *Gauges, e emit)) gauge {
	return gauge{Series{Name: name, Type: kind, Labels: labels, Help: help}, collect}
}

// perPeer is a series with one sample for each other member.
func perPeer(kind, name, help string, value func(p *PeerGauges) float64) gauge {
	return many(kind, name, help, []string{"peer"}, func(g *Gauges, e emit) {
		for i := range g.Peers {
			e(value(&g.Peers[i]), g.Peers[i].ID)
		}
	})
}

// perFollower is a series that only the leader has, for each peer of which it
// knows the log.
func perFollower(name, help string, value func(g *Gauges, p *PeerGauges) float64) gauge {
	return many("gauge", name, help, []string{"peer"}, func(g *Gauges, e emit) {
		if g.Role != roleLeader {
			return
		}
		for i := range g.Peers {
			if g.Peers[i].MatchIndex > 0 {
				e(value(g, &g.Peers[i]), g.Peers[i].ID)
			}
		}
	})
}

func perDatabase(name, help string, value func(d *DatabaseGauges) int) gauge {
	return many("gauge", name, help, []string{"db"}, func(g *Gauges, e emit) {
		for i := range g.Databases {
			e(float64(value(&g.Databases[i])), "db"+strconv.Itoa(g.Databases[i].DB))
		}
	})
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
