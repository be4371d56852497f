package web

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"redoubt/raft/replica"
	"redoubt/resp/server"
)

// Config is what the HTTP port needs. From Token on all may be left out.
type Config struct {
	Node     *replica.Node
	Server   *server.Server // of the clients: keys go through it, and its password holds here
	Gatherer prometheus.Gatherer
	Ready    func() []server.Check
	Log      *slog.Logger

	Token    string   // allows actions; "": only on loopback
	Port     string   // of the clients of this node, "" when unknown; see addressesOf
	Hosts    []string // names, besides IP addresses and localhost, by which this port is known
	Warnings []string // what the settings give up; shown among the events
	Pprof    bool     // serve /debug/pprof/
}

// Server is the HTTP port of one node.
type Server struct {
	config  Config
	hub     *hub
	cluster *cluster
	brake   *brake
	http    *http.Server
	conns   atomic.Int64
	// loopback: only this machine reaches the listener.
	loopback atomic.Bool
}

const (
	// MaxConns bounds the connections of a port; more are closed at once.
	MaxConns = 512
	// maxHeaderBytes bounds the head of a request: a key of some kilobytes, three
	// times as long when it is encoded, has to fit.
	maxHeaderBytes = 64 << 10
)

// New returns the HTTP port; Run and Serve bring it to life.
func New(c Config) *Server {
	s := &Server{config: c, hub: newHub(), cluster: newCluster(c), brake: newBrake()}
	s.http = &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      90 * time.Second, // a profile takes 30 s unless asked otherwise
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnState:         s.countConns,
		ErrorLog:          slog.NewLogLogger(c.Log.Handler(), slog.LevelWarn),
	}
	return s
}

// Serve answers requests on l until Close; then it returns
// http.ErrServerClosed.
func (s *Server) Serve(l net.Listener) error {
	addr, ok := l.Addr().(*net.TCPAddr)
	s.loopback.Store(ok && addr.IP.IsLoopback())
	return s.http.Serve(l)
}

// Close cuts every connection.
func (s *Server) Close() error {
	s.brake.release()
	return s.http.Close()
}

// countConns keeps the number of connections bounded. A closed one is still
// served to its end, which comes at the first read.
func (s *Server) countConns(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if s.conns.Add(1) > MaxConns {
			_ = c.Close()
		}
	case http.StateClosed, http.StateHijacked:
		s.conns.Add(-1)
	}
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	s.addHealth(mux)
	s.addConsole(mux)
	mux.HandleFunc("GET /v1/cluster", s.serveCluster)
	mux.HandleFunc("GET /events", s.serveEvents)
	mux.HandleFunc("POST /v1/actions/{action}", s.serveAction)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
		if s.loopback.Load() && !s.knownHost(r.Host) {
			misdirected(r.Host).write(w, r)
			return
		}
		// Not through the mux: it would clean what a key has for a path.
		if path := r.URL.EscapedPath(); strings.HasPrefix(path, keysPath) {
			s.serveKey(w, r, path[len(keysPath):])
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// Run watches the node until ctx ends.
func (s *Server) Run(ctx context.Context) { s.watch(ctx) }
