package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"redoubt/resp"
)

// link is a connection that sends batches.
type link interface {
	// roundTrip sends the batch and waits for its replies, of which it sets
	// reply and arrived. After an error the link is of no more use, and a
	// request without a reply may or may not have been executed.
	roundTrip(batch []request) error
	close()
}

// reply is what a server answered: the first byte of the value, and the code
// when that is an error.
type reply struct {
	kind byte // RESP2's types, or anyString
	null bool
	code string
}

// anyString is the type of a string of which only its text is known.
const anyString = 's'

// rawLink speaks RESP2 over a connection of its own.
type rawLink struct {
	conn     net.Conn
	r        *bufio.Reader
	arrivals *stamped
	out      []byte
	timeout  time.Duration
	deadline time.Time // that the connection has now
}

// stamped notes when bytes came in: the replies that one read returns have
// arrived together, however long it takes to look at them.
type stamped struct {
	net.Conn
	at time.Time
}

func (s *stamped) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	s.at = time.Now()
	return n, err
}

func dialRaw(ctx context.Context, addr string, o *Options) (link, error) {
	d := net.Dialer{Timeout: o.Timeout}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	greeting := resp.NewClient(conn, o.Timeout)
	var first [][]string
	if o.Password != "" {
		first = append(first, []string{"AUTH", o.Password})
	}
	if o.DB != 0 {
		first = append(first, []string{"SELECT", strconv.Itoa(o.DB)})
	}
	for _, args := range first {
		v, err := greeting.Do(args...)
		if err == nil {
			err = v.Err()
		}
		if err != nil {
			conn.Close()
			return nil, fmt.Errorf("%s: %w", args[0], err)
		}
	}
	s := &stamped{Conn: conn}
	return &rawLink{conn: conn, r: bufio.NewReaderSize(s, 16<<10), arrivals: s, timeout: o.Timeout}, nil
}

func (l *rawLink) close() { l.conn.Close() }

func (l *rawLink) roundTrip(batch []request) error {
	l.out = l.out[:0]
	for i := range batch {
		l.out = resp.AppendCommand(l.out, batch[i].args...)
	}
	// Moving the deadline costs as much as a small read: do it now and then.
	if now := time.Now(); l.deadline.Sub(now) < l.timeout*9/10 {
		l.deadline = now.Add(l.timeout)
		if err := l.conn.SetDeadline(l.deadline); err != nil {
			return err
		}
	}
	if _, err := l.conn.Write(l.out); err != nil {
		return err
	}
	for i := range batch {
		p, err := readReply(l.r, maxReplyDepth)
		if err != nil {
			return err
		}
		batch[i].reply, batch[i].arrived = p, l.arrivals.at
	}
	return nil
}

// maxReplyDepth is how deep arrays may lie in arrays.
const maxReplyDepth = 8

// errMalformed is of a server that does not speak RESP2.
var errMalformed = errors.New("malformed reply")

// readReply reads one RESP2 value and keeps no more of it than a reply holds.
func readReply(r *bufio.Reader, depth int) (reply, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return reply{}, err
	}
	if len(line) < 3 || line[len(line)-2] != '\r' || depth == 0 {
		return reply{}, errMalformed
	}
	p, rest := reply{kind: line[0]}, line[1:len(line)-2]
	switch p.kind {
	case '+', ':':
		return p, nil
	case '-':
		p.code, _, _ = strings.Cut(string(rest), " ")
		return p, nil
	case '$', '*':
	default:
		return p, errMalformed
	}
	n, err := strconv.Atoi(string(rest))
	if err != nil || n < -1 {
		return p, errMalformed
	}
	if p.null = n < 0; p.null {
		return p, nil
	}
	if p.kind == '$' {
		_, err := r.Discard(n + len("\r\n"))
		return p, err
	}
	for range n {
		if _, err := readReply(r, depth-1); err != nil {
			return p, err
		}
	}
	return p, nil
}

// failure names the kind of a connection's error, in the same words whatever
// address, port or operation it was about.
func failure(err error) string {
	var code syscall.Errno
	var said resp.ErrorReply
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "connection closed"
	case errors.Is(err, bufio.ErrBufferFull):
		return errMalformed.Error()
	case errors.As(err, &said):
		return said.Code()
	case errors.As(err, &code):
		return code.Error()
	}
	return err.Error()
}
