package server

import (
	"bytes"
	"strconv"

	"redoubt/fsm"
	"redoubt/resp"
)

// transaction is what was said since MULTI.
type transaction struct {
	queue    []queued
	bytes    int
	flags    fsm.Flags // of all queued commands
	sessions bool      // a session command is among them
	aborted  bool      // EXEC will fail
}

type queued struct {
	cmd  *command
	args [][]byte
}

// queuedOverheadBytes is what a queued command and an argument take besides
// its bytes.
const queuedOverheadBytes = 64

func (t *transaction) abort() {
	*t = transaction{aborted: true} // what was queued will never run
}

func transactionHandlers() []row {
	return []row{
		{name: "multi", handle: multi, immediate: true},
		{name: "exec", immediate: true}, // conn.exec
		{name: "discard", handle: discard, immediate: true},
		{name: "watch", immediate: true}, // runs in the state machine
		{name: "unwatch", handle: unwatch},
	}
}

func multi(c *conn, _ [][]byte, dst []byte) []byte {
	if c.multi != nil {
		return resp.AppendError(dst, resp.ErrMultiNested)
	}
	c.multi = &transaction{}
	return resp.AppendOK(dst)
}

func discard(c *conn, _ [][]byte, dst []byte) []byte {
	if c.multi == nil {
		return resp.AppendError(dst, resp.ErrDiscardWithoutMulti)
	}
	c.discard()
	return resp.AppendOK(dst)
}

// discard forgets the transaction and its watches. A WATCH may still be in the
// batch: it keeps its own list.
func (c *conn) discard() {
	c.multi = nil
	c.watch = &watches{}
}

func unwatch(c *conn, _ [][]byte, dst []byte) []byte {
	c.watch = &watches{}
	return resp.AppendOK(dst)
}

// enqueue keeps a command for EXEC.
func (c *conn) enqueue(cmd *command, args [][]byte) {
	t := c.multi
	switch {
	case cmd.noMulti || cmd.spec.Flags&fsm.FlagNoMulti != 0:
		c.reject(cmd, resp.ErrNotAllowedInMulti)
		return
	case cmd.spec.Class == fsm.Session && cmd.handle == nil:
		c.reject(cmd, resp.UnknownCommand(args))
		return
	case c.oom:
		c.reject(cmd, resp.ErrOOM)
		return
	}
	size := queuedOverheadBytes
	for _, arg := range args {
		size += queuedOverheadBytes + len(arg)
	}
	if t.bytes+size > c.server.settings.load().MaxQueryBytes {
		c.reject(cmd, errTransactionTooLong)
		return
	}
	if !t.aborted {
		t.queue = append(t.queue, queued{cmd, cloneArgs(args)})
		t.bytes += size
		t.flags |= cmd.spec.Flags
		t.sessions = t.sessions || cmd.spec.Class == fsm.Session
	}
	start := len(c.lit)
	c.lit = append(c.lit, "+QUEUED\r\n"...)
	c.place(cmd, start)
}

// cloneArgs copies arguments that are kept for long: those of one pipeline share
// their memory, and one that is kept keeps all of it.
func cloneArgs(args [][]byte) [][]byte {
	clone := make([][]byte, len(args))
	block := bytes.Join(args, nil)
	for i, arg := range args {
		clone[i] = block[:len(arg):len(arg)]
		block = block[len(arg):]
	}
	return clone
}

const (
	errTransactionTooLong = "ERR transaction is longer than client-query-buffer-limit"
	errWatchTooLong       = "ERR watched keys are longer than client-query-buffer-limit"
)

