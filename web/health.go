package web

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"redoubt/resp/server"
)

// addHealth adds what tools look at.
func (s *Server) addHealth(mux *http.ServeMux) {
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.config.Gatherer, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	// Alive means that this handler runs. What the peers or the disk do must not
	// get a process killed by its supervisor: that is what /readyz is for.
	mux.HandleFunc("GET /healthz", alive)
	mux.HandleFunc("GET /livez", alive)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ready(w, s.config.Ready(), r.URL.Query().Has("verbose"))
	})
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, s.config.Server.StatusPage())
	})
	if s.config.Pprof {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
}

func alive(w http.ResponseWriter, _ *http.Request) {
	plain(w, http.StatusOK)
	io.WriteString(w, "ok\n")
}

// ready answers 200 or 503. The failing checks are always listed, the others on
// request.
func ready(w http.ResponseWriter, checks []server.Check, verbose bool) {
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

func plain(w http.ResponseWriter, code int) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("web: %T has no JSON: %v", v, err))
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	w.Write(append(body, '\n'))
}
