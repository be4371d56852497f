package sim

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"redoubt/fsm"
	"redoubt/raft/replica"
)

// connection is what the session behind a client's connection has to be like
// after the commands that were answered: a second, naive implementation of
// SELECT, MULTI and WATCH.
type connection struct {
	db      int
	multi   bool
	aborted bool       // EXEC has to fail: something was not queued
	queue   [][][]byte // since MULTI
	watched watched
	broken  bool // EXEC has to give nil: a WATCH failed
}

// watched are keys under WATCH and the versions that they had when it was first
// said.
type watched map[watchedKey]uint64

type watchedKey struct {
	db  int
	key string
}

// clear forgets the transaction and the watches.
func (s *connection) clear() { *s = connection{db: s.db} }

// execution is a command that a connection has had executed.
type execution struct {
	db       int
	args     [][]byte // nil: EXEC
	commands []queued // of EXEC
	watched  watched  // by WATCH, or carried by EXEC
	reply    []byte
	sessions bool // the session puts replies of its own in between, if it is an array
}

// queued is a command of a transaction; args is nil where the session itself
// replies.
type queued struct {
	db   int
	args [][]byte
}

// gives says whether a client can have got this reply to it.
func (e *execution) gives(reply []byte) bool {
	if e.sessions && e.reply[0] == '*' && !isNullArray(e.reply) {
		return reply[0] == '*' && !isNullArray(reply)
	}
	return bytes.Equal(e.reply, reply)
}

func isNullArray(reply []byte) bool { return string(reply) == "*-1\r\n" || string(reply) == "_\r\n" }

func isError(reply []byte) bool { return reply[0] == '-' || reply[0] == '!' }

// executed notes what the connection had executed: a client has to get exactly
// these replies, in this order, to these commands.
func (c *client) executed(s *session, b *replica.Batch) {
	if s.number != c.number {
		return
	}
	rest := b.Reply
	for i := range b.Commands {
		cmd := &b.Commands[i]
		n := replyLen(rest)
		if cmd.Literal == nil {
			e := execution{db: cmd.DB, reply: bytes.Clone(rest[:n])}
			switch {
			case cmd.Exec != nil:
				e.transaction(cmd.Exec)
				if e.sessions {
					n = len(rest) // such a transaction is alone, and its array lacks some elements
					e.reply = bytes.Clone(rest)
				}
			default:
				e.args = cloneArgs(cmd.Args)
				if cmd.Watched != nil {
					e.watched = watched{}
					for _, w := range *cmd.Watched {
						if slices.ContainsFunc(cmd.Args[1:], func(key []byte) bool { return w.DB == cmd.DB && bytes.Equal(key, w.Key) }) {
							e.watched[watchedKey{w.DB, string(w.Key)}] = w.Version
						}
					}
				}
			}
			c.ran = append(c.ran, e)
		}
		rest = rest[n:]
	}
}

func (e *execution) transaction(x *fsm.Exec) {
	e.watched = watched{}
	for _, w := range x.Watches {
		e.watched[watchedKey{w.DB, string(w.Key)}] = w.Version
	}
	for i := range x.Commands {
		q := &x.Commands[i]
		if q.Literal != nil {
			e.sessions = true
			e.commands = append(e.commands, queued{})
			continue
		}
		e.commands = append(e.commands, queued{q.DB, cloneArgs(q.Args)})
	}
}

// session is broken as a rule when what a client is told does not fit what it
// has said on its connection.
func (c *client) session(ok bool, op *operation, rule string) {
	if !ok {
		c.w.fail("session", "client %d gets %.100q to %.100q: %s", c.index, op.reply, bytes.Join(op.args, []byte(" ")), rule)
	}
}

// compare checks a reply that has come against what was executed and against
// what the connection is like.
func (c *client) compare(op *operation) {
	s, failed := &c.conn, isError(op.reply)
	switch name := strings.ToUpper(string(op.args[0])); {
	case name == "MULTI":
		c.session(failed == s.multi, op, "MULTI fails within MULTI, and only there")
		s.multi = true
	case name == "DISCARD":
		c.session(failed != s.multi, op, "DISCARD needs MULTI")
		if s.multi {
			s.clear()
		}
	case name == "EXEC":
		c.compareExec(op)
	case name == "WATCH" && s.multi:
		c.session(failed, op, "WATCH inside MULTI is refused")
	case s.multi:
		queued := string(op.reply) == "+QUEUED\r\n"
		c.session((queued || failed) && !(queued && malformed(op.args)), op, "within MULTI a command is queued or refused")
		s.queue = append(s.queue, op.args)
		s.aborted = s.aborted || !queued
	case malformed(op.args):
		c.session(failed, op, "there is no such command")
	case sessionCommand(name):
		s.alone(name, op)
	case name == "WATCH":
		c.compareWatch(op)
	default:
		c.took(op, func(e *execution) bool { return slices.EqualFunc(e.args, op.args, bytes.Equal) && e.db == s.db })
	}
}

