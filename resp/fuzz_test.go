package resp

import (
	"bufio"
	"bytes"
	"io"
	"math/big"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// fuzzLimits are small, so that short inputs reach every one of them.
var fuzzLimits = []Limits{
	{MaxBulkBytes: 40, MaxArgs: 4, MaxInlineBytes: 32, MaxCommandBytes: 64},
	{MaxBulkBytes: 40, MaxArgs: 4, MaxInlineBytes: 32, MaxCommandBytes: 64, Unauthenticated: true},
	DefaultLimits(),
}

// reference frames requests the plain way: all bytes are there, nothing is
// resumed, numbers have any size. It is the specification that the guard is
// compared with.
func reference(in string, l Limits) (o outcome) {
	for in != "" {
		var args []string
		var size int
		if in[0] == '*' {
			args, size, o.err = referenceArray(in, l)
		} else {
			args, size, o.err = referenceInline(in, l)
		}
		if o.err != "" {
			return o
		}
		in = in[size:]
		if len(args) > 0 {
			o.commands = append(o.commands, args)
		}
	}
	o.err = atBorder
	return o
}

func referenceArray(in string, l Limits) (args []string, size int, err string) {
	count, size, err := referenceHead(in, l, ErrInvalidMultibulkLength, ErrMultibulkLineTooLong)
	if err != "" {
		return nil, 0, err
	}
	if count.Cmp(big.NewInt(int64(l.MaxArgs))) > 0 {
		if l.Unauthenticated && count.Cmp(big.NewInt(1<<31-1)) <= 0 {
			return nil, 0, ErrUnauthMultibulkLength
		}
		return nil, 0, ErrInvalidMultibulkLength
	}
	for range max(count.Int64(), 0) {
		rest := in[size:]
		if rest == "" {
			return nil, 0, inCommand
		}
		if rest[0] != '$' {
			return nil, 0, ExpectedDollar(rest[0])
		}
		length, head, err := referenceHead(rest, l, ErrInvalidBulkLength, ErrBulkLineTooLong)
		if err != "" {
			return nil, 0, err
		}
		switch {
		case length.Sign() < 0:
			return nil, 0, ErrInvalidBulkLength
		case length.Cmp(big.NewInt(int64(l.MaxBulkBytes))) <= 0:
		case l.Unauthenticated && length.Cmp(big.NewInt(512<<20)) <= 0:
			return nil, 0, ErrUnauthBulkLength
		default:
			return nil, 0, ErrInvalidBulkLength
		}
		n := int(length.Int64())
		if size+head+n+2 > l.MaxCommandBytes {
			return nil, 0, ErrCommandTooLong
		}
		if len(rest) < head+n+2 {
			return nil, 0, inCommand
		}
		if rest[head+n:head+n+2] != "\r\n" {
			return nil, 0, ErrInvalidBulkLength
		}
		args = append(args, rest[head:head+n])
		size += head + n + 2
	}
	return args, size, ""
}

func referenceHead(in string, l Limits, invalid, tooLong string) (n *big.Int, size int, err string) {
	end := strings.IndexByte(in, '\r')
	if end > l.MaxInlineBytes || end < 0 && len(in) > l.MaxInlineBytes {
		return nil, 0, tooLong
	}
	if end < 0 || end+1 == len(in) {
		return nil, 0, inCommand
	}
	n, ok := new(big.Int).SetString(in[1:end], 10)
	if !ok || n.String() != in[1:end] || !n.IsInt64() || in[end+1] != '\n' {
		return nil, 0, invalid
	}
	return n, end + 2, ""
}

func referenceInline(in string, l Limits) (args []string, size int, err string) {
	if in[0] == 0x16 {
		return nil, 0, (&CrossProtocolError{"TLS handshake"}).Error()
	}
	end := strings.IndexByte(in, '\n')
	if end > l.MaxInlineBytes || end < 0 && len(in) > l.MaxInlineBytes {
		return nil, 0, ErrInlineTooLong
	}
	if end < 0 {
		return nil, 0, inCommand
	}
	line := strings.TrimSuffix(in[:end], "\r")
	if strings.Contains(line, "\x00") {
		return nil, 0, ErrInlineTooLong
	}
	args, ok := referenceWords(line, l.MaxArgs+1)
	if !ok {
		return nil, 0, ErrUnbalancedQuotes
	}
	if len(args) > 0 {
		first := strings.ToLower(args[0])
		if first == "post" || first == "host:" || first == "ehlo" || first == "helo" || first == "proxy" ||
			len(args) == 3 && strings.HasPrefix(args[1], "/") && strings.HasPrefix(args[2], "HTTP/") {
			return nil, 0, (&CrossProtocolError{line[:min(len(line), 128)]}).Error()
		}
	}
	if len(args) > l.MaxArgs {
		if l.Unauthenticated {
			return nil, 0, ErrUnauthMultibulkLength
		}
		return nil, 0, ErrInvalidMultibulkLength
	}
	return args, end + 1, ""
}

// referenceWords walks the line byte by byte with its state in one variable: 0
// between words, w in a word, the quote's own byte in quotes, q behind them.
func referenceWords(line string, limit int) (words []string, ok bool) {
	const hex = "0123456789abcdef"
	state, word := byte(0), ""
	for i := 0; i < len(line); i++ {
		c := line[i]
		blank := strings.IndexByte(" \t\n\r\v\f", c) >= 0
		switch {
		case state == 'q' && !blank:
			return nil, false
		case (state == 0 || state == 'q') && blank:
			state = 0
			continue
		case state == 0:
			if len(words) == limit {
				return words, true
			}
			state, word = 'w', ""
			fallthrough
		case state == 'w':
			switch c {
			case '"', '\'':
				state = c
			case ' ', '\t', '\n', '\r':
				words, state = append(words, word), 0
			default:
				word += string([]byte{c})
			}
		case c == state:
			words, state = append(words, word), 'q'
		case c == '\\' && state == '\'' && strings.HasPrefix(line[i+1:], "'"):
			word += "'"
			i++
		case c == '\\' && state == '"' && i+1 < len(line):
			i++
			if low := strings.ToLower(line[i+1:]); line[i] == 'x' && len(low) > 1 &&
				strings.IndexByte(hex, low[0]) >= 0 && strings.IndexByte(hex, low[1]) >= 0 {
				word += string([]byte{byte(strings.IndexByte(hex, low[0])*16 + strings.IndexByte(hex, low[1]))})
				i += 2
			} else if at := strings.IndexByte("nrtba", line[i]); at >= 0 {
				word += string([]byte{"\n\r\t\b\a"[at]})
			} else {
				word += string([]byte{line[i]})
			}
		default:
			word += string([]byte{c})
		}
	}
	if state == 'w' {
		words = append(words, word)
	}
	return words, state != '"' && state != '\''
}

// shreds delivers bytes in reads of random sizes.
type shreds struct {
	data []byte
	rand *rand.Rand
	most int
}

func (s *shreds) Read(p []byte) (int, error) {
	if len(s.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), 1+s.rand.IntN(s.most))], s.data)
	s.data = s.data[n:]
	return n, nil
}

