package resp

import (
	"bufio"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

var replyExamples = []struct {
	wire string
	want Value
}{
	{"+OK\r\n", Value{Type: '+', Str: "OK"}},
	{"+\r\n", Value{Type: '+'}},
	{"-ERR no\r\n", Value{Type: '-', Str: "ERR no"}},
	{":-42\r\n", Value{Type: ':', Int: -42}},
	{":9223372036854775807\r\n", Value{Type: ':', Int: math.MaxInt64}},
	{"$5\r\na\r\nbc\r\n", Value{Type: '$', Str: "a\r\nbc"}},
	{"$0\r\n\r\n", Value{Type: '$'}},
	{"$-1\r\n", Value{Type: '$', Null: true}},
	{"*0\r\n", Value{Type: '*', Array: []Value{}}},
	{"*-1\r\n", Value{Type: '*', Null: true}},
	{"*2\r\n:1\r\n*1\r\n+x\r\n", Value{Type: '*', Array: []Value{{Type: ':', Int: 1}, {Type: '*', Array: []Value{{Type: '+', Str: "x"}}}}}},
	{"_\r\n", Value{Type: '_', Null: true}},
	{"#t\r\n", Value{Type: '#', Int: 1}},
	{"#f\r\n", Value{Type: '#'}},
	{",0.10000000000000001\r\n", Value{Type: ',', Str: "0.10000000000000001", Float: 0.1}},
	{",-inf\r\n", Value{Type: ',', Str: "-inf", Float: math.Inf(-1)}},
	{"(-12345678901234567890\r\n", Value{Type: '(', Str: "-12345678901234567890"}},
	{"=7\r\ntxt:a\r\n\r\n", Value{Type: '=', Format: "txt", Str: "a\r\n"}},
	{"!5\r\nERR x\r\n", Value{Type: '!', Str: "ERR x"}},
	{"%1\r\n+k\r\n:1\r\n", Value{Type: '%', Array: []Value{{Type: '+', Str: "k"}, {Type: ':', Int: 1}}}},
	{"~1\r\n:1\r\n", Value{Type: '~', Array: []Value{{Type: ':', Int: 1}}}},
	{">1\r\n:1\r\n", Value{Type: '>', Array: []Value{{Type: ':', Int: 1}}}},
	{"|1\r\n+ttl\r\n:9\r\n+v\r\n", Value{Type: '+', Str: "v", Attributes: []Value{{Type: '+', Str: "ttl"}, {Type: ':', Int: 9}}}},
	{"*1\r\n|1\r\n+a\r\n:1\r\n:2\r\n", Value{Type: '*', Array: []Value{{Type: ':', Int: 2, Attributes: []Value{{Type: '+', Str: "a"}, {Type: ':', Int: 1}}}}}},
}

var malformedReplies = []string{
	"\r\n", "x\r\n", "+OK\n", ":\r\n", ":1a\r\n", ":9223372036854775808\r\n", "$\r\n", "$-2\r\n", "$01\r\n", "$a\r\n", "$1\r\nab\r\n", "$1\r\na\rb",
	"*-2\r\n", "*9223372036854775807\r\n", "*2147483647\r\n", "%16777216\r\n", "%-1\r\n", "#x\r\n", ",x\r\n", "(\r\n", "(-\r\n", "(1a\r\n", "=3\r\ntxt\r\n", "=4\r\ntxt.\r\n",
	"=-1\r\n", "!-1\r\n", "*?\r\n", "$?\r\n", "*1\r\n", "$5\r\nab", "+OK", "|1\r\n+a\r\n:1\r\n", strings.Repeat("*1\r\n", 200) + ":1\r\n", "+" + strings.Repeat("x", 2<<20) + "\r\n",
}

func TestReadValue(t *testing.T) {
	for _, test := range replyExamples {
		for _, r := range []*bufio.Reader{
			bufio.NewReader(strings.NewReader(test.wire)),
			bufio.NewReaderSize(&trickle{[]byte(test.wire), 1}, 16),
		} {
			if got, err := ReadValue(r); err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("%q: got %#v, %v, want %#v", test.wire, got, err, test.want)
			}
			if _, err := ReadValue(r); err != io.EOF {
				t.Errorf("%q: behind it: %v, want EOF", test.wire, err)
			}
		}
		for cut := 1; cut < len(test.wire); cut++ {
			if v, err := ReadValue(bufio.NewReader(strings.NewReader(test.wire[:cut]))); err != io.ErrUnexpectedEOF {
				t.Errorf("%q: got %v, %v, want unexpected EOF", test.wire[:cut], v, err)
			}
		}
	}
	for _, wire := range malformedReplies {
		if v, err := ReadValue(bufio.NewReader(strings.NewReader(wire))); err == nil {
			t.Errorf("%.50q: got %v, want an error", wire, v)
		}
	}
}

