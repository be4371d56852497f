package resp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// outcome is all that a source of requests amounts to.
type outcome struct {
	commands [][]string
	err      string // the protocol error's text, or how the bytes ended
}

func (o outcome) String() string { return fmt.Sprintf("%q then %s", o.commands, o.err) }

func equal(a, b outcome) bool {
	return a.err == b.err && slices.EqualFunc(a.commands, b.commands, slices.Equal)
}

// readAll drains src, in batches of at most maxCommands and maxBytes.
func readAll(src io.Reader, l Limits, maxCommands, maxBytes int) outcome {
	var o outcome
	r := NewReader(NewGuard(src, l))
	for {
		commands, err := r.ReadPipeline(maxCommands, maxBytes)
		for _, args := range commands {
			words := make([]string, len(args))
			for i, arg := range args {
				words[i] = string(arg)
			}
			o.commands = append(o.commands, words)
		}
		if err != nil {
			o.err = err.Error()
			return o
		}
	}
}

func bulks(args ...string) string { return string(AppendCommand(nil, args...)) }

const (
	atBorder  = "EOF"
	inCommand = "unexpected EOF"
)

func TestFraming(t *testing.T) {
	ping := [][]string{{"PING"}}
	tests := []struct {
		name, in string
		commands [][]string
		err      string
	}{
		{"nothing", "", nil, atBorder},
		{"one command", bulks("SET", "key", "a\r\nb"), [][]string{{"SET", "key", "a\r\nb"}}, atBorder},
		{"empty argument", bulks("SET", "", ""), [][]string{{"SET", "", ""}}, atBorder},
		{"pipeline", bulks("PING") + bulks("GET", "a") + "PING\r\n" + bulks("GET", "b"), [][]string{{"PING"}, {"GET", "a"}, {"PING"}, {"GET", "b"}}, atBorder},
		{"half a command", "*2\r\n$3\r\nGET\r\n$1\r\n", nil, inCommand},
		{"half a command behind a whole one", bulks("PING") + "*2\r\n$3\r\nGET\r\n$100\r\nab", ping, inCommand},
		{"empty requests are dropped", "*0\r\n*-1\r\n*-10\r\n\r\n\n \t \r\n" + bulks("PING") + "*0\r\n", ping, atBorder},

		{"array length missing", "*\r\n", nil, ErrInvalidMultibulkLength},
		{"array length not a number", "*x\r\n", nil, ErrInvalidMultibulkLength},
		{"array length with a sign", "*+1\r\n", nil, ErrInvalidMultibulkLength},
		{"array length with a leading zero", "*01\r\n", nil, ErrInvalidMultibulkLength},
		{"array length minus zero", "*-0\r\n", nil, ErrInvalidMultibulkLength},
		{"array length with a blank", "* 1\r\n", nil, ErrInvalidMultibulkLength},
		{"array length overflows", "*9223372036854775808\r\n", nil, ErrInvalidMultibulkLength},
		{"array length overflows 64 bits", "*18446744073709551617\r\n", nil, ErrInvalidMultibulkLength},
		{"array length with a lone CR", "*1\rx$4\r\nPING\r\n", nil, ErrInvalidMultibulkLength},
		{"most negative array length", "*-9223372036854775808\r\nPING\r\n", ping, atBorder},
		{"array length too negative", "*-9223372036854775809\r\n", nil, ErrInvalidMultibulkLength},
		{"array length too long a line", "*" + strings.Repeat("1", 70000), nil, ErrMultibulkLineTooLong},

		{"argument is no bulk string", "*1\r\nfoo\r\n", nil, ExpectedDollar('f')},
		{"argument is an empty line", "*1\r\n\r\n", nil, ExpectedDollar('\r')},
		{"argument is an integer", "*2\r\n$3\r\nGET\r\n:1\r\n", nil, ExpectedDollar(':')},
		{"wrong length shows at the next argument", "*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", nil, ExpectedDollar('f')},
		{"bulk length negative", "*1\r\n$-1\r\n", nil, ErrInvalidBulkLength},
		{"bulk length not a number", "*1\r\n$blabla\r\n", nil, ErrInvalidBulkLength},
		{"bulk length missing", "*1\r\n$\r\n", nil, ErrInvalidBulkLength},
		{"bulk length with a leading zero", "*1\r\n$04\r\nPING\r\n", nil, ErrInvalidBulkLength},
		{"bulk length overflows", "*1\r\n$9223372036854775807\r\n", nil, ErrInvalidBulkLength},
		{"bulk length too long a line", "*1\r\n$" + strings.Repeat("1", 70000), nil, ErrBulkLineTooLong},
		{"bulk string longer than it says", "*1\r\n$3\r\nPING\r\n", nil, ErrInvalidBulkLength},
		{"good commands come out before the bad one", bulks("PING") + "*x\r\n" + bulks("PING"), ping, ErrInvalidMultibulkLength},

		{"inline", "set  key\t value \r\n", [][]string{{"set", "key", "value"}}, atBorder},
		{"inline ended by LF", "PING\nPING\n", [][]string{{"PING"}, {"PING"}}, atBorder},
		{"inline not ended", "PING", nil, inCommand},
		{"inline with quotes", `set "a b" 'c d'` + "\n", [][]string{{"set", "a b", "c d"}}, atBorder},
		{"inline that needs its words decoded keeps those behind", `"\x41\x42" x "\x43" y` + "\nPING\n", [][]string{{"AB", "x", "C", "y"}, {"PING"}}, atBorder},
		{"inline empty word", `""` + "\n", [][]string{{""}}, atBorder},
		{"inline unbalanced", "set \"\"\"test-key\"\"\" test-value\r\nping\r\n", nil, ErrUnbalancedQuotes},
		{"inline with NUL", "PI\x00NG\n", nil, ErrInlineTooLong},
		{"inline too long", strings.Repeat("x", 65537), nil, ErrInlineTooLong},
		{"inline too long although it ends", strings.Repeat("x", 65537) + "\n", nil, ErrInlineTooLong},
		{"inline as long as may be", strings.Repeat("x", 65536) + "\n", [][]string{{strings.Repeat("x", 65536)}}, atBorder},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := outcome{test.commands, test.err}
			for name, src := range splits(test.in) {
				if got := readAll(src, DefaultLimits(), 1000, 1<<20); !equal(got, want) {
					t.Errorf("%s:\ngot  %.300s\nwant %.300s", name, got, want)
				}
			}
			if got := readAll(strings.NewReader(test.in), DefaultLimits(), 1, 1); !equal(got, want) {
				t.Errorf("one command a call:\ngot  %.300s\nwant %.300s", got, want)
			}
		})
	}
}

