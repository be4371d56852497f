package metrics

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// full is a state in which every scrape-time series has a sample.
func full() Gauges {
	return Gauges{
		Version: "0.1.0", Revision: "abc", GoVersion: "go1.26",
		ConnectedClients: 3, BlockedClients: 1, MaxClients: 10000,
		Databases:       []DatabaseGauges{{DB: 0, Keys: 7, KeysExpiring: 2}, {DB: 9, Keys: 1}},
		MemoryUsedBytes: 4096, KeyspaceHits: 5, KeyspaceMisses: 6, ExpiredKeys: 4,
		Role: "leader", HasLeader: true, Term: 8, Voters: 3, Learners: 1,
		ElectionsWon: 1, ElectionsLost: 2, PreVotesLost: 3,
		FirstIndex: 10, LastIndex: 100, CommitIndex: 99, AppliedIndex: 98,
		ProposalsPending: 2, LastContactSeconds: 0.01,
		Peers: []PeerGauges{
			{ID: "n2", Up: true, MatchIndex: 99, SentBytes: 11, ReceivedBytes: 12},
			{ID: "n3", MatchIndex: 120, SendFailures: 13},
		},
		SnapshotIndex: 9, SnapshotSizeBytes: 512, SnapshotTime: time.UnixMilli(1_700_000_000_500),
		WALSizeBytes: 1 << 20, WALSegments: 2, DiskFreeBytes: 1 << 30, DiskMinFreeBytes: 128 << 20,
	}
}

// everything registers all series and gives each one a sample.
func everything(reg prometheus.Registerer, g func() Gauges) *Metrics {
	m := New(reg)
	RegisterGauges(reg, g)
	m.Server.Command("get").Calls.Inc()
	m.Server.Errors("WRONGTYPE").Inc()
	m.Peer.RoundTripSeconds("n2").Observe(0.001)
	return m
}

