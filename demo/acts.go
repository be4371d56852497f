package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"redoubt/devcluster"
	"redoubt/monitor"
)

// While a follower is away, so many writes are made, or as many as this time has
// room for.
const (
	bulkWrites = bulkClients * 250
	bulkTime   = 3 * time.Second
)

// errNotAsTold: the cluster has done something else than the story says.
var errNotAsTold = errors.New("this is not what the story tells")

func (s *Stage) useAnyNode(ctx context.Context) (string, error) {
	if err := s.mend(ctx); err != nil {
		return "", err
	}
	nodes := s.Cluster.Nodes
	last := nodes[len(nodes)-1]
	for _, c := range []struct {
		node *devcluster.Node
		args []string
		want string
	}{
		{nodes[0], []string{"SET", "greeting", "hello"}, "OK"},
		{last, []string{"GET", "greeting"}, `"hello"`},
		{nodes[1], []string{"INCR", "visits"}, ""},
		{last, []string{"INCR", "visits"}, ""},
	} {
		began := time.Now()
		reply, err := do(c.node, c.args...)
		if err != nil {
			return "", err
		}
		s.info("%s> %-20s %s   %s", c.node.ID, strings.Join(c.args, " "), reply, short(time.Since(began)))
		if c.want != "" && reply != c.want {
			return "", fmt.Errorf("%w: %s answers %s", errNotAsTold, c.node.ID, reply)
		}
	}
	return fmt.Sprintf("%s read what %s was given, at once. Each OK means: on the disks of a majority.", last.ID, nodes[0].ID), nil
}

func (s *Stage) killLeader(ctx context.Context) (string, error) {
	if err := s.mend(ctx); err != nil {
		return "", err
	}
	leader, term, err := s.leader(ctx)
	if err != nil {
		return "", err
	}
	s.Load.Mark()
	before := s.Load.Figures().Unknown
	at := time.Now()
	s.kill(leader)
	next, err := s.awaitReign(ctx, term)
	if err != nil {
		return "", err
	}
	if err := s.awaitWrites(ctx, next.at); err != nil {
		return "", err
	}
	f := s.Load.Figures()
	s.victims = []*devcluster.Node{leader}
	return fmt.Sprintf("%s led %s after %s was killed. The longest time without an acknowledged write was %s.%s",
		next.node, short(next.at.Sub(at)), leader.ID, short(f.LongestGap), unclear(f.Unknown-before)), nil
}

// unclear says what became of writes whose outcome is unknown.
func unclear(n int) string {
	switch n {
	case 0:
		return " No write was left without an answer."
	case 1:
		return " One write was under way: its outcome is unknown, and its client knows that."
	}
	return fmt.Sprintf(" %d writes were under way: their outcome is unknown, and their clients know that.", n)
}

func (s *Stage) kill(n *devcluster.Node) {
	pid := n.Pid()
	n.Kill()
	s.warn("%s was killed: SIGKILL to process %d", n.ID, pid)
}

// startVictim starts the node that an act before has killed, and whatever keys have
// stopped since.
func (s *Stage) startVictim() (victim *devcluster.Node, began time.Time, err error) {
	began = time.Now()
	return s.victims[0], began, s.bringBack()
}

func (s *Stage) revive(ctx context.Context) (string, error) {
	victim, began, err := s.startVictim()
	if err != nil {
		return "", err
	}
	if err := victim.AwaitReady(ctx); err != nil {
		return "", err
	}
	took := time.Since(began)
	if _, err := s.awaitLevel(ctx, victim); err != nil {
		return "", err
	}
	p, err := monitor.Ask(victim.Addr, "", clientTimeout)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s was ready %s after its start. It is a %s in term %d, and %s leads.", victim.ID, short(took), p.Role, p.Term, p.Leader), nil
}

// pickFollower puts the cluster in order and takes the last node that does not lead.
func (s *Stage) pickFollower(ctx context.Context) (leader, follower *devcluster.Node, err error) {
	if err := s.mend(ctx); err != nil {
		return nil, nil, err
	}
	leader, _, err = s.leader(ctx)
	if err != nil {
		return nil, nil, err
	}
	rest := s.others(leader)
	s.victims = rest[len(rest)-1:]
	s.Load.Mark()
	return leader, s.victims[0], nil
}