// checkFraming compares the guard with the reference under random splits of
// the bytes and random batch limits.
func checkFraming(t *testing.T, in []byte, seed uint64) {
	t.Helper()
	for _, limits := range fuzzLimits {
		want := reference(string(in), limits)
		rnd := rand.New(rand.NewPCG(seed, 1))
		for range 3 {
			src := &shreds{bytes.Clone(in), rnd, 1 + rnd.IntN(1+len(in))}
			got := readAll(src, limits, 1+rnd.IntN(5), 1+rnd.IntN(100))
			if !equal(got, want) {
				t.Fatalf("seed %d, limits %+v, input %.500q:\ngot  %.500s\nwant %.500s", seed, limits, in, got, want)
			}
		}
	}
}

// pieces are what random requests are made of.
var pieces = []string{
	"*1\r\n$4\r\nPING\r\n", "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", "PING\r\n", "PING\n", "set \"a b\" '\\x41'\r\n", "*0\r\n", "*-1\r\n",
	"\r\n", "\n", "\r", "*", "$", "1", "0", "-", "9", "4", "*3\r\n", "*5\r\n", "$3\r\n", "$0\r\n\r\n", "$41\r\n", "$39\r\n", "abc\r\n", "\"", "'", "\\", "\\x4",
	" ", "\t", "\v", "a", "\x00", "\x16", "POST", "GET / HTTP/1.1\r\n", "9223372036854775807", "3000000000", strings.Repeat("z", 30),
}

func TestFramingAgreesWithReference(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 5000 {
		var in []byte
		for range 1 + rnd.IntN(12) {
			in = append(in, pieces[rnd.IntN(len(pieces))]...)
		}
		checkFraming(t, in, seed)
	}
}

func FuzzGuard(f *testing.F) {
	for i, piece := range pieces {
		f.Add([]byte(piece+pieces[(i*7+3)%len(pieces)]), uint64(i))
	}
	f.Fuzz(func(t *testing.T, in []byte, seed uint64) { checkFraming(t, in, seed) })
}

// FuzzReadValue checks that no reply breaks the client, that what it takes up
// is bounded by what arrived, and that the splits of the bytes change nothing.
func FuzzReadValue(f *testing.F) {
	for _, seed := range replyExamples {
		f.Add([]byte(seed.wire))
	}
	for _, seed := range malformedReplies {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		whole, wholeErr := ReadValue(bufio.NewReader(bytes.NewReader(in)))
		split, splitErr := ReadValue(bufio.NewReaderSize(&trickle{bytes.Clone(in), 1}, 16))
		if (wholeErr == nil) != (splitErr == nil) {
			t.Fatalf("%q: %v at once, %v byte by byte", in, wholeErr, splitErr)
		}
		// NaN differs from itself, and is the only thing that may.
		if wholeErr == nil && !reflect.DeepEqual(whole, split) && !bytes.Contains(bytes.ToLower(in), []byte("nan")) {
			t.Fatalf("%q: %v at once, %v byte by byte", in, whole, split)
		}
	})
}
