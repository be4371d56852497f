package web

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"redoubt/resp"
	"redoubt/resp/server"
)

func errorReply(s string) resp.ErrorReply { return resp.ErrorReply(s) }

func TestPassword(t *testing.T) {
	p := start(t, options{values: func(v *server.Values) { v.RequirePass = "geheim" }})
	p.run([]step{
		{request: "PUT /v1/keys/a x", code: 401, want: `{"code":"NOAUTH","message":"a password is needed","executed":"no"}` + "\n",
			answers: []string{`WWW-Authenticate: Bearer realm="redoubt"`}},
		{request: "GET /v1/keys/a", headers: []string{"Authorization: Bearer wrong"}, code: 401, want: "~the password is wrong"},
		{request: "GET /v1/keys/a", headers: []string{"Authorization: Bearer "}, code: 401, want: "~the password is wrong"},
		{request: "PUT /v1/keys/a x", headers: []string{"Authorization: Bearer geheim"}, code: 201},
		{request: "GET /v1/keys/a", headers: []string{"Authorization: Basic ZGVmYXVsdDpnZWhlaW0="}, code: 200, want: "x"},  // default:geheim
		{request: "GET /v1/keys/a", headers: []string{"Authorization: Basic OmdlaGVpbQ=="}, code: 200, want: "x"},          // :geheim
		{request: "GET /v1/keys/a", headers: []string{"Authorization: Basic cm9vdDpnZWhlaW0="}, code: 401, want: "~wrong"}, // root:geheim
		{request: "GET /healthz", code: 200, want: "ok\n"},
	})
}

// Without a password keys are for this machine, even if the port is open.
func TestProtectedMode(t *testing.T) {
	p := start(t, options{})
	p.loopback.Store(false)
	p.run([]step{
		{request: "GET /v1/keys/a", headers: []string{"Remote: 10.0.0.9:1"}, code: 403, want: "~protected mode"},
		{request: "GET /v1/keys/a", code: 404, want: "~NOTFOUND"},
		{request: "GET /healthz", headers: []string{"Remote: 10.0.0.9:1", "Host: n1.example"}, code: 200, want: "ok\n"},
		{request: "POST /v1/actions/snapshot", headers: []string{"Redoubt-Action: snapshot"}, code: 403, want: "~actions are off"},
	})
}

// A page in a browser of this machine must not get what a program on it gets.
func TestForeignPages(t *testing.T) {
	p := start(t, options{config: func(c *Config) { c.Hosts = []string{"db1.example"} }})
	const rebound = "Host: evil.example:7379"
	act := "Redoubt-Action: snapshot"
	p.run([]step{
		// a name that was pointed here
		{request: "GET /v1/keys/a", headers: []string{rebound}, code: 421, want: "~WRONGHOST"},
		{request: "PUT /v1/keys/a x", headers: []string{rebound, "Origin: http://evil.example:7379", "Sec-Fetch-Site: same-origin"}, code: 421, want: "~WRONGHOST"},
		{request: "POST /v1/actions/snapshot", headers: []string{rebound, act}, code: 421, want: "~WRONGHOST"},
		{request: "GET /status", headers: []string{rebound}, code: 421, want: "~WRONGHOST"},
		{request: "GET /events", headers: []string{rebound}, code: 421, want: "~WRONGHOST"},
		{request: "GET /", headers: []string{rebound}, code: 421, want: "~WRONGHOST"},
		// names that are ours
		{request: "GET /v1/keys/a", headers: []string{"Host: localhost:7379"}, code: 404, want: "~NOTFOUND"},
		{request: "GET /v1/keys/a", headers: []string{"Host: [::1]:7379"}, code: 404, want: "~NOTFOUND"},
		{request: "GET /v1/keys/a", headers: []string{"Host: [::1]"}, code: 404, want: "~NOTFOUND"},
		{request: "GET /v1/keys/a", headers: []string{"Host: 10.1.2.3"}, code: 404, want: "~NOTFOUND"},
		{request: "GET /v1/keys/a", headers: []string{"Host: DB1.example:1"}, code: 404, want: "~NOTFOUND"},
		// another origin
		{request: "PUT /v1/keys/a x", headers: []string{"Origin: http://evil.example"}, code: 403, want: "~another origin"},
		{request: "PUT /v1/keys/a x", headers: []string{"Origin: null"}, code: 403, want: "~another origin"},
		{request: "DELETE /v1/keys/a", headers: []string{"Sec-Fetch-Site: cross-site"}, code: 403, want: "~another origin"},
		{request: "DELETE /v1/keys/a", headers: []string{"Sec-Fetch-Site: same-site"}, code: 403, want: "~another origin"},
		{request: "POST /v1/actions/snapshot", headers: []string{act, "Origin: http://127.0.0.1:9999"}, code: 403, want: "~another origin"},
		{request: "POST /v1/actions/snapshot", code: 403, want: "~has to repeat the name"},
		{request: "POST /v1/actions/snapshot", headers: []string{"Redoubt-Action: transfer"}, code: 403, want: "~has to repeat the name"},
		{request: "OPTIONS /v1/keys/a", headers: []string{"Origin: http://evil.example", "Access-Control-Request-Method: PUT"}, code: 405, want: "~BADMETHOD",
			answers: []string{"Access-Control-Allow-Origin: "}},
		// our own page
		{request: "PUT /v1/keys/a x", headers: []string{"Origin: http://127.0.0.1:7379", "Sec-Fetch-Site: same-origin"}, code: 201},
		{request: "POST /v1/actions/snapshot", headers: []string{act, "Origin: http://127.0.0.1:7379"}, code: 200, want: `~"snapshot_index"`},
	})
}

