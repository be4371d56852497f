package server

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"redoubt/raft"
	"redoubt/resp"
)

func connect(t testing.TB, addr string) *resp.Client {
	t.Helper()
	c, err := resp.Dial(addr, testTimeout)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func do(t testing.TB, c *resp.Client, line string) resp.Value {
	t.Helper()
	v, err := c.Do(strings.Fields(line)...)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return v
}

// infoFields returns INFO as a map, and its section titles.
func infoFields(t testing.TB, c *resp.Client, args string) (fields map[string]string, titles []string) {
	t.Helper()
	fields = map[string]string{}
	for _, line := range strings.Split(do(t, c, "INFO "+args).Str, "\r\n") {
		if title, ok := strings.CutPrefix(line, "# "); ok {
			titles = append(titles, title)
		} else if name, value, ok := strings.Cut(line, ":"); ok {
			fields[name] = value
		} else if line != "" {
			t.Errorf("a line of INFO: %q", line)
		}
	}
	return fields, titles
}

func TestInfo(t *testing.T) {
	in := start(t, func(v *Values) { v.MaxMemoryBytes = 1 << 30 })
	c := connect(t, in.addr)
	do(t, c, "SET k v PX 1000000")
	do(t, c, "GET k")
	do(t, c, "GET nosuch")
	do(t, c, "NOSUCH")
	do(t, c, "INCR k")
	fields, titles := infoFields(t, c, "")
	if got, want := strings.Join(titles, " "), "Server Clients Memory Persistence Stats Replication CPU Modules Errorstats Cluster Keyspace Raft"; got != want {
		t.Errorf("sections %s, want %s", got, want)
	}
	_, port, _ := strings.Cut(in.addr, ":")
	for name, want := range map[string]string{
		"redis_version": compatibleVersion, "redoubt_version": "test", "redis_mode": "standalone", "tcp_port": port,
		"connected_clients": "1", "maxclients": "10000", "blocked_clients": "0", "maxmemory": "1073741824", "maxmemory_human": "1.00G",
		"loading": "0", "aof_enabled": "1", "rdb_bgsave_in_progress": "0", "total_connections_received": "1",
		"rejected_connections": "0", "keyspace_hits": "1", "keyspace_misses": "1", "evicted_keys": "0", "total_error_replies": "2",
		"errorstat_ERR": "count=2", "role": "master", "connected_slaves": "0", "cluster_enabled": "0",
		"raft_role": "leader", "raft_leader_id": "n1", "raft_leader_addr": in.addr, "raft_voters": "1", "raft_snapshot_index": "0",
	} {
		if fields[name] != want {
			t.Errorf("%s:%s, want %s", name, fields[name], want)
		}
	}
	for _, name := range []string{"uptime_in_seconds", "process_id", "run_id", "used_memory", "used_memory_rss", "used_memory_peak",
		"rdb_last_save_time", "total_commands_processed", "instantaneous_ops_per_sec", "total_net_input_bytes", "total_net_output_bytes",
		"expired_keys", "master_repl_offset", "used_cpu_sys", "used_cpu_user", "raft_term", "raft_commit_index", "raft_applied_index",
		"raft_last_index", "raft_state_hash"} {
		if fields[name] == "" {
			t.Errorf("%s is missing", name)
		}
	}
	if got := fields["db0"]; !strings.HasPrefix(got, "keys=1,expires=1,avg_ttl=") {
		t.Errorf("db0:%s", got)
	}
	if n := len(fields["master_replid"]); n != replidBytes {
		t.Errorf("master_replid has %d characters", n)
	}
	if _, ok := fields["cmdstat_get"]; ok {
		t.Error("command statistics are in the default sections")
	}
	fields, _ = infoFields(t, c, "commandstats")
	if got := fields["cmdstat_get"]; !strings.HasPrefix(got, "calls=2,usec=") || !strings.HasSuffix(got, ",rejected_calls=0,failed_calls=0") {
		t.Errorf("cmdstat_get:%s", got)
	}
	if got := fields["cmdstat_incr"]; !strings.HasSuffix(got, ",failed_calls=1") {
		t.Errorf("cmdstat_incr:%s", got)
	}
	if _, titles = infoFields(t, c, "KEYSPACE raft nosuch"); !slices.Equal(titles, []string{"Keyspace", "Raft"}) {
		t.Errorf("sections %v", titles)
	}
	if _, titles = infoFields(t, c, "everything"); len(titles) != 13 {
		t.Errorf("sections %v", titles)
	}
	if fields, _ = infoFields(t, c, "stats"); fields["keyspace_hits"] == "0" || fields["keyspace_misses"] == "0" {
		t.Errorf("before a reset: %v", fields)
	}
	do(t, c, "CONFIG RESETSTAT")
	fields, _ = infoFields(t, c, "all")
	for name, want := range map[string]string{
		"total_error_replies": "0", "cmdstat_get": "", "keyspace_hits": "0", "keyspace_misses": "0", "expired_keys": "0",
	} {
		if fields[name] != want {
			t.Errorf("after a reset %s is %q, want %q", name, fields[name], want)
		}
	}
}

func TestClientListAndKill(t *testing.T) {
	in := start(t, nil)
	a, b := connect(t, in.addr), connect(t, in.addr)
	do(t, a, "CLIENT SETNAME first")
	do(t, b, "HELLO 3 SETNAME second")
	do(t, b, "CLIENT SETINFO LIB-NAME lib")
	do(t, b, "SELECT 3")
	do(t, b, "WATCH x y")
	do(t, b, "MULTI")
	do(t, b, "GET x")
	idA, idB := do(t, a, "CLIENT ID").Int, int64(0)
	lines := strings.Split(strings.TrimSpace(do(t, a, "CLIENT LIST").Str), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d clients: %q", len(lines), lines)
	}
	for _, field := range []string{"name=second", "db=3", "multi=1", "watch=2", "flags=x", "cmd=get", "resp=3", "lib-name=lib", "user=default"} {
		if !strings.Contains(lines[1]+" ", " "+field+" ") {
			t.Errorf("no %s in %q", field, lines[1])
		}
	}
	fmt.Sscanf(lines[1], "id=%d ", &idB)
	if got := do(t, a, "CLIENT INFO").Str; got != lines[0]+"\n" && !strings.HasPrefix(got, fmt.Sprintf("id=%d addr=", idA)) {
		t.Errorf("CLIENT INFO: %q", got)
	}
	if got := do(t, a, fmt.Sprintf("CLIENT LIST ID %d 12345", idB)).Str; !strings.HasPrefix(got, fmt.Sprintf("id=%d ", idB)) || strings.Count(got, "\n") != 1 {
		t.Errorf("CLIENT LIST ID: %q", got)
	}
	if got := do(t, a, fmt.Sprintf("CLIENT KILL ID %d", idB)).Int; got != 1 {
		t.Errorf("killed %d", got)
	}
	if v, err := b.Do("PING"); err == nil {
		t.Errorf("the killed client was answered %v", v)
	}
	other := connect(t, in.addr)
	do(t, other, "PING")
	addr := ""
	for _, field := range strings.Fields(do(t, other, "CLIENT INFO").Str) {
		if value, ok := strings.CutPrefix(field, "addr="); ok {
			addr = value
		}
	}
	if got := do(t, a, "CLIENT KILL "+addr); got.Str != "OK" {
		t.Errorf("by address: %+v", got)
	}
}

func TestUnblock(t *testing.T) {
	in := start(t, nil)
	waiter, other := dial(t, "tcp", in.addr), connect(t, in.addr)
	id := strings.Trim(waiter.do(t, "CLIENT ID"), ":\r\n")
	for _, c := range []struct{ reason, want string }{
		{"ERROR", "-" + resp.ErrUnblocked + "\r\n"},
		{"TIMEOUT", ":0\r\n"},
		{"", ":0\r\n"},
	} {
		waiter.send(t, "WAIT 5 0\r\n")
		for do(t, other, "CLIENT UNBLOCK "+id+" "+c.reason).Int == 0 { // not waiting yet
		}
		if got := waiter.reply(t); got != c.want {
			t.Errorf("unblocked with %q: %q, want %q", c.reason, got, c.want)
		}
	}
	// A client that hangs up does not stay.
	waiter.send(t, "WAIT 5 0\r\n")
	waiter.Close()
	for in.Stats().Connected > 1 {
		do(t, other, "PING")
	}
}

func TestPause(t *testing.T) {
	in := start(t, nil)
	a, b := dial(t, "tcp", in.addr), dial(t, "tcp", in.addr)
	a.want(t, "CLIENT PAUSE 1000000 WRITE", "+OK\r\n")
	b.send(t, "GET k\r\nINCR k\r\nGET k\r\n")
	if got := b.reply(t); got != "$-1\r\n" {
		t.Fatal(got)
	}
	a.want(t, "GET k", "$-1\r\n") // INCR has not run
	a.want(t, "CLIENT UNPAUSE", "+OK\r\n")
	if got := b.reply(t) + b.reply(t); got != ":1\r\n$1\r\n1\r\n" {
		t.Fatal(got)
	}
	a.want(t, "CLIENT PAUSE 20", "+OK\r\n")
	b.want(t, "GET k", "$1\r\n1\r\n") // when the pause is over
}

func TestSnapshotCommands(t *testing.T) {
	in := start(t, nil)
	c := connect(t, in.addr)
	started := do(t, c, "LASTSAVE").Int
	if now := time.Now().Unix(); started < now-60 || started > now {
		t.Errorf("LASTSAVE %d at %d", started, now)
	}
	do(t, c, "SET k v")
	fields, _ := infoFields(t, c, "raft")
	applied := fields["raft_applied_index"]
	if got := do(t, c, "SAVE"); got.Str != "OK" {
		t.Fatalf("SAVE: %+v", got)
	}
	if fields, _ = infoFields(t, c, "raft"); fields["raft_snapshot_index"] < applied {
		t.Errorf("after SAVE at %s the newest snapshot is of %s", applied, fields["raft_snapshot_index"])
	}
	do(t, c, "SET k w")
	if got := do(t, c, "BGSAVE"); got.Str != "Background saving started" {
		t.Errorf("BGSAVE: %+v", got)
	}
	if got := do(t, c, "BGSAVE NOSUCH"); got.Str != resp.ErrSyntax {
		t.Errorf("BGSAVE NOSUCH: %+v", got)
	}
}

func TestShutdownCommand(t *testing.T) {
	in := start(t, nil)
	w := dial(t, "tcp", in.addr)
	w.send(t, "SET k v\r\nSHUTDOWN NOSAVE\r\nSET k w\r\n")
	if got := w.rest(t); got != "+OK\r\n" {
		t.Fatalf("answered %q", got)
	}
	<-in.stopped
}

func TestFollower(t *testing.T) {
	list := startCluster(t, 3, nil)
	leader := slices.IndexFunc(list, func(in *instance) bool { return in.node.Status().Role == raft.Leader })
	if leader < 0 {
		t.Skip("the leader has just changed")
	}
	l, f := connect(t, list[leader].addr), connect(t, list[(leader+1)%3].addr)
	host, port, _ := strings.Cut(list[leader].addr, ":")
	do(t, f, "SET k v")
	if got := do(t, l, "GET k").Str; got != "v" {
		t.Errorf("GET k at the leader: %q", got)
	}
	role := do(t, f, "ROLE").Array
	if len(role) != 5 || role[0].Str != "slave" || role[1].Str != host || strconv.FormatInt(role[2].Int, 10) != port || role[3].Str != "connected" {
		t.Errorf("ROLE at a follower: %+v", role)
	}
	if role = do(t, l, "ROLE").Array; len(role) != 3 || role[0].Str != "master" || len(role[2].Array) == 0 {
		t.Errorf("ROLE at the leader: %+v", role)
	}
	fields, _ := infoFields(t, f, "")
	if fields["role"] != "slave" || fields["master_host"] != host || fields["master_port"] != port || fields["master_link_status"] != "up" || fields["raft_role"] != "follower" {
		t.Errorf("INFO at a follower: %v", fields)
	}
	if fields, _ = infoFields(t, l, "replication"); fields["role"] != "master" || !strings.HasPrefix(fields["slave0"], "ip=127.0.0.1,port=") {
		t.Errorf("INFO at the leader: %v", fields)
	}
	hello := do(t, f, "HELLO 2").Array
	if i := slices.IndexFunc(hello, func(v resp.Value) bool { return v.Str == "role" }); i < 0 || hello[i+1].Str != "replica" {
		t.Errorf("HELLO at a follower: %+v", hello)
	}
	if got := do(t, l, "WAIT 2 0").Int; got != 2 {
		t.Errorf("WAIT 2 0 at the leader: %d", got)
	}
	if got := do(t, f, "WAIT 1 0").Int; got < 1 {
		t.Errorf("WAIT 1 0 at a follower: %d", got)
	}
}

// The versions that WATCH saw are in the log entry of EXEC: it does not matter
// who leads.
func TestWatchSurvivesALeaderChange(t *testing.T) {
	list := startCluster(t, 3, nil)
	watching := connect(t, list[0].addr)
	other := connect(t, list[1].addr)
	transfer := func() {
		for _, in := range list {
			if in.node.Status().Role == raft.Leader {
				ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
				defer cancel()
				if err := in.replica.Transfer(ctx, ""); err != nil {
					t.Logf("transfer: %v", err)
				}
				return
			}
		}
	}
	for _, touch := range []bool{true, false} {
		do(t, other, "SET k 1")
		do(t, watching, "WATCH k")
		if touch {
			do(t, other, "SET k 2")
		}
		transfer()
		do(t, watching, "MULTI")
		do(t, watching, "SET k mine")
		got := do(t, watching, "EXEC")
		if touch && !got.Null || !touch && (len(got.Array) != 1 || got.Array[0].Str != "OK") {
			t.Errorf("touched=%t: EXEC replied %+v", touch, got)
		}
	}
}

// A reply must never reach another connection: every value names its owner.
func TestRepliesDoNotCross(t *testing.T) {
	in := start(t, nil)
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			w := dial(t, "tcp", in.addr)
			for round := range 20 {
				var send, want strings.Builder
				for j := range 16 {
					value := fmt.Sprintf("%d-%d-%d", i, round, j)
					fmt.Fprintf(&send, "SET key%d %s\r\nGET key%d\r\nECHO %s\r\n", i, value, i, value)
					bulk := fmt.Sprintf("$%d\r\n%s\r\n", len(value), value)
					want.WriteString("+OK\r\n" + bulk + bulk)
				}
				w.send(t, send.String())
				got := make([]byte, 0, want.Len())
				for range 48 {
					got, _ = w.readReply(got)
				}
				if string(got) != want.String() {
					t.Errorf("connection %d got %.300q, want %.300q", i, got, want.String())
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestGoRedis(t *testing.T) {
	in := start(t, func(v *Values) { v.RequirePass = "secret" })
	ctx := context.Background()
	for _, proto := range []int{2, 3} {
		c := redis.NewClient(&redis.Options{
			Addr: in.addr, Password: "secret", Protocol: proto, DB: 1, ClientName: "tester",
			MaxRetries: -1, ContextTimeoutEnabled: true, ReadTimeout: testTimeout,
		})
		if err := c.Set(ctx, "k", "v", time.Hour).Err(); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Get(ctx, "k").Result(); err != nil || got != "v" {
			t.Errorf("GET: %q, %v", got, err)
		}
		if _, err := c.Get(ctx, "nosuch").Result(); err != redis.Nil {
			t.Errorf("GET nosuch: %v", err)
		}
		if got, err := c.ClientGetName(ctx).Result(); err != nil || got != "tester" {
			t.Errorf("CLIENT GETNAME: %q, %v", got, err)
		}
		cmds, err := c.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Incr(ctx, "n")
			p.Get(ctx, "k")
			return nil
		})
		if err != nil || len(cmds) != 2 {
			t.Errorf("MULTI: %v, %v", cmds, err)
		}
		err = c.Watch(ctx, func(tx *redis.Tx) error {
			if err := c.Set(ctx, "k", "other", 0).Err(); err != nil {
				return err
			}
			_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
				p.Set(ctx, "k", "mine", 0)
				return nil
			})
			return err
		}, "k")
		if err != redis.TxFailedErr {
			t.Errorf("WATCH: %v", err)
		}
		if got, err := c.ConfigGet(ctx, "maxclients").Result(); err != nil || got["maxclients"] != "10000" {
			t.Errorf("CONFIG GET: %v, %v", got, err)
		}
		if got, err := c.Command(ctx).Result(); err != nil || got["get"] == nil {
			t.Errorf("COMMAND: %d commands, %v", len(got), err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestMetrics(t *testing.T) {
	in := start(t, nil)
	w := dial(t, "tcp", in.addr)
	w.do(t, "SET k v", "GET k", "GET k", "INCR k", "PING", "NOSUCH")
	families, err := in.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			name := f.GetName()
			for _, l := range m.Label {
				name += " " + l.GetValue()
			}
			got[name] = m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	for name, want := range map[string]float64{
		"redoubt_connections_received_total": 1,
		"redoubt_commands_total get":         2, "redoubt_commands_total set": 1, "redoubt_commands_total ping": 1,
		"redoubt_commands_failed_total incr": 1, "redoubt_commands_failed_total get": 0,
		"redoubt_errors_total ERR":              2,
		"redoubt_command_latency_seconds read":  2,
		"redoubt_command_latency_seconds write": 2,
		"redoubt_command_latency_seconds admin": 1,
		"redoubt_net_input_bytes_total":         float64(len("SET k v\r\nGET k\r\nGET k\r\nINCR k\r\nPING\r\nNOSUCH\r\n")),
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
}
