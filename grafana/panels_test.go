package grafana

// The dashboard as a table. In queries @ stands for the selected cluster and
// nodes, # for the whole selected cluster.

type row struct {
	title  string
	panels []panel
}

type panel struct {
	kind          string // stat, timeseries, heatmap, state-timeline, table
	title         string
	width, height int // of 24 columns; in units of about 38 pixels
	unit          string
	about         string // what it shows, and what to think of it
	queries       []query
	levels        []level // colours by value; the first one from minus infinity
	texts         []text  // words instead of values
	show          string  // stat: value (default), name; timeseries: lines (default), stack, area
	max           float64 // of the axis; 0 = none
	columns       []column
}

type query struct {
	expr, legend string
}

type level struct {
	from  float64
	color string
}

type text struct {
	value       string
	word, color string
}

// column is one of a table: the value of the query of the same position.
type column struct {
	title, unit string
	texts       []text
}

func q(expr, legend string) []query { return []query{{expr, legend}} }

// quantiles of a histogram over the selected nodes.
func quantiles(name, selector string) (queries []query) {
	for _, p := range []struct{ q, legend string }{{"0.5", "p50"}, {"0.9", "p90"}, {"0.99", "p99"}, {"0.999", "p99.9"}} {
		queries = append(queries, query{quantile(p.q, name, selector, ""), p.legend})
	}
	return queries
}

func quantile(of, name, selector, by string) string {
	if by != "" {
		by = ", " + by
	}
	return "histogram_quantile(" + of + ", sum by (le" + by + ") (rate(" + name + "_bucket{" + selector + "}[$__rate_interval])))"
}

func rate(name string) string { return "rate(" + name + "{@}[$__rate_interval])" }

// slope is the rate of an index. A restart or a new leader can set one back, which
// a rate would take for a counter that began again at 0: a peak of the whole log.
func slope(name string) string { return "clamp_min(deriv(" + name + "{@}[$__rate_interval]), 0)" }

var good = []level{{0, "green"}}

func badFrom(orange, red float64) []level {
	return []level{{0, "green"}, {orange, "orange"}, {red, "red"}}
}

func roles() []text {
	return []text{{"3", "leader", "green"}, {"2", "candidate", "orange"}, {"1", "follower", "blue"}, {"0", "learner", "purple"}}
}

// role is the number of roles() for each node.
const role = `max by (instance) (redoubt_raft_state{@,state="leader"} * 3 or redoubt_raft_state{@,state=~"candidate|pre_candidate"} * 2 or redoubt_raft_state{@,state="follower"})`

const (
	voters    = `max(redoubt_raft_members{#,role="voter"})`
	votersUp  = `count(redoubt_raft_state{#,state="learner"} == 0)`
	isServing = `(` + votersUp + ` >= bool floor(` + voters + ` / 2) + 1) * max(redoubt_raft_has_leader{#})`
	isWhole   = `(` + votersUp + ` >= bool ` + voters + `) * min(redoubt_raft_has_leader{#}) * (min(redoubt_raft_peer_up{#}) or vector(1))`
)

func rows() []row {
	return []row{{"Health", health()}, {"Traffic", traffic()}, {"Keyspace and clients", keyspace()},
		{"Consensus", consensus()}, {"Peers", peers()}, {"Disk", disk()}, {"Process", process()}}
}

