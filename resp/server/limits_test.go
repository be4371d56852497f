package server

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Everything here came over a real socket and killed, wedged or bloated a server
// that hands bytes to its parser unseen.
func TestAttacks(t *testing.T) {
	attacks := []struct {
		name   string
		stream func(w io.Writer) // until done or the server hangs up
		want   string            // reply before the connection closes; "" for any
	}{
		{"bulk length overflows", text("*1\r\n$9223372036854775807\r\n"), "-ERR Protocol error: "},
		{"array length overflows", text("*9223372036854775807\r\n"), "-ERR Protocol error: "},
		{"huge array announced", text("*1000000000\r\n"), "-ERR Protocol error: "},
		{"negative bulk", text("*1\r\n$-1\r\n"), "-ERR Protocol error: "},
		{"endless array of one byte arguments", repeated("*1048576\r\n", "$1\r\nx\r\n", 1<<16), ""},
		{"one byte at a time", trickle("*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n*1\r\n$x\r\n"), ""},
		{"200000 arguments in 2000 writes", repeated("*200000\r\n", strings.Repeat("$1\r\nx\r\n", 100), 2000), ""},
		{"inline without end", repeated("", strings.Repeat("a", 4096), 64), "-ERR Protocol error: too big inline request"},
		{"inline of many arguments", text(strings.Repeat("a ", 1<<15) + "\r\n"), ""},
		{"inline of unbalanced quotes", text("SET \"a b\r\n"), "-ERR Protocol error: unbalanced quotes"},
		{"http", text("POST / HTTP/1.1\r\nHost: x\r\n\r\nSET http 1\r\n"), ""},
		{"http get", text("GET / HTTP/1.1\r\nHost: x\r\n\r\nSET http 1\r\n"), ""},
		{"tls", text("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00"), ""},
		{"lying bulk length", text("*2\r\n$4\r\nECHO\r\n$1\r\nhello\r\n"), ""},
		{"empty requests", repeated("", "*0\r\n*-1\r\n\r\n", 1<<14), ""},
		{"nulls", repeated("", strings.Repeat("\x00", 4096), 64), ""},
		{"deep transaction", repeated("MULTI\r\n", strings.Repeat("SET k v\r\n", 100), 100), ""},
		{"a word of every kind", text("*1\r\n%1\r\n"), "-ERR Protocol error: expected '$', got '%'"},
	}
	const secret = "attack"
	for _, authenticated := range []bool{false, true} {
		in := start(t, func(v *Values) { v.RequirePass = secret })
		witness := dial(t, "tcp", in.addr)
		witness.want(t, "AUTH "+secret, "+OK\r\n")
		for _, a := range attacks {
			t.Run(fmt.Sprintf("%s/auth=%t", a.name, authenticated), func(t *testing.T) {
				before := heapBytes()
				w := dial(t, "tcp", in.addr)
				if authenticated {
					w.want(t, "AUTH "+secret, "+OK\r\n")
				}
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					a.stream(w)
					w.Conn.(*net.TCPConn).CloseWrite()
				}()
				// Replies are taken as they come; a reset is an end as well.
				got, _ := io.ReadAll(w.r)
				<-sent
				if authenticated && a.want != "" && !strings.Contains(string(got), a.want) && len(got) > 0 {
					t.Errorf("answered %.200q, want %q in it", got, a.want)
				}
				if grown := int64(heapBytes()) - int64(before); grown > 40<<20 {
					t.Errorf("the heap has grown by %d bytes", grown)
				}
				witness.want(t, "GET http", "$-1\r\n")
			})
		}
	}
}

func text(s string) func(w io.Writer) {
	return func(w io.Writer) { _, _ = io.WriteString(w, s) }
}

func repeated(head, s string, n int) func(w io.Writer) {
	return func(w io.Writer) {
		if _, err := io.WriteString(w, head); err != nil {
			return
		}
		for range n {
			if _, err := io.WriteString(w, s); err != nil {
				return
			}
		}
	}
}

