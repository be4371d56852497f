package server

import (
	"slices"
	"strings"
	"time"

	"redoubt/fsm"
	"redoubt/metrics"
	"redoubt/resp"
)

// handler answers one session command: it appends the reply to dst. args have
// the right number. It must not flush the batch (see the package comment).
type handler func(c *conn, args [][]byte, dst []byte) []byte

// command is a row of the command table as the server knows it.
type command struct {
	spec *fsm.Spec
	row
	counters
}

// row says how a session command is answered.
type row struct {
	name   string
	handle handler
	// barrier: the commands before it are executed first.
	barrier bool
	// immediate: inside MULTI it is not queued.
	immediate bool
	// noMulti: inside MULTI it is refused. Redis's flag no_multi says the same
	// of some commands; these are ours.
	noMulti bool
}

func handlers() []row {
	return slices.Concat(connectionHandlers(), transactionHandlers(), clientHandlers(), adminHandlers(), commandHandlers(), redoubtHandlers())
}

func connectionHandlers() []row {
	return []row{
		{name: "auth", handle: auth},
		{name: "echo", handle: echo},
		{name: "hello", handle: hello, noMulti: true},
		{name: "ping", handle: ping},
		{name: "quit", handle: quit, immediate: true},
		{name: "readonly", handle: ok},
		{name: "readwrite", handle: ok},
		{name: "reset", handle: reset, barrier: true, immediate: true},
		{name: "select", handle: selectDB},
	}
}

// newCommands joins the command table with the handlers. A session command
// without a handler does not exist for clients; a test sees to it that there
// is none.
func newCommands(m *metrics.Server) map[*fsm.Spec]*command {
	rows := map[string]row{}
	for _, r := range handlers() {
		rows[r.name] = r
	}
	commands := map[*fsm.Spec]*command{}
	for _, top := range fsm.Table() {
		for _, spec := range append([]*fsm.Spec{top}, top.Subcommands...) {
			c := &command{spec: spec, row: rows[spec.Name]}
			c.class = classLabel(spec.Class)
			c.metric = m.Command(spec.Name)
			commands[spec] = c
		}
	}
	return commands
}

// dispatch takes one command of the pipeline: it puts it into the batch, or
// answers it, or queues it for EXEC.
func (c *conn) dispatch(args [][]byte) {
	if !c.skipNext {
		c.run(args)
		return
	}
	c.flush()
	c.skipNext, c.muted = false, true
	c.run(args)
	c.flush()
	c.muted = c.replyOff
}

func (c *conn) run(args [][]byte) {
	spec, errText := fsm.Resolve(args)
	if spec == nil {
		c.reject(c.server.commands[fsm.Lookup(args[0])], errText)
		return
	}
	cmd := c.server.commands[spec]
	c.lastCommand = spec
	if !c.authenticated {
		if c.server.settings.load().RequirePass == "" {
			c.authenticate()
		} else if spec.Flags&fsm.FlagNoAuth == 0 {
			c.reject(cmd, resp.ErrNoAuth)
			return
		}
	}
	if c.waitWhilePaused(cmd); c.closing {
		return
	}
	switch {
	case c.multi != nil && !cmd.immediate:
		c.enqueue(cmd, args)
	case c.oom && spec.Flags&fsm.FlagDenyOOM != 0:
		c.reject(cmd, resp.ErrOOM)
	case spec.Class != fsm.Session:
		c.add(cmd, fsm.Command{DB: c.db, Proto: c.proto, Spec: spec, Args: args})
	case spec.Name == "exec":
		c.exec(cmd)
	case cmd.handle == nil:
		c.reject(cmd, resp.UnknownCommand(args))
	default:
		c.answer(cmd, args)
	}
}

// add puts a command into the batch.
func (c *conn) add(cmd *command, f fsm.Command) {
	if f.Spec != nil && f.Spec.Name == "watch" && !c.addWatch(cmd, &f) {
		return
	}
	c.batch.Commands = append(c.batch.Commands, f)
	c.inBatch = append(c.inBatch, cmd)
}

// answer runs a session command.
func (c *conn) answer(cmd *command, args [][]byte) {
	if cmd.barrier || strings.HasSuffix(cmd.name, "watch") && c.watch.pending {
		if c.flush(); c.closing {
			return
		}
	}
	start := len(c.lit)
	c.lit = cmd.handle(c, args, c.lit)
	c.place(cmd, start)
}

// place gives the reply c.lit[start:] its place behind the commands in hand. cmd
// is nil for a command that was rejected. Literals that are longer together than
// a batch may be are not kept waiting: the limit of output counts replies that
// are queued.
func (c *conn) place(cmd *command, start int) {
	reply := c.lit[start:len(c.lit):len(c.lit)]
	if len(c.batch.Commands) > 0 {
		c.add(cmd, fsm.Command{Literal: reply})
		if len(c.lit) > maxBatchBytes {
			c.flush()
		}
		return
	}
	c.server.stats.account([]*command{cmd}, reply, time.Since(c.since))
	c.reply(reply)
	c.lit = c.lit[:start]
	c.checkOutput()
}

// placeError answers a command with an error.
func (c *conn) placeError(cmd *command, text string) {
	start := len(c.lit)
	c.lit = resp.AppendError(c.lit, text)
	c.place(cmd, start)
}

// reject answers a command that is not even tried; a transaction under way
// will fail. cmd is nil when there is no such command.
func (c *conn) reject(cmd *command, text string) {
	if cmd != nil {
		cmd.rejected.Add(1)
		if cmd.spec.Name == "exec" {
			c.discard()
			text = resp.ExecAborted(strings.TrimPrefix(text, "ERR "))
		}
	}
	if c.multi != nil {
		c.multi.abort()
	}
	c.placeError(nil, text)
}

// outOfMemory says whether commands that may need memory are refused. It is
// decided here, once, before the command is in the log: replicas always apply.
func (s *Server) outOfMemory() bool {
	limit := s.settings.load().MaxMemoryBytes
	return limit > 0 && s.node.MemoryBytes() > limit
}

func ok(_ *conn, _ [][]byte, dst []byte) []byte { return resp.AppendOK(dst) }

func echo(_ *conn, args [][]byte, dst []byte) []byte { return resp.AppendBulk(dst, args[1]) }

func ping(c *conn, args [][]byte, dst []byte) []byte {
	switch len(args) {
	case 1:
		return resp.AppendSimple(dst, "PONG")
	case 2:
		return resp.AppendBulk(dst, args[1])
	}
	return resp.AppendError(dst, resp.WrongArity("ping"))
}

func quit(c *conn, _ [][]byte, dst []byte) []byte {
	c.closing = true
	return resp.AppendOK(dst)
}

func reset(c *conn, _ [][]byte, dst []byte) []byte {
	c.reset()
	return resp.AppendSimple(dst, "RESET")
}

func selectDB(c *conn, args [][]byte, dst []byte) []byte {
	db, errText := c.parseDB(args[1])
	if errText != "" {
		return resp.AppendError(dst, errText)
	}
	c.db = db
	return resp.AppendOK(dst)
}

func (c *conn) parseDB(arg []byte) (db int, errText string) {
	n, ok := parseInt(arg)
	switch {
	case !ok || n != int64(int32(n)):
		return 0, resp.ErrNotInteger
	case n < 0 || n >= int64(c.server.settings.load().Databases):
		return 0, resp.ErrDBIndex
	}
	return int(n), ""
}
