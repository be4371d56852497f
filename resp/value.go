package resp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// Value is one reply, or one element of one. Which fields are set follows from
// Type, the byte that announced the value on the wire:
//
//   - simple string    Str        , double           Float, Str as it was sent
//   - error            Str        # boolean          Int 0 or 1
//     ! error (RESP3)    Str        ( big number       Str, its digits
//     $ bulk string      Str, Null  = verbatim string  Str, Format
//     : integer          Int        * array            Array, Null
//     _ null             Null       ~ set, > push      Array
//     % map              Array: key, value, key, ...
type Value struct {
	Type   byte
	Null   bool
	Str    string
	Format string // "txt", "mkd"
	Int    int64
	Float  float64
	Array  []Value

	Attributes []Value // key, value, ...: what came in front of the value
}

// ErrorReply is an error reply as a Go error; its text begins with the code.
type ErrorReply string

func (e ErrorReply) Error() string { return string(e) }

// Code returns the first word, such as "WRONGTYPE".
func (e ErrorReply) Code() string {
	code, _, _ := strings.Cut(string(e), " ")
	return code
}

// Err returns an ErrorReply when v is an error, and nil otherwise. Errors that
// are elements of an array, as EXEC returns them, are not looked for.
func (v Value) Err() error {
	if v.Type == '-' || v.Type == '!' {
		return ErrorReply(v.Str)
	}
	return nil
}

// String renders v on one line, for messages.
func (v Value) String() string {
	switch v.Type {
	case '+':
		return v.Str
	case '-', '!':
		return "(error) " + v.Str
	case ':':
		return strconv.FormatInt(v.Int, 10)
	case ',', '(':
		return v.Str
	case '#':
		return strconv.FormatBool(v.Int == 1)
	}
	if v.Null {
		return "(nil)"
	}
	if v.Type == '$' || v.Type == '=' {
		return strconv.Quote(v.Str)
	}
	elements := make([]string, len(v.Array))
	for i, e := range v.Array {
		elements[i] = e.String()
	}
	return "[" + strings.Join(elements, " ") + "]"
}

// Limits of one reply. A server that goes beyond them is broken or hostile.
const (
	maxReplyBytes  = 1 << 30
	maxReplyValues = 16 << 20
	maxReplyDepth  = 128
	maxReplyLine   = 1 << 20
)

// ReadValue reads one reply of either protocol. Memory is spent as bytes
// arrive, never because a length announced them. After an error the position in
// r is lost.
func ReadValue(r *bufio.Reader) (Value, error) {
	d := decoder{r: r, bytes: maxReplyBytes, values: maxReplyValues}
	v, err := d.value(maxReplyDepth)
	if err == io.EOF && d.values < maxReplyValues {
		err = io.ErrUnexpectedEOF
	}
	return v, err
}

var errReplyTooBig = errors.New("reply exceeds the client's limits")

type decoder struct {
	r      *bufio.Reader
	bytes  int // that may still be read
	values int
}

func (d *decoder) value(depth int) (Value, error) {
	if depth == 0 {
		return Value{}, errReplyTooBig
	}
	var attributes []Value
	for {
		line, err := d.line()
		if err != nil {
			return Value{}, err
		}
		if d.values--; d.values < 0 {
			return Value{}, errReplyTooBig
		}
		if len(line) == 0 {
			return Value{}, fmt.Errorf("malformed reply: empty line")
		}
		kind, rest := line[0], line[1:]
		if kind == '|' {
			pairs, err := d.elements(rest, 2, depth)
			if err != nil {
				return Value{}, err
			}
			attributes = append(attributes, pairs...)
			continue
		}
		v, err := d.typed(kind, rest, depth)
		v.Attributes = attributes
		return v, err
	}
}