func health() []panel {
	return []panel{
		{kind: "stat", title: "Cluster", width: 6, height: 4,
			about:   "HEALTHY: all voters run, know the leader and reach each other. DEGRADED: it serves, but something is missing. DOWN: no majority with a leader, nothing is served.",
			queries: q("("+isServing+" * (1 + "+isWhole+")) or vector(0)", "cluster"),
			texts:   []text{{"2", "HEALTHY", "green"}, {"1", "DEGRADED", "orange"}, {"0", "DOWN", "red"}},
			levels:  []level{{0, "red"}, {1, "orange"}, {2, "green"}}},
		{kind: "stat", title: "Leader", width: 3, height: 4, show: "name",
			about:   "The node that leads. Two names for longer than an election means that one of them does not know better yet.",
			queries: q("redoubt_raft_is_leader{#} == 1", "{{instance}}"), levels: good},
		{kind: "stat", title: "Nodes up", width: 3, height: 4,
			about:   "Nodes that answer Prometheus, and members that the cluster knows.",
			queries: []query{{"sum(up{#})", "up"}, {"max(sum by (instance) (redoubt_raft_members{#}))", "members"}}, levels: []level{{0, "text"}}},
		{kind: "stat", title: "May still fail", width: 3, height: 4,
			about:   "Voters that may be lost from now on without stopping the cluster.",
			queries: q(votersUp+" - (floor("+voters+" / 2) + 1)", "voters"),
			levels:  []level{{-100, "red"}, {0, "orange"}, {1, "green"}}},
		{kind: "stat", title: "Alerts", width: 3, height: 4,
			about:   "Alerts of alerts.yml that are firing. docs/OPERATIONS.md says for each what to do.",
			queries: q(`count(ALERTS{#,alertstate="firing"}) or vector(0)`, "firing"), levels: badFrom(1, 3)},
		{kind: "stat", title: "Leader changes (1 h)", width: 3, height: 4,
			about:   "More than a few in an hour: disk or network are slower than election-timeout allows.",
			queries: q("max(increase(redoubt_raft_leader_changes_total{#}[1h]))", "changes"), levels: badFrom(3, 10)},
		{kind: "stat", title: "Failed writes", width: 3, height: 4, unit: "ops",
			about:   "Batches of writes that were refused, or whose outcome the client does not know.",
			queries: q("sum(rate(redoubt_raft_proposals_failed_total{#}[$__rate_interval]))", "failed"), levels: []level{{0, "green"}, {0.01, "red"}}},

		{kind: "stat", title: "Commands", width: 4, height: 4, unit: "ops",
			about:   "Commands executed, of all kinds.",
			queries: q("sum("+rate("redoubt_commands_total")+")", "commands"), levels: good},
		{kind: "stat", title: "Write p99", width: 4, height: 4, unit: "s",
			about:   "99 of 100 writes were answered within this time, measured in the server: at least one fsync and one round trip to another node.",
			queries: q(quantile("0.99", "redoubt_command_latency_seconds", `@,class="write"`, ""), "p99"), levels: badFrom(0.05, 0.5)},
		{kind: "stat", title: "Read p99", width: 4, height: 4, unit: "s",
			about:   "99 of 100 reads were answered within this time, measured in the server: a round trip to another node, unless reads are local.",
			queries: q(quantile("0.99", "redoubt_command_latency_seconds", `@,class="read"`, ""), "p99"), levels: badFrom(0.02, 0.2)},
		{kind: "stat", title: "Fsync p99", width: 4, height: 4, unit: "s",
			about:   "The slowest node's fsync. Orange where it begins to cost elections, with the default election-timeout of 150 ms.",
			queries: q("max("+quantile("0.99", "redoubt_wal_fsync_duration_seconds", "@", "instance")+")", "p99"), levels: badFrom(0.05, 0.1)},
		{kind: "stat", title: "Keys", width: 4, height: 4, unit: "short",
			about:   "Keys of all databases.",
			queries: q("max(sum by (instance) (redoubt_db_keys{#})) or vector(0)", "keys"), levels: good},
		{kind: "stat", title: "Dataset", width: 4, height: 4, unit: "bytes",
			about:   "Estimated size of the keyspace, the same on each node.",
			queries: q("max(redoubt_memory_used_bytes{#})", "bytes"), levels: good},

		{kind: "state-timeline", title: "Role of each node", width: 12, height: 8,
			about:   "Who led when. A gap is a node that did not answer Prometheus.",
			queries: q(role, "{{instance}}"), texts: roles(), levels: good},
		{kind: "table", title: "Nodes", width: 12, height: 8,
			about: "Behind: entries that others have committed and this node has not applied.",
			queries: []query{
				{role, ""},
				{"max by (instance, version) (redoubt_build_info{@})", ""},
				{"max by (instance) (time() - process_start_time_seconds{@})", ""},
				{"max by (instance) (clamp_min(scalar(max(redoubt_raft_commit_index{#})) - redoubt_raft_applied_index{@}, 0))", ""},
				{"max by (instance) (process_resident_memory_bytes{@})", ""},
				{"max by (instance) (redoubt_disk_free_bytes{@})", ""},
			},
			columns: []column{{"Role", "none", roles()}, {"Build", "none", nil}, {"Uptime", "s", nil}, {"Behind", "short", nil},
				{"Memory", "bytes", nil}, {"Free disk", "bytes", nil}}},
	}
}

