package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"redoubt/raft"
	"redoubt/raft/replica"
	"redoubt/resp"
)

const (
	// actionTimeout bounds an action; a snapshot of a large keyspace goes on by
	// itself after it.
	actionTimeout = 30 * time.Second
	// maxActionBytes bounds the body of an action.
	maxActionBytes = 4 << 10
)

// actionBody says what to act on; all of it may be left out.
type actionBody struct {
	To   raft.NodeID `json:"to"`   // transfer: who shall lead, "" = who is most up to date
	Node raft.NodeID `json:"node"` // snapshot: on which node, "" = this one
}

// actions says what it takes to act, for the console.
func (s *Server) actions() string {
	switch {
	case s.config.Token != "":
		return "token"
	case !s.loopback.Load():
		return "off"
	case s.config.Server.Settings().RequirePass != "":
		return "password"
	}
	return "open"
}

// serveAction is POST /v1/actions/{action}.
func (s *Server) serveAction(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("action")
	acts := map[string]func(context.Context, actionBody) *problem{"transfer": s.transfer, "snapshot": s.snapshot}
	act, ok := acts[name]
	if !ok {
		(&problem{status: http.StatusNotFound, Code: "NOTFOUND", Message: "there is no action " + name}).write(w, r)
		return
	}
	if p := s.admitAction(r, name); p != nil {
		p.write(w, r)
		return
	}
	var body actionBody
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxActionBytes))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil && !errors.Is(err, io.EOF) {
		badRequest("the body: %v", err).write(w, r)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), actionTimeout)
	defer cancel()
	s.config.Log.Info("action asked for over HTTP", "event", "action", "action", name, "to", body.To, "on", body.Node, "client", r.RemoteAddr)
	if p := act(ctx, body); p != nil {
		p.write(w, r)
		return
	}
	page := s.cluster.look(r.Context(), true)
	page.Actions = s.actions()
	writeJSON(w, http.StatusOK, page)
}

// transfer moves the leadership, wherever it is.
func (s *Server) transfer(ctx context.Context, body actionBody) *problem {
	recent := s.config.Node.Recent()
	if body.To != "" && !isVoter(recent.Config, body.To) {
		return badRequest("%s is no voter", body.To)
	}
	if recent.Leader == "" {
		return &problem{status: http.StatusServiceUnavailable, Code: "CLUSTERDOWN", Message: "no leader is known"}
	}
	return failed(s.config.Node.TransferTo(ctx, body.To))
}

// snapshot makes one and waits for it.
func (s *Server) snapshot(ctx context.Context, body actionBody) *problem {
	recent := s.config.Node.Recent()
	if body.Node == "" || body.Node == recent.ID {
		return failed(s.config.Node.TakeSnapshot(ctx))
	}
	for _, m := range recent.Config.Members {
		if m.ID == body.Node {
			other := &member{id: m.ID, addrs: addressesOf(m, s.config.Port), clusterID: recent.ClusterID}
			return s.relay(other, "SAVE")
		}
	}
	return badRequest("%s is no member", body.Node)
}

// relay has another member run a command, once it has said that it is the one.
func (s *Server) relay(m *member, args ...string) *problem {
	if _, err := m.askOther(s.config.Server); err != nil {
		return &problem{
			status: http.StatusServiceUnavailable, Code: "UNREACHABLE",
			Message: fmt.Sprintf("%s does not answer: %v", m.id, err),
		}
	}
	defer m.hangUp()
	m.client.SetTimeout(actionTimeout)
	_, err := call(m.client, args...)
	return failed(err)
}

func isVoter(c raft.Configuration, id raft.NodeID) bool {
	for _, m := range c.Members {
		if m.ID == id {
			return m.Role == raft.Voter
		}
	}
	return false
}

// failed says what became of an action that has not come to its end. What is not
// known to be a refusal may have had an effect, or have one later.
func failed(err error) *problem {
	var reply resp.ErrorReply
	switch {
	case err == nil:
		return nil
	case errors.Is(err, replica.ErrNoLeader):
		return &problem{status: http.StatusServiceUnavailable, Code: "CLUSTERDOWN", Message: "no leader took the request in time"}
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrTransferring):
		return &problem{status: http.StatusServiceUnavailable, Code: "TRYAGAIN", Message: err.Error()}
	case errors.Is(err, raft.ErrNoTarget), errors.Is(err, raft.ErrNotVoter), errors.Is(err, raft.ErrNoMember):
		return &problem{status: http.StatusConflict, Code: "REFUSED", Message: err.Error()}
	case errors.As(err, &reply) && reply.Code() != "ERR": // ERR: a snapshot that was begun and has failed
		return &problem{status: http.StatusConflict, Code: reply.Code(), Message: err.Error()}
	}
	return &problem{status: http.StatusBadGateway, Code: "FAILED", Message: err.Error(), Executed: executedUnknown}
}