// splits returns the same bytes in reads of different sizes.
func splits(in string) map[string]io.Reader {
	return map[string]io.Reader{
		"at once":                strings.NewReader(in),
		"at once, EOF with data": iotest.DataErrReader(strings.NewReader(in)),
		"byte by byte":           iotest.OneByteReader(strings.NewReader(in)),
		"by halves":              iotest.HalfReader(strings.NewReader(in)),
		"in sevens":              &trickle{[]byte(in), 7},
	}
}

func TestOtherProtocolsAreRefused(t *testing.T) {
	for _, in := range []string{
		"POST / HTTP/1.1\r\nHost: a\r\n\r\nSET a b\r\n",
		"post x\r\nSET a b\r\n",
		"Host: a\r\nSET a b\r\n",
		"GET / HTTP/1.1\r\nSET a b\r\n",
		"PUT /a HTTP/1.0\nSET a b\r\n",
		"EHLO example.org\r\nSET a b\r\n",
		"HELO example.org\r\nSET a b\r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\nSET a b\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"\x16",
	} {
		for name, src := range splits(in) {
			commands, err := NewReader(NewGuard(src, DefaultLimits())).ReadPipeline(1000, 1<<20)
			var refused *CrossProtocolError
			if len(commands) > 0 || !errors.As(err, &refused) {
				t.Errorf("%q %s: got %q, %v", in, name, commands, err)
			}
		}
	}
	// These only look like it.
	for _, in := range []string{"GET postal\r\n", "GET /\r\n", "SET k HTTP/1.1\r\n", bulks("POST", "/", "HTTP/1.1")} {
		if got := readAll(strings.NewReader(in), DefaultLimits(), 1, 1); got.err != atBorder || len(got.commands) != 1 {
			t.Errorf("%q: got %s", in, got)
		}
	}
}

