package server

import (
	"time"

	"redoubt/fsm"
)

// session is what a client has set up on its connection.
type session struct {
	proto         int // RESP version
	db            int
	authenticated bool
	name          []byte
	libName       []byte
	libVersion    []byte
	noEvict       bool
	noTouch       bool

	multi *transaction // nil outside MULTI
	watch *watches

	// CLIENT REPLY: muted drops replies, replyOff keeps it so, skipNext mutes
	// the next command.
	muted, replyOff, skipNext bool
}

func newSession(authenticated bool) session {
	return session{proto: 2, authenticated: authenticated, watch: &watches{}}
}

// reset is RESET: the session of a new connection.
func (c *conn) reset() {
	authenticated := c.authenticated
	c.session = newSession(authenticated)
	if authenticated && c.server.settings.load().RequirePass != "" {
		c.estrange()
	}
}

// view is what other goroutines may know of a connection.
type view struct {
	name, libName, libVersion string
	authenticated             bool
	noEvict, noTouch          bool
	proto, db                 int
	multi, watch              int // queued commands, -1 outside MULTI; watched keys
	multiBytes                int
	inputBytes                int // that wait to be framed
	argBytes                  int // of the last command
	outputCap                 int
	last                      time.Time
	command                   *fsm.Spec
}

// publish refreshes the view, after a pipeline and before the connection looks
// at the list itself.
func (c *conn) publish(last [][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := &c.seen
	v.authenticated, v.noEvict, v.noTouch = c.authenticated, c.noEvict, c.noTouch
	v.proto, v.db = c.proto, c.db
	v.multi, v.multiBytes = -1, 0
	if c.multi != nil {
		v.multi, v.multiBytes = len(c.multi.queue), c.multi.bytes
	}
	v.watch = len(c.watch.keys)
	v.inputBytes, v.outputCap = c.guard.Buffered(), cap(c.out)
	v.last, v.command = c.since, c.lastCommand
	v.argBytes = 0
	for _, arg := range last {
		v.argBytes += len(arg)
	}
	renew(&v.name, c.name)
	renew(&v.libName, c.libName)
	renew(&v.libVersion, c.libVersion)
}

// renew copies only what has changed.
func renew(s *string, b []byte) {
	if *s != string(b) {
		*s = string(b)
	}
}

func (c *conn) view() view {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen
}