func trickle(s string) func(w io.Writer) {
	return func(w io.Writer) {
		for i := range len(s) {
			if _, err := io.WriteString(w, s[i:i+1]); err != nil {
				return
			}
		}
	}
}

func heapBytes() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestUnauthenticatedOutputIsBounded(t *testing.T) {
	in := start(t, func(v *Values) { v.RequirePass = "secret" })
	w := dial(t, "tcp", in.addr)
	go func() { // until the server hangs up
		for {
			if _, err := io.WriteString(w, strings.Repeat("PING\r\n", 100)); err != nil {
				return
			}
		}
	}()
	if got := len(w.closed(t)); got > 2*maxUnauthOutputBytes {
		t.Fatalf("a stranger was told %d bytes", got)
	}
}

func TestSilentStrangersAreClosed(t *testing.T) {
	in := start(t, func(v *Values) { v.RequirePass, v.AuthTimeout = "secret", 50*time.Millisecond })
	silent, known := dial(t, "tcp", in.addr), dial(t, "tcp", in.addr)
	known.want(t, "AUTH secret", "+OK\r\n")
	if got := silent.rest(t); got != "" {
		t.Fatalf("was told %q", got)
	}
	known.want(t, "PING", "+PONG\r\n") // the time ends with AUTH
	known.want(t, "RESET", "+RESET\r\n")
	known.rest(t) // and begins again
}

func TestStrangersAreCounted(t *testing.T) {
	in := start(t, func(v *Values) { v.RequirePass, v.MaxUnauthenticated = "secret", 3 })
	known := dial(t, "tcp", in.addr)
	known.want(t, "AUTH secret", "+OK\r\n")
	var strangers []*wire
	for range 3 {
		w := dial(t, "tcp", in.addr)
		w.want(t, "PING", "-NOAUTH Authentication required.\r\n")
		strangers = append(strangers, w)
	}
	if got := dial(t, "tcp", in.addr).closed(t); got != "-ERR max number of clients reached\r\n" {
		t.Fatalf("the fourth was told %q", got)
	}
	known.want(t, "PING", "+PONG\r\n")
	strangers[0].want(t, "AUTH secret", "+OK\r\n") // makes room
	dial(t, "tcp", in.addr).want(t, "AUTH secret", "+OK\r\n")
}

func TestMaxClients(t *testing.T) {
	in := start(t, func(v *Values) { v.MaxClients = 2 })
	a, b := dial(t, "tcp", in.addr), dial(t, "tcp", in.addr)
	a.want(t, "PING", "+PONG\r\n")
	b.want(t, "PING", "+PONG\r\n")
	if got := dial(t, "tcp", in.addr).closed(t); got != "-ERR max number of clients reached\r\n" {
		t.Fatalf("the third was told %q", got)
	}
	a.want(t, "CONFIG SET maxclients 3", "+OK\r\n")
	dial(t, "tcp", in.addr).want(t, "PING", "+PONG\r\n")
	if got := in.Stats(); got.Rejected != 1 || got.Connected != 3 || got.MaxClients != 3 {
		t.Errorf("counted %+v", got)
	}
}

func TestIdleTimeout(t *testing.T) {
	in := start(t, nil)
	idle, busy := dial(t, "tcp", in.addr), dial(t, "tcp", in.addr)
	idle.want(t, "PING", "+PONG\r\n")
	busy.want(t, "CONFIG SET timeout 1", "+OK\r\n") // holds for those that wait already
	if got := idle.rest(t); got != "" {
		t.Fatalf("was told %q", got)
	}
	busy.rest(t)
}

