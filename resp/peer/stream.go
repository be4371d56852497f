package peer

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"redoubt/raft"
)

const (
	// flushBytes is where the writer stops packing messages into one write.
	flushBytes = 256 << 10
	// keepBufferBytes is the largest buffer a writer keeps for the next round.
	keepBufferBytes = 4 << 20

	minBackoff = 20 * time.Millisecond
	maxBackoff = 500 * time.Millisecond

	messagePrefix = "*2\r\n$8\r\nRAFT.MSG\r\n$"
)

var errLinkClosed = errors.New("the peer closed the connection")

// stream is one lane to one peer: a bounded queue, and the goroutine that dials
// and writes. While there is no connection nothing is queued: what is old when
// the peer comes back is of no use to Raft.
type stream struct {
	peer *peer
	lane lane
	wake chan struct{} // capacity 1: the queue is not empty

	mu    sync.Mutex
	conn  net.Conn // nil: down
	queue []queued
	spare []queued // the other half of a double buffer
	held  int      // messages queued or with the writer
	bytes int      // of those
}

type queued struct {
	message raft.Message
	size    int // encoded
}

func newStream(p *peer, l lane) *stream {
	return &stream{peer: p, lane: l, wake: make(chan struct{}, 1)}
}

// push returns whether the message is in the queue.
func (s *stream) push(m raft.Message) bool {
	c := &s.peer.t.config
	size := messageSize(&m)
	if size > c.MaxMessageBytes || len(m.Entries) > maxEntries {
		// The receiver would close the link over it, again and again.
		s.peer.traffic.drops.Add(1)
		c.Log.Error("message too large to send", "peer", s.peer.id, "bytes", size, "entries", len(m.Entries))
		return false
	}
	s.mu.Lock()
	full := s.held >= c.QueueMessages || s.held > 0 && s.bytes+size > c.QueueBytes
	if s.conn == nil || full {
		s.mu.Unlock()
		s.peer.traffic.drops.Add(1)
		return false
	}
	s.queue = append(s.queue, queued{m, size})
	s.held++
	s.bytes += size
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return true
}

// take hands everything queued to the writer.
func (s *stream) take() []queued {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch := s.queue
	s.queue, s.spare = s.spare[:0], batch
	return batch
}

// release gives back the room of messages that were written.
func (s *stream) release(messages, bytes int) {
	s.mu.Lock()
	s.held -= messages
	s.bytes -= bytes
	s.mu.Unlock()
}

// open makes the stream accept messages.
func (s *stream) open(conn net.Conn) {
	s.mu.Lock()
	s.conn = conn
	s.mu.Unlock()
}

// shut drops what was not written.
func (s *stream) shut() {
	s.mu.Lock()
	dropped := s.held
	s.conn, s.held, s.bytes = nil, 0, 0
	s.queue, s.spare = nil, nil
	s.mu.Unlock()
	s.peer.traffic.drops.Add(uint64(dropped))
}

func (s *stream) status() (conn net.Conn, messages, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn, s.held, s.bytes
}

// run keeps the stream connected until the peer is let go.
func (s *stream) run() {
	p := s.peer
	log := p.t.config.Log.With("peer", p.id, "addr", p.addr, "lane", s.lane.String())
	var pause backoff
	var trouble string // what was logged last; "" while connected
	for opened := 0; p.ctx.Err() == nil; {
		conn, answer, err := p.dial(p.ctx, s.lane)
		if err == nil {
			log.Info("peer link up", "version", answer.version)
			if opened++; opened > 1 {
				p.traffic.reconnects.Add(1)
			}
			trouble = ""
			since := time.Now()
			err = s.serve(conn)
			if time.Since(since) > maxBackoff { // else it may go on like this
				pause = backoff{}
			}
		}
		if p.ctx.Err() != nil {
			return
		}
		var r *refusal
		refused := errors.As(err, &r)
		if refused && r.stranger() {
			p.t.config.Handler.Stranger(p.id, r.word+": "+r.text)
		}
		if c := cause(err); c != trouble {
			trouble = c
			log.Warn("peer link down", "err", err)
			if refused && r.final() {
				p.t.config.Handler.Refused(p.id, r.word+": "+r.text)
			}
		}
		pause.wait(p.ctx)
	}
}

