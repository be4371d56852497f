package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"redoubt/raft"
	"redoubt/resp"
	"redoubt/resp/server"
)

// member is one member as the console knows it. Fields without another note are
// guarded by cluster.mu.
type member struct {
	id        raft.NodeID
	addr      string
	clusterID string
	client    *resp.Client  // of the goroutine that asks, while there is one
	done      chan struct{} // closed when the question under way is answered; nil: none is

	page  *server.StatusPage // the last
	at    time.Time          // of page
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
	page, err := m.status(s.Settings().RequirePass)
	if err != nil && m.client != nil {
		_ = m.client.Close()
		m.client = nil
	}
	return page, err
}

func (m *member) status(password string) (*server.StatusPage, error) {
	if m.client == nil {
		client, err := dial(m.addr, password, askTimeout)
		if err != nil {
			return nil, err
		}
		m.client = client
	}
	text, err := call(m.client, "REDOUBT", "STATUS")
	if err != nil {
		return nil, err
	}
	page := &server.StatusPage{}
	if err := json.Unmarshal([]byte(text), page); err != nil {
		return nil, fmt.Errorf("the status of %s: %w", m.addr, err)
	}
	if page.Node != m.id || page.ClusterID != m.clusterID {
		return nil, fmt.Errorf("at %s answers %s of cluster %s", m.addr, page.Node, page.ClusterID)
	}
	return page, nil
}

// dial opens a connection to a member's clients' port.
func dial(addr, password string, timeout time.Duration) (*resp.Client, error) {
	client, err := resp.Dial(addr, timeout)
	if err != nil || password == "" {
		return client, err
	}
	if _, err := call(client, "AUTH", password); err != nil {
		_ = client.Close()
		return nil, err
	}
	return client, nil
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
	m.page, m.at = page, now
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

func (m *member) fresh(now time.Time) bool { return m.page != nil && now.Sub(m.at) < freshFor }

// fill writes what the member said into its row.
func (m *member) fill(row *clusterMember, now time.Time) {
	if m.page != nil {
		row.Status, row.AgeMs = m.page, now.Sub(m.at).Milliseconds()
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