func (s *Stage) killFollower(ctx context.Context) (string, error) {
	leader, victim, err := s.pickFollower(ctx)
	if err != nil {
		return "", err
	}
	s.kill(victim)
	before, began := s.Load.Figures().Acknowledged, time.Now()
	bulk, cancel := context.WithTimeout(ctx, bulkTime)
	s.Load.Bulk(bulk, leader, bulkWrites)
	cancel()
	took, f := time.Since(began), s.Load.Figures()
	return fmt.Sprintf("%s writes were acknowledged within %s, without %s. The longest time without one was %s.",
		whole(uint64(f.Acknowledged-before)), short(took), victim.ID, short(f.LongestGap)), ctx.Err()
}

func (s *Stage) catchUp(ctx context.Context) (string, error) {
	victim, began, err := s.startVictim()
	if err != nil {
		return "", err
	}
	most, err := s.awaitLevel(ctx, victim)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s was %s entries behind and caught up within %s of its start, from the leader's log, while the clients wrote on.",
		victim.ID, whole(most), short(time.Since(began))), nil
}

// awaitLevel waits until the node has applied what was committed when it answered
// first, and returns how far behind it was.
func (s *Stage) awaitLevel(ctx context.Context, n *devcluster.Node) (most uint64, err error) {
	leader, _, err := s.leader(ctx)
	if err != nil {
		return 0, err
	}
	goal, told := uint64(0), time.Time{}
	err = await(ctx, n.ID+" to catch up", func() (bool, error) {
		p, err := monitor.Ask(n.Addr, "", askTimeout)
		if err != nil {
			return false, nil // it is starting
		}
		l, err := monitor.Ask(leader.Addr, "", askTimeout)
		if err != nil {
			return false, nil
		}
		lag := l.Commit - min(p.Applied, l.Commit)
		if goal == 0 {
			goal, most = l.Commit, lag
		}
		if now := time.Now(); now.Sub(told) >= tellLength {
			s.info("%s is %s entries behind", n.ID, whole(lag))
			told = now
		}
		return p.Applied >= goal, nil
	})
	return most, err
}

func (s *Stage) split(ctx context.Context) (string, error) {
	if err := s.mend(ctx); err != nil {
		return "", err
	}
	leader, term, err := s.leader(ctx)
	if err != nil {
		return "", err
	}
	minority := append([]*devcluster.Node{leader}, s.others(leader)[:(len(s.Cluster.Nodes)-1)/2-1]...)
	majority := s.others(minority...)
	s.victims = minority
	s.Load.Mark()
	refused := s.Load.Figures().Refused
	s.separate(minority)
	s.warn("%s cut off from %s", ids(minority), ids(majority))
	next, err := s.awaitReign(ctx, term)
	if err != nil {
		return "", err
	}
	if err := s.awaitWrites(ctx, next.at); err != nil {
		return "", err
	}
	gap := s.Load.Figures().LongestGap
	err = await(ctx, "clients to be refused", func() (bool, error) { return s.Load.Figures().Refused >= refused+len(minority), nil })
	if err != nil {
		return "", err
	}
	refusal, err := s.awaitReply(ctx, leader, "CLUSTERDOWN", "SET", "side", "minority")
	if err != nil {
		return "", err
	}
	reply, err := s.awaitReply(ctx, majority[0], "OK", "SET", "side", "majority")
	if err != nil {
		return "", err
	}
	s.warn("%s> SET side minority   %s", leader.ID, refusal)
	s.info("%s> SET side majority   %s", majority[0].ID, reply)
	return fmt.Sprintf("%s leads the majority, and no more than %s passed without an acknowledged write. %s, which led, answers CLUSTERDOWN: surely not executed.",
		next.node, short(gap), leader.ID), nil
}

// awaitReply has a node execute a command until its reply has the word.
func (s *Stage) awaitReply(ctx context.Context, n *devcluster.Node, word string, args ...string) (reply string, err error) {
	err = await(ctx, fmt.Sprintf("%s to answer %s", n.ID, word), func() (bool, error) {
		reply, err = do(n, args...)
		return err == nil && strings.Contains(reply, word), nil
	})
	return reply, err
}

