package devcluster

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// pair is n2 behind its proxy, and n1, which dials it.
type pair struct {
	t           *testing.T
	there, back *Link
	proxy       *proxy
	accepted    chan net.Conn
}

func newPair(t *testing.T) *pair {
	t.Helper()
	node, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &pair{t: t, there: newLink("n1", "n2"), back: newLink("n2", "n1"), accepted: make(chan net.Conn, 10)}
	go func() {
		for {
			c, err := node.Accept()
			if err != nil {
				return
			}
			p.accepted <- c
		}
	}()
	n2 := &Node{ID: "n2", PeerAddr: node.Addr().String(), announced: "127.0.0.1:0"}
	p.proxy, err = listen(n2, func(from, to string) *Link {
		return map[[2]string]*Link{{"n1", "n2"}: p.there, {"n2", "n1"}: p.back}[[2]string{from, to}]
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.proxy.close()
		node.Close()
	})
	return p
}

// end is one end of a connection.
type end struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func newEnd(t *testing.T, c net.Conn) *end {
	t.Helper()
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &end{t, c, bufio.NewReader(c)}
}

func command(args ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b.String()
}

func (e *end) send(args ...string) {
	e.t.Helper()
	if _, err := io.WriteString(e, command(args...)); err != nil {
		e.t.Fatal(err)
	}
}

func (e *end) want(args ...string) {
	e.t.Helper()
	frame, _, err := readFrame(e.r)
	if err != nil || string(frame) != command(args...) {
		e.t.Fatalf("got %q, %v; want %q", frame, err, command(args...))
	}
}

// wantEnd expects that the connection is over.
func (e *end) wantEnd() {
	e.t.Helper()
	if b, err := e.r.ReadByte(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		e.t.Fatalf("got %q, %v; want the end of the connection", b, err)
	}
}

var hello = []string{"RAFT.HELLO", "1", "cluster", "n1", "n2", "1", "version", "ctl", "nonce"}

func (p *pair) dial(first ...string) *end {
	p.t.Helper()
	c, err := net.Dial("tcp", p.proxy.listener.Addr().String())
	if err != nil {
		p.t.Fatal(err)
	}
	e := newEnd(p.t, c)
	e.send(first...)
	return e
}

// connect makes a connection from n1 to n2 and returns both ends.
func (p *pair) connect() (n1, n2 *end) {
	p.t.Helper()
	n1 = p.dial(hello...)
	n2 = newEnd(p.t, <-p.accepted)
	n2.want(hello...)
	return n1, n2
}

func TestGoodLinkCarriesBothWays(t *testing.T) {
	p := newPair(t)
	n1, n2 := p.connect()
	n2.send("reply")
	n1.want("reply")
	for i := range 2000 {
		n1.send("RAFT.MSG", fmt.Sprint(i))
	}
	for i := range 2000 {
		n2.want("RAFT.MSG", fmt.Sprint(i))
	}
	n1.send("RAFT.MSG", strings.Repeat("x", 1<<20))
	n2.want("RAFT.MSG", strings.Repeat("x", 1<<20))
	n1.send("RAFT.MSG", "last")
	n1.Close()
	n2.want("RAFT.MSG", "last") // what was sent before the end arrives
	n2.wantEnd()
}

func TestCutLinkBreaksAndRefuses(t *testing.T) {
	p := newPair(t)
	n1, n2 := p.connect()
	p.back.Set(LinkState{Cut: true}) // concerns what n2 dials
	n1.send("RAFT.MSG", "1")
	n2.want("RAFT.MSG", "1")
	p.there.Set(LinkState{Cut: true})
	n1.wantEnd()
	n2.wantEnd()
	p.dial(hello...).wantEnd()
	p.there.Set(LinkState{})
	for len(p.accepted) > 0 { // of the attempt that was refused
		(<-p.accepted).Close()
	}
	n1, n2 = p.connect()
	n1.send("RAFT.MSG", "2")
	n2.want("RAFT.MSG", "2")
}

func TestStalledLinkHoldsOneDirection(t *testing.T) {
	p := newPair(t)
	n1, n2 := p.connect()
	p.there.Set(LinkState{Stalled: true})
	n1.send("RAFT.MSG", "1")
	n1.send("RAFT.MSG", "2")
	for i := range 100 { // the way back is open, and meanwhile nothing comes
		n2.send("reply", fmt.Sprint(i))
		n1.want("reply", fmt.Sprint(i))
	}
	if n := n2.r.Buffered(); n > 0 {
		t.Fatalf("%d bytes came through a stalled link", n)
	}
	p.there.Set(LinkState{})
	n2.want("RAFT.MSG", "1") // late, in order, and nothing is missing
	n2.want("RAFT.MSG", "2")
}

