package server

import (
	"net"
	"slices"
	"testing"
	"time"

	"redoubt/fsm"
	"redoubt/resp"
)

func TestEverySessionCommandHasAHandler(t *testing.T) {
	rows := map[string]bool{}
	for _, r := range handlers() {
		if rows[r.name] {
			t.Errorf("two handlers for %s", r.name)
		}
		rows[r.name] = true
	}
	for _, top := range fsm.Table() {
		specs := top.Subcommands
		if !top.Container() || top.Name == "command" {
			specs = append([]*fsm.Spec{top}, specs...)
		}
		for _, s := range specs {
			if s.Class == fsm.Session && !rows[s.Name] {
				t.Errorf("no handler for %s", s.Name)
			}
			delete(rows, s.Name)
		}
	}
	for name := range rows {
		t.Errorf("a handler for %s, which is not in the command table", name)
	}
}

func TestReplyLen(t *testing.T) {
	for _, reply := range []string{
		"+OK\r\n", "-ERR x\r\n", ":12\r\n", "$-1\r\n", "$0\r\n\r\n", "$4\r\na\r\nb\r\n", "*-1\r\n", "*0\r\n",
		"*2\r\n$1\r\na\r\n*1\r\n:1\r\n", "_\r\n", "#t\r\n", ",1.5\r\n", "%1\r\n+a\r\n*2\r\n+b\r\n+c\r\n", "~2\r\n:1\r\n:2\r\n",
		"=7\r\ntxt:a\r\n\r\n", "(123\r\n", "|1\r\n+a\r\n+b\r\n:1\r\n", "%0\r\n", ">2\r\n+a\r\n+b\r\n",
	} {
		if got := replyLen([]byte(reply + "+NEXT\r\n")); got != len(reply) {
			t.Errorf("%q has %d bytes, replyLen says %d", reply, len(reply), got)
		}
	}
	if got := replyLen(nil); got != 0 {
		t.Errorf("nothing has %d bytes", got)
	}
}

// Replies come from the state machine, but a mistake there must not become an
// endless loop or a panic here.
func FuzzReplyLen(f *testing.F) {
	f.Add([]byte("*2\r\n$1\r\na\r\n*1\r\n:1\r\n"))
	f.Add([]byte("*9999999999999999999999\r\n"))
	f.Add([]byte("$99999999999999999999\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := replyLen(b); n < 0 || n > len(b) || n == 0 && len(b) > 0 {
			t.Fatalf("%d of %d bytes", n, len(b))
		}
	})
}

func TestParseMemory(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "17": 17, "1b": 1, "1k": 1000, "1kb": 1024, "1KB": 1024, "3m": 3e6, "3mb": 3 << 20, "1g": 1e9, "1Gb": 1 << 30,
	} {
		if got, ok := parseMemory(text); !ok || got != want {
			t.Errorf("%s: %d, %t", text, got, ok)
		}
	}
	for _, text := range []string{"", "k", "-1", "1x", "1bb", "1kk", "1.5g", "x1", "99999999999gb", "1 k"} {
		if got, ok := parseMemory(text); ok {
			t.Errorf("%q: %d", text, got)
		}
	}
}

func TestWrongPasswordsAreSlowedDownByAddress(t *testing.T) {
	s := newStrangers()
	here, there := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 1}
	now := time.Unix(1000, 0)
	for i := range failureBurst {
		if wait := s.failed(here, now); wait > 0 {
			t.Fatalf("failure %d waits %v", i, wait)
		}
	}
	for i := range 3 {
		here.Port++ // another connection
		if wait, want := s.failed(here, now), time.Duration(i+1)*failureInterval; wait != want {
			t.Fatalf("waits %v, want %v", wait, want)
		}
	}
	if wait := s.failed(there, now); wait > 0 {
		t.Errorf("another address waits %v", wait)
	}
	for range 100 {
		if wait := s.failed(here, now); wait > maxFailureWait {
			t.Fatalf("waits %v", wait)
		}
	}
	if wait := s.failed(here, now.Add(time.Hour)); wait > 0 {
		t.Errorf("an hour later it waits %v", wait)
	}
}

func TestStrangersAreForgotten(t *testing.T) {
	s := newStrangers()
	for i := range 3 * maxAddrs {
		a := &net.TCPAddr{IP: net.IPv4(10, byte(i>>16), byte(i>>8), byte(i)), Port: 1}
		if !s.enter(a, 1000) {
			t.Fatal("refused")
		}
		s.failed(a, time.Now())
		s.leave(a)
	}
	if len(s.byAddr) > maxAddrs || s.count != 0 {
		t.Errorf("remembers %d addresses, %d connections", len(s.byAddr), s.count)
	}
}

func TestPasswords(t *testing.T) {
	v := NewSettings(Values{RequirePass: "secret"}).load()
	for _, c := range []struct {
		user, pass string
		right      bool
	}{
		{"default", "secret", true}, {"default", "Secret", false}, {"default", "", false}, {"default", "secret\x00", false},
		{"", "secret", false}, {"admin", "secret", false}, {"default", "secretsecret", false},
	} {
		if got := v.accepts([]byte(c.user), []byte(c.pass)); got != c.right {
			t.Errorf("%q %q: %t", c.user, c.pass, got)
		}
	}
}

func TestErrorCodesAreBounded(t *testing.T) {
	in := start(t, nil)
	var e errorStats
	e.byCode = map[string]*errorStat{}
	for i := range 10 * maxErrorCodes {
		e.add(in.metrics, resp.AppendError(nil, "CODE"+string(rune('A'+i%26))+string(rune('A'+i/26%26))+string(rune('A'+i/676))+" text"))
	}
	if len(e.byCode) != maxErrorCodes || e.total != 10*maxErrorCodes {
		t.Errorf("%d codes, %d errors", len(e.byCode), e.total)
	}
}

// A killed connection is out of the list although its goroutine still runs.
func TestKilledConnectionIsNotListed(t *testing.T) {
	in := start(t, nil)
	_, nc := net.Pipe()
	c, ok := in.register(nc, in.settings.load())
	if !ok || !slices.Contains(in.connections(), c) {
		t.Fatal("a new connection is not in the list")
	}
	if c.kill(); slices.Contains(in.connections(), c) {
		t.Error("a killed connection is in the list")
	}
	in.unregister(c)
	in.work.Done()
}
