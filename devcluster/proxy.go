package devcluster

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// proxy stands in front of one node's port for the other nodes.
type proxy struct {
	node     *Node
	link     func(from, to string) *Link // nil for nodes that are not of this cluster
	listener net.Listener

	mu     sync.Mutex
	open   map[*conn]struct{}
	closed bool
	wg     sync.WaitGroup
}

const (
	helloTimeout = 5 * time.Second
	dialTimeout  = time.Second
	// maxFrameBytes is above the largest frame of the nodes.
	maxFrameBytes = 128 << 20
	// queuedPieces is what one direction of a connection may have under way.
	queuedPieces = 1024
)

func listen(n *Node, link func(from, to string) *Link) (*proxy, error) {
	l, err := net.Listen("tcp", n.announced)
	if err != nil {
		return nil, err
	}
	p := &proxy{node: n, link: link, listener: l, open: map[*conn]struct{}{}}
	p.wg.Go(p.accept)
	return p, nil
}

func (p *proxy) accept() {
	for {
		dialler, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		c := &conn{dialler: dialler, closed: make(chan struct{})}
		p.wg.Go(func() {
			defer p.untrack(c)
			if p.track(c) {
				p.serve(c)
			}
		})
	}
}

// track notes a connection for close; false when that has come first.
func (p *proxy) track(c *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[c] = struct{}{}
	return !p.closed
}

func (p *proxy) untrack(c *conn) {
	p.mu.Lock()
	delete(p.open, c)
	p.mu.Unlock()
	c.end(false)
}

func (p *proxy) close() {
	p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for c := range p.open {
		c.end(true)
	}
	p.mu.Unlock()
	p.wg.Wait()
}

// serve learns who dials, and carries the connection.
func (p *proxy) serve(c *conn) {
	dialler := c.dialler
	r := bufio.NewReaderSize(dialler, 64<<10)
	if err := dialler.SetReadDeadline(time.Now().Add(helloTimeout)); err != nil {
		return
	}
	hello, args, err := readFrame(r)
	if err != nil || len(args) < 4 || string(args[0]) != "RAFT.HELLO" {
		return
	}
	if err := dialler.SetReadDeadline(time.Time{}); err != nil {
		return
	}
	there, back := p.link(string(args[3]), p.node.ID), p.link(p.node.ID, string(args[3]))
	if there == nil || back == nil {
		return // nobody of this cluster
	}
	// As with a cable that is pulled, not even a refusal comes through.
	if now := time.Now(); !c.pass(there, now) || !c.pass(back, now) {
		return
	}
	node, err := net.DialTimeout("tcp", p.node.PeerAddr, dialTimeout)
	if err != nil {
		return
	}
	if !c.join(node) || !there.add(c) {
		return
	}
	defer there.remove(c)
	var wg sync.WaitGroup
	wg.Go(func() {
		c.carry(there, node, func() ([]byte, bool, error) {
			frame := hello
			if hello = nil; frame != nil {
				return frame, false, nil
			}
			frame, args, err := readFrame(r)
			return frame, err == nil && string(args[0]) == "RAFT.MSG", err
		})
	})
	wg.Go(func() {
		c.carry(back, dialler, func() ([]byte, bool, error) {
			some := make([]byte, 4<<10)
			n, err := node.Read(some)
			return some[:n], false, err
		})
	})
	wg.Wait()
}

// piece is what leaves at once, when it is due; without data it is the end.
type piece struct {
	data []byte
	due  time.Time
}

// carry moves pieces along the link. That the one side has ended is news, too: it
// travels behind what was sent before, and ends the connection when it arrives. next
// returns a piece, and whether it is a message that may get lost.
func (c *conn) carry(l *Link, to net.Conn, next func() ([]byte, bool, error)) {
	queue := make(chan piece, queuedPieces)
	var wg sync.WaitGroup
	wg.Go(func() { c.deliver(l, to, queue) })
	for ended := false; !ended; {
		data, mayGetLost, err := next()
		s := l.State()
		if ended = err != nil; ended {
			data = nil
		} else if mayGetLost && s.loses() {
			continue
		}
		select {
		case queue <- piece{data, s.due()}:
		case <-c.closed:
			ended = true
		}
	}
	close(queue)
	wg.Wait()
}

// deliver writes what arrives over the link. An end that does not take it any more
// is no reason to end the connection: the other side hears of that over the way back.
func (c *conn) deliver(l *Link, to net.Conn, queue <-chan piece) {
	gone := false
	for p := range queue {
		if !c.pass(l, p.due) {
			return
		}
		if p.data == nil {
			c.end(false)
			return
		}
		if !gone {
			_, err := to.Write(p.data)
			gone = err != nil
		}
	}
}

// readFrame reads one command, an array of bulk strings: its bytes, and its
// arguments within them.
func readFrame(r *bufio.Reader) (frame []byte, args [][]byte, err error) {
	var b bytes.Buffer
	count, err := readNumber(r, &b, '*')
	if err != nil {
		return nil, nil, err
	}
	if count < 1 || count > 64 {
		return nil, nil, fmt.Errorf("a frame of %d parts", count)
	}
	spans := make([][2]int, count)
	for i := range spans {
		size, err := readNumber(r, &b, '$')
		if err != nil {
			return nil, nil, err
		}
		if size < 0 || b.Len()+size > maxFrameBytes {
			return nil, nil, fmt.Errorf("a frame of more than %d bytes", maxFrameBytes)
		}
		spans[i] = [2]int{b.Len(), b.Len() + size}
		if _, err := io.CopyN(&b, r, int64(size)+2); err != nil {
			return nil, nil, err
		}
	}
	for _, s := range spans {
		args = append(args, b.Bytes()[s[0]:s[1]])
	}
	return b.Bytes(), args, nil
}

// readNumber reads "<kind>N\r\n" and appends it to b.
func readNumber(r *bufio.Reader, b *bytes.Buffer, kind byte) (int, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	b.Write(line)
	if line[0] != kind || len(line) < 4 {
		return 0, fmt.Errorf("%q where %q begins a line", line[0], kind)
	}
	return strconv.Atoi(string(line[1 : len(line)-2]))
}