func TestLimits(t *testing.T) {
	unauth, full := UnauthenticatedLimits(), DefaultLimits()
	args := func(n int) string { return bulks(slices.Repeat([]string{"x"}, n)...) }
	value := func(n int) string { return bulks("AUTH", strings.Repeat("x", n)) }
	head := func(n int) string { return fmt.Sprintf("*1\r\n$%d\r\n", n) }
	small := Limits{MaxBulkBytes: 100, MaxArgs: 100, MaxInlineBytes: 64, MaxCommandBytes: 100}
	tests := []struct {
		name   string
		limits Limits
		in     string
		err    string
	}{
		{"10 arguments before AUTH", unauth, args(10), atBorder},
		{"11 arguments before AUTH", unauth, args(11), ErrUnauthMultibulkLength},
		{"11 inline words before AUTH", unauth, strings.Repeat("x ", 11) + "\n", ErrUnauthMultibulkLength},
		{"1000000 arguments before AUTH", unauth, "*1000000\r\n", ErrUnauthMultibulkLength},
		{"what nobody may send before AUTH", unauth, "*3000000000\r\n", ErrInvalidMultibulkLength},
		{"16 KiB before AUTH", unauth, value(16384), atBorder},
		{"more than 16 KiB before AUTH", unauth, value(16385), ErrUnauthBulkLength},
		{"a length nobody may send before AUTH", unauth, head(512<<20 + 1), ErrInvalidBulkLength},
		{"64 KiB in all before AUTH", unauth, bulks(slices.Repeat([]string{strings.Repeat("x", 16384)}, 4)...), ErrCommandTooLong},
		{"11 arguments after AUTH", full, args(11), atBorder},
		{"1048576 arguments", full, "*1048576\r\n", inCommand},
		{"1048577 arguments", full, "*1048577\r\n", ErrInvalidMultibulkLength},
		{"512 MiB", full, head(512 << 20), inCommand},
		{"more than 512 MiB", full, head(512<<20 + 1), ErrInvalidBulkLength},
		{"command as long as may be", small, bulks("x", strings.Repeat("x", 100-len("*2\r\n$1\r\nx\r\n$82\r\n\r\n"))), atBorder},
		{"command too long", small, bulks("x", strings.Repeat("x", 101-len("*2\r\n$1\r\nx\r\n$82\r\n\r\n"))), ErrCommandTooLong},
		{"command too long is known before it has come", small, "*2\r\n$1\r\nx\r\n$90\r\n", ErrCommandTooLong},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for name, src := range splits(test.in) {
				if got := readAll(src, test.limits, 1000, 1<<20); got.err != test.err {
					t.Errorf("%s: got %.200s, want %s", name, got, test.err)
				}
			}
		})
	}
}

// A client may send AUTH and what needs it in one packet.
func TestLimitsChangeBehindAuth(t *testing.T) {
	in := bulks("AUTH", "secret") + bulks(slices.Repeat([]string{"x"}, 11)...)
	for name, src := range splits(in) {
		g := NewGuard(src, UnauthenticatedLimits())
		r := NewReader(g)
		if commands, err := r.ReadPipeline(1000, 1<<20); err != nil || len(commands) != 1 {
			t.Fatalf("%s: got %q, %v, want AUTH alone", name, commands, err)
		}
		g.SetLimits(DefaultLimits())
		if commands, err := r.ReadPipeline(1000, 1<<20); err != nil || len(commands) != 1 || len(commands[0]) != 11 {
			t.Errorf("%s: got %q, %v, want the long command", name, commands, err)
		}
	}
}

func TestProtocolErrorStays(t *testing.T) {
	for _, in := range []string{"*x\r\n", "*1\r\n$1\r\nabc", "\"\n", "*1\r\n!", "POST /\n"} {
		r := NewReader(NewGuard(strings.NewReader(in+bulks("PING")), DefaultLimits()))
		_, first := r.ReadPipeline(1000, 1<<20)
		for range 3 {
			if commands, err := r.ReadPipeline(1000, 1<<20); err == nil || err.Error() != first.Error() {
				t.Errorf("%q: after %v: got %q, %v", in, first, commands, err)
			}
		}
	}
}

func TestReadPipelineBatches(t *testing.T) {
	command := bulks("SET", "key", "value") // 33 bytes
	tests := []struct {
		maxCommands, maxBytes int
		sizes                 []int
	}{
		{1000, 1 << 20, []int{5}},
		{2, 1 << 20, []int{2, 2, 1}},
		{1000, 2 * len(command), []int{2, 2, 1}},
		{1000, 2*len(command) + 1, []int{3, 2}},
		{1000, 1, []int{1, 1, 1, 1, 1}},
		{0, 0, []int{1, 1, 1, 1, 1}},
	}
	for _, test := range tests {
		r := NewReader(NewGuard(strings.NewReader(strings.Repeat(command, 5)), DefaultLimits()))
		for i, want := range test.sizes {
			commands, err := r.ReadPipeline(test.maxCommands, test.maxBytes)
			if err != nil || len(commands) != want {
				t.Errorf("%d commands, %d bytes: batch %d has %d commands, %v, want %d", test.maxCommands, test.maxBytes, i, len(commands), err, want)
			}
		}
	}
}

