package resp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
)

// allocatedBy returns how many bytes run allocates, garbage included.
func allocatedBy(run func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// pingServer answers PONG to every command, and errors as a server should.
type pingServer struct {
	listener net.Listener
	limits   Limits
	wg       sync.WaitGroup

	mu       sync.Mutex
	commands []string // the names of all that was executed
}

func startPingServer(t *testing.T, network, addr string, l Limits) *pingServer {
	t.Helper()
	listener, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &pingServer{listener: listener, limits: l}
	s.wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() { listener.Close(); s.wg.Wait() })
	return s
}

func (s *pingServer) serve(conn net.Conn) {
	defer conn.Close()
	r := NewReader(NewGuard(conn, s.limits))
	for {
		commands, err := r.ReadPipeline(1000, 1<<20)
		var out []byte
		s.mu.Lock()
		for _, args := range commands {
			if len(s.commands) < 100 {
				s.commands = append(s.commands, string(args[0]))
			}
			out = AppendSimple(out, "PONG")
		}
		s.mu.Unlock()
		var refused *ProtocolError
		if errors.As(err, &refused) {
			out = AppendError(out, refused.Text)
		}
		if _, writeErr := conn.Write(out); writeErr != nil || err != nil {
			break
		}
	}
	// Closing with unread bytes resets the connection, and the peer may never
	// see the error: end our half, and let the peer's rest run out.
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		io.Copy(io.Discard, conn)
	}
}

// send writes in and returns all that comes back.
func (s *pingServer) send(t *testing.T, in []byte) string {
	t.Helper()
	conn, err := net.Dial(s.listener.Addr().Network(), s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s.wg.Go(func() {
		conn.Write(in) // fails when the server has hung up, as it should
		conn.(interface{ CloseWrite() error }).CloseWrite()
	})
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	out, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("after %q: %v", out, err)
	}
	return string(out)
}

