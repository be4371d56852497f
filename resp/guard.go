package resp

import (
	"bytes"
	"io"
	"math"
	"sync/atomic"
)

// Guard stands between an untrusted socket and everything else: it owns the
// query buffer and finds the commands in it. It checks every length before
// anything is allocated for it, looks at every byte once, and buffers no more
// than three times the bytes that have really arrived, or maxIdleBytes.
//
// One goroutine reads; BytesRead may be called from any.
type Guard struct {
	src    io.Reader
	limits Limits

	// buf[start:end] has been read and not been taken yet; start is where the
	// command under way begins.
	buf        []byte
	start, end int
	reach      int   // end after the last read
	readErr    error // came with the last bytes; reported once they are used up

	// The command under way: what is known from buf[start : start+pos].
	pos     int
	args    int // arguments still to come; 0 is the border between commands
	bulk    int // length of the argument that comes next; -1 when its head is not read
	scanned int // the line at pos has no end before this many of its bytes

	bytesRead atomic.Int64
}

// span is one argument: an offset from the first byte of its command, a length.
type span struct{ offset, length int }

const (
	minBufferBytes = 4 << 10
	// maxIdleBytes is the largest buffer kept between commands.
	maxIdleBytes = 64 << 10
)

// NewGuard frames what conn sends. It never writes to conn and never closes it.
func NewGuard(conn io.Reader, l Limits) *Guard {
	return &Guard{src: conn, limits: l, bulk: -1}
}

// SetLimits changes the limits from the next command on; call it from the
// reading goroutine. What is already buffered is framed under the new limits.
func (g *Guard) SetLimits(l Limits) { g.limits = l }

// BytesRead returns how many bytes the peer has sent.
func (g *Guard) BytesRead() int64 { return g.bytesRead.Load() }

// Buffered returns how many bytes wait to be framed or completed.
func (g *Guard) Buffered() int { return g.end - g.start }

// fill reads once, after making room. It is called only when no whole command
// is buffered, so what it moves is at most one incomplete command, once.
func (g *Guard) fill() error {
	if err := g.readErr; err != nil {
		g.readErr = nil
		return g.atEnd(err)
	}
	if g.start > 0 {
		g.end = copy(g.buf, g.buf[g.start:g.end])
		g.start = 0
	}
	g.resize()
	n, err := g.src.Read(g.buf[g.end:])
	g.end += n
	g.reach = g.end
	g.bytesRead.Add(int64(n))
	if n == 0 && err != nil {
		return g.atEnd(err)
	}
	g.readErr = err
	return nil
}

// atEnd tells a peer that hung up between two commands from one that broke off
// inside one. Other errors, a deadline's among them, lose nothing: the next
// fill goes on where this one stopped.
func (g *Guard) atEnd(err error) error {
	if err == io.EOF && g.end > g.start {
		return io.ErrUnexpectedEOF
	}
	return err
}

// resize grows a full buffer. A length that is merely announced gets no more
// than maxIdleBytes: memory follows the bytes that arrive. A buffer that the
// last read filled grows as well, up to there, and one that is empty shrinks
// when the last read needed little of it.
func (g *Guard) resize() {
	size := len(g.buf)
	switch {
	case size == 0:
		size = minBufferBytes
	case g.end == size:
		size = g.grown()
	case g.reach == size && size < maxIdleBytes:
		size *= 2
	case g.end == 0 && size > minBufferBytes && g.reach < size/4:
		size = max(min(size/2, maxIdleBytes), minBufferBytes)
	default:
		return
	}
	buf := make([]byte, size)
	copy(buf, g.buf[:g.end])
	g.buf = buf
}

// grown is the next size of a full buffer. It at least grows by half: growing
// by one small argument at a time would copy a long command again and again.
func (g *Guard) grown() int {
	size, need := len(g.buf), 0
	if g.bulk >= 0 {
		need = g.pos + g.bulk + minBufferBytes // room for the end of the command, too
	}
	switch {
	case size < maxIdleBytes && need > 0:
		return maxIdleBytes
	case size+size/2 < need && need <= 3*size:
		return need
	}
	return 2 * size
}

// take ends a batch whose first command began at buf[from:]: it returns its
// bytes, which belong to the caller. A batch that fills most of the buffer
// takes the buffer with it; a smaller one is copied, so that it does not pin
// more memory than it has.
func (g *Guard) take(from int) []byte {
	batch := g.buf[from:g.start:g.start]
	if len(batch) < maxIdleBytes/2 || len(batch) < len(g.buf)/2 {
		return bytes.Clone(batch)
	}
	size := len(g.buf)
	if size > maxIdleBytes {
		size = minBufferBytes
	}
	rest := g.buf[g.start:g.end]
	g.buf = make([]byte, max(len(rest), size))
	g.start, g.end = 0, copy(g.buf, rest)
	return batch
}

// rewind forgets what is known of the command under way.
func (g *Guard) rewind() { g.pos, g.args, g.bulk, g.scanned = 0, 0, -1, 0 }

