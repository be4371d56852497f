package main

import (
	"context"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The tools that Redis's users have work unmodified, against any node.

func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// run runs a tool to its end and returns everything that it printed.
func run(t *testing.T, path string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", path, args, err, out)
	}
	return string(out)
}

func (n *node) hostPort() (host, port string) {
	host, port, _ = strings.Cut(n.addr, ":")
	return host, port
}

func TestRedisBenchmarkRunsWithoutError(t *testing.T) {
	benchmark := tool(t, "redis-benchmark")
	c := newCluster(t, 3)
	c.startAll()
	for _, n := range c.nodes {
		host, port := n.hostPort()
		for _, proto := range []string{"", "-3"} {
			args := []string{"-h", host, "-p", port, "-t", "set,get", "-c", "50", "-P", "16", "-n", "20000", "-r", "1000", "--csv"}
			if proto != "" {
				args = append(args, proto)
			}
			out := run(t, benchmark, args...)
			if !strings.Contains(out, `"SET"`) || !strings.Contains(out, `"GET"`) || strings.Contains(strings.ToLower(out), "err") || strings.Contains(out, "WARN") {
				t.Errorf("%s: redis-benchmark printed:\n%s", n.id, out)
			}
		}
	}
	c.awaitEqualState()
}

func TestRedisCLI(t *testing.T) {
	cli := tool(t, "redis-cli")
	c := newCluster(t, 3)
	c.startAll()
	for i, tc := range []struct{ args, want string }{
		{"SET a 1", "OK\n"},
		{"GET a", "1\n"},
		{"-3 HGETALL a", "ERR unknown command 'HGETALL', with args beginning with: 'a' \n\n"},
		{"-3 INCR a", "2\n"},
		{"-n 3 SET b x", "OK\n"},
		{"-n 3 DBSIZE", "1\n"},
		{"--scan", "a\n"},
		{"COMMAND COUNT", ""},
		{"--bigkeys", ""},
		{"-3 COMMAND DOCS get", ""},
		{"--latency-dist --help", ""},
	} {
		host, port := c.nodes[i%3].hostPort()
		out := run(t, cli, append([]string{"-h", host, "-p", port}, strings.Fields(tc.args)...)...)
		if tc.want != "" && out != tc.want {
			t.Errorf("redis-cli %s printed %q, want %q", tc.args, out, tc.want)
		}
		if tc.want == "" && (out == "" || strings.HasPrefix(out, "ERR")) {
			t.Errorf("redis-cli %s printed %q", tc.args, out)
		}
	}
}

// redis_exporter finds a Redis that is up, and its figures.
func TestRedisExporter(t *testing.T) {
	exporter := tool(t, "prometheus-redis-exporter")
	c := newCluster(t, 1)
	c.startAll()
	c.set("a", "1")
	addr := freePorts(t, 1)[0]
	cmd := exec.Command(exporter, "-redis.addr", c.nodes[0].addr, "-web.listen-address", addr)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
	}()
	var page string
	c.await("the exporter's page", func() bool {
		res, err := http.Get("http://" + addr + "/metrics")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		page = string(body)
		return err == nil && strings.Contains(page, "redis_up ")
	})
	for _, want := range []string{
		"redis_up 1\n", `redis_exporter_last_scrape_error{err=""} 0`, `redis_db_keys{db="db0"} 1`,
		"redis_connected_clients ", "redis_commands_processed_total ", "redis_memory_used_bytes ", "redis_uptime_in_seconds ",
		"redis_config_maxclients 10000", "redis_aof_enabled 1", "redis_keyspace_hits_total ", `role="master"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the exporter's page lacks %q", want)
		}
	}
}