// Each of these kills, wedges or bloats a redcon server on a bare socket, before
// AUTH. Here each gets one error line and costs little.
func TestAttacks(t *testing.T) {
	text := func(s string) string { return "-" + s + "\r\n" }
	attacks := []struct {
		name, in     string
		unauth, full string // what is answered
	}{
		{"length that overflows", "*1\r\n$9223372036854775807\r\n", text(ErrInvalidBulkLength), text(ErrInvalidBulkLength)},
		{"count that never ends", "*9223372036854775807\r\n", text(ErrInvalidMultibulkLength), text(ErrInvalidMultibulkLength)},
		{"count of a milliard", "*1000000000\r\n", text(ErrUnauthMultibulkLength), text(ErrInvalidMultibulkLength)},
		{"count of a million and nothing else", "*1000000\r\n", text(ErrUnauthMultibulkLength), ""},
		{"length of 512 MiB and nothing else", "*1\r\n$536870912\r\n", text(ErrUnauthBulkLength), ""},
		{"length of 16 KiB and nothing else", "*10\r\n$16384\r\n", "", ""},
		{"empty count", "*0\r\n*1\r\n$4\r\nPING\r\n", "+PONG\r\n", "+PONG\r\n"},
		{"null count", "*-1\r\n*1\r\n$4\r\nPING\r\n", "+PONG\r\n", "+PONG\r\n"},
		{"inline line of many words", strings.Repeat("a ", 32000) + "\r\n", text(ErrUnauthMultibulkLength), "+PONG\r\n"},
		{"inline line of many quotes", strings.Repeat(`"" `, 20000) + "\r\n", text(ErrUnauthMultibulkLength), "+PONG\r\n"},
		{"inline line without an end", strings.Repeat("a", 1<<20), text(ErrInlineTooLong), text(ErrInlineTooLong)},
		{"count without an end", "*" + strings.Repeat("1", 1<<20), text(ErrMultibulkLineTooLong), text(ErrMultibulkLineTooLong)},
		{"web page", "POST / HTTP/1.1\r\nHost: x\r\n\r\nSET a b\r\n", "", ""},
		{"web page that reads", "GET / HTTP/1.1\r\nHost: x\r\n\r\nSET a b\r\n", "", ""},
		{"TLS client", "\x16\x03\x01\x00\xf4\x01\x00\x00\nSET a b\r\n", "", ""},
		{"pipeline of 100,000 empty lines", strings.Repeat("\r\n", 100000), "", ""},
		{"pipeline of 100,000 empty arrays", strings.Repeat("*0\r\n", 100000), "", ""},
	}
	for name, limits := range map[string]Limits{"before AUTH": UnauthenticatedLimits(), "after AUTH": DefaultLimits()} {
		t.Run(name, func(t *testing.T) {
			s := startPingServer(t, "tcp", "127.0.0.1:0", limits)
			for _, attack := range attacks {
				want := attack.full
				if limits.Unauthenticated {
					want = attack.unauth
				}
				var got string
				if n := allocatedBy(func() { got = s.send(t, []byte(attack.in)) }); n > 8<<20 {
					t.Errorf("%s: %d bytes allocated", attack.name, n)
				}
				if got != want {
					t.Errorf("%s: answered %q, want %q", attack.name, got, want)
				}
				if got := s.send(t, []byte("PING\r\n")); got != "+PONG\r\n" {
					t.Errorf("%s: the next client gets %q", attack.name, got)
				}
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if slices.Contains(s.commands, "SET") {
				t.Error("a command inside another protocol was executed")
			}
		})
	}
}

// A stream whose reads always end inside a command must not make the buffer
// grow.
func TestSaturatedStreamKeepsBufferSmall(t *testing.T) {
	command := AppendCommand(nil, "SET", "key", strings.Repeat("v", 90)) // 122 bytes
	const total = 64 << 20
	src := io.LimitReader(&endless{data: command}, total)
	g := NewGuard(src, DefaultLimits())
	r := NewReader(g)
	count, largest := 0, 0
	allocated := allocatedBy(func() {
		for {
			commands, err := r.ReadPipeline(1000, 1<<20)
			if err != nil {
				break
			}
			count += len(commands)
			largest = max(largest, len(g.buf))
		}
	})
	if count != total/len(command) {
		t.Errorf("%d commands, want %d", count, total/len(command))
	}
	if largest > maxIdleBytes*2 {
		t.Errorf("the buffer grew to %d bytes", largest)
	}
	if allocated > 3*total {
		t.Errorf("%d bytes allocated for %d", allocated, total)
	}
}

// endless repeats data without ever ending a read at its border on purpose.
type endless struct {
	data []byte
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	for n := 0; ; {
		m := copy(p[n:], e.data[e.at:])
		e.at = (e.at + m) % len(e.data)
		if n += m; n == len(p) {
			return n, nil
		}
	}
}

// Were any of these read with work that grows with the square of the bytes, or
// with a stack that grows with the reads, this test would not end.
func TestTricklesAreLinear(t *testing.T) {
	manyArgs := bulks(slices.Repeat([]string{"x"}, 200_000)...)
	for name, in := range map[string]string{
		"value":                        bulks("SET", "k", strings.Repeat("v", 1<<20)),
		"many arguments":               manyArgs,
		"many arguments behind others": strings.Repeat("PING\r\n", 1000) + manyArgs,
		"inline":                       strings.Repeat("a", 65000) + "\n",
	} {
		var got outcome
		n := allocatedBy(func() {
			r := NewReader(NewGuard(iotest.OneByteReader(strings.NewReader(in)), DefaultLimits()))
			for {
				commands, err := r.ReadPipeline(1000, 1<<20)
				if err != nil {
					got.err = err.Error()
					return
				}
				for _, args := range commands {
					got.commands = append(got.commands, make([]string, len(args)))
				}
			}
		})
		if got.err != atBorder || len(got.commands) == 0 {
			t.Errorf("%s: %d commands, %s", name, len(got.commands), got.err)
		}
		if n > 64<<20 {
			t.Errorf("%s: %d bytes allocated", name, n)
		}
	}
}

func TestBigValueIsNotCopiedAtTheEnd(t *testing.T) {
	const size = 64<<20 + 12345
	in := AppendCommand(nil, "SET", "k", strings.Repeat("v", size))
	in = append(in, "PING\r\n"...)
	g := NewGuard(&trickle{in, 100_000}, DefaultLimits())
	r := NewReader(g)
	var commands [][][]byte
	var err error
	allocated := allocatedBy(func() { commands, err = r.ReadPipeline(1000, 1<<20) })
	if err != nil || len(commands[0]) != 3 || !bytes.Equal(commands[0][2], in[len(in)-8-size:len(in)-8]) {
		t.Fatalf("the value did not arrive: %v", err)
	}
	if allocated > size*5/2 {
		t.Errorf("%d bytes allocated for a value of %d", allocated, size)
	}
	if len(g.buf) > maxIdleBytes {
		t.Errorf("a buffer of %d bytes is left behind", len(g.buf))
	}
	if len(commands) == 1 {
		commands, err = r.ReadPipeline(1000, 1<<20)
		if err != nil || string(commands[0][0]) != "PING" {
			t.Errorf("behind the value: %q, %v", commands, err)
		}
	}
}

func TestBufferShrinksWhenItIsQuiet(t *testing.T) {
	busy := bytes.Repeat(AppendCommand(nil, "PING"), 5000)
	quiet := bytes.Repeat(AppendCommand(nil, "PING"), 1)
	src := &queue{}
	g := NewGuard(src, DefaultLimits())
	r := NewReader(g)
	read := func(in []byte) {
		src.data = in
		for len(src.data) > 0 || g.Buffered() > 0 {
			if _, err := r.ReadPipeline(1000, 1<<20); err != nil {
				t.Fatal(err)
			}
		}
	}
	read(busy)
	if len(g.buf) != maxIdleBytes {
		t.Errorf("%d bytes of buffer for a busy connection, want %d", len(g.buf), maxIdleBytes)
	}
	for range 10 {
		read(quiet)
	}
	if len(g.buf) != minBufferBytes {
		t.Errorf("%d bytes of buffer for a quiet connection, want %d", len(g.buf), minBufferBytes)
	}
}

type queue struct{ data []byte }

func (q *queue) Read(p []byte) (int, error) {
	n := copy(p, q.data)
	q.data = q.data[n:]
	return n, nil
}

// Whatever is sent before AUTH, no connection buffers more than twice 64 KiB.
func TestUnauthenticatedMemory(t *testing.T) {
	for _, in := range []string{
		strings.Repeat("x", 1<<20), "*" + strings.Repeat("1", 1<<20), "*1\r\n$" + strings.Repeat("1", 1<<20),
		bulks(slices.Repeat([]string{strings.Repeat("x", 16384)}, 10)...), strings.Repeat(bulks("PING"), 100000),
		fmt.Sprintf("*10\r\n$16384\r\n%s", strings.Repeat("y", 1<<20)),
	} {
		g := NewGuard(strings.NewReader(in), UnauthenticatedLimits())
		r := NewReader(g)
		for {
			_, err := r.ReadPipeline(1000, 1<<20)
			if len(g.buf) > 128<<10 {
				t.Fatalf("%.30q: a buffer of %d bytes", in, len(g.buf))
			}
			if err != nil {
				break
			}
		}
	}
}
