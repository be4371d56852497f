package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"redoubt/fsm"
	"redoubt/metrics"
	"redoubt/raft"
	"redoubt/raft/replica"
	"redoubt/resp"
)

// Node is the replica that a Server serves: a *replica.Node, or the simulator's.
type Node interface {
	Execute(*replica.Batch) error
	Status() replica.Status
	Recent() *replica.Status
	MemoryBytes() int64
	TakeSnapshot(context.Context) error
	ChangeMembers(context.Context, raft.MemberChange) error
	TransferTo(ctx context.Context, to raft.NodeID) error
	AwaitAcked(ctx context.Context, index uint64, others int) int
}

// Config is what a Server needs. All fields but Shutdown must be set.
type Config struct {
	Node     Node
	Settings *Settings
	Metrics  *metrics.Server
	Log      *slog.Logger
	Version  string // redoubt_version in INFO
	// Shutdown asks the process to stop, for the SHUTDOWN command. It must not
	// wait for that: Server.Shutdown waits for the connection that calls it.
	Shutdown func()
}

// Server serves clients on any number of listeners.
type Server struct {
	node     Node
	settings *Settings
	metrics  *metrics.Server
	log      *slog.Logger
	version  string
	stop     func()

	commands  map[*fsm.Spec]*command
	started   time.Time
	runID     string
	stats     stats
	pause     atomic.Pointer[pause]
	strangers *strangers

	mu        sync.Mutex
	conns     map[int64]*conn
	nextID    int64
	listeners map[net.Listener]struct{}
	work      sync.WaitGroup // connections and background snapshots

	closing chan struct{} // closed when Shutdown begins
}

// ErrClosed is returned by Serve after Shutdown.
var ErrClosed = errors.New("server: shut down")

// New returns a server that listens nowhere yet.
func New(c Config) *Server {
	s := &Server{
		node: c.Node, settings: c.Settings, metrics: c.Metrics, log: c.Log,
		version: c.Version, stop: c.Shutdown,
		started:   time.Now(),
		runID:     newRunID(),
		strangers: newStrangers(),
		conns:     map[int64]*conn{},
		listeners: map[net.Listener]struct{}{},
		closing:   make(chan struct{}),
	}
	s.stats.init(c.Metrics)
	s.commands = newCommands(c.Metrics)
	return s
}

func newRunID() string {
	var b [20]byte
	_, _ = rand.Read(b[:]) // never fails, says crypto/rand
	return hex.EncodeToString(b[:])
}

const (
	minAcceptDelay = 5 * time.Millisecond
	maxAcceptDelay = time.Second
)

// Serve accepts connections on l until Shutdown and closes l. It returns
// ErrClosed, or the error that ended the listener.
func (s *Server) Serve(l net.Listener) error {
	defer l.Close()
	if !s.addListener(l) {
		return ErrClosed
	}
	defer s.removeListener(l)
	delay := time.Duration(0)
	for {
		nc, err := l.Accept()
		if err == nil {
			delay = 0
			s.accept(nc)
			continue
		}
		if s.isClosing() {
			return ErrClosed
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		// Out of file descriptors, most likely: the connections there are will
		// give some back. Without a pause the loop would burn a core.
		delay = min(max(2*delay, minAcceptDelay), maxAcceptDelay)
		s.log.Warn("accept failed", "err", err, "retry_in", delay)
		select {
		case <-time.After(delay):
		case <-s.closing:
			return ErrClosed
		}
	}
}

func (s *Server) addListener(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosing() {
		return false
	}
	s.listeners[l] = struct{}{}
	return true
}

func (s *Server) removeListener(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
}

// port is that of a TCP listener, 0 when there is none.
func (s *Server) port() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	port := 0
	for l := range s.listeners {
		if a, ok := l.Addr().(*net.TCPAddr); ok && (port == 0 || a.Port < port) {
			port = a.Port
		}
	}
	return port
}

func (s *Server) isClosing() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// accept serves a connection, or refuses it with the reason.
func (s *Server) accept(nc net.Conn) {
	if tcp, ok := nc.(*net.TCPConn); ok {
		s.keepAlive(tcp)
	}
	if c := s.admit(nc); c != nil {
		go s.serve(c)
	}
}

// ServeConn serves one connection in the goroutine of the caller.
func (s *Server) ServeConn(nc net.Conn) {
	if c := s.admit(nc); c != nil {
		s.serve(c)
	}
}

func (s *Server) serve(c *conn) {
	defer s.work.Done()
	defer s.unregister(c)
	c.serve()
}

func (s *Server) keepAlive(tcp *net.TCPConn) {
	seconds := s.settings.load().KeepAliveSeconds
	keepAlive := net.KeepAliveConfig{Enable: seconds > 0}
	if keepAlive.Enable {
		keepAlive.Idle = time.Duration(seconds) * time.Second
		keepAlive.Interval = keepAlive.Idle / 3
		keepAlive.Count = 3
	}
	_ = tcp.SetKeepAliveConfig(keepAlive) // a broken socket will say so when it is read
}

// admit enters a connection into the list, or refuses it: nil.
func (s *Server) admit(nc net.Conn) *conn {
	v := s.settings.load()
	if v.ProtectedMode && v.RequirePass == "" && !isLoopback(nc.RemoteAddr()) {
		s.refuse(nc, metrics.RejectedAuth, resp.ErrProtectedMode)
		return nil
	}
	c, ok := s.register(nc, v)
	if !ok {
		s.refuse(nc, metrics.RejectedMaxClients, resp.ErrMaxClients)
		return nil
	}
	if c == nil { // shutting down
		_ = nc.Close()
		return nil
	}
	s.stats.connections.Add(1)
	s.metrics.ConnectionsReceived.Inc()
	return c
}

// refuse says why and closes. The socket's send buffer is empty, so the write
// does not block.
func (s *Server) refuse(nc net.Conn, reason, text string) {
	s.stats.rejected.Add(1)
	s.metrics.RejectedConnections(reason).Inc()
	_ = nc.SetDeadline(time.Now().Add(time.Second))
	_, _ = nc.Write(resp.AppendError(nil, text))
	_ = nc.Close()
}

// register enters a new connection into the list; nil when the server is
// closing, !ok when there is no room.
func (s *Server) register(nc net.Conn, v *values) (c *conn, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosing() {
		return nil, true
	}
	if len(s.conns) >= v.MaxClients {
		return nil, false
	}
	if v.RequirePass != "" && !s.strangers.enter(nc.RemoteAddr(), v.MaxUnauthenticated) {
		return nil, false
	}
	s.nextID++
	c = newConn(s, nc, s.nextID, v)
	s.conns[c.id] = c
	s.work.Add(1)
	return c, true
}

func (s *Server) unregister(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c.id)
}

// Shutdown stops accepting, lets every connection answer what it has read, and
// closes them. When ctx ends first the rest is cut off and its error returned.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	if !s.isClosing() {
		close(s.closing)
	}
	for l := range s.listeners {
		_ = l.Close()
	}
	for _, c := range s.conns {
		c.wake()
	}
	s.mu.Unlock()

	done := make(chan struct{})
	go func() {
		s.work.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	for _, c := range s.conns {
		c.kill()
	}
	s.mu.Unlock()
	<-done
	return ctx.Err()
}