func TestReadValueSpendsMemoryAsBytesArrive(t *testing.T) {
	for _, wire := range []string{"$1000000000\r\nab", "*16000000\r\n:1\r\n", strings.Repeat("*100000\r\n", 100), "%8000000\r\n"} {
		allocated := allocatedBy(func() {
			if v, err := ReadValue(bufio.NewReader(strings.NewReader(wire))); err == nil {
				t.Errorf("%.50q: got %v", wire, v)
			}
		})
		if allocated > 4<<20 {
			t.Errorf("%.50q: %d bytes allocated", wire, allocated)
		}
	}
}

func TestValueString(t *testing.T) {
	for wire, want := range map[string]string{
		"+OK\r\n": "OK", "-ERR x\r\n": "(error) ERR x", ":7\r\n": "7", "$1\r\na\r\n": `"a"`, "$-1\r\n": "(nil)", "_\r\n": "(nil)",
		"#t\r\n": "true", ",1.5\r\n": "1.5", "*2\r\n:1\r\n$0\r\n\r\n": `[1 ""]`, "*-1\r\n": "(nil)", "%1\r\n+a\r\n(9\r\n": "[a 9]", "=5\r\ntxt:a\r\n": `"a"`,
	} {
		if v, err := ReadValue(bufio.NewReader(strings.NewReader(wire))); err != nil || v.String() != want {
			t.Errorf("%q: got %s, %v, want %s", wire, v, err, want)
		}
	}
}

func TestErrorReply(t *testing.T) {
	var reply ErrorReply
	if err := (Value{Type: '-', Str: ErrWrongType}).Err(); !errors.As(err, &reply) || reply.Code() != "WRONGTYPE" || err.Error() != ErrWrongType {
		t.Errorf("got %v", err)
	}
	if err := (Value{Type: '$', Str: "ERR"}).Err(); err != nil {
		t.Errorf("a bulk string became the error %v", err)
	}
}

// answer accepts one connection and gives it to serve.
func answer(t *testing.T, serve func(net.Conn)) *Client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		serve(conn)
	}()
	c, err := Dial(l.Addr().String(), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); l.Close(); <-done })
	return c
}

// echo answers every command with its words.
func echo(conn net.Conn) {
	r := NewReader(NewGuard(conn, DefaultLimits()))
	for {
		commands, err := r.ReadPipeline(1000, 1<<20)
		if err != nil {
			return
		}
		var out []byte
		for _, args := range commands {
			out = AppendArray(out, len(args))
			for _, arg := range args {
				out = AppendBulk(out, arg)
			}
		}
		if _, err := conn.Write(out); err != nil {
			return
		}
	}
}

func TestClientPipeline(t *testing.T) {
	c := answer(t, echo)
	for i := range 100 {
		c.Send("GET", strings.Repeat("k", i))
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		v, err := c.Receive()
		if err != nil || len(v.Array) != 2 || v.Array[1].Str != strings.Repeat("k", i) {
			t.Fatalf("reply %d: %v, %v", i, v, err)
		}
	}
	if v, err := c.Do("SET", "a\r\nb", ""); err != nil || v.String() != `["SET" "a\r\nb" ""]` {
		t.Errorf("got %v, %v", v, err)
	}
}

func TestClientKeepsPushesForReceive(t *testing.T) {
	c := answer(t, func(conn net.Conn) {
		io.WriteString(conn, ">1\r\n+first\r\n>1\r\n+second\r\n+PONG\r\n>1\r\n+third\r\n")
		io.Copy(io.Discard, conn)
	})
	if v, err := c.Do("PING"); err != nil || v.Str != "PONG" {
		t.Fatalf("got %v, %v", v, err)
	}
	for _, want := range []string{"[first]", "[second]", "[third]"} {
		if v, err := c.Receive(); err != nil || v.Type != '>' || v.String() != want {
			t.Errorf("got %v, %v, want the push %s", v, err, want)
		}
	}
}

func TestClientTimeouts(t *testing.T) {
	release := make(chan struct{})
	c := answer(t, func(conn net.Conn) {
		<-release
		io.WriteString(conn, "+late\r\n")
		io.Copy(io.Discard, conn)
	})
	c.SetTimeout(time.Millisecond)
	if _, err := c.Receive(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	close(release)
	c.SetTimeout(0)
	if v, err := c.Receive(); err != nil || v.Str != "late" {
		t.Errorf("after a timeout between two replies: got %v, %v", v, err)
	}
	c.SetTimeout(time.Millisecond)
	_, first := c.Do("PING")
	if !errors.Is(first, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v", first)
	}
	c.SetTimeout(0)
	if _, err := c.Do("PING"); err != first {
		t.Errorf("after a command whose reply is still to come: got %v, want the same error for ever", err)
	}
}

func TestClientAfterBrokenReply(t *testing.T) {
	c := answer(t, func(conn net.Conn) {
		io.WriteString(conn, "what?\r\n+OK\r\n")
		io.Copy(io.Discard, conn)
	})
	_, first := c.Do("PING")
	if first == nil {
		t.Fatal("a malformed reply passed")
	}
	if _, err := c.Receive(); err != first {
		t.Errorf("got %v, want %v", err, first)
	}
}