// typed reads the value that a line announces or already holds.
func (d *decoder) typed(kind byte, rest string, depth int) (v Value, err error) {
	v.Type = kind
	switch kind {
	case '+', '-':
		v.Str = rest
	case ':':
		v.Int, err = strconv.ParseInt(rest, 10, 64)
	case '_':
		v.Null = true
	case '#':
		if rest != "t" && rest != "f" {
			return v, fmt.Errorf("malformed reply: boolean %q", rest)
		}
		if rest == "t" {
			v.Int = 1
		}
	case ',':
		v.Str = rest
		v.Float, err = strconv.ParseFloat(rest, 64)
	case '(':
		v.Str = rest
		if strings.Trim(strings.TrimPrefix(rest, "-"), "0123456789") != "" || rest == "" || rest == "-" {
			return v, fmt.Errorf("malformed reply: big number %q", rest)
		}
	case '$', '!', '=':
		err = d.bulk(&v, rest)
	case '*':
		if v.Null = rest == "-1"; !v.Null {
			v.Array, err = d.elements(rest, 1, depth)
		}
	case '~', '>':
		v.Array, err = d.elements(rest, 1, depth)
	case '%':
		v.Array, err = d.elements(rest, 2, depth)
	default:
		return v, fmt.Errorf("malformed reply: type %q", kind)
	}
	return v, err
}

// bulk reads the bytes of a '$', '!' or '='.
func (d *decoder) bulk(v *Value, rest string) error {
	if v.Null = rest == "-1" && v.Type == '$'; v.Null {
		return nil
	}
	length, err := replyLength(rest)
	if err != nil {
		return err
	}
	text, err := d.text(length)
	if err != nil {
		return err
	}
	if v.Type == '=' {
		if len(text) < 4 || text[3] != ':' {
			return fmt.Errorf("malformed reply: verbatim string without its format")
		}
		v.Format, text = text[:3], text[4:]
	}
	v.Str = text
	return nil
}

// elements reads the values of an aggregate of so many, times per.
func (d *decoder) elements(rest string, per, depth int) ([]Value, error) {
	n, err := replyLength(rest)
	if err != nil {
		return nil, err
	}
	if n > d.values/per {
		return nil, errReplyTooBig
	}
	values := make([]Value, 0, min(n*per, 64))
	for range n * per {
		v, err := d.value(depth - 1)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

// line reads up to CRLF and returns what is before it.
func (d *decoder) line() (string, error) {
	var long []byte
	for {
		part, err := d.r.ReadSlice('\n')
		if d.bytes -= len(part); d.bytes < 0 || len(long)+len(part) > maxReplyLine {
			return "", errReplyTooBig
		}
		if err == bufio.ErrBufferFull {
			long = append(long, part...)
			continue
		}
		if err != nil {
			if err == io.EOF && len(long)+len(part) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return "", err
		}
		if long != nil {
			part = append(long, part...)
		}
		if len(part) < 2 || part[len(part)-2] != '\r' {
			return "", fmt.Errorf("malformed reply: a line without CRLF")
		}
		return string(part[:len(part)-2]), nil
	}
}

// text reads n bytes and CRLF, in steps that double.
func (d *decoder) text(n int) (string, error) {
	if d.bytes -= n + len("\r\n"); d.bytes < 0 {
		return "", errReplyTooBig
	}
	total := n + len("\r\n")
	b := make([]byte, 0, min(total, 64<<10))
	for len(b) < total {
		if len(b) == cap(b) {
			b = append(make([]byte, 0, min(total, 2*cap(b))), b...)
		}
		m, err := io.ReadFull(d.r, b[len(b):cap(b)])
		b = b[:len(b)+m]
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return "", err
		}
	}
	if string(b[n:]) != "\r\n" {
		return "", fmt.Errorf("malformed reply: a bulk string without CRLF")
	}
	return string(b[:n]), nil
}

func replyLength(s string) (int, error) {
	n, ok := parseLength([]byte(s))
	if !ok || n < 0 || n > math.MaxInt32 {
		return 0, fmt.Errorf("malformed reply: length %q", s)
	}
	return int(n), nil
}
