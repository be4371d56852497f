package web

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"redoubt/resp"
	"redoubt/resp/server"
)

func TestKeys(t *testing.T) {
	p := start(t, options{})
	p.run([]step{
		{request: "GET /v1/keys/a", code: 404, want: `{"code":"NOTFOUND","message":"there is no such key"}` + "\n"},
		{request: "PUT /v1/keys/a hello world", code: 201, answers: []string{"ETag: *"}},
		{request: "GET /v1/keys/a", code: 200, want: "hello world", answers: []string{
			"Content-Type: application/octet-stream", "Content-Length: 11", "X-Content-Type-Options: nosniff",
			"Cross-Origin-Resource-Policy: same-origin", "Cache-Control: no-cache", "ETag: *", "Redoubt-TTL: ",
		}},
		{request: "HEAD /v1/keys/a", code: 200, want: "hello world", answers: []string{"Content-Length: 11"}}, // cut by net/http
		{request: "PUT /v1/keys/a again", code: 204},
		{request: "GET /v1/keys/a?db=1", code: 404, want: "~NOTFOUND"},
		{request: "PUT /v1/keys/a?db=1 other", code: 201},
		{request: "GET /v1/keys/a?db=1", code: 200, want: "other"},
		{request: "GET /v1/keys/a?consistency=local", code: 200, want: "again"},
		{request: "GET /v1/keys/a?consistency=linearizable", code: 200, want: "again"},
		{request: "DELETE /v1/keys/a", code: 204},
		{request: "DELETE /v1/keys/a", code: 404, want: `{"code":"NOTFOUND","message":"there is no such key","executed":"no"}` + "\n"},
		{request: "PUT /v1/keys/empty", code: 201},
		{request: "GET /v1/keys/empty", code: 200, answers: []string{"Content-Length: 0"}},
	})
}

// A key is any string of bytes, and none of it is taken for a path.
func TestKeysAreBinary(t *testing.T) {
	p := start(t, options{})
	for _, key := range []string{"", "%00", "%FF%FE", "a/b", "a//b", "%2e%2e", "../x", "./", "%2F", "k%20x", "%25", "ü", "a+b", "%3F%23"} {
		p.run([]step{
			{request: "PUT /v1/keys/" + key + " of-" + key, code: 201},
			{request: "GET /v1/keys/" + key, code: 200, want: "of-" + key},
		})
	}
	p.run([]step{
		{request: "GET /v1/keys/%61%2fb", code: 200, want: "of-a/b"},
		{request: "GET /v1/keys/%2e%2e/x", code: 200, want: "of-../x"},
	})
	value := make([]byte, 256)
	for i := range value {
		value[i] = byte(i)
	}
	p.do("PUT", "/v1/keys/v", string(value))
	if got := p.do("GET", "/v1/keys/v", "").Body.String(); got != string(value) {
		t.Errorf("got %q", got)
	}
}

func TestTTL(t *testing.T) {
	p := start(t, options{})
	p.run([]step{
		{request: "PUT /v1/keys/a?ttl=1000 x", code: 201},
		{request: "GET /v1/keys/a", code: 200, want: "x", answers: []string{"Redoubt-TTL: *"}},
		{request: "PUT /v1/keys/a?ttl=keep y", code: 204},
		{request: "GET /v1/keys/a", code: 200, want: "y", answers: []string{"Redoubt-TTL: *"}},
		{request: "PUT /v1/keys/a z", code: 204},
		{request: "GET /v1/keys/a", code: 200, want: "z", answers: []string{"Redoubt-TTL: "}},
		{request: "PUT /v1/keys/b?ttl=0.02 x", code: 201},
	})
	if ttl := p.do("GET", "/v1/keys/b", "").Header().Get(ttlHeader); ttl != "" && !strings.HasPrefix(ttl, "0.0") {
		t.Errorf("%s: %s of a key with 20 ms", ttlHeader, ttl)
	}
	p.await("b to expire", func() bool { return p.do("GET", "/v1/keys/b", "").Code == 404 })
}

