package server

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"redoubt/fsm"
	"redoubt/raft/replica"
	"redoubt/resp"
)

const (
	// maxBatchCommands and maxBatchBytes bound one batch. A single longer
	// command still goes through, alone.
	maxBatchCommands = 1024
	maxBatchBytes    = 1 << 20
	// maxIdleBytes is the largest buffer that a connection keeps for the next
	// pipeline.
	maxIdleBytes = 64 << 10
	// writeChunkBytes is what a slow client has to take within WriteTimeout.
	writeChunkBytes = 256 << 10
	// maxUnauthOutputBytes is what a client may be told before AUTH.
	maxUnauthOutputBytes = 64 << 10
	// lingerTimeout is how long a closed connection waits for the client to
	// hang up. Closing with unread input would have the kernel reset the
	// connection, and the last reply might be lost.
	lingerTimeout  = time.Second
	maxLingerBytes = 1 << 20
)

// conn is one client. Fields without another note belong to the goroutine that
// runs serve.
type conn struct {
	server *Server
	nc     net.Conn
	id     int64
	fd     int // only shown
	began  time.Time
	reader *resp.Reader
	guard  *resp.Guard
	framed *values // whose limits the guard has; nil: those before AUTH

	session
	batch   *replica.Batch
	inBatch []*command // of batch.Commands, one for one
	since   time.Time  // when the commands in hand were read
	lit     []byte     // memory of the literals in the batch
	out     []byte     // replies that wait to be written
	oom     bool       // for this pipeline: memory is used up
	closing bool       // after the replies in hand
	inExec  bool       // a session command runs as a part of EXEC

	lastCommand *fsm.Spec
	lastWrite   uint64 // log index of the newest write, for WAIT
	deadlineSet bool   // on reading

	// Before AUTH.
	strangerSince time.Time
	strangerBytes int // of output

	dead    chan struct{} // closed by kill
	kills   sync.Once
	unblock chan bool // CLIENT UNBLOCK; true: with an error

	mu      sync.Mutex
	seen    view // the copy for others
	blocked bool // waits in WAIT or WAITAOF
	ending  bool // waits for the client to hang up
}

func newConn(s *Server, nc net.Conn, id int64, v *values) *conn {
	now := time.Now()
	c := &conn{
		server: s, nc: nc, id: id, fd: descriptor(nc), began: now, strangerSince: now, since: now,
		session: newSession(v.RequirePass == ""),
		batch:   replica.NewBatch(),
		lit:     make([]byte, 0, 128), // never nil: an empty Literal is one too
		dead:    make(chan struct{}),
		unblock: make(chan bool, 1),
	}
	c.guard = resp.NewGuard(socket{c}, resp.UnauthenticatedLimits())
	c.followLimits()
	c.reader = resp.NewReader(c.guard)
	c.publish(nil)
	return c
}

