package web

import (
	"net/http"
	"time"
)

const (
	// writeTimeout is what a reader may take for one message.
	writeTimeout = 5 * time.Second
	// retryMs is how long a reader waits before it connects again.
	retryMs = "retry: 1000\n\n"
)

// serveEvents is /events: the state every second and events as they happen,
// until the reader goes or is too slow.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx: pass it on at once
	if r.Method == http.MethodHead {
		return // who wants no body would wait for its end in vain
	}
	st := s.hub.join(r.Header.Get("Last-Event-ID"))
	if st == nil {
		(&problem{
			status: http.StatusServiceUnavailable, Code: "TOOMANY", Message: "too many readers of /events",
		}).write(w, r)
		return
	}
	defer s.hub.leave(st)
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{}) // a reader has nothing more to say
	for message := []byte(retryMs); ; {
		if rc.SetWriteDeadline(time.Now().Add(writeTimeout)) != nil {
			return
		}
		if _, err := w.Write(message); err != nil {
			return
		}
		if rc.Flush() != nil {
			return
		}
		var ok bool
		select {
		case message, ok = <-st.queue:
			if !ok {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}