// malformed: what clients send to have it refused.
func malformed(args [][]byte) bool {
	return string(args[0]) == "NOSUCH" || string(args[0]) == "GET" && len(args) == 1
}

func sessionCommand(name string) bool {
	switch name {
	case "HELLO", "SELECT", "PING", "ECHO", "UNWATCH":
		return true
	}
	return false
}

// alone is a command of the session outside of a transaction.
func (s *connection) alone(name string, op *operation) {
	switch {
	case isError(op.reply):
	case name == "SELECT":
		s.db, _ = strconv.Atoi(string(op.args[1]))
	case name == "UNWATCH":
		s.watched, s.broken = nil, false
	}
}

// took takes the next execution, which has to be that of op.
func (c *client) took(op *operation, fits func(*execution) bool) *execution {
	if len(c.ran) == 0 || !fits(&c.ran[0]) || !c.ran[0].gives(op.reply) {
		c.w.fail("session", "client %d gets %.100q to %.100q in database %d; executed was %.200q", c.index, op.reply,
			bytes.Join(op.args, []byte(" ")), c.conn.db, fmt.Sprint(c.ran))
		return nil
	}
	e := c.ran[0]
	c.ran = c.ran[1:]
	return &e
}

// compareWatch: of several WATCHes of one key the first counts. The others do
// not get to the state machine.
func (c *client) compareWatch(op *operation) {
	s := &c.conn
	fresh := watched{}
	for _, key := range op.args[1:] {
		k := watchedKey{s.db, string(key)}
		if _, known := s.watched[k]; !known {
			fresh[k] = 0
		}
	}
	if len(fresh) == 0 {
		c.session(!isError(op.reply), op, "the key is watched already")
		return
	}
	e := c.took(op, func(e *execution) bool {
		return e.watched != nil && e.args != nil && e.db == s.db && len(e.args) == len(fresh)+1
	})
	if e == nil {
		return
	}
	if s.watched == nil {
		s.watched = watched{}
	}
	maps.Copy(s.watched, fresh)
	if isError(op.reply) {
		s.broken = true
		return
	}
	c.session(len(e.watched) == len(fresh), op, "it watches other keys")
	for k, version := range e.watched {
		_, asked := fresh[k]
		c.session(asked, op, "it watches another key")
		s.watched[k] = version
	}
}

// compareExec: EXEC runs what was queued, in the databases that were selected,
// under the watches of the connection; or it does not run at all.
func (c *client) compareExec(op *operation) {
	s := &c.conn
	switch {
	case !s.multi:
		c.session(isError(op.reply), op, "EXEC needs MULTI")
		return
	case s.aborted:
		c.w.mark(MarkExecRefused)
		c.session(bytes.HasPrefix(op.reply, []byte("-EXECABORT")), op, "a command was not queued")
	case s.broken:
		c.w.mark(MarkExecBrokenWatch)
		c.session(isNullArray(op.reply), op, "a WATCH had failed")
	default:
		db := s.db
		var want []queued
		for _, args := range s.queue {
			switch name := strings.ToUpper(string(args[0])); {
			case !sessionCommand(name):
				want = append(want, queued{db, args})
				continue
			case name == "SELECT":
				db, _ = strconv.Atoi(string(args[1]))
			}
			want = append(want, queued{})
		}
		if e := c.took(op, func(e *execution) bool { return e.args == nil }); e != nil {
			c.session(slices.EqualFunc(e.commands, want, func(a, b queued) bool {
				return a.db == b.db && slices.EqualFunc(a.args, b.args, bytes.Equal)
			}), op, fmt.Sprintf("queued was %.200q, executed %.200q", fmt.Sprint(want), fmt.Sprint(e.commands)))
			c.session(maps.Equal(e.watched, s.watched), op, fmt.Sprintf("watched was %v, carried %v", s.watched, e.watched))
		}
		if op.reply[0] == '*' && !isNullArray(op.reply) {
			c.w.markIf(db != s.db, MarkExecSelects)
			s.db = db
		}
	}
	s.clear()
}