func TestConditions(t *testing.T) {
	p := start(t, options{})
	p.run([]step{
		{request: "PUT /v1/keys/a 1", headers: []string{"If-Match: *"}, code: 412, want: `{"code":"PRECONDITION","message":"there is no such key","executed":"no"}` + "\n"},
		{request: "PUT /v1/keys/a 1", headers: []string{"If-None-Match: *"}, code: 201},
		{request: "PUT /v1/keys/a 2", headers: []string{"If-None-Match: *"}, code: 412, want: "~the key exists"},
		{request: "PUT /v1/keys/a 3", headers: []string{"If-Match: *"}, code: 204},
		// What PUT answers is what GET would.
		{request: "GET /v1/keys/a", headers: []string{"If-None-Match: $E"}, code: 304},
		{request: "GET /v1/keys/a", headers: []string{`If-None-Match: "0", W/$E`}, code: 304},
		{request: "GET /v1/keys/a", headers: []string{"If-None-Match: *"}, code: 304},
		{request: "GET /v1/keys/a", headers: []string{`If-None-Match: "5"`}, code: 200, want: "3"},
		{request: "PUT /v1/keys/a 4", headers: []string{"If-Match: $E"}, code: 204},
		{request: "PUT /v1/keys/a?ttl=100 5", headers: []string{"If-Match: $E"}, code: 204},
		{request: "GET /v1/keys/a", code: 200, want: "5", answers: []string{"Redoubt-TTL: *"}},
		{request: "PUT /v1/keys/a 6", headers: []string{`If-Match: "5"`}, code: 412, want: "~not at the version"},
		{request: "PUT /v1/keys/a 6", headers: []string{`If-Match: W/$E`}, code: 412, want: "~names no version"},
		{request: "PUT /v1/keys/missing 6", headers: []string{"If-Match: $E"}, code: 412, want: "~not at the version"},
		{request: "DELETE /v1/keys/a", headers: []string{`If-Match: "5"`}, code: 412, want: "~not at the version"},
		{request: "DELETE /v1/keys/a", headers: []string{"If-Match: $E"}, code: 204},
		{request: "DELETE /v1/keys/a", headers: []string{"If-Match: $E"}, code: 412, want: "~not at the version"},
		{request: "DELETE /v1/keys/a", headers: []string{"If-Match: *"}, code: 412, want: "~no such key"},
		// The same value again is another version.
		{request: "PUT /v1/keys/b x", code: 201},
		{request: "GET /v1/keys/b", code: 200, want: "x"},
	})
	tag := p.do("GET", "/v1/keys/b", "").Header().Get("ETag")
	p.do("PUT", "/v1/keys/b", "x")
	p.run([]step{{request: "PUT /v1/keys/b y", headers: []string{"If-Match: " + tag}, code: 412, want: "~not at the version"}})
}

// The version of a key that is missing is no ETag, though WATCH knows one.
func TestNoETagNamesAMissingKey(t *testing.T) {
	p := start(t, options{})
	for _, version := range []string{"0", "2", "fffffffffffffffe", "1", "00", "+1", " 1", "1x", ""} {
		p.run([]step{{
			request: "PUT /v1/keys/a x", headers: []string{`If-Match: "` + version + `"`}, code: 412, want: "~PRECONDITION",
		}})
	}
}

// Many writers that each read, add one and write back under If-Match lose none.
func TestIfMatchIsAtomic(t *testing.T) {
	p := start(t, options{})
	p.do("PUT", "/v1/keys/n", "")
	const writers, rounds = 4, 8
	failed := make(chan string, writers)
	for range writers {
		go func() {
			for done := 0; done < rounds; {
				r := p.do("GET", "/v1/keys/n", "")
				w := p.do("PUT", "/v1/keys/n", r.Body.String()+"x", "If-Match: "+r.Header().Get("ETag"))
				switch w.Code {
				case http.StatusNoContent:
					done++
				case http.StatusPreconditionFailed:
				default:
					failed <- w.Body.String()
					return
				}
			}
			failed <- ""
		}()
	}
	for range writers {
		if text := <-failed; text != "" {
			t.Fatal(text)
		}
	}
	if n := p.do("GET", "/v1/keys/n", "").Body.Len(); n != writers*rounds {
		t.Errorf("%d of %d writes are left", n, writers*rounds)
	}
}

