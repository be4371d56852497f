package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Every query of the dashboard and every series in an alert has data on a real
// Prometheus that scrapes a healthy cluster under load: there is no panel that is
// empty because nothing is wrong. An alert as a whole is silent then, and an
// annotation marks nothing. What the first panel says follows what happens to the
// cluster.
func TestGrafanaShowsACluster(t *testing.T) {
	path := tool(t, "prometheus")
	c := newCluster(t, 3)
	c.startAll()
	prom := c.startPrometheus(path)
	c.keepBusy()

	board := readDashboard(t)
	hasData := func(what, expr string) {
		t.Helper()
		c.await("data for "+what+": "+expr, func() bool { return len(prom.query(expr)) > 0 })
	}
	state := ""
	for _, p := range board.Panels {
		for _, q := range p.Targets {
			hasData(p.Title, q.Expr)
		}
		if p.Title == "Cluster" {
			state = p.Targets[0].Expr
		}
	}
	for _, r := range prom.rules() {
		for _, selector := range selectors(r.Query) {
			hasData(r.Name, selector)
		}
	}
	if firing := prom.query(`ALERTS{alertstate="firing",alertname!~"RedoubtSlowFsync|RedoubtFrequentElections"}`); len(firing) > 0 {
		t.Errorf("alerts fire on a healthy cluster: %v", firing) // the two depend on the machine
	}

	shows := func(what string, want float64) {
		t.Helper()
		c.await("the dashboard says "+what, func() bool {
			return slices.Equal(slices.Collect(maps.Values(prom.query(state))), []float64{want})
		})
	}
	shows("HEALTHY", 2)
	leader := c.leader()
	followers := slices.DeleteFunc(slices.Clone(c.nodes), func(n *node) bool { return n == leader })
	followers[0].signal(syscall.SIGKILL)
	shows("DEGRADED", 1)
	leader.signal(syscall.SIGKILL)
	shows("DOWN", 0)
	c.await("RedoubtNoLeader fires", func() bool {
		return len(prom.query(`ALERTS{alertname="RedoubtNoLeader",alertstate="firing"}`)) == 1
	})
	c.start(followers[0])
	c.start(leader)
	shows("HEALTHY", 2)
	for _, a := range board.Annotations.List {
		hasData(a.Name, a.Target.Expr)
	}
	for _, r := range prom.rules() {
		if r.Health != "ok" {
			t.Errorf("alert %s: %s: %s", r.Name, r.Health, r.LastError)
		}
	}
}

// keepBusy has clients at every node do a bit of everything until the test ends.
func (c *cluster) keepBusy() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		pause := time.NewTicker(20 * time.Millisecond)
		defer pause.Stop()
		for i := 0; ctx.Err() == nil; i++ {
			for _, n := range c.nodes {
				client := n.client()
				pipe := client.Pipeline()
				pipe.Set(ctx, fmt.Sprint("k", i%100), i, 0)
				pipe.Set(ctx, "short", i, 50*time.Millisecond)
				pipe.Incr(ctx, "n")
				_, _ = pipe.Exec(ctx) // nodes are killed: errors are a part of it
				client.Get(ctx, fmt.Sprint("k", i%100))
				client.Get(ctx, "missing")
				client.Do(ctx, "INCR", "n", "too", "many")
				client.Append(ctx, "text", "x")
				client.Incr(ctx, "text") // not a number
				if i%100 == 0 {
					client.Do(ctx, "BGSAVE")
				}
				client.Close()
			}
			<-pause.C
		}
	}()
	c.t.Cleanup(func() {
		cancel()
		<-done
	})
}

// scraper is a running Prometheus that scrapes the cluster.
type scraper struct {
	c   *cluster
	url string
}

// startPrometheus runs Prometheus with the files of grafana/, on the addresses of
// this cluster and faster.
func (c *cluster) startPrometheus(path string) *scraper {
	t := c.t
	t.Helper()
	dir := t.TempDir()
	var targets strings.Builder
	for _, n := range c.nodes {
		fmt.Fprintf(&targets, "- targets: [%q]\n  labels: {instance: %s}\n", n.web, n.id)
	}
	files := map[string]string{"targets.yml": targets.String()}
	for _, name := range []string{"prometheus.yml", "alerts.yml"} {
		text, err := os.ReadFile("../../grafana/prometheus/" + name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = strings.ReplaceAll(string(text), "_interval: 5s", "_interval: 1s")
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	addr := freePorts(t, 1)[0]
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(path, "--config.file", filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path", filepath.Join(dir, "data"), "--web.listen-address", addr)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
		if text, _ := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("log of Prometheus (its end):\n%s", text[max(0, len(text)-2000):])
		}
	})
	p := &scraper{c, "http://" + addr}
	c.await("Prometheus is ready", func() bool {
		res, err := http.Get(p.url + "/-/ready")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return p
}

// get asks Prometheus's API; what it does not understand fails the test.
func (p *scraper) get(path string, values url.Values, data any) {
	p.c.t.Helper()
	res, err := http.PostForm(p.url+path, values)
	if path != "/api/v1/query" {
		res, err = http.Get(p.url + path)
	}
	if err != nil {
		p.c.t.Fatal(err)
	}
	defer res.Body.Close()
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer.Status != "success" {
		p.c.t.Fatalf("Prometheus refuses %v: %s, %v", values, answer.Error, err)
	}
}

// query returns the value of every series, those that are not a number left out.
func (p *scraper) query(expr string) map[string]float64 {
	p.c.t.Helper()
	expr = strings.NewReplacer("$job", "redoubt", "$instance", ".+", "$__rate_interval", "10s").Replace(expr)
	var data struct {
		ResultType string
		Result     json.RawMessage
	}
	p.get("/api/v1/query", url.Values{"query": {expr}}, &data)
	var vector []struct {
		Metric map[string]string
		Value  [2]any
	}
	if err := json.Unmarshal(data.Result, &vector); err != nil {
		p.c.t.Fatalf("%s is a %s: %v", expr, data.ResultType, err)
	}
	values := map[string]float64{}
	for _, s := range vector {
		var v float64
		if _, err := fmt.Sscan(s.Value[1].(string), &v); err == nil && v == v {
			values[fmt.Sprint(s.Metric)] = v
		}
	}
	return values
}

type rule struct{ Name, Query, Health, LastError string }

func (p *scraper) rules() []rule {
	p.c.t.Helper()
	var data struct{ Groups []struct{ Rules []rule } }
	p.get("/api/v1/rules", nil, &data)
	if len(data.Groups) != 1 || len(data.Groups[0].Rules) < 10 {
		p.c.t.Fatalf("Prometheus has other alerts: %+v", data)
	}
	return data.Groups[0].Rules
}

// selectors are the series that a query looks at.
func selectors(query string) []string {
	return regexp.MustCompile(`\b(?:(?:redoubt|process)_\w+|up)\b(?:\{[^}]*\})?`).FindAllString(query, -1)
}

type dashboard struct {
	Panels []struct {
		Title   string
		Targets []struct{ Expr string }
	}
	Annotations struct {
		List []struct {
			Name   string
			Target struct{ Expr string }
		}
	}
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	text, err := os.ReadFile("../../grafana/dashboards/redoubt.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// promtool finds nothing to object to on the page of a node that has seen some
// traffic.
func TestMetricsPageIsSound(t *testing.T) {
	promtool := tool(t, "promtool")
	c := newCluster(t, 1)
	c.startAll()
	c.set("a", "1")
	res, err := http.Get("http://" + c.nodes[0].web + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	cmd := exec.Command(promtool, "check", "metrics")
	cmd.Stdin = res.Body
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}