func (s *Stage) reunite(ctx context.Context) (string, error) {
	began, was := time.Now(), s.victims[0]
	if s.heal() {
		s.info("the network is whole again")
	}
	if err := s.Cluster.AwaitReady(ctx); err != nil {
		return "", err
	}
	took := time.Since(began)
	reply, err := do(was, "GET", "side")
	if err != nil {
		return "", err
	}
	s.info("%s> GET side            %s", was.ID, reply)
	if reply != `"majority"` {
		return "", fmt.Errorf("%w: %s answers %s", errNotAsTold, was.ID, reply)
	}
	return fmt.Sprintf("All nodes were ready %s after the healing. %s reads what the majority wrote; what it refused was never written.", short(took), was.ID), nil
}

func (s *Stage) compact(ctx context.Context) (string, error) {
	leader, victim, err := s.pickFollower(ctx)
	if err != nil {
		return "", err
	}
	s.kill(victim)
	l, err := monitor.Ask(leader.Addr, "", clientTimeout)
	if err != nil {
		return "", err
	}
	end := l.Last // the victim cannot have more
	for _, n := range s.others(victim) {
		if err := awaitApplied(ctx, n, end+1); err != nil {
			return "", err
		}
		reply, err := do(n, "BGSAVE")
		if err != nil {
			return "", err
		}
		s.info("%s> BGSAVE   %s", n.ID, reply)
	}
	first := uint64(0)
	err = await(ctx, "the log to be cut", func() (bool, error) {
		l, err := monitor.Ask(leader.Addr, "", askTimeout)
		if err == nil {
			first = l.First
		}
		return first > end+1, nil
	})
	return fmt.Sprintf("The log of %s, which leads, begins at entry %s now. That of %s, which is dead, ends at %s or before: what is in between is in the snapshot only.",
		leader.ID, whole(first), victim.ID, whole(end)), err
}

// awaitApplied waits until the node has applied an entry.
func awaitApplied(ctx context.Context, n *devcluster.Node, index uint64) error {
	return await(ctx, fmt.Sprintf("%s to apply entry %d", n.ID, index), func() (bool, error) {
		p, err := monitor.Ask(n.Addr, "", askTimeout)
		return err == nil && p.Applied >= index, nil
	})
}

func (s *Stage) install(ctx context.Context) (string, error) {
	victim, began, err := s.startVictim()
	if err != nil {
		return "", err
	}
	if _, err := s.awaitLevel(ctx, victim); err != nil {
		return "", err
	}
	took := time.Since(began)
	p, err := monitor.Ask(victim.Addr, "", clientTimeout)
	if err != nil {
		return "", err
	}
	if p.Snapshot == 0 {
		return "", fmt.Errorf("%w: %s has no snapshot", errNotAsTold, victim.ID)
	}
	return fmt.Sprintf("%s received a snapshot up to entry %s and the entries behind it. %s after its start it had everything.",
		victim.ID, whole(p.Snapshot), short(took)), nil
}

func (s *Stage) prove(ctx context.Context) (string, error) {
	if err := s.mend(ctx); err != nil {
		return "", err
	}
	s.Load.Stop()
	defer s.Load.Start()
	s.info("the clients rest; waiting for all nodes to have applied the same")
	if err := s.Cluster.AwaitEqualState(ctx); err != nil {
		return "", err
	}
	status, err := s.Cluster.Nodes[0].Status()
	if err != nil {
		return "", err
	}
	s.info("hash of the state at entry %s: %s on every node", whole(status.StateHashIndex), status.StateHash)
	p, err := s.Load.Verify(ctx, s.Cluster.Nodes)
	if err != nil {
		return "", fmt.Errorf("the proof has failed: %w", err)
	}
	return fmt.Sprintf("Proved. %s acknowledged writes, read through each of %d nodes: all are there. %s refused: none is there. "+
		"%s with unknown outcome: %s took effect. All states have the same hash, %s.",
		whole(uint64(p.acknowledged)), len(s.Cluster.Nodes), whole(uint64(p.refused)), whole(uint64(p.unknown)),
		whole(uint64(p.tookEffect)), status.StateHash), nil
}