// next frames the next command and returns where in buf it starts, -1 while it
// is not whole: its spans then are those known so far, and the call after fill
// must hand them in again. Requests without arguments are dropped, as in Redis.
func (g *Guard) next(spans []span) (_ []span, start int, err error) {
	for g.args == 0 {
		b := g.buf[g.start:g.end]
		if len(b) == 0 {
			return spans, -1, nil
		}
		if b[0] != '*' {
			known := len(spans)
			spans, size, err := g.inline(b, spans)
			if size == 0 || err != nil {
				return spans, -1, err
			}
			g.start += size
			if len(spans) > known {
				return spans, g.start - size, nil
			}
			continue
		}
		count, size, err := g.head(b, ErrInvalidMultibulkLength, ErrMultibulkLineTooLong)
		if err == nil {
			err = g.checkCount(count)
		}
		if size == 0 || err != nil {
			return spans, -1, err
		}
		if count <= 0 {
			g.start += size
			continue
		}
		g.pos, g.args = size, int(count)
	}
	return g.arguments(spans)
}

// arguments frames the bulk strings of the command under way.
func (g *Guard) arguments(spans []span) (_ []span, start int, err error) {
	b := g.buf[g.start:g.end]
	for g.args > 0 {
		if g.bulk < 0 {
			if err := g.bulkHead(b[g.pos:]); g.bulk < 0 || err != nil {
				return spans, -1, err
			}
		}
		end := g.pos + g.bulk
		if len(b) < end+2 {
			return spans, -1, nil
		}
		// Redis skips these two bytes unseen. A length that does not lead to
		// them is a lie, and what follows is no request.
		if b[end] != '\r' || b[end+1] != '\n' {
			return spans, -1, &ProtocolError{Text: ErrInvalidBulkLength}
		}
		spans = append(spans, span{g.pos, g.bulk})
		g.pos = end + 2
		g.bulk = -1
		g.args--
	}
	start = g.start
	g.start += g.pos
	g.rewind()
	return spans, start, nil
}

// bulkHead reads the head of the next argument from b into bulk, which stays
// -1 while the head has not arrived.
func (g *Guard) bulkHead(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if b[0] != '$' {
		return &ProtocolError{Text: ExpectedDollar(b[0])}
	}
	length, size, err := g.head(b, ErrInvalidBulkLength, ErrBulkLineTooLong)
	if err == nil {
		err = g.checkBulk(length, size)
	}
	if size == 0 || err != nil {
		return err
	}
	g.pos += size
	g.bulk = int(length)
	return nil
}

// checkCount refuses an array head. Before AUTH the length that Redis would
// refuse from anyone keeps its own text.
func (g *Guard) checkCount(count int64) error {
	switch {
	case count <= int64(g.limits.MaxArgs):
		return nil
	case g.limits.Unauthenticated && count <= math.MaxInt32:
		return &ProtocolError{Text: ErrUnauthMultibulkLength}
	}
	return &ProtocolError{Text: ErrInvalidMultibulkLength}
}

// checkBulk refuses the head of a bulk string, size bytes long, at pos.
func (g *Guard) checkBulk(length int64, size int) error {
	switch {
	case length < 0:
		return &ProtocolError{Text: ErrInvalidBulkLength}
	case length > int64(g.limits.MaxBulkBytes):
		if g.limits.Unauthenticated && length <= maxBulkBytes {
			return &ProtocolError{Text: ErrUnauthBulkLength}
		}
		return &ProtocolError{Text: ErrInvalidBulkLength}
	case int64(g.pos+size)+length+2 > int64(g.limits.MaxCommandBytes):
		return &ProtocolError{Text: ErrCommandTooLong}
	}
	return nil
}

// head reads the number in the line at b, whose first byte is its type. size
// is the length of the line with its CRLF, 0 while that has not arrived.
func (g *Guard) head(b []byte, invalid, tooLong string) (n int64, size int, err error) {
	// The usual case, a few digits and all of the line there.
	for i := 1; i < len(b)-1 && i < 10; i++ {
		c := b[i] - '0'
		if c > 9 {
			if i > 1 && b[i] == '\r' && b[i+1] == '\n' && (b[1] != '0' || i == 2) {
				g.scanned = 0
				return n, i + 2, nil
			}
			break
		}
		n = n*10 + int64(c)
	}
	end, err := g.lineEnd(b, '\r', tooLong)
	if end < 0 || err != nil || end+1 == len(b) {
		return 0, 0, err
	}
	n, ok := parseLength(b[1:end])
	if !ok || b[end+1] != '\n' {
		return 0, 0, &ProtocolError{Text: invalid}
	}
	g.scanned = 0
	return n, end + 2, nil
}

// lineEnd finds the byte that ends the line at b; -1 when it has not arrived.
// A line is searched once, however many reads it comes in.
func (g *Guard) lineEnd(b []byte, mark byte, tooLong string) (int, error) {
	window := b[:min(len(b), g.limits.MaxInlineBytes+1)]
	from := min(g.scanned, len(window))
	if i := bytes.IndexByte(window[from:], mark); i >= 0 {
		g.scanned = from + i
		return from + i, nil
	}
	if len(b) > g.limits.MaxInlineBytes {
		return -1, &ProtocolError{Text: tooLong}
	}
	g.scanned = len(b)
	return -1, nil
}

// parseLength reads a decimal number as Redis's string2ll does: no sign but
// '-', no leading zero, no blank, no overflow.
func parseLength(b []byte) (int64, bool) {
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > 19 || (b[0] == '0' && (len(b) > 1 || negative)) {
		return 0, false
	}
	var n uint64 // 19 digits cannot overflow it
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	if negative {
		return -int64(n), n <= 1<<63
	}
	return int64(n), n <= math.MaxInt64
}