func TestActionToken(t *testing.T) {
	p := start(t, options{config: func(c *Config) { c.Token = "t0ken" }})
	p.loopback.Store(false)
	act := "Redoubt-Action: snapshot"
	p.run([]step{
		{request: "POST /v1/actions/snapshot", headers: []string{act}, code: 401, want: "~token of --http-token"},
		{request: "POST /v1/actions/snapshot", headers: []string{act, "Authorization: Bearer wrong"}, code: 401, want: "~the token is wrong"},
		{request: "POST /v1/actions/snapshot", headers: []string{act, "Authorization: Bearer t0ken"}, code: 200, want: `~"snapshot_index"`},
		{request: "POST /v1/actions/snapshot {}", headers: []string{act, "Authorization: Bearer t0ken"}, code: 200, want: `~"snapshot_index"`},
		{request: `POST /v1/actions/snapshot {"nodes":"n1"}`, headers: []string{act, "Authorization: Bearer t0ken"}, code: 400, want: "~unknown field"},
		{request: `POST /v1/actions/snapshot {"node":"n7"}`, headers: []string{act, "Authorization: Bearer t0ken"}, code: 400, want: "~n7 is no member"},
		{request: `POST /v1/actions/transfer {"to":"n7"}`, headers: []string{"Redoubt-Action: transfer", "Authorization: Bearer t0ken"}, code: 400, want: "~n7 is no voter"},
		{request: "POST /v1/actions/restart", headers: []string{act}, code: 404, want: "~no action restart"},
		{request: "GET /v1/actions/snapshot", headers: []string{act}, code: 405, want: "~Method Not Allowed"},
	})
}

// On loopback without a token, the password of the clients is the key to actions.
func TestActionPassword(t *testing.T) {
	p := start(t, options{values: func(v *server.Values) { v.RequirePass = "geheim" }})
	act := "Redoubt-Action: snapshot"
	p.run([]step{
		{request: "POST /v1/actions/snapshot", headers: []string{act}, code: 401, want: "~a password is needed"},
		{request: "POST /v1/actions/snapshot", headers: []string{act, "Authorization: Bearer geheim"}, code: 200, want: `~"actions": "password"`},
	})
}

// Who guesses is answered slowly, whatever he guesses and whether he waits for it
// or not.
func TestGuessesAreSlow(t *testing.T) {
	p := start(t, options{
		values: func(v *server.Values) { v.RequirePass = "geheim" },
		config: func(c *Config) { c.Token = "t0ken" },
	})
	const keys, actions = "GET /v1/keys/a", "POST /v1/actions/snapshot"
	guesser, other := netip.MustParseAddrPort("10.0.0.9:1"), "10.0.0.8:1"
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	ask := func(from, request, secret string) (code int) { // by a client that does not wait for answers
		method, path, _ := strings.Cut(request, " ")
		r := httptest.NewRequestWithContext(gone, method, path, nil)
		r.Host, r.RemoteAddr = "127.0.0.1:7379", from
		r.Header.Set("Authorization", "Bearer "+secret)
		r.Header.Set(actionHeader, "snapshot")
		w := httptest.NewRecorder()
		p.http.Handler.ServeHTTP(w, r)
		return w.Code
	}
	for range 8 { // a few are answered at once
		if k, a := ask(guesser.String(), keys, "wrong"), ask(guesser.String(), actions, "wrong"); k != 401 || a != 401 {
			t.Fatalf("answered with %d and %d", k, a)
		}
	}
	for range 64 {
		p.clients.WrongSecret(net.TCPAddrFromAddrPort(guesser)) // the next ones wait for long
	}
	answers := make(chan int, maxHeld)
	for i := range maxHeld {
		go func() { answers <- ask(guesser.String(), []string{keys, actions}[i%2], "wrong") }()
	}
	p.await("the guesses are held", func() bool { return p.brake.full(guesser.Addr()) })
	for request, right := range map[string]string{keys: "geheim", actions: "t0ken"} {
		for _, secret := range []string{"wrong", right} {
			if code := ask(guesser.String(), request, secret); code != 429 {
				t.Errorf("%s with %s, with many guesses held: %d", request, secret, code)
			}
		}
	}
	if code := ask(other, keys, "geheim"); code != 404 {
		t.Errorf("another address is answered with %d", code)
	}
	if len(answers) > 0 {
		t.Error("a guess was not held")
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	for range maxHeld {
		if code := <-answers; code != 401 {
			t.Errorf("a guess that was held is answered with %d", code)
		}
	}
	if code := ask(guesser.String(), keys, "geheim"); code != 404 {
		t.Errorf("the right password, with no guess held, is answered with %d", code)
	}
}

// Connections beyond the limit are closed at once, and leave no trace.
func TestConnectionsAreBounded(t *testing.T) {
	p := start(t, options{})
	var last net.Conn
	for range MaxConns + 1 {
		near, far := net.Pipe()
		defer near.Close()
		p.countConns(far, http.StateNew)
		last = near
	}
	if _, err := last.Write([]byte("x")); err == nil {
		t.Error("one connection too many is open")
	}
	for range MaxConns + 1 {
		p.countConns(last, http.StateClosed)
	}
	if n := p.conns.Load(); n != 0 {
		t.Errorf("%d connections are counted, and none is left", n)
	}
}