func TestNamesPassTheLinter(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	everything(reg, full)
	problems, err := testutil.GatherAndLint(reg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestTwoNodesInOneProcess(t *testing.T) {
	a, b := prometheus.NewPedanticRegistry(), prometheus.NewPedanticRegistry()
	ma := everything(a, full)
	everything(b, full)
	ma.Raft.LeaderChanges.Inc()

	const series = "redoubt_raft_leader_changes_total"
	for _, tt := range []struct {
		name string
		reg  prometheus.Gatherer
		want float64
	}{{"counted", a, 1}, {"other", b, 0}} {
		if got := sample(t, tt.reg, series); got != tt.want {
			t.Errorf("%s node: %s = %v, want %v", tt.name, series, got, tt.want)
		}
	}
}

func TestOneRegistryServesOneNode(t *testing.T) {
	reg := prometheus.NewRegistry()
	New(reg)
	defer func() {
		if recover() == nil {
			t.Error("a second node was registered with the same registry")
		}
	}()
	New(reg)
}

func TestCatalogueIsWhatIsGathered(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	everything(reg, full)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var gathered, listed []string
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "redoubt_") {
			continue
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		slices.Sort(labels)
		gathered = append(gathered, fmt.Sprintf("%s %s %v %s", f.GetName(), strings.ToLower(f.GetType().String()), labels, f.GetHelp()))
	}
	for _, s := range Catalogue() {
		labels := slices.Sorted(slices.Values(s.Labels))
		listed = append(listed, fmt.Sprintf("%s %s %v %s", s.Name, s.Type, labels, s.Help))
	}
	slices.Sort(gathered)
	slices.Sort(listed)
	if !slices.Equal(gathered, listed) {
		t.Errorf("gathered:\n%s\nlisted:\n%s", strings.Join(gathered, "\n"), strings.Join(listed, "\n"))
	}
}

// Dashboards and alerts are written against these names. A series is either
// there or absent for a reason.
func TestPlannedSeries(t *testing.T) {
	absent := map[string]string{
		"redoubt_pubsub_channels":    "there is no pub/sub",
		"redoubt_evicted_keys_total": "there is no eviction: at the memory limit writes are refused",
		"redoubt_slowlog_length":     "there is no slow log",
		"redoubt_redirects_total":    "no node redirects: each forwards",
	}
	planned := strings.Fields(`
		redoubt_build_info redoubt_connected_clients redoubt_blocked_clients redoubt_pubsub_channels
		redoubt_max_clients redoubt_connections_received_total redoubt_rejected_connections_total
		redoubt_commands_total redoubt_commands_duration_seconds_total redoubt_commands_failed_total
		redoubt_command_latency_seconds redoubt_errors_total redoubt_forwarded_commands_total
		redoubt_redirects_total redoubt_net_input_bytes_total redoubt_net_output_bytes_total
		redoubt_keyspace_hits_total redoubt_keyspace_misses_total redoubt_expired_keys_total
		redoubt_evicted_keys_total redoubt_db_keys redoubt_db_keys_expiring redoubt_memory_used_bytes
		redoubt_memory_max_bytes redoubt_slowlog_length
		redoubt_raft_has_leader redoubt_raft_is_leader redoubt_raft_state redoubt_raft_term
		redoubt_raft_members redoubt_raft_leader_changes_total redoubt_raft_elections_total
		redoubt_raft_first_index redoubt_raft_last_index redoubt_raft_commit_index
		redoubt_raft_applied_index redoubt_raft_snapshot_index redoubt_raft_proposals_pending
		redoubt_raft_proposals_total redoubt_raft_proposals_failed_total
		redoubt_raft_commit_duration_seconds redoubt_raft_apply_duration_seconds
		redoubt_raft_batch_entries redoubt_raft_read_index_duration_seconds
		redoubt_raft_read_index_failed_total redoubt_raft_leader_last_contact_seconds
		redoubt_raft_peer_up redoubt_raft_peer_match_index redoubt_raft_peer_lag_entries
		redoubt_raft_peer_round_trip_seconds redoubt_raft_peer_sent_bytes_total
		redoubt_raft_peer_received_bytes_total redoubt_raft_peer_send_failures_total
		redoubt_raft_snapshots_total redoubt_raft_snapshot_duration_seconds
		redoubt_raft_snapshot_size_bytes redoubt_raft_snapshot_timestamp_seconds
		redoubt_wal_fsync_duration_seconds redoubt_wal_write_duration_seconds
		redoubt_wal_written_bytes_total redoubt_wal_size_bytes redoubt_wal_segments
		redoubt_wal_truncated_records_total redoubt_disk_free_bytes redoubt_disk_min_free_bytes`)
	have := map[string]bool{}
	for _, s := range Catalogue() {
		have[s.Name] = true
		if !slices.Contains(planned, s.Name) {
			t.Errorf("%s is not among the planned series", s.Name)
		}
	}
	for _, name := range planned {
		switch {
		case have[name] && absent[name] != "":
			t.Errorf("%s exists now: strike it off the list of absent ones (%s)", name, absent[name])
		case !have[name] && absent[name] == "":
			t.Errorf("%s is missing", name)
		}
	}
}

func TestScrapedValues(t *testing.T) {
	const want = `
# HELP redoubt_db_keys Keys per database.
# TYPE redoubt_db_keys gauge
redoubt_db_keys{db="db0"} 7
redoubt_db_keys{db="db9"} 1
# HELP redoubt_raft_elections_total Elections this node started.
# TYPE redoubt_raft_elections_total counter
redoubt_raft_elections_total{outcome="lost"} 2
redoubt_raft_elections_total{outcome="prevote_lost"} 3
redoubt_raft_elections_total{outcome="won"} 1
# HELP redoubt_raft_peer_lag_entries Entries the peer is behind the leader, leader only.
# TYPE redoubt_raft_peer_lag_entries gauge
redoubt_raft_peer_lag_entries{peer="n2"} 1
redoubt_raft_peer_lag_entries{peer="n3"} 0
# HELP redoubt_raft_snapshot_timestamp_seconds Unix time of the newest snapshot.
# TYPE redoubt_raft_snapshot_timestamp_seconds gauge
redoubt_raft_snapshot_timestamp_seconds 1.7000000005e+09
# HELP redoubt_raft_state 1 for the state this node is in.
# TYPE redoubt_raft_state gauge
redoubt_raft_state{state="candidate"} 0
redoubt_raft_state{state="follower"} 0
redoubt_raft_state{state="leader"} 1
redoubt_raft_state{state="learner"} 0
redoubt_raft_state{state="pre_candidate"} 0
`
	reg := prometheus.NewPedanticRegistry()
	RegisterGauges(reg, full)
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "redoubt_db_keys", "redoubt_raft_elections_total",
		"redoubt_raft_peer_lag_entries", "redoubt_raft_snapshot_timestamp_seconds", "redoubt_raft_state"); err != nil {
		t.Error(err)
	}
}

// A figure that a node does not have is left out; 0 would be a lie.
func TestUnknownFiguresAreLeftOut(t *testing.T) {
	g := full()
	g.Role, g.SnapshotTime = "follower", time.Time{}
	reg := prometheus.NewPedanticRegistry()
	RegisterGauges(reg, func() Gauges { return g })
	for _, name := range []string{
		"redoubt_raft_peer_match_index", "redoubt_raft_peer_lag_entries",
		"redoubt_raft_snapshot_size_bytes", "redoubt_raft_snapshot_timestamp_seconds",
	} {
		n, err := testutil.GatherAndCount(reg, name)
		if err != nil {
			t.Fatal(err)
		}
		if n != 0 {
			t.Errorf("%s has %d samples, want none", name, n)
		}
	}
}

