package devcluster

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// LinkState is how a link is; the zero value is a good one.
type LinkState struct {
	Cut     bool          // connections break and are refused
	Stalled bool          // connections hold and nothing passes
	Delay   time.Duration // of everything
	Jitter  time.Duration // up to so much on top, in order all the same
	Loss    float64       // share of the messages that are dropped, 0 to 1
}

// Link is all that flows from one node to another. Its methods may be called from
// any goroutine.
type Link struct {
	From, To string

	bend func(LinkState) error // of the packet filter; nil: proxies look at state

	mu      sync.Mutex
	state   LinkState
	changed chan struct{} // closed by the next Set
	conns   map[*conn]struct{}
}

func newLink(from, to string) *Link {
	return &Link{From: from, To: to, changed: make(chan struct{}), conns: map[*conn]struct{}{}}
}

// Set puts the link into a state, at once. It fails only between namespaces.
func (l *Link) Set(s LinkState) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bend != nil {
		if err := l.bend(s); err != nil {
			return fmt.Errorf("link from %s to %s: %w", l.From, l.To, err)
		}
	}
	l.state = s
	close(l.changed)
	l.changed = make(chan struct{})
	if s.Cut {
		for c := range l.conns {
			c.end(true)
		}
	}
	return nil
}

// State returns the present state.
func (l *Link) State() LinkState {
	s, _ := l.now()
	return s
}

func (l *Link) now() (LinkState, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state, l.changed
}

// add notes a connection that From has dialled; false when the link is cut.
func (l *Link) add(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state.Cut {
		return false
	}
	l.conns[c] = struct{}{}
	return true
}

func (l *Link) remove(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

// due is when what arrives now may leave.
func (s LinkState) due() time.Time {
	at := time.Now().Add(s.Delay)
	if s.Jitter > 0 {
		at = at.Add(rand.N(s.Jitter))
	}
	return at
}

// loses decides about one message.
func (s LinkState) loses() bool { return s.Loss > 0 && rand.Float64() < s.Loss }

// conn is a connection through a proxy: the half that the dialler has made and,
// once it is known who that is, the half that leads to the node.
type conn struct {
	dialler net.Conn
	closed  chan struct{}

	mu   sync.Mutex
	node net.Conn
	over bool
}

// join adds the second half; false when the connection is over.
func (c *conn) join(node net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		node.Close()
		return false
	}
	c.node = node
	return true
}

// end closes both halves; abruptly without what is still in the system's buffers.
func (c *conn) end(abruptly bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	c.over = true
	close(c.closed)
	for _, half := range []net.Conn{c.dialler, c.node} {
		if half == nil {
			continue
		}
		if tcp, ok := half.(*net.TCPConn); ok && abruptly {
			_ = tcp.SetLinger(0) // one that has ended already needs no reset
		}
		half.Close()
	}
}

// pass waits until the link lets through what was due at that time; false when the
// connection has ended.
func (c *conn) pass(l *Link, due time.Time) bool {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.closed:
		return false
	}
	for {
		s, changed := l.now()
		if !s.Stalled {
			return true
		}
		select {
		case <-changed:
		case <-c.closed:
			return false
		}
	}
}
