package sim

import (
	"bytes"
	"cmp"
	"slices"

	"redoubt/fsm"
	"redoubt/raft"
	"redoubt/raft/replica"
)

// call is a batch of a session on its way through the cluster.
type call struct {
	session     *session
	batch       *replica.Batch
	floor       uint64 // everything that was answered before it began has its place up to here
	point       uint64 // its own place in the order of the log
	writes      bool
	commits     int // how often it was committed
	attempts    int
	began       int64 // moment
	committedAt int64 // moment
	index       uint64
	commands    [][][]byte // kept for the history
	term        uint64     // of the node when it began
	outcome     outcome
	origin      fsm.Origin // of the newest attempt
}

// called: a session hands a batch over.
func (o *oracle) called(n *node, s *session, b *replica.Batch) *call {
	c := &call{session: s, batch: b, floor: o.settled}
	leads, term := n.leads()
	c.term = term
	if leads {
		for t := range o.leaders { // whether there is one: in any order
			if t > term {
				o.w.mark(MarkStaleLeaderAsked)
				break
			}
		}
	}
	c.began = o.w.moment()
	for i := range b.Commands {
		if o.w.plan.Registers {
			c.commands = append(c.commands, cloneArgs(b.Commands[i].Args))
		}
		c.writes = c.writes || b.Commands[i].Class() == fsm.Write
	}
	o.calls[b] = c
	return c
}

func cloneArgs(args [][]byte) [][]byte {
	out := make([][]byte, len(args))
	for i, a := range args {
		out[i] = bytes.Clone(a)
	}
	return out
}

// proposed notes under which origin a batch now travels.
func (o *oracle) proposed(c *call) {
	if origin := c.batch.Origin(); origin != c.origin && origin != (fsm.Origin{}) {
		c.attempts++
		c.origin = origin
		o.origins[origin] = c
	}
}

// committedOrigin: nothing is executed twice, and nothing that was refused.
func (o *oracle) committedOrigin(e *raft.Entry) {
	if e.Type != raft.EntryCommand {
		return
	}
	origin, ok := fsm.EntryOrigin(e.Data)
	if !ok {
		return
	}
	c := o.origins[origin]
	if c == nil {
		o.w.fail("at most once", "the batch committed at index %d is nobody's", e.Index)
		return
	}
	c.committedAt, c.index = o.w.moment(), e.Index
	if c.commits++; c.commits > 1 {
		o.w.fail("at most once", "a batch is committed again at index %d", e.Index)
	}
	switch c.outcome {
	case outcomeNever:
		o.w.fail("refused is never executed", "a batch that was refused is committed at index %d", e.Index)
	case outcomeUnknown:
		o.w.mark(MarkUnknownCommitted)
	}
}

// answered: a batch has its replies. Its place in the order of the log is behind
// that of everything which was answered before it began; together with the
// model's replies this is linearizability.
func (o *oracle) answered(n *node, c *call) {
	s, b := c.session, c.batch
	delete(o.calls, b)
	c.outcome = o.outcomeOf(b, c)
	switch c.outcome {
	case outcomeDone:
		if c.point < c.floor || c.writes && c.point == c.floor && c.floor > 0 {
			o.w.fail("linearizable", "%s answers a batch (writes: %v) at index %d, though index %d was answered before it began",
				n.id, c.writes, c.point, c.floor)
		}
		o.settled = max(o.settled, c.point)
	case outcomeUnknown:
		o.unknown = append(o.unknown, c)
	case outcomeNever:
		if c.commits > 0 {
			o.w.fail("refused is never executed", "%s refuses a batch that is committed: %.100q", n.id, b.Reply)
		}
	}
	s.user.executed(s, b)
	o.answeredMarks(n, c)
}

// outcomeOf reads the one outcome of a batch off its replies.
func (o *oracle) outcomeOf(b *replica.Batch, c *call) outcome {
	if c.point > 0 || b.Index > 0 {
		return outcomeDone
	}
	rest := b.Reply
	for i := range b.Commands {
		n := replyLen(rest)
		if b.Commands[i].Class() != fsm.Session {
			switch {
			case bytes.HasPrefix(rest, []byte("-UNCERTAIN")):
				return outcomeUnknown
			case judge(rest[:n]) == outcomeNever && !c.writes:
				return outcomeNever
			case judge(rest[:n]) == outcomeNever && b.Commands[i].Class() == fsm.Write:
				return outcomeNever
			case b.Commands[i].Class() == fsm.Write:
				// An error of the node about this entry: too large.
				return outcomeNever
			}
		}
		rest = rest[n:]
	}
	return outcomeDone // a read at the very beginning of the log
}

// abandoned: the process or the connection went away before the answer.
func (o *oracle) abandoned(c *call) {
	c.outcome = outcomeUnknown
	o.unknown = append(o.unknown, c)
}

// committedUnknown are the calls of unknown outcome that were committed, in the
// order of the log.
func (o *oracle) committedUnknown() []*call {
	var calls []*call
	for _, c := range o.unknown {
		if c.commits > 0 {
			calls = append(calls, c)
		}
	}
	slices.SortFunc(calls, func(a, b *call) int { return cmp.Compare(a.index, b.index) })
	return calls
}
