package sim

import (
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"redoubt/metrics"
	"redoubt/raft"
	"redoubt/raft/replica"
	"redoubt/resp/server"
)

// session is the server's side of a client connection: the code of resp/server,
// which blocks where it waits for bytes or for the replica. It runs as a
// coroutine: what blocks gives control back to the world.
type session struct {
	node   *node
	life   uint64
	user   *client
	number int // of the client's connection
	rng    interface{ IntN(int) int }

	resume   func() (struct{}, bool)
	stop     func()
	yield    func(struct{}) bool
	over     bool
	in       []byte
	eof      bool
	reading  bool
	call     *call // that it waits for
	answered bool
}

// frontEnd is what the sessions of one node run on. It is made once and serves
// many runs: nothing in it outlives a connection but counters.
type frontEnd struct {
	server  *server.Server
	node    *node
	current *session // that is running
}

// newFrontEnd makes a server around a node that is set later.
func newFrontEnd() *frontEnd {
	f := &frontEnd{}
	v := server.DefaultValues()
	v.Databases = databases
	f.server = server.New(server.Config{
		Node: f, Settings: server.NewSettings(v), Version: "sim",
		Metrics: metrics.New(prometheus.NewRegistry()).Server,
		Log:     slog.New(panicWatch{f}), Shutdown: func() {},
	})
	return f
}

func (w *World) inSession() bool {
	for _, n := range w.nodes {
		if n.front().current != nil {
			return true
		}
	}
	return false
}

func (n *node) front() *frontEnd { return n.w.fronts[n.index] }

// open connects a client. Nil when the node takes no connections.
func (n *node) open(user *client, number int) *session {
	s := &session{node: n, life: n.life, user: user, number: number, rng: user.rng}
	s.resume, s.stop = iter.Pull(func(yield func(struct{}) bool) {
		s.yield = yield
		n.front().server.ServeConn(socket{s})
		s.over = true
	})
	n.sessions = slices.DeleteFunc(n.sessions, func(s *session) bool { return s.over })
	n.sessions = append(n.sessions, s)
	s.run()
	return s
}

// run lets the session go on until it blocks again.
func (s *session) run() {
	if s.over {
		return
	}
	f := s.node.front()
	outer := f.current
	f.current = s
	s.resume()
	f.current = outer
}

// park gives control back; false: the connection is gone.
func (s *session) park() bool {
	f := s.node.front()
	f.current = nil
	ok := s.yield(struct{}{})
	f.current = s
	return ok && !s.eof
}

// hangUp ends the session, whatever it is waiting for.
func (s *session) hangUp() {
	if s.over {
		return
	}
	s.eof = true
	f := s.node.front()
	outer := f.current
	f.current = s
	s.stop()
	f.current = outer
	s.over = true
	s.user.hungUp(s)
}

// feed gives the session bytes from the client.
func (s *session) feed(b []byte) {
	if s.over || !s.node.up() || s.node.life != s.life {
		return
	}
	s.in = append(s.in, b...)
	if s.reading {
		s.run()
	}
}

// wakeSessions lets those go on whose batch has its replies. A batch stays under
// way when its session is gone.
func (n *node) wakeSessions() {
	if !n.up() || n.w.inSession() {
		return
	}
	for i := 0; n.up() && i < len(n.calls); i++ {
		c := n.calls[i]
		if !c.batch.Answered() {
			continue
		}
		n.calls = append(n.calls[:i], n.calls[i+1:]...)
		i--
		if c.session.call == c {
			c.session.answered = true
			c.session.run()
		}
	}
}

var errGone = errors.New("sim: the process is gone")

// Execute implements server.Node.
func (f *frontEnd) Execute(b *replica.Batch) error {
	s := f.current
	n := s.node
	b.Prepare()
	s.answered = false
	s.call = n.w.oracle.called(n, s, b)
	n.calls = append(n.calls, s.call)
	n.post(func(m *replica.Machine) { m.Submit(b) })
	for !s.answered {
		if !s.park() {
			n.w.oracle.abandoned(s.call)
			s.call = nil
			return errGone
		}
	}
	n.w.oracle.answered(n, s.call)
	s.call = nil
	return nil
}

// Status implements server.Node.
func (f *frontEnd) Status() replica.Status { return *f.Recent() }

// Recent implements server.Node.
func (f *frontEnd) Recent() *replica.Status {
	return &replica.Status{Status: f.current.node.machine.Core.Status()}
}

// MemoryBytes implements server.Node.
func (f *frontEnd) MemoryBytes() int64 { return f.current.node.applier.Store().MemoryBytes() }

// TakeSnapshot implements server.Node. No simulated client asks for one.
func (f *frontEnd) TakeSnapshot(context.Context) error { return errGone }

// TransferTo implements server.Node. No simulated client asks for one.
func (f *frontEnd) TransferTo(context.Context, raft.NodeID) error { return errGone }

// ChangeMembers implements server.Node. No simulated client asks for it.
func (f *frontEnd) ChangeMembers(context.Context, raft.MemberChange) error { return errGone }

// AwaitAcked implements server.Node. No simulated client waits.
func (f *frontEnd) AwaitAcked(context.Context, uint64, int) int { return 0 }

// socket is the net.Conn that a session reads and writes.
type socket struct{ s *session }

func (c socket) Read(p []byte) (int, error) {
	s := c.s
	for len(s.in) == 0 {
		if s.eof {
			return 0, io.EOF
		}
		s.reading = true
		ok := s.park()
		s.reading = false
		if !ok {
			return 0, io.EOF
		}
	}
	n := copy(p, s.in)
	if s.node.w.plan.Knobs.SplitReads {
		n = 1 + s.rng.IntN(n)
	}
	s.in = append(s.in[:0], s.in[n:]...)
	return n, nil
}

func (c socket) Write(p []byte) (int, error) {
	if c.s.eof {
		return 0, net.ErrClosed
	}
	c.s.user.receiveLater(c.s, p)
	return len(p), nil
}

func (c socket) Close() error                     { return nil }
func (c socket) CloseWrite() error                { c.s.eof = true; return nil }
func (c socket) LocalAddr() net.Addr              { return loopback() }
func (c socket) RemoteAddr() net.Addr             { return loopback() }
func (c socket) SetDeadline(time.Time) error      { return nil }
func (c socket) SetReadDeadline(time.Time) error  { return nil }
func (c socket) SetWriteDeadline(time.Time) error { return nil }

func loopback() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// panicWatch is the server's log: it says nothing, but a connection that
// panicked is a violation.
type panicWatch struct{ f *frontEnd }

func (h panicWatch) Enabled(context.Context, slog.Level) bool { return true }
func (h panicWatch) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h panicWatch) WithGroup(string) slog.Handler            { return h }
func (h panicWatch) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "panic" {
			h.f.node.w.fail("no panic", "a session panicked: %v", a.Value)
		}
		return true
	})
	return nil
}
