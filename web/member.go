package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"redoubt/raft"
	"redoubt/resp"
	"redoubt/resp/server"
)

// member is one member as the console knows it. Fields without another note are
// guarded by cluster.mu.
type member struct {
	id        raft.NodeID
	addrs     []string // where its clients' port may be, see addressesOf
	clusterID string
	client    *resp.Client  // of the goroutine that asks, while there is one
	at        string        // the one of addrs that client leads to, or led to; likewise
	done      chan struct{} // closed when the question under way is answered; nil: none is

	page  *server.StatusPage // the last
	said  time.Time          // when page came
	err   error              // of the last question
	asked time.Time          // when it was answered, or not

	// Commands are counted from base on, for rateOver at least.
	base      *server.StatusPage
	baseAt    time.Time
	questions uint64   // since then: they are commands, too
	ops       *float64 // nil: not known
}

// rateOver is the shortest time from which a rate is made.
const rateOver = 900 * time.Millisecond

// askTimeout bounds each step of a question: connect, send, receive.
const askTimeout = time.Second

// askSelf needs no connection.
func (m *member) askSelf(s *server.Server) (*server.StatusPage, error) { return s.StatusPage(), nil }

// askOther asks over RESP. The members of a cluster share their password.
func (m *member) askOther(s *server.Server) (*server.StatusPage, error) {
	password := s.Settings().RequirePass
	if m.client != nil {
		return m.status()
	}
	var failed error // at the first address: that is the one that should work
	for _, addr := range m.addrs {
		client, err := resp.Login(addr, password, askTimeout)
		if err == nil {
			m.client, m.at = client, addr
			var page *server.StatusPage
			if page, err = m.status(); err == nil {
				return page, nil
			}
		}
		if failed == nil {
			failed = err
		}
	}
	return nil, failed
}

// status asks over the connection there is, and gives it up on an error.
func (m *member) status() (*server.StatusPage, error) {
	page, err := m.question()
	if err != nil {
		_ = m.client.Close()
		m.client = nil
	}
	return page, err
}

func (m *member) question() (*server.StatusPage, error) {
	text, err := call(m.client, "REDOUBT", "STATUS")
	if err != nil {
		return nil, err
	}
	page := &server.StatusPage{}
	if err := json.Unmarshal([]byte(text), page); err != nil {
		return nil, fmt.Errorf("the status of %s: %w", m.at, err)
	}
	if page.Node != m.id || page.ClusterID != m.clusterID {
		return nil, fmt.Errorf("at %s answers %s of cluster %s", m.at, page.Node, page.ClusterID)
	}
	return page, nil
}

// addressesOf lists where a member may take clients: at the address that it
// announces and, since that may lead to it from elsewhere only, as with containers
// whose ports are published, on the host that the other nodes reach it at, on the
// port that this node has. Who answers says who it is, so a guess can mislead
// nobody.
func addressesOf(m raft.Member, port string) []string {
	addrs := []string{m.Addr}
	host, _, err := net.SplitHostPort(m.Addr)
	peerHost, _, peerErr := net.SplitHostPort(m.PeerAddr)
	if port != "" && err == nil && peerErr == nil && peerHost != host {
		addrs = append(addrs, net.JoinHostPort(peerHost, port))
	}
	return addrs
}

// call runs a command; an error reply is an error.
func call(c *resp.Client, args ...string) (string, error) {
	v, err := c.Do(args...)
	switch {
	case errors.Is(err, io.EOF):
		err = errors.New("the connection was closed")
	case err == nil:
		err = v.Err()
	}
	return v.Str, err
}

func (m *member) answered(page *server.StatusPage, err error, now time.Time) {
	m.done, m.err, m.asked = nil, err, now
	if page == nil {
		return
	}
	m.page, m.said = page, now
	if m.client != nil {
		m.questions++
	}
	if gap := now.Sub(m.baseAt); gap >= rateOver {
		m.ops = nil
		if b := m.base; b != nil && b.RunID == page.RunID && gap < freshFor {
			m.ops = new(rate(b.CommandsTotal+m.questions, page.CommandsTotal, gap))
		}
		m.base, m.baseAt, m.questions = page, now, 0
	}
}

// rate is 0 for a counter that was set back.
func rate(before, now uint64, gap time.Duration) float64 {
	if now < before {
		return 0
	}
	return float64(now-before) / gap.Seconds()
}

func (m *member) fresh(now time.Time) bool { return m.page != nil && now.Sub(m.said) < freshFor }

// fill writes what the member said into its row.
func (m *member) fill(row *clusterMember, now time.Time) {
	if m.page != nil {
		row.Status, row.AgeMs = m.page, now.Sub(m.said).Milliseconds()
	}
	switch {
	case now.Sub(m.asked) >= freshFor && m.done == nil: // nobody has been looking
		row.Status = nil
	case m.err != nil:
		row.Answers, row.Error = answersNo, m.err.Error()
	case m.fresh(now):
		row.Answers = answersYes
		row.Ops = m.ops
	case m.done != nil && !m.asked.IsZero():
		row.Answers, row.Error = answersNo, "no answer in time"
	}
}

// hangUp closes the connection when it is not in use.
func (m *member) hangUp() {
	if m.done == nil && m.client != nil {
		_ = m.client.Close()
		m.client = nil
	}
}
