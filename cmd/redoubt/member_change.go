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
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	poll := time.NewTicker(memberPoll)
	defer poll.Stop()
	wait := func() bool {
		select {
		case <-poll.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
	for {
		again, err := m.ask(ctx)
		if err == nil {
			break
		}
		if !again {
			return fmt.Errorf("nothing was changed: %w", err)
		}
		if !wait() {
			return fmt.Errorf("not begun as far as is known within %s: %w", m.timeout, err)
		}
	}
	if m.noWait {
		fmt.Fprintln(m.out, "begun")
		return nil
	}
	for last := ""; ; {
		page, err := m.leadingPage(ctx)
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
			return fmt.Errorf("not complete within %s, and it goes on: %s", m.timeout, last)
		}
	}
}

// ask asks one node after the other until one has answered. again: the outcome is
// not known, or may be another in a moment.
func (m *memberCommand) ask(ctx context.Context) (again bool, err error) {
	for _, addr := range m.addrs() {
		link, dialed := monitor.Connect(addr, m.password, min(memberAccept, m.timeout))
		if dialed != nil {
			err = fmt.Errorf("%s: %w", addr, monitor.InWords(dialed))
			continue
		}
		v, broken := link.Do(m.request()...)
		_ = link.Close()
		if broken == nil {
			return mayPass(v.Err()), v.Err()
		}
		err, again = fmt.Errorf("%s: %w", addr, monitor.InWords(broken)), true
		if ctx.Err() != nil {
			break
		}
	}
	return again, err
}

// mayPass says that a node's reply may be another in a moment.
func mayPass(err error) bool {
	var reply resp.ErrorReply
	return errors.As(err, &reply) && slices.Contains([]string{"CLUSTERDOWN", "TRYAGAIN", "UNCERTAIN"}, reply.Code())
}

// page is what the first node that answers says.
func (m *memberCommand) page(ctx context.Context) (page *server.StatusPage, err error) {
	for _, addr := range m.addrs() {
		if page, err = monitor.Ask(addr, m.password, min(memberAnswer, m.timeout)); err == nil {
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