func TestOutputLimit(t *testing.T) {
	in := start(t, func(v *Values) { v.MaxOutputBytes = 1 << 20 })
	w := dial(t, "tcp", in.addr)
	value := strings.Repeat("x", 300<<10)
	w.send(t, fmt.Sprintf("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n%s\r\n", len(value), value))
	if got := w.reply(t); got != "+OK\r\n" {
		t.Fatal(got)
	}
	w.do(t, "MGET k k k") // below
	w.send(t, "MGET k k k k\r\n")
	if got := w.closed(t); got != "" {
		t.Fatalf("got %d bytes of a reply above the limit", len(got))
	}
	dial(t, "tcp", in.addr).want(t, "PING", "+PONG\r\n")
}

// What the connection answers itself counts like what the keyspace answers, and
// is counted while it comes together.
func TestOutputLimitOfSessionCommands(t *testing.T) {
	docs := func(n int) string { return strings.Repeat("COMMAND DOCS\r\n", n) }
	for _, c := range []struct{ name, sent string }{
		{"by themselves", docs(200)},
		{"behind a read", "GET k\r\n" + docs(200)},
		{"in a transaction", "MULTI\r\n" + docs(200) + "EXEC\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := start(t, func(v *Values) { v.MaxOutputBytes = 100 << 10 })
			w := dial(t, "tcp", in.addr)
			before := allocatedBytes()
			w.send(t, c.sent)
			if got := w.closed(t); strings.Contains(got, "summary") {
				t.Errorf("got %d bytes of replies above the limit", len(got))
			}
			if bytes := allocatedBytes() - before; bytes > 50<<20 {
				t.Errorf("200 replies of which none left took %d bytes", bytes)
			}
			dial(t, "tcp", in.addr).want(t, "PING", "+PONG\r\n")
		})
	}
}

// All of a transaction runs, even when nobody will be told.
func TestTransactionAboveTheOutputLimit(t *testing.T) {
	in := start(t, func(v *Values) { v.MaxOutputBytes = 100 << 10 })
	w := dial(t, "tcp", in.addr)
	w.send(t, "MULTI\r\nSET k v\r\n"+strings.Repeat("COMMAND DOCS\r\n", 20)+"CONFIG SET timeout 77\r\nEXEC\r\nSET k behind\r\n")
	w.closed(t)
	other := dial(t, "tcp", in.addr)
	for !strings.Contains(other.do(t, "CONFIG GET timeout"), "77") { // it was cut off on the way
	}
	other.want(t, "GET k", "$1\r\nv\r\n")
}

// Replies that nobody wants are no reason to hang up, and take no memory.
func TestOutputLimitOfMutedReplies(t *testing.T) {
	in := start(t, func(v *Values) { v.MaxOutputBytes = 100 << 10 })
	w := dial(t, "tcp", in.addr)
	before := allocatedBytes()
	w.send(t, "CLIENT REPLY OFF\r\nGET k\r\n"+strings.Repeat("COMMAND DOCS\r\n", 200)+"CLIENT REPLY ON\r\n")
	if got := w.reply(t); got != "+OK\r\n" {
		t.Errorf("got %.80q", got)
	}
	if bytes := allocatedBytes() - before; bytes > 50<<20 {
		t.Errorf("200 replies of which none left took %d bytes", bytes)
	}
}

// A name or an id that is given a million times is not answered a million times.
func TestRepeatedArgumentsOfSessionCommands(t *testing.T) {
	in := start(t, nil)
	w := dial(t, "tcp", in.addr)
	if got := w.do(t, "CLIENT LIST ID"+strings.Repeat(" 1 99", 5000)); strings.Count(got, "id=1 ") != 1 {
		t.Errorf("CLIENT LIST of one client replied %d bytes", len(got))
	}
	for _, sub := range []string{"DOCS", "INFO"} {
		w.want(t, "COMMAND "+sub+strings.Repeat(" get", maxCommandNames+1), "-"+errTooManyNames+"\r\n")
		if got := w.do(t, "COMMAND "+sub+strings.Repeat(" get", maxCommandNames)); got[0] == '-' {
			t.Errorf("COMMAND %s of %d names: %s", sub, maxCommandNames, got)
		}
	}
}