func TestBadRequests(t *testing.T) {
	p := start(t, options{values: func(v *server.Values) { v.MaxBulkBytes = 1000 }})
	p.run([]step{
		{request: "POST /v1/keys/a x", code: 405, want: "~BADMETHOD", answers: []string{"Allow: GET, HEAD, PUT, DELETE"}},
		{request: "PUT /v1/keys/a?tll=5 x", code: 400, want: "~PUT has no parameter"},
		{request: "GET /v1/keys/a?ttl=5", code: 400, want: "~GET has no parameter"},
		{request: "PUT /v1/keys/a?consistency=local x", code: 400, want: "~PUT has no parameter"},
		{request: "GET /v1/keys/a?consistency=eventual", code: 400, want: "~neither linearizable nor local"},
		{request: "GET /v1/keys/a?db=2", code: 400, want: "~not a number from 0 to 1"},
		{request: "GET /v1/keys/a?db=0&db=1", code: 400, want: "~given twice"},
		{request: "GET /v1/keys/a?%zz", code: 400, want: "~percent-encoded"},
		{request: "PUT /v1/keys/a?ttl=0 x", code: 400, want: "~seconds"},
		{request: "PUT /v1/keys/a?ttl=-1 x", code: 400, want: "~seconds"},
		{request: "PUT /v1/keys/a?ttl=NaN x", code: 400, want: "~seconds"},
		{request: "PUT /v1/keys/a?ttl=1e13 x", code: 400, want: "~seconds"},
		{request: "PUT /v1/keys/a?ttl=soon x", code: 400, want: "~seconds"},
		{request: "PUT /v1/keys/a x", headers: []string{`If-Match: "1", "3"`}, code: 400, want: "~one ETag"},
		{request: "PUT /v1/keys/a x", headers: []string{"If-Match: *", "If-None-Match: *"}, code: 400, want: "~cannot both"},
		{request: "PUT /v1/keys/a x", headers: []string{`If-None-Match: "1"`}, code: 400, want: "~not supported for PUT"},
		{request: "DELETE /v1/keys/a", headers: []string{"If-None-Match: *"}, code: 400, want: "~not supported for DELETE"},
		{request: "GET /v1/keys/a", headers: []string{"If-Match: *"}, code: 400, want: "~for PUT and DELETE"},
		{request: "PUT /v1/keys/a x", headers: []string{"Content-Range: bytes 0-0/2"}, code: 400, want: "~part of a value"},
		{request: "PUT /v1/keys/a " + strings.Repeat("x", 1000), code: 201},
		{request: "PUT /v1/keys/a " + strings.Repeat("x", 1001), code: 413, want: `{"code":"TOOLARGE","message":"the value is longer than proto-max-bulk-len, 1000 bytes","executed":"no"}` + "\n"},
		{request: "GET /v1/nothing", code: 404, want: "404 page not found\n"},
	})
	// A body whose length is not announced is cut off as well.
	url := p.serve()
	r, _ := http.NewRequest("PUT", url+"/v1/keys/b", unsized{strings.NewReader(strings.Repeat("x", 1<<20))})
	res, err := http.DefaultClient.Do(r)
	if err != nil || res.StatusCode != 413 {
		t.Errorf("%v, %v; want 413", res, err)
	}
	if err == nil {
		res.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
}

type unsized struct{ *strings.Reader }

func (u unsized) Len() {} // hides the length from net/http

// What the keyspace refuses is told with its own code.
func TestOutcomes(t *testing.T) {
	full := start(t, options{values: func(v *server.Values) { v.MaxMemoryBytes = 1 }})
	full.do("PUT", "/v1/keys/a", "x") // still fits: nothing was there
	full.run([]step{
		{request: "PUT /v1/keys/b x", code: 507, want: `~{"code":"OOM","message":"command not allowed when used memory \u003e 'maxmemory'.","executed":"no"}`},
		{request: "GET /v1/keys/a", code: 200, want: "x"},
		{request: "DELETE /v1/keys/a", code: 204},
	})
	alone := start(t, options{absent: 2, timeout: 50 * time.Millisecond})
	alone.run([]step{
		{request: "GET /v1/keys/a", code: 503, want: "~CLUSTERDOWN", answers: []string{"Retry-After: 1"}},
		{request: "PUT /v1/keys/a x", code: 503, want: `~"executed":"no"`, answers: []string{"Retry-After: 1"}},
		{request: "GET /v1/keys/a?consistency=local", code: 404, want: "~NOTFOUND"},
	})
	// The node stops under a request: nobody knows.
	stopped := start(t, options{})
	_ = stopped.node.Close()
	stopped.run([]step{
		{request: "PUT /v1/keys/a x", code: 504, want: `{"code":"UNCERTAIN","message":"the node has stopped; the command may or may not have taken effect","executed":"unknown"}` + "\n"},
		{request: "GET /v1/keys/a", code: 503, want: "~CLOSING"},
	})
}

func TestStatusOfErrorReplies(t *testing.T) {
	for reply, want := range map[string]int{
		"CLUSTERDOWN x": 503, "TRYAGAIN x": 503, "LOADING x": 503, "UNCERTAIN x": 504, "MISCONF x": 507, "OOM x": 507,
		"WRONGTYPE x": 409, "ERR invalid expire time in 'set' command": 400,
		"ERR string exceeds maximum allowed size (proto-max-bulk-len)":   413,
		"ERR The transaction is too large; the command was not executed": 413,
		"ERR value is not an integer or out of range":                    400,
	} {
		p := fromError(errorReply(reply))
		executed := executedNo
		if want == 504 {
			executed = executedUnknown
		}
		if p.status != want || p.Executed != executed {
			t.Errorf("%s: %d %s, want %d %s", reply, p.status, p.Executed, want, executed)
		}
	}
}

// What holds for RESP clients holds here: the statistics count, CLIENT PAUSE
// pauses.
func TestDoorFollowsTheServer(t *testing.T) {
	p := start(t, options{values: func(v *server.Values) { v.ProtectedMode = false }})
	before := p.clients.Stats().Commands
	p.run([]step{{request: "PUT /v1/keys/a x", code: 201}, {request: "GET /v1/keys/a", code: 200, want: "x"}})
	if got := p.clients.Stats().Commands - before; got != 6 {
		t.Errorf("%d commands were counted, want 6: WATCH, SET, WATCH and WATCH, GET, PEXPIRETIME", got)
	}

	admin := p.admin()
	defer admin.Close()
	if _, err := call(admin, "CLIENT", "PAUSE", "100000", "WRITE"); err != nil {
		t.Fatal(err)
	}
	put := make(chan int, 1)
	go func() { put <- p.do("PUT", "/v1/keys/a", "y").Code }()
	p.run([]step{{request: "GET /v1/keys/a", code: 200, want: "x"}})
	select {
	case code := <-put:
		t.Fatalf("a paused PUT was answered with %d", code)
	default:
	}
	if _, err := call(admin, "CLIENT", "UNPAUSE"); err != nil {
		t.Fatal(err)
	}
	if code := <-put; code != 204 {
		t.Errorf("after the pause: %d, want 204", code)
	}
}

// admin is a RESP connection to the node.
func (p *port) admin() *resp.Client {
	near, far := net.Pipe()
	go p.clients.ServeConn(far)
	return resp.NewClient(near, patience)
}

// A request that is held for too long is not executed and says so; one that is
// executed has all the time it needs for its answer, whatever it took before.
func TestHeldRequestsAreAnswered(t *testing.T) {
	p := start(t, options{values: func(v *server.Values) { v.ProtectedMode = false }})
	admin := p.admin()
	defer admin.Close()
	if _, err := call(admin, "CLIENT", "PAUSE", "100000", "WRITE"); err != nil {
		t.Fatal(err)
	}
	put := func(ctx context.Context, body io.Reader) *deadlines {
		r := httptest.NewRequestWithContext(ctx, "PUT", "/v1/keys/a", body)
		r.Host, r.RemoteAddr = "127.0.0.1:7379", "127.0.0.1:55555"
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		p.http.Handler.ServeHTTP(w, r)
		return w
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if w := put(ctx, strings.NewReader("x")); w.Code != 503 || !strings.Contains(w.Body.String(), `"executed":"no"`) || !strings.Contains(w.Body.String(), "PAUSE") {
		t.Errorf("held for too long: %d %s", w.Code, w.Body)
	}
	held := make(chan *deadlines, 1)
	body, upload := io.Pipe()
	go func() { held <- put(t.Context(), body) }()
	_, _ = upload.Write([]byte("x")) // returns when it was read
	_ = upload.Close()
	unpaused := time.Now()
	if _, err := call(admin, "CLIENT", "UNPAUSE"); err != nil {
		t.Fatal(err)
	}
	if w := <-held; w.Code != 201 || w.read.Before(unpaused.Add(bodyTimeout)) || w.write.Before(unpaused.Add(bodyTimeout)) {
		t.Errorf("%d, read until %s and written until %s, executed after %s", w.Code, w.read, w.write, unpaused)
	}
}

// deadlines notes until when a client may send and receive.
type deadlines struct {
	*httptest.ResponseRecorder
	read, write time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error  { d.read = t; return nil }
func (d *deadlines) SetWriteDeadline(t time.Time) error { d.write = t; return nil }
