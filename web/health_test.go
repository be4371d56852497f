package web

import (
	"io/fs"
	"net/http/httptest"
	"strings"
	"testing"

	"redoubt/resp/server"
)

func TestEndpoints(t *testing.T) {
	p := start(t, options{})
	p.run([]step{
		{request: "GET /healthz", code: 200, want: "ok\n", answers: []string{"Cache-Control: no-store"}},
		{request: "GET /livez", code: 200, want: "ok\n"},
		{request: "HEAD /livez", code: 200, want: "ok\n"},
		{request: "POST /healthz", code: 405, want: "~Method Not Allowed"},
		{request: "GET /readyz", code: 200, want: "ready\n"},
		{request: "GET /readyz?verbose", code: 200, want: "~[+] leader"},
		{request: "GET /status", code: 200, want: `~"node": "n1"`, answers: []string{"Content-Type: application/json"}},
		{request: "GET /v1/cluster", code: 200, want: `~"actions": "open"`},
		{request: "GET /metrics", code: 200},
		{request: "GET /nothing", code: 404, want: "~not found"},
		{request: "GET /console/", code: 404, want: "~not found"},
		{request: "GET /debug/pprof/", code: 404, want: "~not found"},
	})
	profiled := start(t, options{config: func(c *Config) { c.Pprof = true }})
	profiled.run([]step{
		{request: "GET /debug/pprof/", code: 200, want: "~goroutine"},
		{request: "GET /debug/pprof/cmdline", code: 200, want: "~web.test"},
	})
}

func TestReadyz(t *testing.T) {
	good := []server.Check{{Name: "leader", OK: true, Detail: "n1, term 8"}, {Name: "caught_up", OK: true}}
	bad := []server.Check{{Name: "leader", OK: true}, {Name: "caught_up", Detail: "applied 10 of 90"}, {Name: "disk", Detail: "write failed"}}
	for _, tt := range []struct {
		name    string
		checks  []server.Check
		verbose bool
		code    int
		body    string
	}{
		{"ready", good, false, 200, "ready\n"},
		{"ready, verbose", good, true, 200, "[+] leader: n1, term 8\n[+] caught_up\nready\n"},
		{"failing ones are listed", bad, false, 503, "[-] caught_up: applied 10 of 90\n[-] disk: write failed\nnot ready\n"},
		{"verbose lists all", bad, true, 503, "[+] leader\n[-] caught_up: applied 10 of 90\n[-] disk: write failed\nnot ready\n"},
	} {
		w := httptest.NewRecorder()
		ready(w, tt.checks, tt.verbose)
		if w.Code != tt.code || w.Body.String() != tt.body {
			t.Errorf("%s: %d %q, want %d %q", tt.name, w.Code, w.Body, tt.code, tt.body)
		}
	}
}

// The console may load and run what this port serves, and nothing that stands in
// the page itself.
func TestConsoleFiles(t *testing.T) {
	p := start(t, options{})
	page := p.do("GET", "/", "")
	policy := page.Header().Get("Content-Security-Policy")
	for _, word := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, word) {
			t.Errorf("the policy %q lacks %q", policy, word)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %q", policy)
	}
	for _, inline := range []string{"<style", " style=", " onclick=", "http://", "https://", "javascript:"} {
		if strings.Contains(page.Body.String(), inline) {
			t.Errorf("index.html contains %q", inline)
		}
	}
	kinds := map[string]string{
		".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
		".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8",
	}
	entries, err := fs.ReadDir(consoleFiles, "console")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		path := "/console/" + e.Name()
		if e.Name() == "index.html" {
			path = "/"
		}
		w := p.do("GET", path, "")
		want := kinds[e.Name()[strings.LastIndexByte(e.Name(), '.'):]]
		if w.Code != 200 || w.Header().Get("Content-Type") != want {
			t.Errorf("%s: %d %s, want %s", path, w.Code, w.Header().Get("Content-Type"), want)
		}
		if again := p.do("GET", path, "", "If-None-Match: "+w.Header().Get("ETag")); again.Code != 304 {
			t.Errorf("%s again: %d, want 304", path, again.Code)
		}
	}
	if license, _ := consoleFiles.ReadFile("console/uplot-license.txt"); !strings.Contains(string(license), "MIT License") {
		t.Error("uPlot is here without its licence")
	}
}

// A slow or silent client is dropped in the end.
func TestServerBoundsSlowClients(t *testing.T) {
	h := start(t, options{values: func(*server.Values) {}}).http
	if h.ReadHeaderTimeout <= 0 || h.ReadTimeout <= 0 || h.WriteTimeout <= 0 || h.IdleTimeout <= 0 || h.MaxHeaderBytes <= 0 {
		t.Errorf("a bound is missing: %+v", h)
	}
}
