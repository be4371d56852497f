package fsm

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"redoubt/resp"
)

const redisServer = "/usr/bin/redis-server"

// redisConn is a connection to a real Redis, the reference.
type redisConn struct {
	conn net.Conn
	r    *bufio.Reader
}

// startRedis starts a Redis of our own that keeps nothing. Without one on the
// machine the test is skipped, except in CI, where that would hide everything
// the test is for.
func startRedis(t *testing.T) (dial func(proto int) *redisConn) {
	t.Helper()
	if _, err := os.Stat(redisServer); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("comparing with Redis needs %s, from Debian's package redis-server: %v", redisServer, err)
		}
		t.Skipf("no %s (Debian's package redis-server) to compare with", redisServer)
	}
	dir, err := os.MkdirTemp("", "redis") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "sock")
	cmd := exec.Command(redisServer, "--port", "0", "--unixsocket", socket, "--dir", dir,
		"--save", "", "--appendonly", "no", "--enable-debug-command", "yes", "--loglevel", "warning")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		os.RemoveAll(dir)
	})
	return func(proto int) *redisConn {
		t.Helper()
		conn, err := net.Dial("unix", socket)
		poll := time.NewTicker(5 * time.Millisecond)
		defer poll.Stop()
		for deadline := time.Now().Add(10 * time.Second); err != nil && time.Now().Before(deadline); {
			<-poll.C // until the server listens
			conn, err = net.Dial("unix", socket)
		}
		if err != nil {
			t.Fatalf("redis-server did not come up: %v\n%s", err, log.Bytes())
		}
		t.Cleanup(func() { conn.Close() })
		c := &redisConn{conn, bufio.NewReaderSize(conn, 1<<16)}
		if proto == 3 {
			c.pipeline(t, [][][]byte{words("HELLO", "3")})
		}
		c.pipeline(t, [][][]byte{words("FLUSHALL")})
		return c
	}
}

// pipeline sends commands in one go and returns their raw replies.
func (c *redisConn) pipeline(t *testing.T, commands [][][]byte) [][]byte {
	t.Helper()
	var request []byte
	for _, args := range commands {
		request = resp.AppendCommand(request, args...)
	}
	sent := make(chan error, 1)
	go func() {
		_, err := c.conn.Write(request)
		sent <- err
	}()
	replies := make([][]byte, len(commands))
	for i := range commands {
		reply, err := readReply(c.r, nil)
		if err != nil {
			t.Fatalf("no reply from Redis to %s: %v", quoteCommand(commands[i]), err)
		}
		replies[i] = reply
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	return replies
}

// readReply appends the bytes of one reply, nested ones included.
func readReply(r *bufio.Reader, dst []byte) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return dst, err
	}
	kind := line[0]
	n, _ := strconv.Atoi(string(line[1 : len(line)-2]))
	dst = append(dst, line...)
	switch kind {
	case '$', '=':
		if n < 0 {
			return dst, nil
		}
		at := len(dst)
		dst = append(dst, make([]byte, n+2)...)
		_, err = io.ReadFull(r, dst[at:])
		return dst, err
	case '%', '|':
		n *= 2
	case '*', '~', '>':
	default:
		n = 0
	}
	for range n {
		if dst, err = readReply(r, dst); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// splitReplies cuts a sequence of replies into n.
func splitReplies(t *testing.T, b []byte, n int) [][]byte {
	t.Helper()
	r := bufio.NewReaderSize(bytes.NewReader(b), 1<<16)
	replies := make([][]byte, n)
	for i := range replies {
		var err error
		if replies[i], err = readReply(r, nil); err != nil {
			t.Fatalf("%d of %d replies in %q: %v", i, n, b, err)
		}
	}
	if _, err := r.ReadByte(); err != io.EOF {
		t.Fatalf("more than %d replies in %q", n, b)
	}
	return replies
}

// showReply renders a reply for people: errors with -, integers with :, nulls
// as nil, strings quoted, [arrays], {maps} and <sets>.
func showReply(raw []byte) string {
	text, _ := renderReply(raw)
	return text
}

func renderReply(raw []byte) (text string, rest []byte) {
	end := bytes.Index(raw, []byte("\r\n"))
	kind, line, rest := raw[0], string(raw[1:end]), raw[end+2:]
	n, _ := strconv.Atoi(line)
	open, end2 := "[", "]"
	switch kind {
	case '+':
		return line, rest
	case '_':
		return "nil3", rest
	case '$':
		if n < 0 {
			return "nil", rest
		}
		return strconv.Quote(string(rest[:n])), rest[n+2:]
	case '*':
		if n < 0 {
			return "nil-array", rest
		}
	case '%':
		n *= 2
		open, end2 = "{", "}"
	case '~':
		open, end2 = "<", ">"
	default:
		return string(kind) + line, rest
	}
	var b bytes.Buffer
	b.WriteString(open)
	for i := range n {
		var item string
		item, rest = renderReply(rest)
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(item)
	}
	b.WriteString(end2)
	return b.String(), rest
}

func words(args ...string) [][]byte {
	out := make([][]byte, len(args))
	for i, a := range args {
		out[i] = []byte(a)
	}
	return out
}

func quoteCommand(args [][]byte) string {
	var b bytes.Buffer
	for i, a := range args {
		if i > 0 {
			b.WriteByte(' ')
		}
		if len(a) > 200 {
			fmt.Fprintf(&b, "(%d bytes)", len(a))
		} else if q := strconv.Quote(string(a)); len(q) == len(a)+2 && len(a) > 0 && !bytes.ContainsAny(a, " '") {
			b.Write(a)
		} else {
			b.WriteString(q)
		}
	}
	return b.String()
}
