package server

import (
	"testing"
	"time"
)

// Who hangs up during a pause makes room, and what was held is not executed when
// the pause is over.
func TestPauseForgetsClientsThatHangUp(t *testing.T) {
	in := start(t, func(v *Values) { v.MaxClients = 4 })
	operator := dial(t, "tcp", in.addr)
	operator.want(t, "CLIENT PAUSE 1000000 WRITE", "+OK\r\n")
	for range 3 {
		w := dial(t, "tcp", in.addr)
		w.want(t, "PING", "+PONG\r\n")
		w.send(t, "INCR k\r\n")
		w.Close()
	}
	for in.Stats().Connected > 1 {
		operator.want(t, "PING", "+PONG\r\n")
	}
	operator.want(t, "CLIENT UNPAUSE", "+OK\r\n")
	operator.want(t, "GET k", "$-1\r\n")
}

// Whoever wants to end a pause may have to authenticate first.
func TestPauseDoesNotHoldAuth(t *testing.T) {
	in := start(t, func(v *Values) { v.RequirePass = "secret" })
	for _, login := range []string{"AUTH secret", "HELLO 2 AUTH default secret"} {
		paused := dial(t, "tcp", in.addr)
		paused.want(t, "AUTH secret", "+OK\r\n")
		paused.want(t, "CLIENT PAUSE 1000000 ALL", "+OK\r\n")
		paused.send(t, "PING\r\n")
		operator := dial(t, "tcp", in.addr)
		operator.do(t, login)
		operator.want(t, "CLIENT UNPAUSE", "+OK\r\n")
		if got := paused.reply(t); got != "+PONG\r\n" {
			t.Errorf("what was held is answered %q", got)
		}
	}
}

// The deadlines of reading are over while a client waits; that is not its end.
func TestWaitOutlastsDeadlines(t *testing.T) {
	for _, c := range []struct {
		name  string
		edit  func(v *Values)
		lines []string
		want  string
		took  time.Duration
	}{
		{"timeout", func(v *Values) { v.TimeoutSeconds = 1 },
			[]string{"WAIT 1 1500"}, ":0\r\n", 1500 * time.Millisecond},
		{"time to authenticate", func(v *Values) { v.RequirePass, v.AuthTimeout = "secret", 300*time.Millisecond },
			[]string{"AUTH secret", "WAITAOF 0 1 700"}, "+OK\r\n*2\r\n:1\r\n:0\r\n", 700 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := start(t, c.edit)
			w := dial(t, "tcp", in.addr)
			began := time.Now()
			if got := w.do(t, c.lines...); got != c.want {
				t.Errorf("replied %q, want %q", got, c.want)
			}
			if took := time.Since(began); took < c.took {
				t.Errorf("waited for %v instead of %v", took, c.took)
			}
			w.send(t, "WAIT 1 0\r\n")
			for in.Stats().Blocked == 0 {
				dial(t, "tcp", in.addr).Close()
			}
			w.Close()
			for in.Stats().Blocked > 0 { // a client that is gone is not waited for
				dial(t, "tcp", in.addr).Close()
			}
		})
	}
}
