package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// ask makes a request at a node; headers are "Name: value".
func (n *node) ask(t testing.TB, method, path, body string, headers ...string) (code int, answer string, header http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(background(t), method, "http://"+n.web+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatalf("%s: %s %s: %v", n.id, method, path, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s: %s %s: %v", n.id, method, path, err)
	}
	return res.StatusCode, string(text), res.Header
}

func (n *node) want(t testing.TB, code int, answer, method, path, body string, headers ...string) http.Header {
	t.Helper()
	gotCode, got, header := n.ask(t, method, path, body, headers...)
	if gotCode != code || got != answer {
		t.Fatalf("%s: %s %s: %d %q, want %d %q", n.id, method, path, gotCode, got, code, answer)
	}
	return header
}

// Every node is a door to all keys, and an ETag from one holds at the others.
func TestRESTOnEveryNode(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	key := func(i int) string { return fmt.Sprint("/v1/keys/", i) }
	for i, at := range c.nodes {
		etag := at.want(t, 201, "", "PUT", key(i), "first").Get("ETag")
		for j, by := range c.nodes {
			if got := by.want(t, 200, "first", "GET", key(i), "").Get("ETag"); got != etag {
				t.Errorf("n%d answers ETag %s, the writer n%d was given %s", j+1, got, i+1, etag)
			}
		}
		other := c.nodes[(i+1)%3]
		other.want(t, 204, "", "PUT", key(i), "second", "If-Match: "+etag)
		if code, _, _ := at.ask(t, "PUT", key(i), "third", "If-Match: "+etag); code != 412 {
			t.Errorf("n%d took an ETag of the past: %d", i+1, code)
		}
	}

	// the versions outlive the leader, and the cluster says who is gone
	leader := c.leader()
	etag := leader.want(t, 200, "second", "GET", key(0), "").Get("ETag")
	leader.signal(syscall.SIGKILL)
	for _, n := range c.nodes {
		if n == leader {
			continue
		}
		n.want(t, 304, "", "GET", key(0), "", "If-None-Match: "+etag)
		c.await(leader.id+" to be missed by "+n.id, func() bool {
			return answers(t, n)[leader.id] == "no"
		})
	}
	c.start(leader)
	c.awaitReady(leader)
	leader.want(t, 204, "", "DELETE", key(0), "", "If-Match: "+etag)
	for _, n := range c.nodes {
		n.want(t, 404, `{"code":"NOTFOUND","message":"there is no such key"}`+"\n", "GET", key(0), "")
		c.await("all answers at "+n.id, func() bool {
			a := answers(t, n)
			return a["n1"] == "yes" && a["n2"] == "yes" && a["n3"] == "yes"
		})
	}
}

// answers says, by member, whether it answers n.
func answers(t testing.TB, n *node) map[string]string {
	t.Helper()
	_, text, _ := n.ask(t, "GET", "/v1/cluster", "")
	var page struct {
		Members []struct {
			ID      string
			Answers string
			Status  *struct{ Node string }
		}
	}
	if err := json.Unmarshal([]byte(text), &page); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, m := range page.Members {
		out[m.ID] = m.Answers
		if m.Answers == "yes" && (m.Status == nil || m.Status.Node != m.ID) {
			t.Errorf("the status of %s is that of %+v", m.ID, m.Status)
		}
	}
	return out
}

// Without a majority nothing is claimed to be written, and what may be is said
// to be uncertain.
func TestRESTWithoutMajority(t *testing.T) {
	c := newCluster(t, 3, "--command-timeout", "500ms")
	c.startAll()
	last := c.leader()
	last.want(t, 201, "", "PUT", "/v1/keys/a", "1")
	for _, n := range c.nodes {
		if n != last {
			n.signal(syscall.SIGKILL)
		}
	}
	code, text, header := last.ask(t, "PUT", "/v1/keys/a", "2")
	switch {
	case code == 504 && strings.Contains(text, `"executed":"unknown"`) && header.Get("Retry-After") == "":
	case code == 503 && strings.Contains(text, `"executed":"no"`) && header.Get("Retry-After") == "1":
	default:
		t.Errorf("PUT: %d %s", code, text)
	}
	if code, text, _ := last.ask(t, "GET", "/v1/keys/a", ""); code != 503 {
		t.Errorf("GET: %d %s, want 503", code, text)
	}
	last.want(t, 200, "1", "GET", "/v1/keys/a?consistency=local", "")
	last.want(t, 200, "ok\n", "GET", "/livez", "")
	if code, text, _ := last.ask(t, "GET", "/readyz", ""); code != 503 || !strings.Contains(text, "[-] caught_up: unknown without a leader\n") {
		t.Errorf("/readyz: %d %s, want 503, and no figure that looks caught up", code, text)
	}
}

// A cluster with a password: the door asks for it, the nodes know it of each
// other, and any node relays an action to the leader.
func TestRESTWithPassword(t *testing.T) {
	c := newCluster(t, 3, "--requirepass", "geheim", "--http-token", "t0ken")
	c.startAll()
	leader := c.leader()
	follower := c.nodes[0]
	if follower == leader {
		follower = c.nodes[1]
	}
	if code, _, _ := follower.ask(t, "GET", "/v1/keys/a", ""); code != 401 {
		t.Errorf("without the password: %d, want 401", code)
	}
	follower.want(t, 201, "", "PUT", "/v1/keys/a", "1", "Authorization: Bearer geheim")
	c.await("all answers", func() bool {
		a := answers(t, follower)
		return a["n1"] == "yes" && a["n2"] == "yes" && a["n3"] == "yes"
	})
	const act, to = "Redoubt-Action: transfer", "/v1/actions/transfer"
	body := fmt.Sprintf(`{"to": %q}`, follower.id)
	if code, _, _ := follower.ask(t, "POST", to, body, act, "Authorization: Bearer geheim"); code != 401 {
		t.Errorf("the password in place of the token: %d, want 401", code)
	}
	if code, text, _ := follower.ask(t, "POST", to, body, act, "Authorization: Bearer t0ken"); code != 200 {
		t.Fatalf("transfer: %d %s", code, text)
	}
	if now := c.leader(); now != follower {
		t.Errorf("%s leads, not %s", now.id, follower.id)
	}
	snapshot := fmt.Sprintf(`{"node": %q}`, leader.id)
	if code, text, _ := follower.ask(t, "POST", "/v1/actions/snapshot", snapshot, "Redoubt-Action: snapshot", "Authorization: Bearer t0ken"); code != 200 {
		t.Fatalf("snapshot: %d %s", code, text)
	}
	if s, ok := leader.status(); !ok || s.Snapshot == 0 {
		t.Errorf("%s has no snapshot", leader.id)
	}
}

// A large value goes through, one that is too large does not.
func TestRESTLimits(t *testing.T) {
	c := newCluster(t, 1, "--proto-max-bulk-len", "20mb")
	c.startAll()
	n := c.nodes[0]
	value := string(bytes.Repeat([]byte("0123456789abcdef"), 20<<20/16))
	n.want(t, 201, "", "PUT", "/v1/keys/large", value)
	if _, got, _ := n.ask(t, "GET", "/v1/keys/large", ""); got != value {
		t.Errorf("%d bytes came back, not those of the value", len(got))
	}
	if code, text, _ := n.ask(t, "PUT", "/v1/keys/large", value+"x"); code != 413 {
		t.Errorf("a byte more: %d %s, want 413", code, text)
	}
}

// A node that was asked to stop says so while it is still answering its clients.
func TestNodeThatStopsIsNotReady(t *testing.T) {
	c := newCluster(t, 1, "--shutdown-timeout", "30s")
	c.startAll()
	n := c.nodes[0]
	n.want(t, 200, "ready\n", "GET", "/readyz", "")
	n.want(t, 201, "", "PUT", "/v1/keys/big", strings.Repeat("x", 1<<20))
	slow, err := net.Dial("tcp", n.addr) // it asks for much and reads nothing
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	if _, err := io.WriteString(slow, strings.Repeat("GET big\r\n", 64)); err != nil {
		t.Fatal(err)
	}
	c.await("the client to be served", func() bool {
		s, ok := n.status()
		return ok && s.CommandsTotal > 10
	})
	n.signal(syscall.SIGTERM)
	c.await("a node that is not ready", func() bool {
		code, text, _ := n.ask(t, "GET", "/readyz?verbose", "")
		return code == 503 && strings.Contains(text, "[-] running: stopping")
	})
}