func TestStalledLinkAnswersNoDial(t *testing.T) {
	p := newPair(t)
	p.there.Set(LinkState{Stalled: true})
	n1 := p.dial(hello...)
	if err := n1.SetReadDeadline(time.Now().Add(30 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if b, err := n1.r.ReadByte(); !errors.Is(err, os.ErrDeadlineExceeded) || len(p.accepted) > 0 {
		t.Fatalf("got %q, %v and %d connections; want nothing", b, err, len(p.accepted))
	}
	p.there.Set(LinkState{})
	newEnd(t, <-p.accepted).want(hello...)
}

// A machine that is gone breaks no connections: neither does its silence tell, nor
// that it takes nothing any more.
func TestStalledLinkHidesTheEnd(t *testing.T) {
	p := newPair(t)
	n1, n2 := p.connect()
	p.back.Set(LinkState{Stalled: true})
	n2.Close()
	for range 3 {
		n1.send("RAFT.MSG", strings.Repeat("x", 1<<16))
		if err := n1.SetReadDeadline(time.Now().Add(30 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if b, err := n1.r.ReadByte(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("got %q, %v; want nothing", b, err)
		}
	}
	p.back.Set(LinkState{})
	if err := n1.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n1.wantEnd()
}

func TestStalledLinkBreaksWhenItIsCut(t *testing.T) {
	p := newPair(t)
	n1, n2 := p.connect()
	p.there.Set(LinkState{Stalled: true})
	n1.send("RAFT.MSG", "1")
	p.there.Set(LinkState{Cut: true})
	n2.wantEnd()
	n1.wantEnd()
}

func TestDelayedLinkKeepsTheOrder(t *testing.T) {
	p := newPair(t)
	n1, n2 := p.connect()
	p.there.Set(LinkState{Delay: 20 * time.Millisecond, Jitter: 20 * time.Millisecond})
	start := time.Now()
	for i := range 50 {
		n1.send("RAFT.MSG", fmt.Sprint(i))
	}
	for i := range 50 {
		n2.want("RAFT.MSG", fmt.Sprint(i))
	}
	if d := time.Since(start); d < 20*time.Millisecond {
		t.Errorf("arrived after %v", d)
	}
}

func TestLossDropsMessagesOnly(t *testing.T) {
	p := newPair(t)
	n1, n2 := p.connect()
	p.there.Set(LinkState{Loss: 1})
	n1.send("RAFT.AUTH", "mac")
	n1.send("RAFT.MSG", "1")
	n1.send("RAFT.SNAP", "1", "2", "3")
	n2.want("RAFT.AUTH", "mac")
	n2.want("RAFT.SNAP", "1", "2", "3")
	n1.send("RAFT.MSG", "2")
	n1.send("RAFT.CHUNK", "1")
	n2.want("RAFT.CHUNK", "1")
}

func TestProxyTurnsStrangersAway(t *testing.T) {
	p := newPair(t)
	p.dial("RAFT.HELLO", "1", "cluster", "n3", "n2").wantEnd()
	p.dial("PING").wantEnd()
	e := p.dial("RAFT.HELLO", "1")
	e.wantEnd()
}

func TestReadFrame(t *testing.T) {
	for _, c := range []struct {
		in   string
		args int // 0: an error
	}{
		{"*1\r\n$4\r\nPING\r\n", 1},
		{"*2\r\n$0\r\n\r\n$2\r\n\r\n\r\n", 2},
		{"*0\r\n", 0},
		{"*65\r\n", 0},
		{"*1\r\n$-1\r\n", 0},
		{"*1\r\n$999999999999\r\n", 0},
		{"PING\r\n", 0},
		{"*1\r\n+OK\r\n", 0},
		{"*1\r\n$4\r\nPI", 0},
		{"\n", 0},
		{"", 0},
	} {
		frame, args, err := readFrame(bufio.NewReader(strings.NewReader(c.in)))
		if c.args == 0 && err == nil || c.args > 0 && (err != nil || len(args) != c.args || string(frame) != c.in) {
			t.Errorf("%q: %q, %q, %v", c.in, frame, args, err)
		}
	}
}
