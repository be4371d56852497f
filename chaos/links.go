package chaos

import (
	"context"
	"slices"

	"redoubt/devcluster"
)

// bendLinks makes a fault of the links happen.
func (x *injector) bendLinks(ctx context.Context, f Fault) {
	broken := devcluster.LinkState{Stalled: !f.Cut, Cut: f.Cut}
	good := devcluster.LinkState{}
	e := &effect{}
	switch f.Kind {
	case Partition:
		side := x.pick(f, f.Count)
		e.on = func(from, to *devcluster.Node) devcluster.LinkState {
			if slices.Contains(side, from) != slices.Contains(side, to) {
				return broken
			}
			return good
		}
	case CutOffLeader, MuteLeader, DeafenLeader:
		leader := x.leader(f)
		e.on = func(from, to *devcluster.Node) devcluster.LinkState {
			if from == leader && f.Kind != DeafenLeader || to == leader && f.Kind != MuteLeader {
				return broken
			}
			return good
		}
	case OneWay:
		ends := x.pick(f, 2)
		e.on = func(from, to *devcluster.Node) devcluster.LinkState {
			if from == ends[0] && to == ends[len(ends)-1] {
				return broken
			}
			return good
		}
	case Slow, Lossy:
		e.on = func(_, _ *devcluster.Node) devcluster.LinkState {
			return devcluster.LinkState{Delay: f.Delay, Jitter: f.Jitter, Loss: f.Loss}
		}
	default:
		panic("chaos: fault " + string(f.Kind))
	}
	x.mu.Lock()
	x.effects = append(x.effects, e)
	x.setLinks()
	x.mu.Unlock()
	sleep(ctx, f.Length)
	x.remove(e)
}

// remove takes an effect back.
func (x *injector) remove(e *effect) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.effects = slices.DeleteFunc(x.effects, func(o *effect) bool { return o == e })
	x.setLinks()
}

// setLinks joins what all faults do to each link.
func (x *injector) setLinks() {
	for _, from := range x.cluster.Nodes {
		for _, to := range x.cluster.Nodes {
			if from == to {
				continue
			}
			var s devcluster.LinkState
			for _, e := range x.effects {
				s = worse(s, e.on(from, to))
			}
			if link := x.cluster.Link(from.ID, to.ID); link.State() != s {
				if err := link.Set(s); err != nil {
					x.failures = append(x.failures, err)
				}
			}
		}
	}
}

func worse(a, b devcluster.LinkState) devcluster.LinkState {
	return devcluster.LinkState{
		Cut: a.Cut || b.Cut, Stalled: a.Stalled || b.Stalled,
		Delay: max(a.Delay, b.Delay), Jitter: max(a.Jitter, b.Jitter), Loss: max(a.Loss, b.Loss),
	}
}
