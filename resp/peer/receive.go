package peer

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"redoubt/raft"
)

const (
	readBufferBytes = 64 << 10
	// maxHandshakes bounds the connections that have not proven anything yet.
	maxHandshakes = 128
	// quietRefusals is for how long the same refusal is not logged again.
	quietRefusals = 10 * time.Minute
)

// inbound is an open connection from a peer.
type inbound struct {
	hello
	link    *link
	traffic *traffic
	// replaced, under Transport.mu: the peer has opened another one, so the end
	// of this one says nothing about the peer.
	replaced bool
}

type inboundKey struct {
	id   raft.NodeID
	lane lane
}

type refusalKey struct {
	id   raft.NodeID // "" for those that are no members
	word string
}

// keepAlive finds a host that is gone within about ten seconds, on connections
// on which nothing is sent.
func keepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}
}

// accept takes connections until Close. Errors (out of descriptors, mostly)
// pause it; they never end it.
func (t *Transport) accept() {
	var pause backoff
	slots := make(chan struct{}, maxHandshakes)
	for {
		conn, err := t.config.Listener.Accept()
		if t.ctx.Err() != nil {
			if err == nil {
				conn.Close()
			}
			return
		}
		if err != nil {
			if pause == (backoff{}) {
				t.config.Log.Warn("peer port: accept failed", "err", err)
			}
			pause.wait(t.ctx)
			continue
		}
		pause = backoff{}
		select {
		case slots <- struct{}{}:
			ok := t.spawn(func() { t.meet(conn, func() { <-slots }) })
			if !ok {
				conn.Close()
			}
		default:
			conn.Close()
		}
	}
}

// meet runs one inbound connection; proven is called when its handshake ended.
func (t *Transport) meet(conn net.Conn, proven func()) {
	k := newLink(t.ctx, conn)
	defer k.close()
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetKeepAliveConfig(keepAlive())
	}
	setUserTimeout(conn, t.config.WriteTimeout)
	h, err := t.welcome(conn)
	proven()
	if err != nil {
		complain(conn, err)
		t.logRefusal(h, conn, err)
		return
	}
	in := t.register(h, k)
	k.reader = newFrameReader(conn, readBufferBytes)
	if h.lane == laneSnap {
		err = t.receiveSnapshot(in)
	} else {
		err = t.receive(in)
	}
	t.leave(in, err)
}

// register makes in the connection of its peer and lane. An older one is
// closed: its peer has given it up.
func (t *Transport) register(h hello, k *link) *inbound {
	key := inboundKey{h.from, h.lane}
	t.mu.Lock()
	defer t.mu.Unlock()
	in := &inbound{hello: h, link: k, traffic: t.trafficLocked(h.from)}
	if old := t.inbound[key]; old != nil {
		old.replaced = true
		old.link.cancel()
	}
	t.inbound[key] = in
	if p := t.peers[h.from]; p != nil && p.guest && p.addr != h.addr { // it has moved
		p.cancel()
		delete(t.peers, h.from)
	}
	if t.peers[h.from] == nil && h.addr != "" && !t.closed {
		t.peers[h.from] = t.newPeerLocked(h.from, h.addr)
		t.peers[h.from].guest = true
	}
	for r := range t.refusals {
		if r.id == h.from {
			delete(t.refusals, r)
		}
	}
	return in
}

// errVerify ends a connection whose peer may no longer take part.
var errVerify = errors.New("the peer may no longer take part")

// receive delivers the messages of one connection in order.
func (t *Transport) receive(in *inbound) error {
	var verified uint64 // the membership of the last Verify; 0 is before any SetMembers
	for {
		if err := in.link.reader.open("RAFT.MSG", 1); err != nil {
			return err
		}
		body, err := in.link.reader.bulk(t.config.MaxMessageBytes)
		if err != nil {
			return err
		}
		in.traffic.bytesIn.Add(uint64(len(messagePrefix) + len(body)))
		m, err := decodeMessage(body)
		if err != nil {
			return err
		}
		if m.Type == raft.MsgSnapshot {
			return fmt.Errorf("%w: a snapshot message without its snapshot", errMalformed)
		}
		if now := t.membership.Load(); now != verified {
			if err := t.config.Handler.Verify(in.from, in.incarnation); err != nil {
				return fmt.Errorf("%w: %w", errVerify, err)
			}
			verified = now
		}
		if in.link.ctx.Err() != nil {
			return errLinkClosed // what is still in its buffer would mix with a newer connection's
		}
		in.traffic.messagesIn.Add(1)
		m.From, m.To, m.Incarnation = in.from, t.config.Self.NodeID, in.incarnation
		t.config.Handler.Message(m)
	}
}

// leave ends an inbound connection and tells the node when the peer broke it.
func (t *Transport) leave(in *inbound, err error) {
	key := inboundKey{in.from, in.lane}
	t.mu.Lock()
	if t.inbound[key] == in {
		delete(t.inbound, key)
	}
	if p := t.peers[in.from]; p != nil && p.guest && !t.hasCalledLocked(in.from) {
		p.cancel()
		delete(t.peers, in.from)
	}
	replaced := in.replaced
	t.mu.Unlock()
	if replaced || err == nil || t.ctx.Err() != nil {
		return
	}
	if errors.Is(err, errProtocol) || errors.Is(err, errMalformed) ||
		errors.Is(err, errVerify) || errors.Is(err, errNoSnapshot) {
		t.config.Log.Warn("peer connection closed", "peer", in.from, "lane", in.lane.String(), "err", err)
		return
	}
	if !errors.Is(err, io.EOF) {
		t.config.Log.Debug("peer connection broke", "peer", in.from, "lane", in.lane.String(), "err", err)
	}
	if in.lane == laneCtl {
		t.config.Handler.LinkDown(in.from)
	}
}

// logRefusal writes one line per caller and reason until the caller is let in,
// or ten minutes have passed. Strangers share one line per reason, so that they
// can neither fill the log nor memory.
func (t *Transport) logRefusal(h hello, conn net.Conn, err error) {
	if t.ctx.Err() != nil {
		return
	}
	key := refusalKey{word: "handshake"}
	var r *refusal
	if errors.As(err, &r) {
		key.word = r.word
	}
	t.mu.Lock()
	if t.peers[h.from] != nil {
		key.id = h.from
	}
	last, seen := t.refusals[key]
	now := time.Now()
	quiet := seen && now.Sub(last) < quietRefusals
	if !quiet {
		t.refusals[key] = now
	}
	t.mu.Unlock()
	if !quiet {
		t.config.Log.Warn("peer connection refused", "from", fmt.Sprintf("%.128q", h.from), "remote", conn.RemoteAddr().String(), "err", err)
	}
}
