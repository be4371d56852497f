package peer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"

	"redoubt/resp"
)

// eagerBytes is allocated on the word of a length; more only as bytes arrive.
const eagerBytes = 4 << 20

// errProtocol is the root of all framing errors.
var errProtocol = errors.New("protocol error")

// frameReader reads the RESP commands of a peer. It knows only arrays of bulk
// strings and accepts only canonical numbers; whatever else arrives ends the
// connection.
type frameReader struct{ r *bufio.Reader }

func newFrameReader(r io.Reader, bufferBytes int) frameReader {
	return frameReader{bufio.NewReaderSize(r, bufferBytes)}
}

// number reads "<kind>N\r\n" with 0 ≤ N ≤ limit.
func (f frameReader) number(kind byte, limit int64) (int64, error) {
	// The first byte is looked at on its own: an HTTP request or a TLS
	// ClientHello is turned away before anything else of it is read.
	first, err := f.r.ReadByte()
	if err != nil {
		return 0, err
	}
	if first != kind {
		return 0, fmt.Errorf("%w: expected '%c', got %q", errProtocol, kind, first)
	}
	digits, err := f.line()
	if err != nil {
		return 0, unexpected(err)
	}
	n, err := strconv.ParseInt(string(digits), 10, 64)
	switch {
	case err != nil, digits[0] < '0', digits[0] > '9', digits[0] == '0' && len(digits) > 1:
		return 0, fmt.Errorf("%w: bad number %.32q", errProtocol, digits)
	case n > limit:
		return 0, fmt.Errorf("%w: %d is over the limit of %d", errProtocol, n, limit)
	}
	return n, nil
}

// line reads up to "\r\n" and returns what is before it, valid until the next
// read. It is bounded by the reader's buffer.
func (f frameReader) line() ([]byte, error) {
	b, err := f.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, fmt.Errorf("%w: line too long", errProtocol)
	}
	if err != nil {
		return nil, err
	}
	if len(b) < 2 || b[len(b)-2] != '\r' {
		return nil, fmt.Errorf("%w: line without CR LF", errProtocol)
	}
	return b[:len(b)-2], nil
}

// bulk reads a bulk string into memory of its own.
func (f frameReader) bulk(maxBytes int) ([]byte, error) {
	return f.bulkInto(nil, maxBytes)
}

// bulkInto reads a bulk string, into buf when that is large enough.
func (f frameReader) bulkInto(buf []byte, maxBytes int) ([]byte, error) {
	size, err := f.number('$', int64(maxBytes))
	if err != nil {
		return nil, err
	}
	n := int(size)
	if cap(buf) < n {
		buf = make([]byte, 0, min(n, eagerBytes))
	}
	buf = buf[:0]
	for len(buf) < n {
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), min(n, 2*len(buf)))
			copy(grown, buf)
			buf = grown
		}
		start := len(buf)
		buf = buf[:min(n, cap(buf))]
		if _, err := io.ReadFull(f.r, buf[start:]); err != nil {
			return nil, unexpected(err)
		}
	}
	return buf, f.end()
}

// end reads the "\r\n" behind a bulk string.
func (f frameReader) end() error {
	b, err := f.r.Peek(2)
	if err != nil {
		return unexpected(err)
	}
	if b[0] != '\r' || b[1] != '\n' {
		return fmt.Errorf("%w: bulk string without CR LF", errProtocol)
	}
	_, err = f.r.Discard(2)
	return err
}

// open reads the start of the command name with the given number of arguments
// behind it, without allocating. io.EOF means that the stream ended between
// two commands.
func (f frameReader) open(name string, args int) error {
	n, err := f.number('*', 64)
	if err != nil {
		return err
	}
	// The name is checked before the count: whoever sends another command
	// should be told so.
	size, err := f.number('$', 64)
	if err != nil {
		return unexpected(err)
	}
	got, err := f.r.Peek(int(size))
	if err != nil {
		return unexpected(err)
	}
	if string(got) != name {
		return fmt.Errorf("%w: this is a redoubt peer port; expected %s, got %.32q", errProtocol, name, got)
	}
	if n != int64(args)+1 {
		return fmt.Errorf("%w: %s with %d arguments", errProtocol, name, n-1)
	}
	if _, err := f.r.Discard(int(size)); err != nil {
		return err
	}
	return f.end()
}

// command reads the command name with args arguments of at most maxBytes each.
func (f frameReader) command(name string, args, maxBytes int) ([][]byte, error) {
	if err := f.open(name, args); err != nil {
		return nil, err
	}
	return f.bulks(args, maxBytes)
}

func (f frameReader) bulks(n, maxBytes int) ([][]byte, error) {
	out := make([][]byte, n)
	for i := range out {
		var err error
		if out[i], err = f.bulk(maxBytes); err != nil {
			return nil, unexpected(err)
		}
	}
	return out, nil
}

// unexpected marks an end of stream inside a frame.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func appendCommand(dst []byte, args ...string) []byte {
	dst = resp.AppendArray(dst, len(args))
	for _, a := range args {
		dst = resp.AppendBulkString(dst, a)
	}
	return dst
}
