package metrics

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Check is one condition of readiness.
type Check struct {
	Name   string // leader, caught_up, disk, …
	OK     bool
	Detail string // why not, or a figure
}

// Endpoints is what the HTTP port shows.
type Endpoints struct {
	Gatherer prometheus.Gatherer
	Ready    func() []Check
	Status   func() any // encoded as JSON
	Pprof    bool       // serve /debug/pprof/
}

// NewHandler returns the handler of the HTTP port.
func NewHandler(e Endpoints) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", index(e.Pprof))
	mux.Handle("GET /metrics", promhttp.HandlerFor(e.Gatherer, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	// Alive means that this handler runs. What the peers or the disk do must not
	// get a process killed by its supervisor: that is what /readyz is for.
	mux.HandleFunc("GET /healthz", alive)
	mux.HandleFunc("GET /livez", alive)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ready(w, e.Ready(), r.URL.Query().Has("verbose"))
	})
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { status(w, e.Status()) })
	if e.Pprof {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return mux
}

func index(withPprof bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		plain(w, http.StatusOK)
		io.WriteString(w, "redoubt\n\n/metrics\n/healthz\n/readyz?verbose\n/status\n")
		if withPprof {
			io.WriteString(w, "/debug/pprof/\n")
		}
	}
}

func alive(w http.ResponseWriter, _ *http.Request) {
	plain(w, http.StatusOK)
	io.WriteString(w, "ok\n")
}

// ready answers 200 or 503. The failing checks are always listed, the others on
// request.
func ready(w http.ResponseWriter, checks []Check, verbose bool) {
	code := http.StatusOK
	for _, c := range checks {
		if !c.OK {
			code = http.StatusServiceUnavailable
		}
	}
	plain(w, code)
	for _, c := range checks {
		if c.OK && !verbose {
			continue
		}
		mark := "+"
		if !c.OK {
			mark = "-"
		}
		fmt.Fprintf(w, "[%s] %s", mark, c.Name)
		if c.Detail != "" {
			fmt.Fprintf(w, ": %s", c.Detail)
		}
		io.WriteString(w, "\n")
	}
	if code == http.StatusOK {
		io.WriteString(w, "ready\n")
	} else {
		io.WriteString(w, "not ready\n")
	}
}

func status(w http.ResponseWriter, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(w, "encoding the status: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(append(body, '\n'))
}

func plain(w http.ResponseWriter, code int) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
}

// NewServer returns the HTTP port's server. Its timeouts bound what a slow or
// silent client can hold.
func NewServer(e Endpoints, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           NewHandler(e),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      90 * time.Second, // a profile takes 30 s unless asked otherwise
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
