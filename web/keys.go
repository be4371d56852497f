package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"redoubt/fsm"
	"redoubt/raft/replica"
	"redoubt/resp"
	"redoubt/resp/server"
)

const (
	keysPath = "/v1/keys/"
	// ttlHeader tells how many seconds a key has left, as far as the clock of
	// this node agrees with that of the leader.
	ttlHeader = "Redoubt-TTL"
	// bodyTimeout is what a client may take to send a value, and again to receive
	// an answer. pauseTimeout is how long CLIENT PAUSE may hold a request between.
	bodyTimeout  = time.Minute
	pauseTimeout = time.Minute
)

// serveKey is the REST door: one request is one batch, of which one command at
// most writes.
func (s *Server) serveKey(w http.ResponseWriter, r *http.Request, escapedKey string) {
	if p := s.admitKey(r); p != nil {
		p.write(w, r)
		return
	}
	var serve func(http.ResponseWriter, *http.Request, *keyRequest) *problem
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		serve = s.getKey
	case http.MethodPut:
		serve = s.putKey
	case http.MethodDelete:
		serve = s.deleteKey
	default:
		w.Header().Set("Allow", "GET, HEAD, PUT, DELETE")
		methodNotAllowed(r.Method).write(w, r)
		return
	}
	q, p := s.parseKeyRequest(r, escapedKey)
	if p == nil {
		_ = allow(w, bodyTimeout)
		p = serve(w, r, q)
	}
	if p != nil {
		p.write(w, r)
	}
}

func (s *Server) getKey(w http.ResponseWriter, r *http.Request, q *keyRequest) *problem {
	var version []fsm.Watch
	b := replica.NewBatch()
	b.Reads = q.reads
	b.Commands = []fsm.Command{q.watch(&version), q.command("GET"), q.command("PEXPIRETIME")}
	replies, p := s.execute(w, r, b)
	if p != nil {
		return p
	}
	value, expireAtMs := replies[1], replies[2].Int
	if err := value.Err(); err != nil {
		return fromError(err.(resp.ErrorReply))
	}
	if value.Null {
		return notFound()
	}
	h := w.Header()
	h.Set("ETag", etagOf(version))
	h.Set("Cache-Control", "no-cache") // keep it, but ask whether it still holds
	if expireAtMs > 0 {
		left := max(time.Until(time.UnixMilli(expireAtMs)), 0)
		h.Set(ttlHeader, strconv.FormatFloat(left.Seconds(), 'f', 3, 64))
	}
	if q.unchanged(version) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	// Bytes, not a page: what a client has stored is never shown or run.
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Length", strconv.Itoa(len(value.Str)))
	io.WriteString(w, value.Str) // net/http leaves the body out for HEAD
	return nil
}

func (s *Server) putKey(w http.ResponseWriter, r *http.Request, q *keyRequest) *problem {
	limit := s.config.Server.Settings().MaxBulkBytes
	if r.ContentLength > int64(limit) {
		return tooLarge(limit)
	}
	var body bytes.Buffer
	if _, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, int64(limit))); err != nil {
		var long *http.MaxBytesError
		if errors.As(err, &long) {
			return tooLarge(limit)
		}
		return badRequest("the body did not arrive: %v", err)
	}
	set := q.command("SET")
	set.Args = append(set.Args, body.Bytes())
	for _, word := range q.setOptions() {
		set.Args = append(set.Args, []byte(word))
	}
	var before, after []fsm.Watch
	b := replica.NewBatch()
	b.Commands = []fsm.Command{q.watch(&before), q.guarded(set), q.watch(&after)}
	replies, p := s.execute(w, r, b)
	if p != nil {
		return p
	}
	if p := q.outcome(replies[1]); p != nil {
		return p
	}
	w.Header().Set("ETag", etagOf(after))
	if exists(before) {
		w.WriteHeader(http.StatusNoContent)
	} else {
		w.WriteHeader(http.StatusCreated)
	}
	return nil
}

func (s *Server) deleteKey(w http.ResponseWriter, r *http.Request, q *keyRequest) *problem {
	b := replica.NewBatch()
	b.Commands = []fsm.Command{q.guarded(q.command("DEL"))}
	replies, p := s.execute(w, r, b)
	if p != nil {
		return p
	}
	if p := q.outcome(replies[0]); p != nil {
		return p
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// allow gives the client so much time from now on.
func allow(w http.ResponseWriter, d time.Duration) error {
	rc, deadline := http.NewResponseController(w), time.Now().Add(d)
	return errors.Join(rc.SetReadDeadline(deadline), rc.SetWriteDeadline(deadline)) // unsupported without a socket
}

// execute runs a batch and takes its replies apart, one for each command. What
// may have been executed is answered, so the time of the client begins anew.
func (s *Server) execute(w http.ResponseWriter, r *http.Request, b *replica.Batch) ([]resp.Value, *problem) {
	ctx, cancel := context.WithTimeout(r.Context(), pauseTimeout)
	defer cancel()
	// A deadline that passes meanwhile would end r's context.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	defer allow(w, bodyTimeout)
	writes := false
	for i := range b.Commands {
		writes = writes || b.Commands[i].Class() == fsm.Write
	}
	switch err := s.config.Server.Execute(ctx, b); {
	case err == nil:
	case errors.Is(err, server.ErrClosed):
		return nil, closing()
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return nil, fromError(resp.ErrorReply(resp.TryAgain("CLIENT PAUSE is in force")))
	case writes:
		return nil, uncertain("the node has stopped")
	default:
		return nil, closing()
	}
	replies := make([]resp.Value, len(b.Commands))
	rest := newReplyReader(b.Reply)
	for i := range replies {
		v, err := resp.ReadValue(rest)
		if err != nil {
			panic("web: a reply that is none: " + err.Error())
		}
		replies[i] = v
	}
	return replies, nil
}

// parseKey undoes the percent-encoding. Whatever is left is the key, byte for
// byte: slashes, zeros and the empty string included.
func parseKey(escaped string) ([]byte, *problem) {
	key, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, badRequest("the key is not percent-encoded: %v", err)
	}
	return []byte(key), nil
}
