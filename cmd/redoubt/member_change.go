package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"redoubt/monitor"
	"redoubt/raft"
	"redoubt/resp"
	"redoubt/resp/server"
)

// memberPoll is the time between two questions; memberAnswer is what a node may
// take to answer one, and memberAccept to have the leader begin a change, which
// is more than its command timeout.
const (
	memberPoll   = 300 * time.Millisecond
	memberAnswer = 3 * time.Second
	memberAccept = 30 * time.Second
)

// change asks for the change and waits until it is complete.
func (m *memberCommand) change(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	ended := func() string {
		if ctx.Err() != nil {
			return "when interrupted"
		}
		return fmt.Sprintf("within %s", m.timeout)
	}
	poll := time.NewTicker(memberPoll)
	defer poll.Stop()
	wait := func() bool {
		select {
		case <-poll.C:
		case <-limited.Done():
		}
		return limited.Err() == nil
	}
	m.learn(limited)
	for {
		again, err := m.ask(limited)
		if err == nil {
			break
		}
		switch goesOn := again && wait(); {
		case goesOn:
		case m.unclear:
			return fmt.Errorf("outcome not known %s: %w", ended(), err)
		case again:
			return fmt.Errorf("not begun as far as is known %s: %w", ended(), err)
		default:
			return fmt.Errorf("nothing was changed: %w", err)
		}
	}
	if m.noWait {
		fmt.Fprintln(m.out, "begun")
		return nil
	}
	for last := ""; ; {
		page, err := m.leadingPage(limited)
		if err == nil {
			text, complete := m.state(page)
			if text != last {
				fmt.Fprintln(m.out, text)
				last = text
			}
			if complete {
				return nil
			}
		}
		if !wait() {
			return fmt.Errorf("not complete %s, and it goes on: %s", ended(), last)
		}
	}
}

// learn takes down who the members are: the one at --addr may be the one that goes.
func (m *memberCommand) learn(ctx context.Context) {
	page, err := m.page(ctx)
	if err != nil {
		return // asking for the change will say so
	}
	m.cluster = page.ClusterID
	for _, s := range page.Members {
		if !slices.Contains(m.addrs(), s.Addr) {
			m.named = append(m.named, s.Addr)
		}
	}
}

// ask asks one node after the other until one has answered. again: the outcome may be
// another in a moment, or one that was begun before is not known.
func (m *memberCommand) ask(ctx context.Context) (again bool, err error) {
	for _, addr := range slices.Concat(m.addrs(), m.named) {
		link, refused := m.connect(addr)
		if refused != nil {
			err = fmt.Errorf("%s: %w", addr, monitor.InWords(refused))
			continue
		}
		interrupt := context.AfterFunc(ctx, func() { _ = link.Close() })
		v, broken := link.Do(m.request()...)
		if interrupt() {
			_ = link.Close()
		}
		if broken == nil {
			m.unclear = m.unclear || replyCode(v.Err()) == "UNCERTAIN"
			return mayPass(v.Err()), v.Err()
		}
		m.unclear = true
		if ctx.Err() != nil {
			return true, fmt.Errorf("%s: no answer yet", addr)
		}
		err = fmt.Errorf("%s: %w", addr, monitor.InWords(broken))
	}
	return m.unclear, err
}

// connect dials a node of the cluster; an address that another node knows may lead
// elsewhere from here.
func (m *memberCommand) connect(addr string) (*resp.Client, error) {
	link, err := resp.Login(addr, m.password, min(memberAccept, m.timeout))
	if err != nil || m.cluster == "" {
		return link, err
	}
	page, err := monitor.Status(link)
	if err == nil {
		err = m.sameCluster(page)
	}
	if err != nil {
		_ = link.Close()
		return nil, err
	}
	return link, nil
}

func (m *memberCommand) sameCluster(page *server.StatusPage) error {
	if m.cluster != "" && page.ClusterID != m.cluster {
		return fmt.Errorf("%s there is of another cluster", page.Node)
	}
	return nil
}

// mayPass says that a node's reply may be another in a moment.
func mayPass(err error) bool {
	return slices.Contains([]string{"CLUSTERDOWN", "TRYAGAIN", "UNCERTAIN"}, replyCode(err))
}

// replyCode is the first word of a node's error reply, "" of any other error.
func replyCode(err error) string {
	var reply resp.ErrorReply
	if !errors.As(err, &reply) {
		return ""
	}
	return reply.Code()
}

// page is what the first node that answers says.
func (m *memberCommand) page(ctx context.Context) (page *server.StatusPage, err error) {
	for _, addr := range slices.Concat(m.addrs(), m.named) {
		if page, err = monitor.Ask(addr, m.password, min(memberAnswer, m.timeout)); err == nil {
			err = m.sameCluster(page)
		}
		if err == nil {
			return page, nil
		}
		if err = fmt.Errorf("%s: %w", addr, err); ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

// leadingPage is the leader's, who knows most of the others, if it can be
// reached; else that of a node which answers.
func (m *memberCommand) leadingPage(ctx context.Context) (*server.StatusPage, error) {
	page, err := m.page(ctx)
	if err != nil || page.Leader == page.Node {
		return page, err
	}
	if addr := addrOf(page, page.Leader); addr != "" {
		if led, err := monitor.Ask(addr, m.password, min(memberAnswer, m.timeout)); err == nil && led.ClusterID == page.ClusterID {
			return led, nil
		}
	}
	return page, nil
}

func addrOf(page *server.StatusPage, id raft.NodeID) string {
	for _, s := range page.Members {
		if s.ID == id {
			return s.Addr
		}
	}
	return ""
}