// allocatedBytes is all that was ever allocated.
func allocatedBytes() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestClientThatDoesNotReadIsClosed(t *testing.T) {
	in := start(t, func(v *Values) { v.WriteTimeout = 50 * time.Millisecond })
	w := dial(t, "tcp", in.addr)
	value := strings.Repeat("x", 16<<20) // more than the kernel buffers
	w.send(t, fmt.Sprintf("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n%s\r\n", len(value), value))
	w.reply(t)
	w.send(t, "GET k\r\n")
	other := dial(t, "tcp", in.addr)
	for in.Stats().Connected > 1 { // other alone
		other.want(t, "PING", "+PONG\r\n")
	}
}

// CONFIG SET holds for connections that are open and wait already.
func TestQueryLimitsAreLive(t *testing.T) {
	in := start(t, func(v *Values) { v.RequirePass = "secret" })
	w, operator := dial(t, "tcp", in.addr), dial(t, "tcp", in.addr)
	w.want(t, "AUTH secret", "+OK\r\n")
	operator.want(t, "AUTH secret", "+OK\r\n")
	echo := fmt.Sprintf("*2\r\n$4\r\nECHO\r\n$5000\r\n%05000d\r\n", 1)
	w.send(t, echo)
	if got := w.reply(t); len(got) < 5000 {
		t.Fatalf("a long argument is answered %q", got)
	}
	operator.want(t, "CONFIG SET proto-max-bulk-len 1kb", "+OK\r\n")
	w.send(t, echo)
	if got := w.closed(t); got != "-ERR Protocol error: invalid bulk length\r\n" {
		t.Errorf("one beyond the new limit is answered %.80q", got)
	}
}

func TestTransactionsAreBounded(t *testing.T) {
	in := start(t, func(v *Values) { v.MaxQueryBytes = 16 << 10 })
	w := dial(t, "tcp", in.addr)
	w.want(t, "MULTI", "+OK\r\n")
	got := ""
	for i := 0; got == "" && i < 1000; i++ {
		if r := w.do(t, "SET k v"); r != "+QUEUED\r\n" {
			got = r
		}
	}
	if got != "-"+errTransactionTooLong+"\r\n" {
		t.Fatalf("answered %q", got)
	}
	w.want(t, "EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n")
	w.want(t, "GET k", "$-1\r\n")
	got = ""
	for i := 0; got == "" && i < 1000; i++ {
		if r := w.do(t, fmt.Sprintf("WATCH key%d", i)); r != "+OK\r\n" {
			got = r
		}
	}
	if got != "-"+errWatchTooLong+"\r\n" {
		t.Fatalf("answered %q", got)
	}
	w.want(t, "MULTI", "+OK\r\n")
	w.want(t, "SET k v", "+QUEUED\r\n")
	w.want(t, "EXEC", "*-1\r\n")
}

// A queued command does not keep the pipeline that it came in: a transaction
// would take memory beyond its limit.
func TestTransactionKeepsOnlyItsCommands(t *testing.T) {
	in := start(t, nil)
	w := dial(t, "tcp", in.addr)
	w.want(t, "MULTI", "+OK\r\n")
	before := heapBytes()
	// WATCH is refused here and is no part of the transaction.
	pipeline := strings.Repeat("WATCH "+strings.Repeat("x", 8<<10)+"\r\nSET k v\r\n", 64)
	for range 64 {
		w.send(t, pipeline)
		for range 64 {
			if got := w.reply(t); !strings.HasPrefix(got, "-ERR WATCH inside MULTI") {
				t.Fatalf("WATCH replied %.80q", got)
			}
			if got := w.reply(t); got != "+QUEUED\r\n" {
				t.Fatalf("SET replied %.80q", got)
			}
		}
	}
	if grown := int64(heapBytes()) - int64(before); grown > 16<<20 {
		t.Errorf("4096 commands of a few bytes keep %d", grown)
	}
}

