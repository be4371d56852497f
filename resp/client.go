package resp

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// Client is one connection to a server, for tests, tools and load generation.
// It speaks RESP2 until a HELLO 3 is sent through it. It never connects again
// and never repeats a command: who calls must know what was executed. One
// goroutine at a time may use it.
type Client struct {
	conn    net.Conn
	r       *bufio.Reader
	out     []byte
	pushes  []Value // met by Do, kept for Receive
	timeout time.Duration
	broken  error
}

// maxKeptPushes bounds what Do keeps for a Receive that nobody calls.
const maxKeptPushes = 1 << 16

// Dial connects to addr within timeout, which then holds for every Flush and
// Receive, too; 0 is no limit.
func Dial(addr string, timeout time.Duration) (*Client, error) {
	conn, err := net.DialTimeout("tcp", addr, timeout)
	if err != nil {
		return nil, err
	}
	return NewClient(conn, timeout), nil
}

// Login is Dial with a password, unless that is "". A server without one takes ours
// for one too many, which is no obstacle.
func Login(addr, password string, timeout time.Duration) (*Client, error) {
	c, err := Dial(addr, timeout)
	if err != nil || password == "" {
		return c, err
	}
	v, err := c.Do("AUTH", password)
	if err == nil {
		err = v.Err()
	}
	if err != nil && err.Error() != ErrAuthNotConfigured {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// NewClient speaks over a connection that exists already, such as a TLS one.
func NewClient(conn net.Conn, timeout time.Duration) *Client {
	return &Client{conn: conn, r: bufio.NewReaderSize(conn, 16<<10), timeout: timeout}
}

// SetTimeout changes the limit of every later Flush and Receive; 0 is none.
func (c *Client) SetTimeout(d time.Duration) { c.timeout = d }

// Close closes the connection.
func (c *Client) Close() error { return c.conn.Close() }

// Do sends one command and waits for its reply. The error is that of the
// connection; an error reply is a Value with an Err. Pushes that come first are
// kept for Receive.
//
// In RESP3, SUBSCRIBE and its relatives are answered by pushes only: use Send,
// Flush and Receive.
func (c *Client) Do(args ...string) (Value, error) {
	c.Send(args...)
	if err := c.Flush(); err != nil {
		return Value{}, err
	}
	for {
		v, err := c.read()
		if err != nil {
			c.broken = err // the reply may still come, and would answer the next command
			return Value{}, err
		}
		if v.Type != '>' {
			return v, nil
		}
		if len(c.pushes) == maxKeptPushes {
			c.broken = fmt.Errorf("%d pushes and no Receive", maxKeptPushes)
			return Value{}, c.broken
		}
		c.pushes = append(c.pushes, v)
	}
}

// Send appends a command to those that the next Flush writes.
func (c *Client) Send(args ...string) { c.out = AppendCommand(c.out, args...) }

// Flush writes what was sent.
func (c *Client) Flush() error {
	if c.broken != nil {
		return c.broken
	}
	if err := c.conn.SetWriteDeadline(c.deadline()); err != nil {
		return err
	}
	_, err := c.conn.Write(c.out)
	c.out = c.out[:0]
	if err != nil {
		c.broken = err
	}
	return err
}

// Receive returns the next reply or push. A timeout before its first byte is
// os.ErrDeadlineExceeded and leaves the connection in order; after any other
// error it is of no more use.
func (c *Client) Receive() (Value, error) {
	if len(c.pushes) > 0 {
		v := c.pushes[0]
		c.pushes = c.pushes[1:]
		return v, nil
	}
	return c.read()
}

func (c *Client) read() (Value, error) {
	if c.broken != nil {
		return Value{}, c.broken
	}
	if err := c.conn.SetReadDeadline(c.deadline()); err != nil {
		return Value{}, err
	}
	if _, err := c.r.Peek(1); errors.Is(err, os.ErrDeadlineExceeded) {
		return Value{}, err
	}
	v, err := ReadValue(c.r)
	if err != nil {
		c.broken = err
	}
	return v, err
}

func (c *Client) deadline() time.Time {
	if c.timeout == 0 {
		return time.Time{}
	}
	return time.Now().Add(c.timeout)
}
