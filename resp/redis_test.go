package resp

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The tests of this file compare with a real Redis 7.0, and are skipped where
// none is installed.

// startRedis runs a redis-server on a socket in a directory of its own.
func startRedis(t *testing.T, args ...string) (socket string) {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed")
	}
	version, err := exec.Command(path, "--version").Output()
	if err != nil || !bytes.Contains(version, []byte(" v=7.0.")) {
		t.Skipf("redis-server is not 7.0: %s", version)
	}
	dir, err := os.MkdirTemp("", "redis") // t.TempDir is too long for a socket's name
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "s")
	server := exec.Command(path, append([]string{"--port", "0", "--unixsocket", socket, "--save", "", "--dir", dir, "--enable-debug-command", "yes"}, args...)...)
	log, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Kill()
		server.Wait()
		os.RemoveAll(dir)
	})
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "now ready to accept connections at") {
			return socket
		}
	}
	t.Fatal("redis-server did not start")
	return ""
}

func dialRedis(t *testing.T, socket string) (net.Conn, *Client) {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn, NewClient(conn, 10*time.Second)
}

func do(t *testing.T, c *Client, command string, more ...string) Value {
	t.Helper()
	v, err := c.Do(append(strings.Fields(command), more...)...)
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return v
}

// firstLine sends in over a new connection and returns the first line back.
func firstLine(t *testing.T, network, addr string, in []byte) string {
	t.Helper()
	conn, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	sent := make(chan struct{})
	go func() { defer close(sent); conn.Write(in) }()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil && err != io.EOF {
		line += err.Error()
	}
	conn.Close()
	<-sent
	return line
}

func TestProtocolErrorsAreThoseOfRedis(t *testing.T) {
	inputs := []string{
		"*3000000000\r\n", "*9223372036854775808\r\n", "*x\r\n", "*\r\n", "*01\r\n", "*+1\r\n", "* 1\r\n", "*1 \r\n", "*-9223372036854775809\r\n", "*1.5\r\n",
		"*1\r\n$-10\r\n", "*1\r\n$-1\r\n", "*1\r\n$2000000000\r\n", "*1\r\n$9223372036854775807\r\n", "*1\r\n$blabla\r\n", "*1\r\n$\r\n", "*1\r\n$04\r\nPING\r\n",
		"*1\r\nfoo\r\n", "*1\r\n\r\n", "*1\r\n:4\r\n", "*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", "*1\r\n\x01\r\n", "*1\r\n*1\r\n",
		"*" + strings.Repeat("1", 70000), "*1\r\n$" + strings.Repeat("1", 70000), strings.Repeat("x", 70000),
		"set \"\"\"test-key\"\"\" test-value\r\nping\r\n", "'a\n", "\"a\\\n", "\"a\"b\n",
		"*0\r\nPING\r\n", "*-1\r\n*-10\r\nPING\r\n", "\r\n\n  \t\r\nPING\r\n", "*-9223372036854775808\r\nPING\r\n", "PING\n", " \"PI\\x4eG\" \r\n", "*1\r\n$4\r\nPING\r\n*x\r\n",
		"POST / HTTP/1.1\r\n", "Host: a\r\n", "post\n",
		// These differ before AUTH.
		"*11\r\n$4\r\n", "*2147483647\r\n", "*2\r\n$4\r\nAUTH\r\n$16385\r\n", "*10\r\n$536870912\r\nx", "*1\r\n$536870913\r\n", "*2147483648\r\n",
	}
	// What cannot be compared before it is complete, or has another limit here.
	onlyBeforeAuth := map[string]bool{"*11\r\n$4\r\n": true, "*2147483647\r\n": true, "*2\r\n$4\r\nAUTH\r\n$16385\r\n": true, "*10\r\n$536870912\r\nx": true}
	for _, phase := range []struct {
		name   string
		args   []string
		limits Limits
	}{
		{"open", nil, DefaultLimits()},
		{"before AUTH", []string{"--requirepass", "secret"}, UnauthenticatedLimits()},
	} {
		t.Run(phase.name, func(t *testing.T) {
			socket := startRedis(t, phase.args...)
			ours := startPingServer(t, "unix", filepath.Join(filepath.Dir(socket), "ours"), phase.limits)
			for _, in := range inputs {
				if !phase.limits.Unauthenticated && onlyBeforeAuth[in] {
					continue
				}
				want := firstLine(t, "unix", socket, []byte(in))
				if want == "-"+ErrNoAuth+"\r\n" {
					want = "+PONG\r\n" // the command came through, which is what is compared
				}
				if got := firstLine(t, "unix", ours.listener.Addr().String(), []byte(in)); got != want {
					t.Errorf("%.60q: got %q, Redis says %q", in, got, want)
				}
			}
		})
	}
}