// exec is EXEC.
func (c *conn) exec(cmd *command) {
	if c.watch.pending {
		if c.flush(); c.closing {
			return
		}
	}
	t, w := c.multi, c.watch
	switch {
	case t == nil:
		c.placeError(cmd, resp.ErrExecWithoutMulti)
		return
	case c.oom && t.flags&fsm.FlagDenyOOM != 0:
		c.reject(cmd, resp.ErrOOM)
		return
	}
	c.discard()
	switch {
	case t.aborted:
		c.placeError(cmd, resp.ErrExecAbort)
		return
	case w.broken:
		start := len(c.lit)
		c.lit = resp.AppendNullArray(c.lit, c.proto)
		c.place(cmd, start)
		return
	case t.bytes+w.bytes > maxBatchBytes, t.sessions:
		if c.flush(); c.closing {
			return
		}
	}
	c.add(cmd, fsm.Command{Proto: c.proto, Exec: &fsm.Exec{Watches: w.keys, Commands: c.transactionCommands(t)}})
	if t.sessions && c.execute() {
		c.runSessions(t, c.batch.Reply)
		c.endBatch()
	}
}

// transactionCommands is the queue as the state machine runs it. Session
// commands keep their places; the database that SELECT chooses holds for the
// commands behind it.
func (c *conn) transactionCommands(t *transaction) []fsm.Command {
	commands := make([]fsm.Command, len(t.queue))
	db := c.db
	for i, q := range t.queue {
		if q.cmd.spec.Class != fsm.Session {
			commands[i] = fsm.Command{DB: db, Proto: c.proto, Spec: q.cmd.spec, Args: q.args}
			continue
		}
		commands[i].Literal = []byte{}
		if q.cmd.spec.Name == "select" {
			if n, errText := c.parseDB(q.args[1]); errText == "" {
				db = n
			}
		}
	}
	return commands
}

// runSessions runs the session commands of a transaction that has succeeded and
// queues their replies in between the others. All of them run, even if the client
// is cut off on the way for what it was to be told.
func (c *conn) runSessions(t *transaction, replies []byte) {
	head := bytes.IndexByte(replies, '\n') + 1
	if replies[0] != '*' || replies[1] == '-' {
		c.reply(replies) // an error or a null: nothing was executed
		return
	}
	c.inExec = true
	defer func() { c.inExec = false }()
	c.reply(replies[:head])
	rest := replies[head:]
	for _, q := range t.queue {
		if q.cmd.spec.Class == fsm.Session {
			c.lit = q.cmd.handle(c, q.args, c.lit[:0])
			c.reply(c.lit)
		} else {
			n := replyLen(rest)
			c.reply(rest[:n])
			rest = rest[n:]
		}
		c.checkOutput()
	}
}

// watches are the keys of WATCH and the versions they had.
type watches struct {
	keys  []fsm.Watch
	names map[string]struct{} // database and key of each
	bytes int
	// pending: a WATCH is in the batch in hand.
	pending bool
	// broken makes the next EXEC fail: a WATCH was not answered, or refused.
	broken bool
}

// settle is called when the batch has been executed.
func (w *watches) settle() {
	if w.pending && len(w.keys) != len(w.names) {
		w.broken = true
	}
	w.pending = false
}

// addWatch prepares a WATCH for the batch; !ok: it is answered already. As in
// Redis the first version of a key counts, however often it is watched.
func (c *conn) addWatch(cmd *command, f *fsm.Command) (ok bool) {
	if c.multi != nil {
		c.placeError(cmd, resp.ErrWatchInsideMulti)
		return false
	}
	w := c.watch
	limit := c.server.settings.load().MaxQueryBytes
	fresh := f.Args[:1:1]
	for _, key := range f.Args[1:] {
		name := strconv.Itoa(c.db) + " " + string(key)
		if _, known := w.names[name]; known {
			continue
		}
		if w.bytes += len(key) + queuedOverheadBytes; w.bytes > limit {
			// What was watched does not matter any more. A WATCH in the batch
			// keeps its own list.
			c.watch = &watches{bytes: w.bytes, broken: true}
			c.placeError(cmd, errWatchTooLong)
			return false
		}
		if w.names == nil {
			w.names = map[string]struct{}{}
		}
		w.names[name] = struct{}{}
		fresh = append(fresh, key)
	}
	if len(fresh) == 1 {
		start := len(c.lit)
		c.lit = resp.AppendOK(c.lit)
		c.place(cmd, start)
		return false
	}
	f.Args, f.Watched = fresh, &w.keys
	w.pending = true
	return true
}
