package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"redoubt/devcluster"
	"redoubt/monitor"
)

// exitRemoved is the exit code of a node that the others have removed.
const exitRemoved = 3

func (s *Stage) grow(ctx context.Context) (string, error) {
	if err := s.mend(ctx); err != nil {
		return "", err
	}
	leader, _, err := s.leader(ctx)
	if err != nil {
		return "", err
	}
	s.Load.Mark()
	before, began := s.Load.Figures(), time.Now()
	n, err := s.newcomer()
	if err != nil {
		return "", err
	}
	entries, err := s.awaitVoter(ctx, leader, n)
	if err != nil {
		return "", err
	}
	took := time.Since(began)
	if err := n.AwaitReady(ctx); err != nil {
		return "", err
	}
	gap, err := s.unharmed(before)
	if err != nil {
		return "", err
	}
	s.Load.Join(n)
	s.Load.Start()
	return fmt.Sprintf("%s had a vote %s after its start, and with it the data of %s entries. No request failed. The longest time without an acknowledged write was %s.",
		n.ID, short(took), whole(entries), short(gap)), nil
}

// newcomer starts one node more than there were, or returns the one that an attempt
// before has started.
func (s *Stage) newcomer() (n *devcluster.Node, err error) {
	if nodes := s.Cluster.Nodes; len(nodes) > s.size {
		return nodes[len(nodes)-1], nil
	}
	s.mu.Lock()
	n, err = s.Cluster.Add()
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	s.info("%s is started with an empty disk and --join", n.ID)
	return n, n.Start()
}

// awaitVoter waits until a node that joins has a vote, tells how it fares, and
// returns the entries that it has then.
func (s *Stage) awaitVoter(ctx context.Context, leader, n *devcluster.Node) (entries uint64, err error) {
	role := ""
	err = await(ctx, n.ID+" to be a voter", func() (bool, error) {
		if !n.Running() {
			return false, fmt.Errorf("%w: %s has ended with exit code %d", errNotAsTold, n.ID, n.ExitCode())
		}
		p, err := monitor.Ask(leader.Addr, "", askTimeout)
		if err != nil {
			return false, nil
		}
		for _, m := range p.Members {
			if string(m.ID) == n.ID && m.Role != role {
				role, entries = m.Role, m.Match
				s.info("%s: %s, with %s of %s entries", n.ID, role, whole(entries), whole(p.Last))
			}
		}
		return role == "voter", nil
	})
	return entries, err
}

// unharmed fails if a request of a client has failed since then, and returns the
// longest gap.
func (s *Stage) unharmed(before Figures) (gap time.Duration, err error) {
	f := s.Load.Figures()
	if failed := f.Refused + f.Unknown - before.Refused - before.Unknown; failed > 0 {
		return 0, fmt.Errorf("%w: %d requests failed", errNotAsTold, failed)
	}
	return f.LongestGap, nil
}

func (s *Stage) removeLeader(ctx context.Context) (told string, err error) {
	if err := s.mend(ctx); err != nil {
		return "", err
	}
	leader, term, err := s.leader(ctx)
	if err != nil {
		return "", err
	}
	s.Load.Rest(leader)
	s.Load.Mark()
	before, began := s.Load.Figures(), time.Now()
	rest := s.others(leader)
	asked := rest[len(rest)-1]
	reply, err := s.awaitReply(ctx, asked, "OK", "REDOUBT", "MEMBER", "REMOVE", leader.ID)
	if err != nil {
		return "", err
	}
	took := time.Since(began)
	s.warn("%s> REDOUBT MEMBER REMOVE %s   %s", asked.ID, leader.ID, reply)
	defer func() { err = errors.Join(err, s.forget(leader)) }()
	next, err := s.awaitReign(ctx, term)
	if err != nil {
		return "", err
	}
	if err := leader.AwaitExit(ctx); err != nil {
		return "", err
	}
	if code := leader.ExitCode(); code != exitRemoved {
		return "", fmt.Errorf("%w: %s has ended with exit code %d", errNotAsTold, leader.ID, code)
	}
	s.info("%s has ended by itself: exit code %d", leader.ID, exitRemoved)
	if err := s.awaitWrites(ctx, time.Now()); err != nil {
		return "", err
	}
	gap, err := s.unharmed(before)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s had left after %s, its process ended with exit code %d, and %s leads. No request of the others failed. The longest time without an acknowledged write was %s.",
		leader.ID, short(took), exitRemoved, next.node, short(gap)), nil
}

// forget takes a node and its client off the stage.
func (s *Stage) forget(n *devcluster.Node) error {
	s.Load.Leave(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Cluster.Forget(n)
}
