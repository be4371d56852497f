package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"redoubt/raft"
	"redoubt/raft/replica"
)

// Another member's snapshot is taken wherever that member is found, and by nobody
// else.
func TestSnapshotOfAnotherMember(t *testing.T) {
	p := start(t, options{})
	addr, id := p.listen(), p.node.Recent().ClusterID
	p.do("PUT", "/v1/keys/a", "x")
	const nobody = "127.0.0.1:1"
	for name, m := range map[string]*member{
		"another node":       {id: "n2", clusterID: id, addrs: []string{nobody, addr}},
		"of another cluster": {id: "n1", clusterID: "other", addrs: []string{addr}},
		"nobody":             {id: "n1", clusterID: id, addrs: []string{nobody}},
	} {
		if pr := p.relay(m, "SAVE"); pr == nil || pr.status != 503 || pr.Executed != "" {
			t.Errorf("%s is there: %+v, want a refusal", name, pr)
		}
		if m.client != nil {
			t.Errorf("%s is there: the connection is kept", name)
		}
	}
	if at := p.node.Status().SnapshotIndex; at != 0 {
		t.Errorf("a snapshot was taken at %d, and not of whom it was asked", at)
	}
	m := &member{id: "n1", clusterID: id, addrs: []string{nobody, addr}}
	if pr := p.relay(m, "SAVE"); pr != nil || p.node.Status().SnapshotIndex == 0 {
		t.Errorf("at its second address: %+v, snapshot at %d", pr, p.node.Status().SnapshotIndex)
	}
	_ = p.node.Close()
	if pr := p.relay(m, "SAVE"); pr == nil || pr.status != 502 || pr.Executed != executedUnknown {
		t.Errorf("of a node that stops: %+v", pr)
	}
}

// What was surely not done is told so.
func TestOutcomesOfActions(t *testing.T) {
	const transfer, snapshot = "Redoubt-Action: transfer", "Redoubt-Action: snapshot"
	start(t, options{}).run([]step{
		{request: "POST /v1/actions/transfer", headers: []string{transfer}, code: 409, want: `~"executed":"no"`},
	})
	start(t, options{absent: 1}).run([]step{
		{request: "POST /v1/actions/transfer", headers: []string{transfer}, code: 503, want: `~"executed":"no"`},
		{request: `POST /v1/actions/snapshot {"node":"n2"}`, headers: []string{snapshot}, code: 503, want: `~"executed":"no"`},
	})
	for _, tt := range []struct {
		err    error
		status int
	}{
		{replica.ErrNoLeader, 503},
		{raft.ErrTransferring, 503},
		{raft.ErrNoTarget, 409},
		{errorReply("NOAUTH Authentication required."), 409},
		{errorReply("ERR snapshot failed: context canceled"), 502},
		{fmt.Errorf("%w: cut short", replica.ErrUnclear), 502},
		{context.DeadlineExceeded, 502},
		{io.ErrUnexpectedEOF, 502},
		{errors.New("something new"), 502},
	} {
		p := failed(tt.err)
		unknown := tt.status == 502
		if p.status != tt.status || (p.Executed == executedUnknown) != unknown || strings.TrimSpace(p.Message) == "" {
			t.Errorf("%v: %+v, want %d", tt.err, p, tt.status)
		}
	}
}
