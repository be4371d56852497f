package replica

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"redoubt/raft"
)

// change asks node at for a change of the members.
func (g *group) change(at int, ch raft.MemberChange) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return g.nodes[at].ChangeMembers(ctx, ch)
}

func (g *group) mustChange(at int, ch raft.MemberChange) {
	g.t.Helper()
	if err := g.change(at, ch); err != nil {
		g.t.Fatalf("n%d: %+v: %v", at+1, ch, err)
	}
}

// adds is the change by which node i joins.
func (g *group) adds(i int) raft.MemberChange {
	m := g.config.Members[i]
	return raft.MemberChange{Kind: raft.AddVoter, ID: m.ID, Addr: m.Addr, PeerAddr: m.PeerAddr, Incarnation: uint64(i + 1)}
}

// awaitMembers waits until a node knows these members.
func (g *group) awaitMembers(at int, want string) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := g.nodes[at].await(ctx, func(s *Status) bool { return describeMembers(s.Config) == want })
	if err != nil {
		g.t.Fatalf("n%d knows %s, want %s", at+1, describeMembers(g.nodes[at].Status().Config), want)
	}
}

// describeMembers tells a configuration as "n1 n2:learner -n3".
func describeMembers(c raft.Configuration) string {
	var parts []string
	for _, m := range c.Members {
		text := string(m.ID)
		if m.Role != raft.Voter {
			text += ":" + m.Role.String()
		}
		if m.Outgoing {
			text += "/outgoing"
		}
		parts = append(parts, text)
	}
	for _, id := range c.Removed {
		parts = append(parts, "-"+string(id))
	}
	return strings.Join(parts, " ")
}

// stoppedWith waits until a node has stopped by itself.
func (g *group) stoppedWith(i int, want error, text string) {
	g.t.Helper()
	n := g.nodes[i]
	<-n.Done()
	if err := n.Err(); !errors.Is(err, want) || !strings.Contains(err.Error(), text) {
		g.t.Fatalf("n%d stopped with %v, want %q", i+1, err, text)
	}
	_ = n.Close() // its error is the refusal
	g.nodes[i] = nil
}

// A node that has an empty directory and knows nobody becomes a voter, asked for
// at any node; it has everything and counts.
func TestNodeJoins(t *testing.T) {
	g := newGroupWith(t, 3, 2, func(c *Config) { c.SnapshotBytes = 20_000 })
	for i := range 300 { // more than the log keeps
		g.do(0, fmt.Sprintf("SET k%d %s", i, strings.Repeat("x", 100)), "INCR n")
	}
	for i := 3; i < 5; i++ {
		g.open(i)
		g.mustChange(i%3, g.adds(i))
		g.mustChange(i%3, g.adds(i)) // the same again
	}
	for i := range g.nodes {
		g.awaitMembers(i, "n1 n2 n3 n4 n5")
		g.want(i, "$3\r\n300\r\n", "GET n")
	}
	if s := g.nodes[4].Status(); s.SnapshotIndex == 0 {
		t.Error("n5 caught up without a snapshot")
	}
	// It is a voter: the new ones and one of the old are a majority.
	leader := g.leader()
	g.close(leader)
	g.close((leader + 1) % 5)
	at := (leader + 2) % 5
	g.want(at, ":301\r\n", "INCR n")
}

// The leader leaves: another takes over, clients at the others do not notice,
// and the one that left stops and does not start again.
func TestLeaderLeaves(t *testing.T) {
	g := newGroup(t, 3, nil)
	g.want(0, "+OK\r\n", "SET a 1")
	leader := g.leader()
	next := (leader + 1) % 3
	g.mustChange(next, raft.MemberChange{Kind: raft.Remove, ID: g.config.Members[leader].ID})
	g.want(next, "$1\r\n1\r\n", "GET a")
	g.stoppedWith(leader, ErrRefused, "removed")
	g.open(leader)
	g.stoppedWith(leader, ErrRefused, "removed")
	if err := g.change(next, g.adds(leader)); err != raft.ErrRemoved {
		t.Errorf("it may come back: %v", err)
	}
	g.want(next, "+OK\r\n", "SET a 2")
}

// A dead node is replaced; its successor has its vote, and it has none.
func TestDeadNodeIsReplaced(t *testing.T) {
	g := newGroupWith(t, 3, 1, nil)
	g.want(0, "+OK\r\n", "SET a 1")
	dead := (g.leader() + 1) % 3
	at := (dead + 1) % 3
	g.close(dead)
	g.open(3)
	ch := g.adds(3)
	ch.Kind, ch.Old = raft.Replace, g.config.Members[dead].ID
	g.mustChange(at, ch)
	want := strings.ReplaceAll("n1 n2 n3 n4", string(ch.Old)+" ", "") + " -" + string(ch.Old)
	g.awaitMembers(3, want)
	g.want(3, "$1\r\n1\r\n", "GET a")
	g.open(dead)
	g.stoppedWith(dead, ErrRefused, "removed")
}

// A member that is down while another is added hears of it from the new one,
// which by then may be the leader.
func TestNodeHearsOfAMemberThatItDoesNotKnow(t *testing.T) {
	g := newGroupWith(t, 3, 1, nil)
	g.want(0, "+OK\r\n", "SET a 1")
	down := (g.leader() + 1) % 3
	at := (down + 1) % 3
	g.close(down)
	g.open(3)
	g.mustChange(at, g.adds(3))
	g.awaitMembers(3, "n1 n2 n3 n4")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := g.nodes[at].TransferTo(ctx, "n4"); err != nil {
		t.Fatal(err)
	}
	// The only other one that is up cannot tell it.
	for i := range 3 {
		if i != at && i != down {
			g.close(i)
		}
	}
	g.open(down)
	g.awaitMembers(down, "n1 n2 n3 n4")
	g.want(down, "+OK\r\n", "SET a 2")
}

func TestRefusedChanges(t *testing.T) {
	g := newGroup(t, 3, func(c *Config) { c.CommandTimeout = 2 * time.Second })
	g.want(0, "+OK\r\n", "SET a 1")
	leader := g.leader()
	for _, at := range []int{leader, (leader + 1) % 3} {
		if err := g.change(at, raft.MemberChange{Kind: raft.Remove, ID: "n9"}); err != raft.ErrNoMember {
			t.Errorf("a stranger is removed: %v", err)
		}
		if err := g.change(at, raft.MemberChange{Kind: raft.AddVoter, ID: "n1", Addr: "elsewhere:1"}); err != raft.ErrMember {
			t.Errorf("an id is taken: %v", err)
		}
	}
	g.close((leader + 1) % 3)
	g.close((leader + 2) % 3)
	if err := g.change(leader, raft.MemberChange{Kind: raft.Remove, ID: g.config.Members[(leader+1)%3].ID}); err != ErrNoLeader && err != ErrUnclear && err != raft.ErrNoQuorum {
		t.Errorf("without a majority: %v", err)
	}
}