func traffic() []panel {
	return []panel{
		{kind: "timeseries", title: "Commands by command", width: 12, height: 8, unit: "ops", show: "stack",
			about:   "The ten most frequent.",
			queries: q("topk(10, sum by (cmd) ("+rate("redoubt_commands_total")+") > 0)", "{{cmd}}")},
		{kind: "timeseries", title: "Commands by node", width: 12, height: 8, unit: "ops", show: "stack",
			about:   "Any node takes any command; a follower needs the leader for it. Clients that all use one node show here.",
			queries: q("sum by (instance) ("+rate("redoubt_commands_total")+")", "{{instance}}")},
		{kind: "timeseries", title: "Write latency", width: 8, height: 8, unit: "s",
			about:   "From the parsed command to the queued reply. In a pipeline each command has the latency of the whole.",
			queries: quantiles("redoubt_command_latency_seconds", `@,class="write"`)},
		{kind: "timeseries", title: "Read latency", width: 8, height: 8, unit: "s",
			about:   "From the parsed command to the queued reply. In a pipeline each command has the latency of the whole.",
			queries: quantiles("redoubt_command_latency_seconds", `@,class="read"`)},
		{kind: "timeseries", title: "Latency of other commands", width: 8, height: 8, unit: "s",
			about:   "Commands that do not look at keys: PING, CLIENT, INFO, WAIT.",
			queries: quantiles("redoubt_command_latency_seconds", `@,class="admin"`)},
		{kind: "heatmap", title: "Write latency heatmap", width: 12, height: 8, unit: "s",
			about:   "Two bands: two kinds of writes, or a disk that stalls now and then.",
			queries: q(`sum by (le) (increase(redoubt_command_latency_seconds_bucket{@,class="write"}[$__rate_interval]))`, "{{le}}")},
		{kind: "heatmap", title: "Read latency heatmap", width: 12, height: 8, unit: "s",
			about:   "Two bands: reads at the leader and reads at followers.",
			queries: q(`sum by (le) (increase(redoubt_command_latency_seconds_bucket{@,class="read"}[$__rate_interval]))`, "{{le}}")},
		{kind: "timeseries", title: "Mean time by command", width: 8, height: 8, unit: "s",
			about:   "The ten most expensive. A command in a pipeline is charged its share of the pipeline's time.",
			queries: q("topk(10, sum by (cmd) ("+rate("redoubt_commands_duration_seconds_total")+") / (sum by (cmd) ("+rate("redoubt_commands_total")+") > 0))", "{{cmd}}")},
		{kind: "timeseries", title: "Error replies by code", width: 8, height: 8, unit: "ops",
			about:   "CLUSTERDOWN, TRYAGAIN, MISCONF and UNCERTAIN come from the cluster; the others are mostly the clients' own mistakes.",
			queries: q("sum by (code) ("+rate("redoubt_errors_total")+")", "{{code}}")},
		{kind: "timeseries", title: "Failed commands by command", width: 8, height: 8, unit: "ops",
			about:   "Executed commands whose reply was an error; the ten most frequent.",
			queries: q("topk(10, sum by (cmd) ("+rate("redoubt_commands_failed_total")+") > 0)", "{{cmd}}")},
	}
}

func keyspace() []panel {
	return []panel{
		{kind: "timeseries", title: "Keys by database", width: 8, height: 7, unit: "short",
			about: "All keys, and those that have a time to live.",
			queries: []query{{"max by (db) (redoubt_db_keys{#})", "{{db}}"},
				{"max by (db) (redoubt_db_keys_expiring{#})", "{{db}} with TTL"}}},
		{kind: "timeseries", title: "Dataset and its limit", width: 8, height: 7, unit: "bytes",
			about: "Above maxmemory writes that may need memory are refused with OOM; nothing is evicted.",
			queries: []query{{"redoubt_memory_used_bytes{@}", "{{instance}}"},
				{"max(redoubt_memory_max_bytes{@} > 0) or vector(0)", "maxmemory, 0 = none"}}},
		{kind: "timeseries", title: "Hit ratio", width: 8, height: 7, unit: "percentunit", max: 1,
			about:   "Reads that found their key.",
			queries: q("sum("+rate("redoubt_keyspace_hits_total")+") / (sum("+rate("redoubt_keyspace_hits_total")+") + sum("+rate("redoubt_keyspace_misses_total")+"))", "hits")},
		{kind: "timeseries", title: "Expired keys", width: 8, height: 7, unit: "ops",
			about:   "Keys removed because their time was up, the same on each node.",
			queries: q("max("+rate("redoubt_expired_keys_total")+")", "expired")},
		{kind: "timeseries", title: "Clients", width: 8, height: 7, unit: "short",
			about: "Connections, and clients that wait in WAIT or WAITAOF.",
			queries: []query{{"redoubt_connected_clients{@}", "{{instance}}"}, {"redoubt_blocked_clients{@}", "{{instance}} waiting"},
				{"min(redoubt_max_clients{@})", "maxclients"}}},
		{kind: "timeseries", title: "New connections", width: 8, height: 7, unit: "cps",
			about: "Many all the time: a client without a pool. Refused ones by reason.",
			queries: []query{{rate("redoubt_connections_received_total"), "{{instance}}"},
				{"sum by (reason) (" + rate("redoubt_rejected_connections_total") + ")", "refused: {{reason}}"}}},
		{kind: "timeseries", title: "Network in", width: 12, height: 7, unit: "Bps",
			about:   "Bytes from clients.",
			queries: q(rate("redoubt_net_input_bytes_total"), "{{instance}}")},
		{kind: "timeseries", title: "Network out", width: 12, height: 7, unit: "Bps",
			about:   "Bytes to clients.",
			queries: q(rate("redoubt_net_output_bytes_total"), "{{instance}}")},
	}
}
