package replica

import (
	"testing"

	"redoubt/metrics"
	"redoubt/raft"
	"redoubt/resp"
)

// A leader that a follower loses from sight and hears again is no new one: there is
// one change in a term at most.
func TestLeaderLostFromSightIsNoChange(t *testing.T) {
	g, regs := measured(t, 3, nil)
	leader := g.leader()
	at := (leader + 1) % 3
	for range 10 {
		g.nodes[at].inbox.push(event{kind: evLinkDown, peer: g.config.Members[leader].ID})
		g.want(at, "+OK\r\n", "SET a 1")
	}
	changes := figure(t, regs[g.config.Members[at].ID], "redoubt_raft_leader_changes_total", "")
	if term := g.nodes[at].Status().Term; changes == 0 || changes > float64(term) {
		t.Errorf("%v changes of the leader up to term %d", changes, term)
	}
}

// A refusal counts as overload only when it is the leader's.
func TestReasonOfARefusal(t *testing.T) {
	for _, test := range []struct {
		leader raft.NodeID
		busy   bool
		want   string
	}{
		{"", false, metrics.FailedNotLeader},
		{"n1", false, metrics.FailedNotLeader}, // the link to it is down
		{"n1", true, metrics.FailedOverloaded},
		{"", true, metrics.FailedNotLeader},
	} {
		n := &Node{}
		n.recent.Store(&Status{Status: raft.Status{Leader: test.leader}})
		if got := n.whyFailed(&Batch{refused: resp.ErrClusterDown, busy: test.busy}); got != test.want {
			t.Errorf("leader %q, busy %v: %q, want %q", test.leader, test.busy, got, test.want)
		}
	}

	m := machineOf(raft.State{HardState: raft.HardState{Term: 5}, Snapshot: raft.SnapshotMeta{Config: members(3)}})
	hear(m, "n2", 6, raft.Message{Type: raft.MsgHeartbeat})
	b := batchOf("INCR k")
	m.Submit(b)
	rest(m)
	hear(m, "n2", 0, raft.Message{Type: raft.MsgForwardReply, ID: 1, Round: m.boot, Reject: true})
	if !b.busy {
		t.Error("the leader's refusal is not noted")
	}
	m.Tick()
	sends := forwardsOf(rest(m).Sends)
	if len(sends) != 1 || b.busy {
		t.Errorf("the next attempt: %d messages, refused before it is answered: %v", len(sends), b.busy)
	}
}
