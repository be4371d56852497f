package fsm

import (
	"bytes"
	"slices"
	"testing"

	"redoubt/resp"
)

// session plays the part of a connection and of the log above two stores: one
// on the node that made the entries, the other on one that only applies them.
type session struct {
	origin, replica *Store
	proto           int
	db              int
	now             func() int64 // ms, the leader's clock
	index           uint64
	seed            uint64

	watches  []Watch
	queue    *Exec // between MULTI and EXEC
	queuedDB int   // the database that EXEC would leave selected
	refused  bool  // one of the queued commands was
}

func newSession(proto int, now func() int64) *session {
	return &session{origin: New(Config{}), replica: New(Config{}), proto: proto, now: now, seed: 1}
}

// run executes commands as one pipeline and returns their raw replies.
func (s *session) run(t *testing.T, pipeline [][][]byte) (replies [][]byte) {
	t.Helper()
	var batch []Command
	for _, args := range pipeline {
		c := s.command(args)
		batch = append(batch, c)
		if c.Watched == nil && c.Exec == nil {
			continue
		}
		replies = append(replies, s.apply(t, batch)...) // what follows depends on it
		batch = nil
		if c.Exec != nil && !bytes.Equal(replies[len(replies)-1], resp.AppendNullArray(nil, s.proto)) {
			s.db = s.queuedDB
		}
	}
	if len(batch) > 0 {
		replies = append(replies, s.apply(t, batch)...)
	}
	return replies
}

// apply puts a batch through the log, if only as a tick of its clock.
func (s *session) apply(t *testing.T, batch []Command) [][]byte {
	t.Helper()
	s.index++
	s.seed = s.seed*6364136223846793005 + 1
	entry := AppendEntry(nil, batch)
	Stamp(entry, s.now(), s.seed)
	var replies []byte
	if slices.ContainsFunc(batch, func(c Command) bool { return c.Class() == Write }) {
		replies = s.origin.ApplyBatch(s.index, entry, batch, nil)
	} else {
		s.origin.ApplyBatch(s.index, entry, nil, nil)
		replies = s.origin.ReadBatch(batch, s.seed, nil)
	}
	s.replica.Apply(s.index, entry, nil)
	if s.origin.Hash() != s.replica.Hash() {
		t.Fatalf("the replica differs after entry %d", s.index)
	}
	return splitReplies(t, replies, len(batch))
}

func (s *session) literal(reply []byte) Command { return Command{Literal: reply} }

// command does what a connection does with a command before it is executed.
func (s *session) command(args [][]byte) Command {
	spec, errText := Resolve(args)
	if errText != "" {
		s.refused = s.queue != nil
		return s.literal(resp.AppendError(nil, errText))
	}
	if spec.Class == Session {
		return s.sessionCommand(spec, args)
	}
	db := s.db
	if s.queue != nil {
		db = s.queuedDB
	}
	c := Command{DB: db, Proto: s.proto, Spec: spec, Args: args}
	switch {
	case spec.Name == "watch" && s.queue != nil:
		return s.literal(resp.AppendError(nil, resp.ErrWatchInsideMulti))
	case spec.Name == "watch":
		c.Watched = &s.watches
	case s.queue != nil:
		s.queue.Commands = append(s.queue.Commands, c)
		return s.literal([]byte("+QUEUED\r\n"))
	}
	return c
}

func (s *session) sessionCommand(spec *Spec, args [][]byte) Command {
	reply := resp.AppendOK(nil)
	switch name := spec.Name; {
	case name == "multi" && s.queue != nil:
		reply = resp.AppendError(nil, resp.ErrMultiNested)
	case name == "multi":
		s.queue, s.refused, s.queuedDB = &Exec{}, false, s.db
	case name == "exec":
		return s.exec()
	case name == "discard" && s.queue == nil:
		reply = resp.AppendError(nil, resp.ErrDiscardWithoutMulti)
	case name == "discard":
		s.queue, s.watches = nil, nil
	default:
		reply = s.plainSessionCommand(spec, args)
		if s.queue != nil {
			s.queue.Commands = append(s.queue.Commands, s.literal(reply))
			return s.literal([]byte("+QUEUED\r\n"))
		}
	}
	return s.literal(reply)
}

func (s *session) plainSessionCommand(spec *Spec, args [][]byte) []byte {
	switch name := spec.Name; {
	case name == "unwatch":
		if s.queue == nil {
			s.watches = nil
		}
	case name == "select":
		db, ok := parseInt(args[1])
		switch {
		case !ok:
			return resp.AppendError(nil, resp.ErrNotInteger)
		case db < 0 || db >= DefaultDatabases:
			return resp.AppendError(nil, resp.ErrDBIndex)
		}
		if s.queue != nil {
			s.queuedDB = int(db)
		} else {
			s.db = int(db)
		}
	case bytes.HasPrefix([]byte(name), []byte("command")):
		return AppendCommandReply(nil, s.proto, args)
	}
	return resp.AppendOK(nil)
}

func (s *session) exec() Command {
	queue := s.queue
	if queue == nil {
		return s.literal(resp.AppendError(nil, resp.ErrExecWithoutMulti))
	}
	queue.Watches = s.watches
	s.queue, s.watches = nil, nil
	if s.refused {
		return s.literal(resp.AppendError(nil, resp.ErrExecAbort))
	}
	return Command{DB: s.db, Proto: s.proto, Exec: queue}
}