// A new leader has not heard from every peer yet, and that is no lag of the
// whole log.
func TestPeerThatWasNotHeardYet(t *testing.T) {
	g := full()
	g.Peers[1].MatchIndex = 0
	const want = `
# HELP redoubt_raft_peer_lag_entries Entries the peer is behind the leader, leader only.
# TYPE redoubt_raft_peer_lag_entries gauge
redoubt_raft_peer_lag_entries{peer="n2"} 1
# HELP redoubt_raft_peer_match_index Highest index known replicated on the peer, leader only.
# TYPE redoubt_raft_peer_match_index gauge
redoubt_raft_peer_match_index{peer="n2"} 99
`
	reg := prometheus.NewPedanticRegistry()
	RegisterGauges(reg, func() Gauges { return g })
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "redoubt_raft_peer_lag_entries", "redoubt_raft_peer_match_index"); err != nil {
		t.Error(err)
	}
}

func TestKnownLabelValuesStartAtZero(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	New(reg)
	for name, want := range map[string]int{
		"redoubt_rejected_connections_total":       2,
		"redoubt_forwarded_commands_total":         2,
		"redoubt_raft_proposals_failed_total":      6,
		"redoubt_raft_snapshots_total":             8,
		"redoubt_command_latency_seconds":          3,
		"redoubt_raft_read_index_duration_seconds": 2,
		"redoubt_raft_snapshot_duration_seconds":   4,
	} {
		got, err := testutil.GatherAndCount(reg, name)
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s has %d series at the start, want %d", name, got, want)
		}
	}
}

func TestServer(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	s := New(reg).Server
	get := s.Command("get")
	get.Calls.Add(3)
	get.Failed.Inc()
	get.Seconds.Add(0.25)
	s.Observe(ClassRead, 0.1)
	s.Observe(ClassWrite, 0.1)
	s.Observe("session", 0.1)
	s.RejectedConnections(RejectedMaxClients).Inc()

	const want = `
# HELP redoubt_commands_duration_seconds_total Time spent serving commands, by command.
# TYPE redoubt_commands_duration_seconds_total counter
redoubt_commands_duration_seconds_total{cmd="get"} 0.25
# HELP redoubt_commands_failed_total Commands that replied with an error, by command.
# TYPE redoubt_commands_failed_total counter
redoubt_commands_failed_total{cmd="get"} 1
# HELP redoubt_commands_total Commands executed, by command.
# TYPE redoubt_commands_total counter
redoubt_commands_total{cmd="get"} 3
# HELP redoubt_rejected_connections_total Refused client connections.
# TYPE redoubt_rejected_connections_total counter
redoubt_rejected_connections_total{reason="auth"} 0
redoubt_rejected_connections_total{reason="max_clients"} 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "redoubt_commands_total", "redoubt_commands_failed_total",
		"redoubt_commands_duration_seconds_total", "redoubt_rejected_connections_total"); err != nil {
		t.Error(err)
	}
	for _, class := range []string{ClassRead, ClassWrite, ClassAdmin} {
		if got := observations(t, reg, "redoubt_command_latency_seconds", class); got != 1 {
			t.Errorf("class %s has %d observations, want 1", class, got)
		}
	}
}

func TestSnapshotResults(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	s := New(reg).Snapshot
	s.Observe(SnapshotSend, 0.5, nil)
	s.Observe(SnapshotSend, 0.5, errors.New("link broke"))
	s.Observe(SnapshotSend, 0.5, errors.New("link broke"))
	if got := testutil.ToFloat64(s.done.WithLabelValues(SnapshotSend, "ok")); got != 1 {
		t.Errorf("ok = %v, want 1", got)
	}
	if got := testutil.ToFloat64(s.done.WithLabelValues(SnapshotSend, "error")); got != 2 {
		t.Errorf("error = %v, want 2", got)
	}
	if got := observations(t, reg, "redoubt_raft_snapshot_duration_seconds", SnapshotSend); got != 1 {
		t.Errorf("durations = %d, want that of the one that succeeded", got)
	}
}

func TestForgottenPeerLeavesNoSeries(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	p := New(reg).Peer
	p.RoundTripSeconds("n2").Observe(0.001)
	p.RoundTripSeconds("n3").Observe(0.001)
	p.Forget("n2")
	n, err := testutil.GatherAndCount(reg, "redoubt_raft_peer_round_trip_seconds")
	if err != nil {
		t.Fatal(err)
	}
	if n != 1 {
		t.Errorf("%d peers are left, want n3 only", n)
	}
}

func TestHistogramsAreClassicAndNative(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m := New(reg)
	m.WAL.FsyncSeconds.Observe(0.0001)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "redoubt_wal_fsync_duration_seconds" {
			continue
		}
		h := f.GetMetric()[0].GetHistogram()
		if first := h.GetBucket()[0].GetUpperBound(); first != 50e-6 {
			t.Errorf("the first bucket ends at %v s, want 50 µs", first)
		}
		if len(h.GetPositiveDelta()) == 0 {
			t.Error("no native buckets")
		}
		return
	}
	t.Fatal("series not found")
}

func sample(t *testing.T, g prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("%s not gathered", name)
	return 0
}

func observations(t *testing.T, g prometheus.Gatherer, name, label string) uint64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && m.GetLabel()[0].GetValue() == label {
				return m.GetHistogram().GetSampleCount()
			}
		}
	}
	t.Fatalf("%s{%s} not gathered", name, label)
	return 0
}
