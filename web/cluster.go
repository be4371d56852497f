package web

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"redoubt/raft"
	"redoubt/resp/server"
)

const (
	// lookTimeout is how long a look at the cluster waits for members; one that is
	// slower is shown as it was.
	lookTimeout = 400 * time.Millisecond
	// freshFor is the age up to which a status is one of now.
	freshFor = 3 * time.Second
)

// clusterPage is the JSON of /v1/cluster and of the state messages of /events.
type clusterPage struct {
	At        time.Time       `json:"at"`
	ClusterID string          `json:"cluster_id"`
	Node      raft.NodeID     `json:"node"` // whose view this is
	Leader    raft.NodeID     `json:"leader"`
	Term      uint64          `json:"term"`
	Actions   string          `json:"actions"` // open, password, token, off
	Members   []clusterMember `json:"members"`
}

// clusterMember is one member as far as this node knows.
type clusterMember struct {
	ID       raft.NodeID `json:"id"`
	Kind     string      `json:"kind"` // voter, learner, joining, leaving
	Addr     string      `json:"addr"`
	PeerAddr string      `json:"peer_addr"`
	Link     bool        `json:"link"`    // this node's streams to it are open
	Answers  string      `json:"answers"` // to the last question: yes, no, not_asked
	Error    string      `json:"error,omitempty"`
	Match    uint64      `json:"match,omitempty"` // as the leader knows, when it answers
	// Status is what the member last said of itself, AgeMs ago.
	Status *server.StatusPage `json:"status,omitempty"`
	AgeMs  int64              `json:"age_ms,omitempty"`
	Ops    *float64           `json:"ops"` // commands a second, our questions not counted; null: not known yet
}

const (
	answersYes = "yes"
	answersNo  = "no"
	notAsked   = "not_asked"
)

// cluster asks the members how they are.
type cluster struct {
	config Config
	asking sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	members map[raft.NodeID]*member
}

func newCluster(c Config) *cluster { return &cluster{config: c, members: map[raft.NodeID]*member{}} }

// look asks this node, and the others if that is wanted, and returns what is
// known when lookTimeout is over.
func (c *cluster) look(ctx context.Context, others bool) *clusterPage {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	recent := c.config.Node.Recent()
	var answers []<-chan struct{}
	c.mu.Lock()
	members := recent.Config.Members
	if c.closed {
		members = nil
	}
	c.forget(members)
	for _, rm := range members {
		m := c.members[rm.ID]
		if addrs := addressesOf(rm, c.config.Port); m == nil || !slices.Equal(m.addrs, addrs) {
			if m != nil {
				m.hangUp()
			}
			m = &member{id: rm.ID, addrs: addrs, clusterID: recent.ClusterID}
			c.members[rm.ID] = m
		}
		switch {
		case rm.ID == recent.ID:
			answers = append(answers, c.ask(m, m.askSelf))
		case others:
			answers = append(answers, c.ask(m, m.askOther))
		default:
			m.hangUp()
		}
	}
	c.mu.Unlock()
	for _, done := range answers {
		select {
		case <-done:
		case <-ctx.Done():
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.page(time.Now())
}

// ask has a member asked, unless that is going on, and returns a channel that is
// closed when there is an answer. The caller holds c.mu, and c is not closed.
func (c *cluster) ask(m *member, question func(*server.Server) (*server.StatusPage, error)) <-chan struct{} {
	if m.done != nil {
		return m.done
	}
	done := make(chan struct{})
	m.done = done
	c.asking.Go(func() {
		page, err := question(c.config.Server)
		c.mu.Lock()
		m.answered(page, err, time.Now())
		if c.members[m.id] != m {
			m.hangUp() // it was dropped meanwhile
		}
		c.mu.Unlock()
		close(done)
	})
	return done
}

// forget drops members that are none any more. The caller holds c.mu.
func (c *cluster) forget(members []raft.Member) {
	known := map[raft.NodeID]bool{}
	for _, m := range members {
		known[m.ID] = true
	}
	for id, m := range c.members {
		if !known[id] {
			m.hangUp()
			delete(c.members, id)
		}
	}
}

// page puts together what is known. The caller holds c.mu.
func (c *cluster) page(now time.Time) *clusterPage {
	recent := c.config.Node.Recent()
	page := &clusterPage{
		At: now.UTC(), ClusterID: recent.ClusterID, Node: recent.ID, Leader: recent.Leader, Term: recent.Term,
	}
	links := map[raft.NodeID]bool{}
	if self := c.members[recent.ID]; self != nil && self.page != nil {
		for _, m := range self.page.Members {
			links[m.ID] = m.Up
		}
	}
	match := map[raft.NodeID]uint64{}
	if leader := c.members[recent.Leader]; leader != nil && leader.fresh(now) {
		for _, m := range leader.page.Members {
			match[m.ID] = m.Match
		}
	}
	for _, rm := range recent.Config.Members {
		row := clusterMember{
			ID: rm.ID, Kind: rm.Role.String(), Addr: rm.Addr, PeerAddr: rm.PeerAddr,
			Link: links[rm.ID], Match: match[rm.ID], Answers: notAsked,
		}
		if m := c.members[rm.ID]; m != nil {
			m.fill(&row, now)
		}
		page.Members = append(page.Members, row)
	}
	return page
}

// close waits for what has been asked and hangs up.
func (c *cluster) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.asking.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(nil)
}

func (s *Server) serveCluster(w http.ResponseWriter, r *http.Request) {
	page := s.cluster.look(r.Context(), true)
	page.Actions = s.actions()
	writeJSON(w, http.StatusOK, page)
}

// sample is one second of the charts: by member, its figures.
type sample struct {
	At      int64                    `json:"t"` // Unix time in ms
	Members map[raft.NodeID]*figures `json:"m"`
}

type figures struct {
	Ops   *float64 `json:"ops"`
	P50Us int64    `json:"p50"`
	P99Us int64    `json:"p99"`
}

// sampleOf takes the figures of the members that answer now.
func sampleOf(page *clusterPage) *sample {
	s := &sample{At: page.At.UnixMilli(), Members: map[raft.NodeID]*figures{}}
	for _, m := range page.Members {
		if m.Answers == answersYes {
			s.Members[m.ID] = &figures{Ops: m.Ops, P50Us: m.Status.LatencyP50Us, P99Us: m.Status.LatencyP99Us}
		}
	}
	return s
}