// serve reads, executes and answers until the connection ends.
func (c *conn) serve() {
	defer c.close()
	// A mistake in a session command costs one connection, not a node: the
	// client would come back and send it to the next one. What concerns the
	// keyspace runs elsewhere and is not covered.
	defer func() {
		if p := recover(); p != nil {
			c.server.log.Error("connection failed", "event", "panic", "client", c.id, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	for !c.closing {
		commands, err := c.readPipeline()
		if err != nil {
			c.readFailed(err)
			return
		}
		c.since = time.Now()
		c.oom = c.server.outOfMemory()
		for _, args := range commands {
			c.dispatch(args)
			if c.closing {
				break
			}
		}
		c.flush()
		c.publish(commands[len(commands)-1]) // who has its reply finds itself in CLIENT LIST
		c.write()
		c.shrink()
	}
}

func (c *conn) readPipeline() ([][][]byte, error) {
	if c.authenticated {
		return c.reader.ReadPipeline(maxBatchCommands, maxBatchBytes)
	}
	// One at a time: what comes behind an AUTH is framed under other limits.
	return c.reader.ReadPipeline(1, 1)
}

// followLimits gives the guard the limits of now.
func (c *conn) followLimits() {
	if v := c.server.settings.load(); c.authenticated && v != c.framed {
		c.guard.SetLimits(v.limits())
		c.framed = v
	}
}

// readFailed ends the connection, with a word of explanation when the client
// broke the protocol.
func (c *conn) readFailed(err error) {
	var protocol *resp.ProtocolError
	var foreign *resp.CrossProtocolError
	switch {
	case errors.As(err, &protocol):
		c.server.log.Debug("protocol error", "event", "protocol", "client", c.nc.RemoteAddr().String(), "err", protocol.Text)
		reply := resp.AppendError(c.lit[:0], protocol.Text)
		c.server.stats.errors.add(c.server.metrics, reply)
		c.reply(reply)
		c.write()
	case errors.As(err, &foreign):
		c.server.log.Warn("possible security attack: request of another protocol", "event", "protocol",
			"client", c.nc.RemoteAddr().String(), "line", foreign.Line)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, errShuttingDown):
	default:
		c.server.log.Debug("read failed", "event", "read", "client", c.nc.RemoteAddr().String(), "err", err)
	}
}

// flush executes the batch and queues its replies.
func (c *conn) flush() {
	b := c.batch
	if len(b.Commands) == 0 || !c.execute() {
		return
	}
	if !c.muted && len(c.out) == 0 {
		c.out, b.Reply = b.Reply, c.out
	} else {
		c.reply(b.Reply)
	}
	c.endBatch()
	c.checkOutput()
}

// execute has the node run the batch; false: it has stopped and the connection
// ends.
func (c *conn) execute() bool {
	b := c.batch
	if c.server.node.Execute(b) != nil {
		c.failBatch()
		return false
	}
	if b.Index > 0 {
		c.lastWrite = b.Index
	}
	c.watch.settle()
	c.server.stats.account(c.inBatch, b.Reply, time.Since(c.since))
	return true
}

// failBatch answers for a node that has stopped. The batch and its memory are
// lost to the node.
func (c *conn) failBatch() {
	for i := range c.batch.Commands {
		switch cmd := &c.batch.Commands[i]; cmd.Class() {
		case fsm.Session:
			c.reply(cmd.Literal)
		case fsm.Read:
			c.reply(resp.AppendError(nil, resp.ClusterDown("the node has stopped")))
		default:
			c.reply(resp.AppendError(nil, resp.Uncertain("the node has stopped")))
		}
	}
	c.batch, c.inBatch, c.lit = replica.NewBatch(), nil, nil
	c.closing = true
}

func (c *conn) endBatch() {
	c.batch.Reset()
	clear(c.inBatch)
	c.inBatch = c.inBatch[:0]
	c.lit = c.lit[:0]
}

// reply queues bytes for the client.
func (c *conn) reply(b []byte) {
	if !c.muted {
		c.out = append(c.out, b...)
	}
}

// checkOutput ends a connection whose waiting replies are beyond the limit, as
// Redis does: the client gets none of them, nor what the commands that still run
// reply.
func (c *conn) checkOutput() {
	limit := c.server.settings.load().MaxOutputBytes
	if limit > 0 && len(c.out) > limit || len(c.out) > fsm.MaxReplyBytes {
		c.server.log.Warn("output buffer limit reached", "event", "output_limit", "client", c.nc.RemoteAddr().String(), "bytes", len(c.out))
		c.out = nil
		c.muted, c.closing = true, true
		c.kill()
	}
}

// write sends everything that waits.
func (c *conn) write() {
	timeout := c.server.settings.load().WriteTimeout
	rest := c.out
	for len(rest) > 0 {
		_ = c.nc.SetWriteDeadline(time.Now().Add(timeout)) // fails only together with the write
		n, err := c.nc.Write(rest[:min(len(rest), writeChunkBytes)])
		c.server.stats.wrote(n)
		rest = rest[n:]
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				c.server.log.Warn("client does not read", "event", "write_timeout", "client", c.nc.RemoteAddr().String(), "bytes", len(rest))
			}
			c.closing = true
			c.kill()
			break
		}
	}
	if !c.authenticated {
		c.strangerBytes += len(c.out)
		c.closing = c.closing || c.strangerBytes > maxUnauthOutputBytes
	}
	c.out = c.out[:0]
}

// shrink lets go of what a big pipeline left behind.
func (c *conn) shrink() {
	if cap(c.out) > maxIdleBytes {
		c.out = nil
	}
	if cap(c.batch.Reply) > maxIdleBytes {
		c.batch.Reply = nil
	}
	if cap(c.lit) > maxIdleBytes {
		c.lit = make([]byte, 0, 128)
	}
}

// close hangs up after the client has had the chance to read the last reply.
func (c *conn) close() {
	if !c.authenticated {
		c.server.strangers.leave(c.nc.RemoteAddr())
	}
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		c.mu.Lock()
		c.ending = true
		_ = c.nc.SetReadDeadline(time.Now().Add(lingerTimeout))
		c.mu.Unlock()
		_, _ = io.CopyN(io.Discard, c.nc, maxLingerBytes)
	}
	c.kill()
}

// kill closes the socket at once. Any goroutine may call it.
func (c *conn) kill() {
	c.kills.Do(func() {
		close(c.dead)
		_ = c.nc.Close()
	})
}

func (c *conn) isDead() bool {
	select {
	case <-c.dead:
		return true
	default:
		return false
	}
}

// wake has a connection that waits for input notice that the server is closing.
func (c *conn) wake() { _ = c.nc.SetReadDeadline(time.Unix(1, 0)) }

// socket is the reading side of the connection as the guard sees it: it keeps
// the deadlines and counts.
type socket struct{ c *conn }

var errShuttingDown = errors.New("server: shutting down")

func (s socket) Read(p []byte) (int, error) {
	c := s.c
	v := c.server.settings.load()
	var deadline time.Time
	if v.TimeoutSeconds > 0 {
		deadline = time.Now().Add(time.Duration(v.TimeoutSeconds) * time.Second)
	}
	if !c.authenticated {
		if end := c.strangerSince.Add(v.AuthTimeout); deadline.IsZero() || end.Before(deadline) {
			deadline = end
		}
	}
	if !deadline.IsZero() || c.deadlineSet {
		c.deadlineSet = !deadline.IsZero()
		_ = c.nc.SetReadDeadline(deadline)
	}
	// After the deadline is set, not before: Shutdown closes the channel first
	// and then sets its own.
	if c.server.isClosing() {
		return 0, errShuttingDown
	}
	n, err := c.nc.Read(p)
	c.server.stats.read(n)
	c.followLimits() // they may have changed meanwhile
	return n, err
}
