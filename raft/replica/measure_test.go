package replica

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"redoubt/metrics"
	"redoubt/raft"
)

// measured is a group whose nodes have registries that can be read.
func measured(t *testing.T, size int, options func(*Config)) (*group, map[raft.NodeID]*prometheus.Registry) {
	regs := map[raft.NodeID]*prometheus.Registry{}
	return newGroup(t, size, func(c *Config) {
		reg := prometheus.NewRegistry()
		regs[c.Identity.NodeID] = reg
		c.Metrics = metrics.New(reg)
		if options != nil {
			options(c)
		}
	}), regs
}

// figure is the value of a counter, or the number of observations of a
// histogram; label "" means all of its series together.
func figure(t *testing.T, reg *prometheus.Registry, name, label string) (sum float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			var values []string
			for _, l := range m.GetLabel() {
				values = append(values, l.GetValue())
			}
			if label == "" || strings.Join(values, " ") == label {
				sum += m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

func wantFigures(t *testing.T, node raft.NodeID, reg *prometheus.Registry, want map[string]float64) {
	t.Helper()
	for series, n := range want {
		name, label, _ := strings.Cut(series, " ")
		if got := figure(t, reg, "redoubt_"+name, label); got != n {
			t.Errorf("%s: %s is %v, want %v", node, series, got, n)
		}
	}
}

// steady runs f with new groups until no leader was elected meanwhile: what
// counts as forwarded depends on who leads. Patient followers make that likely
// on a busy machine, too.
func steady(t *testing.T, f func(g *group, regs map[raft.NodeID]*prometheus.Registry, leader int) (check func())) {
	for {
		g, regs := measured(t, 3, func(c *Config) { c.ElectionTicks = 100 })
		leader := g.leader()
		term := g.nodes[leader].Status().Term
		check := f(g, regs, leader)
		same := true
		for _, n := range g.nodes {
			same = same && n.Status().Term == term
		}
		if same {
			check()
			return
		}
		for i := range g.nodes {
			g.close(i)
		}
	}
}

func TestFiguresOfLeaderAndFollower(t *testing.T) {
	steady(t, func(g *group, regs map[raft.NodeID]*prometheus.Registry, leader int) func() {
		follower := (leader + 1) % 3
		other := (leader + 2) % 3
		for range 3 {
			g.do(leader, "SET a 1", "SET b 2")
			g.do(follower, "SET a 3", "GET a")
		}
		for range 2 {
			g.do(leader, "GET a")
			g.do(follower, "GET a", "GET b")
		}
		return func() {
			id := func(i int) raft.NodeID { return g.config.Members[i].ID }
			wantFigures(t, id(leader), regs[id(leader)], map[string]float64{
				"raft_proposals_total": 3, "raft_commit_duration_seconds": 3, "raft_proposals_failed_total": 0,
				"raft_read_index_duration_seconds quorum": 2, "raft_read_index_duration_seconds follower": 0,
				"forwarded_commands_total": 0, "raft_read_index_failed_total": 0,
			})
			wantFigures(t, id(follower), regs[id(follower)], map[string]float64{
				"raft_proposals_total": 3, "raft_commit_duration_seconds": 3, "raft_proposals_failed_total": 0,
				"raft_read_index_duration_seconds quorum": 0, "raft_read_index_duration_seconds follower": 2,
				// The GET that came with a SET was executed with it.
				"forwarded_commands_total write": 3, "forwarded_commands_total read": 3 + 4,
				"raft_peer_round_trip_seconds": 0,
			})
			wantFigures(t, id(other), regs[id(other)], map[string]float64{
				"raft_proposals_total": 0, "raft_commit_duration_seconds": 0, "forwarded_commands_total": 0,
			})
			trips := figure(t, regs[id(leader)], "redoubt_raft_peer_round_trip_seconds", string(id(follower))) +
				figure(t, regs[id(leader)], "redoubt_raft_peer_round_trip_seconds", string(id(other)))
			if trips == 0 || trips > 14 {
				t.Errorf("%v round trips for 7 entries to two peers", trips)
			}
		}
	})
}

// Every batch that fails is counted once, and under a reason that fits what the
// client was told.
func TestFiguresOfFailures(t *testing.T) {
	g, regs := measured(t, 3, func(c *Config) { c.CommandTimeout = 500 * time.Millisecond })
	last := g.loseMajority()
	reg := regs[g.config.Members[last].ID]
	const failed, reads = "redoubt_raft_proposals_failed_total", "redoubt_raft_read_index_failed_total"
	outcomes := func() (unknown, refused, all float64) {
		return figure(t, reg, failed, "timeout") + figure(t, reg, failed, "lost_leadership"), figure(t, reg, failed, "not_leader"), figure(t, reg, failed, "")
	}
	unknown, refused, all := outcomes() // on a busy machine the first write may have failed, too
	for range 3 {
		if strings.HasPrefix(g.do(last, "SET a 2"), "-UNCERTAIN ") {
			unknown++
		} else {
			refused++
		}
	}
	g.do(last, "GET a")
	gotUnknown, gotRefused, gotAll := outcomes()
	if gotUnknown != unknown {
		t.Errorf("%v outcomes are counted as unknown, want %v", gotUnknown, unknown)
	}
	if gotRefused != refused {
		t.Errorf("%v proposals are counted as refused for want of a leader, want %v", gotRefused, refused)
	}
	if gotAll != all+3 {
		t.Errorf("%v proposals are counted as failed, want %v", gotAll, all+3)
	}
	if got := figure(t, reg, reads, ""); got != 1 {
		t.Errorf("%v reads are counted as failed, want 1", got)
	}
}

func TestFiguresOfDiskFull(t *testing.T) {
	g, regs := measured(t, 1, func(c *Config) { c.MinFreeBytes = 1 << 62 })
	for !g.nodes[0].Status().DiskFull {
	}
	g.do(0, "SET a 1")
	wantFigures(t, "n1", regs["n1"], map[string]float64{
		"raft_proposals_total": 1, "raft_proposals_failed_total": 1, "raft_proposals_failed_total disk_full": 1,
	})
}

// A snapshot is known with size and time wherever it came from: made here,
// received, or found at the start.
func TestFiguresOfSnapshots(t *testing.T) {
	g, regs := measured(t, 3, func(c *Config) { c.SnapshotBytes = 20_000 })
	g.want(0, "+OK\r\n", "SET a 1")
	down := (g.leader() + 1) % 3
	up := (down + 1) % 3
	id := g.config.Members[down].ID
	g.close(down)
	for g.nodes[g.leader()].Status().FirstIndex < 200 {
		g.do(up, "SET k "+strings.Repeat("x", 100), "INCR n")
	}
	n := g.do(up, "GET n")
	g.open(down)
	g.want(down, n, "GET n")
	const done = "redoubt_raft_snapshots_total"
	for _, op := range []string{"receive ok", "restore ok"} {
		if figure(t, regs[id], done, op) == 0 {
			t.Errorf("%s %s is not counted", done, op)
		}
	}
	sent := 0.0
	for i := range g.nodes { // the leader may have changed
		sent += figure(t, regs[g.config.Members[i].ID], done, "send ok")
	}
	if sent == 0 {
		t.Errorf("%s send ok is not counted", done)
	}
	known := func(what string) {
		t.Helper()
		s := g.nodes[down].Status()
		if s.SnapshotIndex == 0 || s.SnapshotBytes == 0 || s.LastSnapshot.IsZero() {
			t.Errorf("%s: snapshot %d of %d bytes of %v", what, s.SnapshotIndex, s.SnapshotBytes, s.LastSnapshot)
		}
	}
	known("after it came in")
	g.close(down)
	g.open(down)
	known("after a restart")
	if got := figure(t, regs[id], done, "restore ok"); got != 1 {
		t.Errorf("the snapshot was restored %v times at the start, want 1", got)
	}
}

// Whoever asks for the figures is answered while the applier is busy.
func TestStatusWhileTheApplierIsBusy(t *testing.T) {
	g := newGroup(t, 1, nil)
	g.want(0, "+OK\r\n", "SET a 1")
	before := g.nodes[0].Status()
	busy := make(chan Applied) // nobody takes what the applier tells
	g.nodes[0].applies.push(ApplyItem{ask: busy})
	s := g.nodes[0].Status()
	if s.StateHashIndex != before.StateHashIndex || s.StateHash != before.StateHash || s.Store.Keys != 1 {
		t.Errorf("the state is told as %x at %d with %d keys; it was %x at %d", s.StateHash, s.StateHashIndex, s.Store.Keys, before.StateHash, before.StateHashIndex)
	}
	<-busy
	g.want(0, "$1\r\n1\r\n", "GET a")
}

// A snapshot that has been replaced meanwhile is not news.
func TestReplacedSnapshotIsNotNoted(t *testing.T) {
	g := newGroup(t, 1, nil)
	g.want(0, "+OK\r\n", "SET a 1")
	n := g.nodes[0]
	if err := n.TakeSnapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	file, ok, err := n.config.DataDir.LatestSnapshot()
	if err != nil || !ok {
		t.Fatal("no snapshot", err)
	}
	old := file
	old.Meta.Index, old.Size = 0, 1
	n.noteSnapshot(&old)
	if err := os.Remove(file.Path); err != nil {
		t.Fatal(err)
	}
	gone := file
	gone.Meta.Index, gone.Size = file.Meta.Index+1, 2
	n.noteSnapshot(&gone)
	if s := n.Status(); s.SnapshotBytes != file.Size {
		t.Errorf("the newest snapshot is said to have %d bytes, it has %d", s.SnapshotBytes, file.Size)
	}
}

// One append at a time is timed, until the follower has acknowledged its last
// entry. What will not be answered is forgotten, or the next acknowledgement
// would end it after minutes.
func TestRoundTrips(t *testing.T) {
	entries := func(last uint64) raft.Message {
		return raft.Message{Type: raft.MsgAppend, To: "n2", Entries: []raft.Entry{{Index: last - 1}, {Index: last}}}
	}
	ack := func(index uint64) raft.Message {
		return raft.Message{Type: raft.MsgAppendReply, From: "n2", Index: index}
	}
	refusal := ack(20)
	refusal.Reject = true
	sends := func(m raft.Message) func(*Node) { return func(n *Node) { n.sending(&m) } }
	gets := func(m raft.Message) func(*Node) { return func(n *Node) { n.received(&m) } }
	for _, tt := range []struct {
		name  string
		steps []func(*Node)
		want  float64
	}{
		{"acknowledged", []func(*Node){sends(entries(10)), gets(ack(10))}, 1},
		{"acknowledged with a later one", []func(*Node){sends(entries(10)), sends(entries(12)), gets(ack(12)), gets(ack(12))}, 1},
		{"one after the other", []func(*Node){sends(entries(10)), gets(ack(10)), sends(entries(12)), gets(ack(12))}, 2},
		{"an older acknowledgement", []func(*Node){sends(entries(10)), gets(ack(9))}, 0},
		{"nothing was sent", []func(*Node){gets(ack(10))}, 0},
		{"an append without entries", []func(*Node){sends(raft.Message{Type: raft.MsgAppend, To: "n2"}), gets(ack(10))}, 0},
		{"refused", []func(*Node){sends(entries(10)), gets(refusal), gets(ack(10))}, 0},
		{"the link broke", []func(*Node){sends(entries(10)), func(n *Node) { n.dropProbe("n2") }, gets(ack(10))}, 0},
		{"another peer", []func(*Node){sends(entries(10)), gets(raft.Message{Type: raft.MsgAppendReply, From: "n3", Index: 10})}, 0},
	} {
		reg := prometheus.NewRegistry()
		n := &Node{metrics: metrics.New(reg), probes: map[raft.NodeID]*probe{}, now: time.Now()}
		for _, step := range tt.steps {
			step(n)
		}
		if got := figure(t, reg, "redoubt_raft_peer_round_trip_seconds", ""); got != tt.want {
			t.Errorf("%s: %v round trips, want %v", tt.name, got, tt.want)
		}
	}
}

func TestMembersThatLeftHaveNoFigures(t *testing.T) {
	g, regs := measured(t, 3, nil)
	leader := g.leader()
	gone := (leader + 1) % 3
	id := g.config.Members[gone].ID
	trips := func(of raft.NodeID) (sum float64) {
		for _, i := range []int{leader, (leader + 2) % 3} { // another may lead by now
			sum += figure(t, regs[g.config.Members[i].ID], "redoubt_raft_peer_round_trip_seconds", string(of))
		}
		return sum
	}
	for trips(id) == 0 {
		g.do(leader, "SET a 1")
	}
	g.mustChange(leader, raft.MemberChange{Kind: raft.Remove, ID: id})
	g.stoppedWith(gone, ErrRefused, "removed")
	for trips(id) > 0 {
	}
	g.want(leader, "+OK\r\n", "SET a 2")
	if trips(id) > 0 {
		t.Errorf("%v round trips to the member that has left", trips(id))
	}

	reg := prometheus.NewRegistry()
	n := &Node{metrics: metrics.New(reg), probes: map[raft.NodeID]*probe{}, now: time.Now()}
	for _, id := range []raft.NodeID{"n2", "n3"} {
		n.sending(&raft.Message{Type: raft.MsgAppend, To: id, Entries: []raft.Entry{{Index: 1}}})
		n.received(&raft.Message{Type: raft.MsgAppendReply, From: id, Index: 1})
	}
	n.forget([]raft.Member{{ID: "n1"}, {ID: "n2"}, {ID: "n3"}}, []raft.Member{{ID: "n1"}, {ID: "n3"}})
	wantFigures(t, "n1", reg, map[string]float64{"raft_peer_round_trip_seconds n2": 0, "raft_peer_round_trip_seconds n3": 1})
}
