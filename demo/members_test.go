package demo

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// TestMembersChange: a node joins and the leader leaves, as often as one likes, and an
// act that is done again finds what the one before has left.
func TestMembersChange(t *testing.T) {
	k := onStage(t)
	s := k.m.stage
	act := func(name string, do func(*Stage, context.Context) (string, error), want string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if result, err := do(s, ctx); err != nil || !strings.HasPrefix(result, want) {
			t.Fatalf("%s: %q, %v, want %s", name, result, err, want)
		}
	}
	for _, id := range []string{"n4", "n5"} {
		act("grow", (*Stage).grow, id+" had a vote ")
		if id == "n4" {
			act("grow again", (*Stage).grow, id+" had a vote ")
		}
		k.await(id+" to have a client", func(l Look) bool { return l.PerSecond[id] > 0 && len(l.Nodes) == 4 })
		leader := s.Cluster.Leader()
		k.m.scene.Selected = leader.ID
		act("remove the leader", (*Stage).removeLeader, leader.ID+" had left after ")
		if l := s.Look(); len(l.Nodes) != 3 || l.member(leader.ID) != nil || leader.Running() {
			t.Errorf("%s is still there: %+v", leader.ID, l.Nodes)
		}
		k.m.Update(lookMsg(s.Look()))
		if k.m.scene.Selected != s.Cluster.Nodes[0].ID {
			t.Errorf("%s is selected", k.m.scene.Selected)
		}
	}
	names := map[string]bool{}
	for _, w := range s.Load.writers {
		if names[w.name] {
			t.Errorf("two clients %s write the same keys", w.name)
		}
		names[w.name] = true
	}
	act("prove", (*Stage).prove, "Proved. ")
}

// TestFailedRequestIsSaid: that none fails is no mere talk.
func TestFailedRequestIsSaid(t *testing.T) {
	for _, out := range []outcome{refused, unknown} {
		s := &Stage{Load: &Load{}}
		before := s.Load.Figures()
		s.Load.note(&writer{}, acknowledged, noon)
		if _, err := s.unharmed(before); err != nil {
			t.Error(err)
		}
		s.Load.note(&writer{}, out, noon)
		if _, err := s.unharmed(before); !errors.Is(err, errNotAsTold) {
			t.Errorf("outcome %d: %v", out, err)
		}
	}
}
