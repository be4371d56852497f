package metrics

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func endpoints() Endpoints {
	reg := prometheus.NewPedanticRegistry()
	everything(reg, full)
	return Endpoints{
		Gatherer: reg,
		Ready: func() []Check {
			return []Check{{Name: "leader", OK: true, Detail: "n1, term 8"}, {Name: "disk", OK: true}}
		},
		Status: func() any { return map[string]any{"id": "n1", "term": 8} },
	}
}

func get(h http.Handler, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

func TestEndpoints(t *testing.T) {
	tests := []struct {
		method, target string
		pprof          bool
		code           int
		contains       string
	}{
		{"GET", "/", false, 200, "/readyz?verbose"},
		{"GET", "/metrics", false, 200, "redoubt_raft_term 8"},
		{"GET", "/healthz", false, 200, "ok"},
		{"GET", "/livez", false, 200, "ok"},
		{"HEAD", "/healthz", false, 200, ""},
		{"POST", "/healthz", false, 405, ""},
		{"GET", "/status", false, 200, `"id": "n1"`},
		{"GET", "/nothing", false, 404, ""},
		{"GET", "/debug/pprof/", false, 404, ""},
		{"GET", "/debug/pprof/", true, 200, "goroutine"},
		{"GET", "/debug/pprof/cmdline", true, 200, "metrics.test"},
		{"GET", "/", true, 200, "/debug/pprof/"},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.target, func(t *testing.T) {
			e := endpoints()
			e.Pprof = tt.pprof
			w := get(NewHandler(e), tt.method, tt.target)
			if w.Code != tt.code || !strings.Contains(w.Body.String(), tt.contains) {
				t.Errorf("got %d %q, want %d and %q", w.Code, w.Body.String(), tt.code, tt.contains)
			}
		})
	}
}

func TestReadyz(t *testing.T) {
	good := []Check{{Name: "leader", OK: true, Detail: "n1, term 8"}, {Name: "caught_up", OK: true}}
	bad := []Check{{Name: "leader", OK: true}, {Name: "caught_up", Detail: "applied 10 of 90"}, {Name: "disk", Detail: "write failed"}}
	tests := []struct {
		name   string
		checks []Check
		target string
		code   int
		body   string
	}{
		{"ready", good, "/readyz", 200, "ready\n"},
		{"ready, verbose", good, "/readyz?verbose", 200, "[+] leader: n1, term 8\n[+] caught_up\nready\n"},
		{"failing ones are listed", bad, "/readyz", 503, "[-] caught_up: applied 10 of 90\n[-] disk: write failed\nnot ready\n"},
		{"verbose lists all", bad, "/readyz?verbose", 503, "[+] leader\n[-] caught_up: applied 10 of 90\n[-] disk: write failed\nnot ready\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := endpoints()
			e.Ready = func() []Check { return tt.checks }
			w := get(NewHandler(e), "GET", tt.target)
			if w.Code != tt.code || w.Body.String() != tt.body {
				t.Errorf("got %d %q, want %d %q", w.Code, w.Body.String(), tt.code, tt.body)
			}
		})
	}
}

func TestStatusIsJSON(t *testing.T) {
	w := get(NewHandler(endpoints()), "GET", "/status")
	var got struct {
		ID   string
		Term int
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.ID != "n1" || got.Term != 8 {
		t.Errorf("got %q: %v", w.Body, err)
	}
	if ct := w.Header().Get("Content-Type"); ct != "application/json" {
		t.Errorf("Content-Type %q", ct)
	}
}

func TestStatusThatCannotBeEncoded(t *testing.T) {
	e := endpoints()
	e.Status = func() any { return func() {} }
	if w := get(NewHandler(e), "GET", "/status"); w.Code != 500 {
		t.Errorf("got %d, want 500", w.Code)
	}
}

// A client that connects and says nothing is dropped in the end.
func TestServerBoundsSlowClients(t *testing.T) {
	s := NewServer(endpoints(), slog.New(slog.DiscardHandler))
	for name, d := range map[string]time.Duration{
		"ReadHeaderTimeout": s.ReadHeaderTimeout, "ReadTimeout": s.ReadTimeout,
		"WriteTimeout": s.WriteTimeout, "IdleTimeout": s.IdleTimeout,
	} {
		if d <= 0 {
			t.Errorf("%s is not set", name)
		}
	}
	if s.MaxHeaderBytes <= 0 {
		t.Error("MaxHeaderBytes is not set")
	}
	if w := get(s.Handler, "GET", "/healthz"); w.Code != 200 {
		t.Errorf("/healthz: %d", w.Code)
	}
}