func TestInlineWordsAreThoseOfRedis(t *testing.T) {
	socket := startRedis(t)
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	lines := []string{`a"b c"`, `a"b"c`, `"a"'b'`, `'a\'b' "\"" \"`, `"\x4"`, `"\x41\n\q"`, "a\vb \v c\f", `"a"` + "\v", "\x80\xff"}
	alphabet := []string{"a", "b", " ", " ", "\t", "\v", "\f", "\r", `"`, `"`, `'`, `'`, `\`, `\x`, `\x4a`, `\n`, `\t`, `\a`, `\b`, "x", "\x80", "{"}
	for range 600 {
		var line strings.Builder
		for range 1 + rnd.IntN(10) {
			line.WriteString(alphabet[rnd.IntN(len(alphabet))])
		}
		lines = append(lines, line.String())
	}
	conn, c := dialRedis(t, socket)
	for _, line := range lines {
		fmt.Fprintf(conn, "RPUSH k first %s\n", line)
		v, err := c.Receive()
		if err != nil {
			t.Fatal(err)
		}
		words, ok := splitWords([]byte(strings.TrimSuffix("RPUSH k first "+line, "\r")), 1000)
		if !ok {
			if v.Str != ErrUnbalancedQuotes {
				t.Errorf("seed %d: %q is unbalanced here, Redis says %v", seed, line, v)
			}
			conn, c = dialRedis(t, socket)
			continue
		}
		want := do(t, c, "LRANGE k 0 -1")
		do(t, c, "DEL k")
		got := Value{Type: '*'}
		for _, word := range words[2:] {
			got.Array = append(got.Array, Value{Type: '$', Str: string(word)})
		}
		if got.String() != want.String() {
			t.Errorf("seed %d: %q: got %v, Redis has %v", seed, line, got, want)
		}
	}
}

// rawReply returns the bytes that answer a command.
func rawReply(t *testing.T, conn net.Conn, args ...string) string {
	t.Helper()
	if _, err := conn.Write(AppendCommand(nil, args...)); err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if _, err := ReadValue(bufio.NewReader(io.TeeReader(conn, &raw))); err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return raw.String()
}

func TestEncodersAreThoseOfRedis(t *testing.T) {
	// A listpack keeps the score -0 as the integer 0.
	socket := startRedis(t, "--zset-max-listpack-entries", "0")
	bools := func(d []byte, proto int) []byte {
		for i := range 3 {
			d = AppendInt(d, int64(i))
			d = AppendBool(d, i == 1, proto)
		}
		return d
	}
	ints := func(d []byte) []byte { return AppendInt(AppendInt(AppendInt(d, 0), 1), 2) }
	debug := map[string]func(proto int) []byte{
		"string":   func(int) []byte { return AppendBulkString(nil, "Hello World") },
		"integer":  func(int) []byte { return AppendInt(nil, 12345) },
		"double":   func(p int) []byte { return AppendDouble(nil, 3.141, p) },
		"null":     func(p int) []byte { return AppendNull(nil, p) },
		"array":    func(int) []byte { return ints(AppendArray(nil, 3)) },
		"set":      func(p int) []byte { return ints(AppendSet(nil, 3, p)) },
		"map":      func(p int) []byte { return bools(AppendMap(nil, 3, p), p) },
		"verbatim": func(p int) []byte { return AppendVerbatim(nil, "txt", "This is a verbatim\nstring", p) },
		"true":     func(p int) []byte { return AppendBool(nil, true, p) },
		"false":    func(p int) []byte { return AppendBool(nil, false, p) },
		"bignum":   func(p int) []byte { return AppendBigNumber(nil, "1234567999999999999999999999999999999", p) },
		"push": func(p int) []byte {
			d := AppendInt(AppendBulkString(AppendPush(nil, 2, p), "server-cpu-usage"), 42)
			return AppendBulkString(d, "Some real reply following the push reply")
		},
		"attrib": func(p int) []byte {
			var d []byte
			if p == 3 {
				d = AppendBulkString(AppendAttribute(d, 1), "key-popularity")
				d = AppendInt(AppendBulkString(AppendArray(d, 2), "key:123"), 90)
			}
			return AppendBulkString(d, "Some real reply following the attribute")
		},
	}
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	doubles := []float64{0, math.Copysign(0, -1), 1, -1, 0.1, 1.0 / 3, 1e15, 1e16, 1e17, 123456789012345678, 1e-4, 1e-5, 1e300, 5e-324, math.MaxFloat64, math.Inf(1), math.Inf(-1), 0.5, 100, 3.0000000000000004}
	for range 300 {
		if f := math.Float64frombits(rnd.Uint64()); !math.IsNaN(f) {
			doubles = append(doubles, f, math.Trunc(f), rnd.NormFloat64())
		}
	}
	for proto := 2; proto <= 3; proto++ {
		conn, c := dialRedis(t, socket)
		do(t, c, fmt.Sprint("HELLO ", proto))
		for kind, encode := range debug {
			if kind == "push" && proto == 2 {
				continue // an error: RESP2 has no pushes
			}
			want := rawReply(t, conn, "DEBUG", "PROTOCOL", kind)
			if got := string(encode(proto)); got != want {
				t.Errorf("RESP%d %s: got %q, Redis writes %q", proto, kind, got, want)
			}
		}
		for _, f := range doubles {
			do(t, c, "DEL z")
			do(t, c, "ZADD z", fmt.Sprintf("%.17g", f), "m")
			want := rawReply(t, conn, "ZSCORE", "z", "m")
			if got := string(AppendDouble(nil, f, proto)); got != want {
				t.Errorf("seed %d: RESP%d %v: got %q, Redis writes %q", seed, proto, f, got, want)
			}
		}
		for _, args := range [][]string{{"foo\r\nbar", "x\ny"}, {"foo\n"}, {"foo", "\r\n"}} {
			var words [][]byte
			for _, arg := range args {
				words = append(words, []byte(arg))
			}
			want := rawReply(t, conn, args...)
			if got := string(AppendError(nil, UnknownCommand(words))); got != want {
				t.Errorf("RESP%d: got %q, Redis writes %q", proto, got, want)
			}
		}
		if got, want := string(AppendNull(nil, proto)), rawReply(t, conn, "GET", "none"); got != want {
			t.Errorf("RESP%d null: got %q, Redis writes %q", proto, got, want)
		}
		if got, want := string(AppendNullArray(nil, proto)), rawReply(t, conn, "BLPOP", "none", "0.001"); got != want {
			t.Errorf("RESP%d null array: got %q, Redis writes %q", proto, got, want)
		}
	}
}
