package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"redoubt/devcluster"
	"redoubt/resp"
)

// exchange is a change of the members in a round: one node comes, one goes. A round
// has at most one.
type exchange struct {
	comes *devcluster.Node // laid out before the round, since that changes the list of nodes
	goes  *devcluster.Node // nil: not chosen yet
}

// exitRemoved is how a process ends whose node has left the cluster.
const exitRemoved = 3

// goes reports whether the node has left or is about to: nobody starts it again.
func (x *injector) goes(n *devcluster.Node) bool { return x.exchange.goes == n }

// exchangeNode has a new node join and another one leave: the leader, which ends by
// itself, or one that has lost its machine for good.
func (x *injector) exchangeNode(ctx context.Context, f Fault) error {
	leaving, verb := x.cluster.Nodes[f.Nodes[0]], "REPLACE"
	if f.Kind == ReplaceLeader {
		leaving, verb = x.leader(f), "REMOVE"
	}
	x.mu.Lock()
	x.exchange.goes = leaving
	if f.Kind == ReplaceLeader {
		x.exits[leaving] = append(x.exits[leaving], exitRemoved)
	} else {
		x.exits[leaving] = append(x.exits[leaving], exitKilled)
		leaving.Kill()
	}
	x.mu.Unlock()
	if err := x.start(x.exchange.comes); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, f.Length)
	defer cancel()
	// Whether it comes to an end now or after healing depends on what else goes wrong.
	_ = x.changeMembers(limited, verb)
	return nil
}

// changeMembers asks one node after the other for the exchange, or for what is left
// of it, until one says that it is complete. It fails only when ctx ends before.
func (x *injector) changeMembers(ctx context.Context, verb string) error {
	args := []string{"REDOUBT", "MEMBER", verb, x.exchange.goes.ID}
	if verb == "REPLACE" {
		args = append(args, x.exchange.comes.ID, x.exchange.comes.Announced())
	}
	last := errors.New("no node runs")
	for i := 0; ctx.Err() == nil; i++ {
		n := x.cluster.Nodes[i%len(x.cluster.Nodes)]
		if n != x.exchange.goes && n.Running() {
			if last = ask(n, args); last == nil {
				return nil
			}
		}
		sleep(ctx, refusedPause)
	}
	return fmt.Errorf("%v: %w; the last answer was: %w", args, context.Cause(ctx), last)
}

// ask has a node do a command that is answered with OK.
func ask(n *devcluster.Node, args []string) error {
	c, err := resp.Dial(n.Addr, dialTimeout)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetTimeout(replyTimeout)
	v, err := c.Do(args...)
	if err == nil {
		err = v.Err()
	}
	return err
}

// completeExchange waits until the members are what they are to be, and forgets the
// one that has left.
func (x *injector) completeExchange(ctx context.Context) error {
	gone, come := x.exchange.goes, x.exchange.comes
	if err := x.changeMembers(ctx, "REMOVE"); err != nil {
		return err
	}
	if err := gone.AwaitExit(ctx); err != nil {
		return err
	}
	if err := x.judgeExit(gone); err != nil {
		return err
	}
	for {
		s, err := come.Status()
		if err == nil && slices.Contains([]string{"leader", "follower"}, s.Role) {
			break
		}
		if ctx.Err() != nil {
			return errors.Join(fmt.Errorf("%s has not become a voter: %q: %w", come.ID, s.Role, context.Cause(ctx)), err)
		}
		sleep(ctx, refusedPause)
	}
	x.exchange = exchange{}
	return x.cluster.Forget(gone)
}
