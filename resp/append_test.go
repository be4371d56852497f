package resp

import (
	"math"
	"testing"
)

func TestAppend(t *testing.T) {
	tests := []struct {
		name         string
		append       func(dst []byte, proto int) []byte
		resp2, resp3 string
	}{
		{"simple", func(d []byte, _ int) []byte { return AppendSimple(d, "PONG") }, "+PONG\r\n", "+PONG\r\n"},
		{"simple with line ends", func(d []byte, _ int) []byte { return AppendSimple(d, "a\r\nb") }, "+a  b\r\n", "+a  b\r\n"},
		{"ok", func(d []byte, _ int) []byte { return AppendOK(d) }, "+OK\r\n", "+OK\r\n"},
		{"error", func(d []byte, _ int) []byte { return AppendError(d, ErrSyntax) }, "-ERR syntax error\r\n", "-ERR syntax error\r\n"},
		{"error with line ends", func(d []byte, _ int) []byte { return AppendError(d, "ERR a\r\n+OK\r\n\n") }, "-ERR a  +OK\r\n", "-ERR a  +OK\r\n"},
		{"integer", func(d []byte, _ int) []byte { return AppendInt(d, math.MinInt64) }, ":-9223372036854775808\r\n", ":-9223372036854775808\r\n"},
		{"bulk", func(d []byte, _ int) []byte { return AppendBulk(d, []byte("a\r\nb")) }, "$4\r\na\r\nb\r\n", "$4\r\na\r\nb\r\n"},
		{"nil bulk is empty", func(d []byte, _ int) []byte { return AppendBulk(d, nil) }, "$0\r\n\r\n", "$0\r\n\r\n"},
		{"bulk string", func(d []byte, _ int) []byte { return AppendBulkString(d, "hello, world") }, "$12\r\nhello, world\r\n", "$12\r\nhello, world\r\n"},
		{"null", AppendNull, "$-1\r\n", "_\r\n"},
		{"null array", AppendNullArray, "*-1\r\n", "_\r\n"},
		{"array", func(d []byte, _ int) []byte { return AppendArray(d, 10) }, "*10\r\n", "*10\r\n"},
		{"map", func(d []byte, p int) []byte { return AppendMap(d, 7, p) }, "*14\r\n", "%7\r\n"},
		{"empty map", func(d []byte, p int) []byte { return AppendMap(d, 0, p) }, "*0\r\n", "%0\r\n"},
		{"set", func(d []byte, p int) []byte { return AppendSet(d, 3, p) }, "*3\r\n", "~3\r\n"},
		{"push", func(d []byte, p int) []byte { return AppendPush(d, 3, p) }, "*3\r\n", ">3\r\n"},
		{"true", func(d []byte, p int) []byte { return AppendBool(d, true, p) }, ":1\r\n", "#t\r\n"},
		{"false", func(d []byte, p int) []byte { return AppendBool(d, false, p) }, ":0\r\n", "#f\r\n"},
		{"verbatim", func(d []byte, p int) []byte { return AppendVerbatim(d, "txt", "a: b\r\n", p) }, "$6\r\na: b\r\n\r\n", "=10\r\ntxt:a: b\r\n\r\n"},
		{"big number", func(d []byte, p int) []byte { return AppendBigNumber(d, "-12345678901234567890", p) }, "$21\r\n-12345678901234567890\r\n", "(-12345678901234567890\r\n"},
		{"double", func(d []byte, p int) []byte { return AppendDouble(d, 0.1, p) }, "$19\r\n0.10000000000000001\r\n", ",0.10000000000000001\r\n"},
		{"integral double", func(d []byte, p int) []byte { return AppendDouble(d, 3, p) }, "$1\r\n3\r\n", ",3\r\n"},
		{"large double", func(d []byte, p int) []byte { return AppendDouble(d, 1e17, p) }, "$5\r\n1e+17\r\n", ",1e+17\r\n"},
		{"small double", func(d []byte, p int) []byte { return AppendDouble(d, 0.00001, p) }, "$22\r\n1.0000000000000001e-05\r\n", ",1.0000000000000001e-05\r\n"},
		{"negative zero", func(d []byte, p int) []byte { return AppendDouble(d, math.Copysign(0, -1), p) }, "$2\r\n-0\r\n", ",-0\r\n"},
		{"infinity", func(d []byte, p int) []byte { return AppendDouble(d, math.Inf(1), p) }, "$3\r\ninf\r\n", ",inf\r\n"},
		{"negative infinity", func(d []byte, p int) []byte { return AppendDouble(d, math.Inf(-1), p) }, "$4\r\n-inf\r\n", ",-inf\r\n"},
		{"not a number", func(d []byte, p int) []byte { return AppendDouble(d, math.NaN(), p) }, "$3\r\nnan\r\n", ",nan\r\n"},
		{"command", func(d []byte, _ int) []byte { return AppendCommand(d, "GET", "") }, "*2\r\n$3\r\nGET\r\n$0\r\n\r\n", "*2\r\n$3\r\nGET\r\n$0\r\n\r\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for proto, want := range map[int]string{2: test.resp2, 3: test.resp3} {
				if got := string(test.append([]byte("before"), proto)); got != "before"+want {
					t.Errorf("RESP%d: got %q, want %q behind what was there", proto, got, want)
				}
			}
		})
	}
}

func TestAppendAttribute(t *testing.T) {
	if got := string(AppendAttribute(nil, 2)); got != "|2\r\n" {
		t.Errorf("got %q", got)
	}
}

func TestAppendVerbatimRefusesBadFormat(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a format of four letters would break the protocol, and passed")
		}
	}()
	AppendVerbatim(nil, "text", "", 3)
}
