package bench

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// sampleSuite has two rounds, throughputs that differ by system and workload,
// and a failure.
func sampleSuite() *Suite {
	s := &Suite{
		Began: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC), Each: 2 * time.Second, Note: "The machine was not quiet.",
		Machine:  Machine{CPU: "Some CPU", Cores: 2, Memory: "24 GiB", Kernel: "6.1.0", OS: "Debian", FileSystem: "ext4", SyncUs: 180, Load: "0.10 0.20 0.30"},
		Versions: []string{"redoubt 0.1.0", "Redis server v=7.0.15"},
		Systems: []SystemReport{
			{redoubtOne, "durable", []string{"redoubt serve"}}, {redoubtThree, "durable on two", []string{"redoubt serve --id n1", "redoubt serve --id n2"}},
			{redoubtAny, "the same", nil}, {redisOne, "durable", []string{"redis-server"}}, {redisThree, "durable on one", []string{"redis-server", "redis-server --replicaof"}},
		},
	}
	s.Memory = []MemoryReport{{redoubtOne, 120, 250.4}, {redisOne, 100, 101}}
	for i, w := range workloads() {
		s.Loads = append(s.Loads, WorkloadReport{w.name, "redoubt bench --commands " + w.commands})
		for round := range 2 {
			for j, sys := range s.Systems {
				s.Runs = append(s.Runs, SuiteRun{
					Round: round + 1, Workload: w.name, System: sys.Name, PerSecond: float64(10_000 * (i + 1) * (j + 1) / (round + 1)),
					P50: 100 * float64(5-j), P99: 290 * float64(5-j), Failed: int64(i / 7 * j / 4), Uncertain: 0,
				})
			}
		}
	}
	return s
}

func TestReport(t *testing.T) {
	golden(t, "report.md", sampleSuite().Markdown())
}

func TestReportOfMemoryAndWithoutRedis(t *testing.T) {
	s := sampleSuite()
	s.Machine.FileSystem = "tmpfs"
	s.Systems, s.Memory, s.Skipped = s.Systems[:3], s.Memory[:1], []string{redisOne, redisThree}
	var runs []SuiteRun
	for _, r := range s.Runs {
		if strings.HasPrefix(r.System, "redoubt") {
			runs = append(runs, r)
		}
	}
	s.Runs = runs
	text := s.Markdown()
	for _, want := range []string{"no figure is one of durable writes", "Not installed and not measured: redis (1 node); redis (2 replicas).",
		"### Where redoubt loses\n\nRedis was not measured.\n",
		"| SET: throughput of redoubt (3 nodes) to redis (1 node) | not measured | | at least 0.8 | |"} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
}

func TestMedian(t *testing.T) {
	s := &Suite{}
	for i, v := range []float64{5, 1, 4, 2} {
		s.Runs = append(s.Runs, SuiteRun{Round: i, Workload: "w", System: "s", PerSecond: v, P50: 10 * v})
	}
	if m := median(s, "w", "s", throughput()); m != 3 {
		t.Errorf("median of 1 2 4 5: %v", m)
	}
	if v := best(s, "w", "s", throughput()); v != 5 {
		t.Errorf("best throughput of 1 2 4 5: %v", v)
	}
	if v := best(s, "w", "s", p50()); v != 10 {
		t.Errorf("best latency of 10 20 40 50: %v", v)
	}
	s.Runs = s.Runs[:3]
	if m := median(s, "w", "s", throughput()); m != 4 {
		t.Errorf("median of 1 4 5: %v", m)
	}
	if m := median(s, "w", "t", throughput()); m != 0 {
		t.Errorf("median of nothing: %v", m)
	}
}

func TestReplaceReport(t *testing.T) {
	page := "before\n" + reportBegin + "old\n" + reportEnd + "after\n"
	got, err := ReplaceReport(page, "new\n")
	if want := "before\n" + reportBegin + "\nnew\n\n" + reportEnd + "after\n"; err != nil || got != want {
		t.Errorf("%q, %v", got, err)
	}
	if again, err := ReplaceReport(got, "new\n"); err != nil || again != got {
		t.Errorf("a second time: %q, %v", again, err)
	}
	for _, page := range []string{"", reportBegin, reportEnd + reportBegin} {
		if _, err := ReplaceReport(page, "new\n"); err == nil {
			t.Errorf("%q has a place", page)
		}
	}
}

// The whole suite with runs that are too short for figures: every system gets
// every workload in every round, and nothing fails.
func TestSuite(t *testing.T) {
	if testing.Short() {
		t.Skip("runs seven servers")
	}
	redis, err := exec.LookPath("redis-server")
	if err != nil {
		t.Log("redis-server is not installed: without it")
	}
	o := SuiteOptions{Redoubt: program, Redis: redis, Dir: t.TempDir(), Rounds: 1, Each: 100 * time.Millisecond}
	s, err := RunSuite(t.Context(), o, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	systems := 5
	if redis == "" {
		systems = 3
	}
	if len(s.Systems) != systems || len(s.Runs) != systems*len(workloads()) {
		t.Errorf("%d systems, %d runs", len(s.Systems), len(s.Runs))
	}
	succeeded := map[string]float64{}
	for _, r := range s.Runs {
		if r.Failed+r.Uncertain != 0 {
			t.Errorf("%+v", r)
		}
		succeeded[r.System] += r.PerSecond // on a busy machine a tenth of a second may see none
	}
	for _, sys := range s.Systems {
		if succeeded[sys.Name] == 0 {
			t.Errorf("%s never answered", sys.Name)
		}
	}
	for _, m := range s.Memory {
		if m.Own < 32 || m.Resident < 32 && m.Resident != 0 {
			t.Errorf("%+v is less than the keys and values themselves", m)
		}
	}
	text := s.Markdown()
	for _, want := range append([]string{"### Ratios", "### Every run"}, s.Versions...) {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, o.Dir) || strings.Contains(text, program) {
		t.Errorf("the report has paths of this machine:\n%s", text)
	}
}
