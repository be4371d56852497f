package web

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"redoubt/fsm"
	"redoubt/metrics"
	"redoubt/raft"
	"redoubt/raft/replica"
	"redoubt/resp/server"
	"redoubt/wal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is far beyond what anything here takes.
const patience = 30 * time.Second

// port is the HTTP port of a node, on a real log and a real keyspace.
type port struct {
	t testing.TB
	*Server
	node     *replica.Node
	settings *server.Settings
	clients  *server.Server
}

// options of a node; the zero value is a cluster of one.
type options struct {
	values  func(*server.Values)
	config  func(*Config)
	absent  int // further members that do not exist
	timeout time.Duration
}

// start opens a node; what it listens on is loopback as far as the port knows.
func start(t testing.TB, o options) *port {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	id := wal.Identity{ClusterID: strings.Repeat("0", 32), NodeID: "n1", Incarnation: 1}
	for i := range 1 + o.absent {
		id.Bootstrap.Members = append(id.Bootstrap.Members, raft.Member{
			ID: raft.NodeID("n" + string(rune('1'+i))), Role: raft.Voter, Addr: "127.0.0.1:1", PeerAddr: l.Addr().String(),
		})
	}
	dir := wal.Dir{Path: t.TempDir(), FS: wal.OS()}
	if err := dir.CreateIdentity(id); err != nil {
		t.Fatal(err)
	}
	if o.timeout == 0 {
		o.timeout = patience
	}
	m := metrics.New(prometheus.NewPedanticRegistry())
	node, err := replica.Open(replica.Config{
		DataDir: dir, Identity: id, Version: "test", Seed: 1, PeerListener: l,
		Tick: 10 * time.Millisecond, ElectionTicks: 15, HeartbeatTicks: 3,
		CommandTimeout: o.timeout, SnapshotBytes: 64 << 20,
		Store: fsm.Config{Databases: 2}, Metrics: m, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	v := server.DefaultValues()
	v.Databases = 2
	if o.values != nil {
		o.values(&v)
	}
	settings := server.NewSettings(v)
	clients := server.New(server.Config{
		Node: node, Settings: settings, Metrics: m.Server, Log: slog.New(slog.DiscardHandler), Version: "test",
	})
	c := Config{
		Node: node, Server: clients, Gatherer: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
		Ready: clients.Checks,
	}
	if o.config != nil {
		o.config(&c)
	}
	p := &port{t: t, Server: New(c), node: node, settings: settings, clients: clients}
	p.loopback.Store(true)
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		p.cluster.close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := clients.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := node.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if o.absent == 0 {
		p.await("a leader", func() bool { return node.Recent().Leader != "" })
	}
	return p
}

// await polls until ok.
func (p *port) await(what string, ok func() bool) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			p.t.Fatalf("waited in vain for: %s", what)
		}
		<-poll.C
	}
}

// do makes a request as a program on this machine would. headers are "Name:
// value".
func (p *port) do(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, reader)
	r.Host, r.RemoteAddr = "127.0.0.1:7379", "127.0.0.1:55555"
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		switch name {
		case "Host":
			r.Host = value
		case "Remote":
			r.RemoteAddr = value
		default:
			r.Header.Add(name, value)
		}
	}
	w := httptest.NewRecorder()
	p.http.Handler.ServeHTTP(w, r)
	return w
}

// step is a request and its answer. In headers and body $E stands for the ETag
// that was answered last, in a body of "~x" x is a part of it.
type step struct {
	request string   // METHOD target [body]
	headers []string // of the request
	code    int
	want    string   // the body
	answers []string // headers of the answer, "Name: value"; "Name: *" is any
}

func (p *port) run(steps []step) {
	p.t.Helper()
	etag := ""
	for _, st := range steps {
		method, rest, _ := strings.Cut(st.request, " ")
		target, body, _ := strings.Cut(rest, " ")
		var headers []string
		for _, h := range st.headers {
			headers = append(headers, strings.ReplaceAll(h, "$E", etag))
		}
		w := p.do(method, target, body, headers...)
		if part, isPart := strings.CutPrefix(st.want, "~"); w.Code != st.code ||
			isPart && !strings.Contains(w.Body.String(), part) || !isPart && w.Body.String() != st.want {
			p.t.Errorf("%s %q\ngot  %d %q\nwant %d %q", st.request, headers, w.Code, w.Body, st.code, st.want)
		}
		for _, a := range st.answers {
			name, value, _ := strings.Cut(a, ": ")
			if got := w.Header().Get(name); got != value && (value != "*" || got == "") {
				p.t.Errorf("%s: %s is %q, want %q", st.request, name, got, value)
			}
		}
		if tag := w.Header().Get("ETag"); tag != "" {
			etag = tag
		}
	}
}

// serve puts the port on a real socket and returns its URL.
func (p *port) serve() string {
	p.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.Run(ctx)
	}()
	served := make(chan error, 1)
	go func() { served <- p.Serve(l) }()
	p.t.Cleanup(func() {
		cancel()
		<-done
		_ = p.Close()
		if err := <-served; err != http.ErrServerClosed {
			p.t.Errorf("Serve: %v", err)
		}
	})
	return "http://" + l.Addr().String()
}