// What a call returned must stay as it was, whatever is read or appended later.
func TestArgumentsBelongToTheCaller(t *testing.T) {
	var in []byte
	for i := range 3000 {
		in = AppendCommand(in, fmt.Sprint("SET", i), fmt.Sprint("key", i), strings.Repeat(string(rune('a'+i%26)), i))
	}
	r := NewReader(NewGuard(&trickle{in, 5000}, DefaultLimits()))
	var all [][][]byte
	for {
		commands, err := r.ReadPipeline(7, 1<<20)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, args := range commands {
			for i := range args {
				_ = append(args[i], "overwritten"...)
			}
			_ = append(args, []byte("overwritten"))
		}
		all = append(all, commands...)
	}
	if len(all) != 3000 {
		t.Fatalf("got %d commands", len(all))
	}
	for i, args := range all {
		want := [][]byte{fmt.Append(nil, "SET", i), fmt.Append(nil, "key", i), bytes.Repeat([]byte{byte('a' + i%26)}, i)}
		if !slices.EqualFunc(args, want, bytes.Equal) {
			t.Fatalf("command %d reads %.100q, want %.100q", i, args, want)
		}
	}
}

// timeouts fails every second read as a passed deadline does.
type timeouts struct {
	io.Reader
	calls int
}

func (r *timeouts) Read(p []byte) (int, error) {
	if r.calls++; r.calls%2 == 1 {
		return 0, os.ErrDeadlineExceeded
	}
	return r.Reader.Read(p[:min(len(p), 3)])
}

func TestReadingGoesOnAfterADeadline(t *testing.T) {
	r := NewReader(NewGuard(&timeouts{Reader: strings.NewReader(bulks("SET", "a", "b") + "PING\n")}, DefaultLimits()))
	var got []string
	for {
		commands, err := r.ReadPipeline(1000, 1<<20)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, args := range commands {
			got = append(got, string(bytes.Join(args, []byte(" "))))
		}
	}
	if want := []string{"SET a b", "PING"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestByteCounters(t *testing.T) {
	in := bulks("PING") + "*1\r\n$10\r\nabc"
	g := NewGuard(strings.NewReader(in), DefaultLimits())
	if _, err := NewReader(g).ReadPipeline(1000, 1<<20); err != nil {
		t.Fatal(err)
	}
	if got := g.BytesRead(); got != int64(len(in)) {
		t.Errorf("BytesRead is %d, want %d", got, len(in))
	}
	if got, want := g.Buffered(), len(in)-len(bulks("PING")); got != want {
		t.Errorf("Buffered is %d, want %d", got, want)
	}
}

func TestSplitWords(t *testing.T) {
	tests := []struct {
		line  string
		words []string
		ok    bool
	}{
		{"", nil, true},
		{" \t\v\f\r ", nil, true},
		{"a b", []string{"a", "b"}, true},
		{"a\tb\rc\nd", []string{"a", "b", "c", "d"}, true},
		{"a\vb", []string{"a\vb"}, true}, // \v separates nothing, but is skipped in front
		{"a \vb", []string{"a", "b"}, true},
		{`"a b"`, []string{"a b"}, true},
		{`"\n\r\t\b\a\q\"\\"`, []string{"\n\r\t\b\aq\"\\"}, true},
		{`"\x41\xfF\x4"`, []string{"A\xffx4"}, true},
		{`"\xg1"`, []string{"xg1"}, true},
		{`\n`, []string{`\n`}, true},
		{`'a\n\x41\'"b'`, []string{`a\n\x41'"b`}, true},
		{`ab"c d"`, []string{"abc d"}, true},
		{`ab'c d'`, []string{"abc d"}, true},
		{`"a" 'b'`, []string{"a", "b"}, true},
		{`"a"b`, nil, false},
		{`"a"'b'`, nil, false},
		{`'a'b`, nil, false},
		{`"a"` + "\vb", []string{"a", "b"}, true},
		{`"a`, nil, false},
		{`'a`, nil, false},
		{`"a\`, nil, false},
		{`"a\"`, nil, false},
		{`'a\'`, nil, false},
		{`''`, []string{""}, true},
		{`"" ""`, []string{"", ""}, true},
	}
	for _, test := range tests {
		words, ok := splitWords([]byte(test.line), 1000)
		var got []string
		for _, word := range words {
			got = append(got, string(word))
		}
		if ok != test.ok || !slices.Equal(got, test.words) {
			t.Errorf("%q: got %q, %t, want %q, %t", test.line, got, ok, test.words, test.ok)
		}
	}
}
