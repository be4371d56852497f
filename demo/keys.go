package demo

import (
	"context"
	"fmt"

	"redoubt/devcluster"
)

// What the keys do. They wait for nothing that may never come: a user may have
// killed the majority.

func (s *Stage) killOrStart(_ context.Context, n *devcluster.Node) error {
	if n.Running() {
		s.kill(n)
		return nil
	}
	s.info("%s is started", n.ID)
	return n.Start()
}

func (s *Stage) freezeOrThaw(_ context.Context, n *devcluster.Node) error {
	switch {
	case !n.Running():
		return fmt.Errorf("%s does not run", n.ID)
	case n.Paused():
		s.info("%s goes on: SIGCONT", n.ID)
		return n.Continue()
	}
	s.warn("%s is frozen: SIGSTOP; it hears nothing, and its connections hold", n.ID)
	return n.Pause()
}

// restart asks the node to end, so that a leader hands over first.
func (s *Stage) restart(ctx context.Context, n *devcluster.Node) error {
	if n.Running() && !n.Paused() {
		s.info("%s is asked to end: SIGTERM", n.ID)
		if err := n.Terminate(); err != nil {
			return err
		}
		if err := n.AwaitExit(ctx); err != nil {
			return err
		}
	}
	n.Kill() // a frozen one cannot end by itself
	s.info("%s is started again", n.ID)
	return n.Start()
}

// cutOffOrHeal heals whatever is cut, or cuts the node off from all others.
func (s *Stage) cutOffOrHeal(_ context.Context, n *devcluster.Node) error {
	if s.heal() {
		s.info("the network is whole again")
		return nil
	}
	s.separate([]*devcluster.Node{n})
	s.warn("%s is cut off from all others", n.ID)
	return nil
}

func (s *Stage) transfer(_ context.Context, n *devcluster.Node) error {
	leader := s.Cluster.Leader()
	switch {
	case leader == nil:
		return fmt.Errorf("there is no leader that could hand over")
	case leader == n:
		return fmt.Errorf("%s leads already", n.ID)
	}
	reply, err := do(leader, "REDOUBT", "TRANSFER", n.ID)
	if err != nil {
		return err
	}
	s.info("%s> REDOUBT TRANSFER %s   %s", leader.ID, n.ID, reply)
	return nil
}
