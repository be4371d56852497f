package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"redoubt/bench"
)

func TestBenchArguments(t *testing.T) {
	nobody := freePorts(t, 1)[0]
	dir := t.TempDir()
	page := filepath.Join(dir, "page.md")
	if err := os.WriteFile(page, []byte("no place\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args string
		code int
		says string
	}{
		{"--help", exitOK, "ping, get, set"},
		{"--nonsense", exitUsage, "nonsense"},
		{"extra", exitUsage, "no argument"},
		{"--commands fly", exitUsage, "there are ping"},
		{"--value-bytes many", exitUsage, "neither a number nor a range"},
		{"--fill perhaps", exitUsage, "neither yes nor no"},
		{"--zipf 0.5 --pipeline 0", exitUsage, "pipeline 0"},
		{"--addr " + nobody, exitError, "connection refused"},
		{"--addr " + nobody + " --compat", exitError, "connection refused"},
		{"suite --help", exitOK, "Usage: redoubt bench suite"},
		{"suite extra", exitUsage, "no argument"},
		{"suite --rounds 0", exitUsage, "at least 1"},
		{"suite --redis-server /does/not/exist", exitUsage, "no such file"},
		{"suite --report /does/not/exist", exitError, "no such file"},
		{"suite --report " + page, exitError, "no place for the report"},
	} {
		var out, errs bytes.Buffer
		code := runBench(t.Context(), strings.Fields(tt.args), &out, &errs)
		if text := out.String() + errs.String(); code != tt.code || !strings.Contains(text, tt.says) {
			t.Errorf("bench %s: code %d, %.300q", tt.args, code, text)
		}
	}
}

// Every flag stands in the help text and every flag of the text exists.
func TestBenchHelpIsComplete(t *testing.T) {
	for _, tt := range []struct{ command, help string }{{"bench", benchHelp()}, {"bench suite", benchSuiteUsage}} {
		for _, m := range regexp.MustCompile(`(?m)^  --([a-z-]+)`).FindAllStringSubmatch(tt.help, -1) {
			var out, errs bytes.Buffer
			args := append(strings.Fields(tt.command)[1:], "--"+m[1]+"=%", "extra")
			if runBench(t.Context(), args, &out, &errs); strings.Contains(errs.String(), "not defined") {
				t.Errorf("%s has no --%s: %s", tt.command, m[1], errs.String())
			}
		}
		for line := range strings.Lines(tt.help) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > 80 {
				t.Errorf("%d columns: %s", n, line)
			}
		}
	}
}

func TestBenchAgainstANode(t *testing.T) {
	c := newCluster(t, 1)
	c.startAll()
	dir := t.TempDir()
	base := []string{"--addr", c.nodes[0].addr, "--requests", "2000", "--warmup", "0s", "--keys", "100", "--connections", "5"}
	// At this rate it takes two seconds at least: enough for a chart over time.
	files := []string{"--rate", "1000", "--csv", filepath.Join(dir, "a.csv"), "--svg", filepath.Join(dir, "a.svg")}

	var out, errs bytes.Buffer
	if code := runBench(t.Context(), append(base, files...), &out, &errs); code != exitOK {
		t.Fatalf("code %d: %s", code, errs.String())
	}
	for _, want := range []string{"sent        2,000", "failed      0", "requests per second", "p99.9"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("lacks %q:\n%s", want, out.String())
		}
	}
	if strings.ContainsAny(errs.String(), "\r\x1b") {
		t.Errorf("the progress is for a terminal: %q", errs.String())
	}
	if text, err := os.ReadFile(filepath.Join(dir, "a.csv")); err != nil || !strings.HasPrefix(string(text), "seconds,") {
		t.Errorf("csv: %.100q, %v", text, err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "a.svg")); err != nil || xml.Unmarshal(text, new(struct{ XMLName xml.Name })) != nil {
		t.Errorf("svg: %.100q, %v", text, err)
	}

	for _, compat := range []string{"--compat=false", "--compat"} {
		out.Reset()
		if code := runBench(t.Context(), append(base, compat, "--json", "-"), &out, &errs); code != exitOK {
			t.Fatalf("code %d: %s", code, errs.String())
		}
		var r bench.Result
		if err := json.Unmarshal(out.Bytes(), &r); err != nil || r.OK != 2000 || r.Options.Compat != (compat == "--compat") {
			t.Errorf("%v: %d succeeded, %v", err, r.OK, r.Errors)
		}
	}
}

// On a terminal one line is written anew; elsewhere there are lines.
func TestBenchProgress(t *testing.T) {
	points := []bench.Point{{Seconds: -1}, {Seconds: 5, OKPerSecond: 1234, P50: 100, P99: 200}, {Seconds: 7}, {Seconds: 10, OKPerSecond: 1000, Errors: 2, Uncertain: 1}}
	var terminal, file bytes.Buffer
	o := bench.DefaultOptions()
	for _, w := range []*bytes.Buffer{&terminal, &file} {
		p := newBenchProgress(w, &o)
		p.terminal = w == &terminal
		for _, at := range points {
			p.show(at)
		}
		p.end()
	}
	lines := strings.Split(terminal.String(), "\r\x1b[K")
	if len(lines) != 6 || !strings.Contains(lines[1], "warming up") || !strings.HasPrefix(lines[2], "[██████████··········]   5.0 s        1234/s") ||
		!strings.HasSuffix(lines[3], "0/s  p50           –  p99           –") ||
		!strings.HasPrefix(lines[4], "[████████████████████]") || !strings.HasSuffix(lines[4], "3 errors") || lines[5] != "" {
		t.Errorf("%q", lines)
	}
	if text := file.String(); !strings.HasPrefix(text, "warming up\n") || strings.ContainsAny(text, "\r\x1b") {
		t.Errorf("%q", text)
	}
}