// cause is the text of err without the local port, which changes with each try.
func cause(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}

// dial opens a connection and gets it through the handshake.
func (p *peer) dial(ctx context.Context, l lane) (*link, challenge, error) {
	c := &p.t.config
	d := net.Dialer{Timeout: c.DialTimeout, KeepAliveConfig: keepAlive()}
	conn, err := d.DialContext(ctx, "tcp", p.addr)
	if err != nil {
		return nil, challenge{}, err
	}
	k := newLink(ctx, conn)
	patience := c.WriteTimeout
	if l == laneSnap {
		patience = c.SnapshotTimeout // it ends a connection whose receiver is busy with an fsync, too
	}
	setUserTimeout(conn, patience)
	f, answer, err := p.t.introduce(conn, p.id, l)
	if err != nil {
		k.close()
		return nil, answer, err
	}
	k.reader = f
	return k, answer, nil
}

// link is an open connection that closes when its context ends.
type link struct {
	net.Conn
	ctx    context.Context
	cancel context.CancelFunc
	reader frameReader
	closed chan struct{}
}

func newLink(ctx context.Context, conn net.Conn) *link {
	k := &link{Conn: conn, closed: make(chan struct{})}
	k.ctx, k.cancel = context.WithCancel(ctx)
	context.AfterFunc(k.ctx, func() {
		conn.Close()
		close(k.closed)
	})
	return k
}

// close returns when the connection is closed.
func (k *link) close() {
	k.cancel()
	<-k.closed
}

// serve writes the queue to the connection until that breaks.
func (s *stream) serve(k *link) error {
	defer k.close()
	// Nobody sends anything on this connection any more: the read ends when the
	// peer is gone. Without it the first messages after that would be lost in
	// the socket buffer.
	if !s.peer.t.spawn(func() {
		k.reader.r.ReadByte()
		k.cancel()
	}) {
		return errLinkClosed
	}
	s.open(k.Conn)
	defer s.shut()
	return s.write(k)
}

func (s *stream) write(k *link) error {
	var out []byte
	for {
		select {
		case <-s.wake:
		case <-k.ctx.Done():
			return errLinkClosed
		}
		batch := s.take()
		written, bytes := 0, 0 // messages since the last write, and their share of the queue
		for i := range batch {
			out = appendFrame(out, &batch[i])
			bytes += batch[i].size
			if len(out) < flushBytes && i+1 < len(batch) {
				continue
			}
			if err := s.flush(k, out); err != nil {
				return err
			}
			s.peer.traffic.messagesOut.Add(uint64(i + 1 - written))
			s.release(i+1-written, bytes)
			written, bytes = i+1, 0
			if out = out[:0]; cap(out) > keepBufferBytes {
				out = nil
			}
		}
		clear(batch) // the entries are not kept alive by the spare buffer
	}
}

// flush writes a piece at a time: the deadline is for a peer that takes nothing, not
// for a large message on a slow link.
func (s *stream) flush(k *link, out []byte) error {
	for piece := range slices.Chunk(out, flushBytes) {
		if err := k.SetWriteDeadline(time.Now().Add(s.peer.t.config.WriteTimeout)); err != nil {
			return err
		}
		n, err := k.Write(piece)
		s.peer.traffic.bytesOut.Add(uint64(n))
		if err != nil {
			return err
		}
	}
	return nil
}

func appendFrame(dst []byte, q *queued) []byte {
	dst = append(dst, messagePrefix...)
	dst = strconv.AppendInt(dst, int64(q.size), 10)
	dst = append(dst, "\r\n"...)
	dst = appendMessage(dst, &q.message)
	return append(dst, "\r\n"...)
}

// backoff is the pause before the next try: doubled each time, and drawn from
// its upper half so that nodes do not dial in step.
type backoff struct{ next time.Duration }

// wait returns false when ctx ended first.
func (b *backoff) wait(ctx context.Context) bool {
	b.next = min(max(2*b.next, minBackoff), maxBackoff)
	timer := time.NewTimer(b.next/2 + rand.N(b.next/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