// A transaction that is longer than a batch goes alone, in its place.
func TestLongTransaction(t *testing.T) {
	in := start(t, nil)
	w := dial(t, "tcp", in.addr)
	value := strings.Repeat("x", 2*maxBatchBytes)
	set := fmt.Sprintf("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n%s\r\n", len(value), value)
	w.send(t, "SET k before\r\nMULTI\r\nGET k\r\n"+set+"STRLEN k\r\nEXEC\r\nSTRLEN k\r\n")
	want := fmt.Sprintf("+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n$6\r\nbefore\r\n+OK\r\n:%d\r\n:%d\r\n", len(value), len(value))
	got := ""
	for range 7 {
		got += w.reply(t)
	}
	if got != want {
		t.Fatalf("replied %q, want %q", got, want)
	}
}

// remote is a listener whose clients seem to be on another host.
type remote struct{ net.Listener }

type remoteConn struct{ net.Conn }

func (l remote) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return remoteConn{c}, err
}

func (remoteConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1000} }

func TestProtectedMode(t *testing.T) {
	in := start(t, nil)
	l := listen(t)
	served := make(chan error, 1)
	go func() { served <- in.Serve(remote{l}) }()
	defer func() {
		l.Close()
		<-served
	}()
	if got := dial(t, "tcp", l.Addr().String()).closed(t); !strings.HasPrefix(got, "-DENIED Redoubt is running in protected mode") {
		t.Fatalf("was told %q", got)
	}
	local := dial(t, "tcp", in.addr)
	local.want(t, "CONFIG SET protected-mode no", "+OK\r\n")
	dial(t, "tcp", l.Addr().String()).want(t, "PING", "+PONG\r\n")
	local.want(t, "CONFIG SET protected-mode yes requirepass secret", "+OK\r\n")
	dial(t, "tcp", l.Addr().String()).want(t, "PING", "-NOAUTH Authentication required.\r\n")
}

// brokenListener fails a few times, as when file descriptors run out.
type brokenListener struct {
	net.Listener
	failures int
}

func (l *brokenListener) Accept() (net.Conn, error) {
	if l.failures > 0 {
		l.failures--
		return nil, fmt.Errorf("accept: too many open files")
	}
	return l.Listener.Accept()
}

func TestAcceptErrorsPass(t *testing.T) {
	in := start(t, nil)
	l := &brokenListener{listen(t), 3}
	served := make(chan error, 1)
	go func() { served <- in.Serve(l) }()
	dial(t, "tcp", l.Addr().String()).want(t, "PING", "+PONG\r\n")
	l.Close()
	<-served
}

func TestShutdownAnswersWhatIsInFlight(t *testing.T) {
	in := start(t, nil)
	held, idle, waiting := dial(t, "tcp", in.addr), dial(t, "tcp", in.addr), dial(t, "tcp", in.addr)
	idle.want(t, "PING", "+PONG\r\n")
	held.want(t, "CLIENT PAUSE 1000000 WRITE", "+OK\r\n")
	held.send(t, "GET k\r\nSET k v\r\nGET k\r\n")
	if got := held.reply(t); got != "$-1\r\n" { // so the rest has been read
		t.Fatal(got)
	}
	waiting.send(t, "PING\r\nWAIT 1 0\r\n")
	for in.Stats().Blocked == 0 { // the wait has begun
		idle.want(t, "PING", "+PONG\r\n")
	}
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- in.Shutdown(ctx) }()
	if got := held.rest(t); got != "+OK\r\n$1\r\nv\r\n" {
		t.Errorf("what was in flight was answered %q", got)
	}
	if got := idle.rest(t); got != "" {
		t.Errorf("the idle client was told %q", got)
	}
	if got := waiting.rest(t); got != "+PONG\r\n:0\r\n" {
		t.Errorf("the waiting client was told %q", got)
	}
	for _, w := range []*wire{held, idle, waiting} {
		w.Close()
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", in.addr); err == nil {
		t.Error("the port is still open")
	}
}
