package sim

import (
	"bytes"
	"math/rand/v2"
	"strconv"
)

// client is a user of the cluster: it keeps one connection, sends pipelines of
// commands and waits for the replies. It never sends anything twice.
type client struct {
	w      *World
	index  int
	rng    *rand.Rand
	work   workload
	node   *node
	number int // of the connection
	s      *session

	waiting []*operation // sent, not answered
	ran     []execution  // by the connection, in order, and not seen in a reply yet
	conn    connection
	replies []byte
	last    [2]int64 // when the newest bytes arrive: there, back
	done    bool
	outcome outcome // of the newest operation
}

// operation is one command of a client.
type operation struct {
	user     int
	args     [][]byte
	reply    []byte
	outcome  outcome
	executed bool  // with this reply, though the client has not got it
	call     int64 // moment of sending
	ret      int64 // moment of the answer
}

type outcome uint8

const (
	outcomePending outcome = iota
	outcomeDone
	outcomeUnknown // may or may not have been executed, now or later
	outcomeNever   // surely not executed
)

func (c *client) start() { c.w.after(c.rng.Int64N(1_000_000), c.think) }

// again goes on after a while.
func (c *client) again() {
	c.w.after(exponential(c.rng, c.w.plan.Knobs.ThinkUs)+1, c.think)
}

// think connects if need be and sends the next pipeline.
func (c *client) think() {
	if c.w.healed || c.done {
		c.done = true
		return
	}
	if c.s == nil || c.rng.IntN(20) == 0 {
		c.connect()
		return
	}
	c.send()
}

func (c *client) connect() {
	c.hangUp()
	c.node = c.w.nodes[c.rng.IntN(len(c.w.nodes))]
	n := c.node
	c.w.after(c.delayUs(), func() {
		if !n.up() || n.paused() {
			c.again()
			return
		}
		c.number++
		c.replies, c.ran, c.conn = nil, nil, connection{}
		c.work.connected()
		c.s = n.open(c, c.number)
		c.send()
	})
}

// hangUp closes the connection from the client's side.
func (c *client) hangUp() {
	if s := c.s; s != nil {
		c.s = nil
		s.hangUp()
	}
}

// hungUp is told that the connection is gone.
func (c *client) hungUp(s *session) {
	if c.s == s {
		c.s = nil
	}
	if len(c.waiting) > 0 && s.number == c.number {
		c.w.mark(MarkHungUpWithReplies)
		for i, op := range c.waiting {
			if i < len(c.ran) { // executed, but the reply was lost on the way
				op.reply, op.executed = c.ran[i].reply, judge(c.ran[i].reply) == outcomeDone
			}
			c.settle(op, outcomeUnknown)
		}
		c.waiting = nil
		c.again()
	}
}

func (c *client) delayUs() int64 { return exponential(c.rng, c.w.plan.Knobs.ClientUs) + 1 }

// send writes the next pipeline.
func (c *client) send() {
	if c.s == nil {
		c.again()
		return
	}
	ops := c.work.next(c.rng)
	if len(ops) == 0 {
		c.done = true
		return
	}
	var out []byte
	for _, args := range ops {
		out = appendCommand(out, args)
		c.waiting = append(c.waiting, &operation{user: c.index, args: args, call: c.w.moment()})
	}
	s, number := c.s, c.number
	at := max(c.w.nowUs+c.delayUs(), c.last[0])
	c.last[0] = at
	c.w.after(at-c.w.nowUs, func() { c.deliver(s, out) })
	c.w.after(c.w.plan.Knobs.ClientTimeoutMs*1000, func() {
		if c.number == number && c.s == s && s != nil && len(c.waiting) > 0 && c.waiting[0].call <= c.w.moment() {
			c.timeout(s)
		}
	})
}

// deliver hands bytes to the server in one or several pieces.
func (c *client) deliver(s *session, out []byte) {
	if c.w.plan.Knobs.SplitReads && len(out) > 1 && c.rng.IntN(2) == 0 {
		cut := 1 + c.rng.IntN(len(out)-1)
		first, rest := out[:cut], out[cut:]
		c.last[0] = max(c.last[0], c.w.nowUs+1)
		c.w.after(0, func() {
			s.node.inLife(s.life, func() { s.feed(first); s.feed(rest) })
		})
		return
	}
	s.node.inLife(s.life, func() { s.feed(out) })
}

// timeout gives up waiting.
func (c *client) timeout(s *session) {
	c.w.mark(MarkClientTimeout)
	c.hangUp()
	if len(c.waiting) > 0 {
		c.hungUp(s)
	}
}

// receiveLater brings bytes of the server to the client.
func (c *client) receiveLater(s *session, b []byte) {
	b = bytes.Clone(b)
	at := max(c.w.nowUs+c.delayUs(), c.last[1])
	c.last[1] = at
	c.w.after(at-c.w.nowUs, func() {
		if c.s == s {
			c.receive(b)
		}
	})
}

func (c *client) receive(b []byte) {
	c.replies = append(c.replies, b...)
	for len(c.waiting) > 0 {
		n := replyLen(c.replies)
		if n == 0 {
			return
		}
		op := c.waiting[0]
		c.waiting = c.waiting[1:]
		op.reply = c.replies[:n:n]
		c.compare(op)
		c.replies = c.replies[n:]
		c.settle(op, judge(op.reply))
	}
	if len(c.replies) > 0 {
		c.w.fail("session", "client %d got %q, which it has not asked for", c.index, c.replies)
	}
	c.again()
}

func (c *client) settle(op *operation, o outcome) {
	op.outcome, op.ret, c.outcome = o, c.w.moment(), o
	switch o {
	case outcomeDone:
		c.w.Stats.Operations++
	case outcomeNever:
		c.w.Stats.Refused++
	case outcomeUnknown:
		c.w.Stats.Unknown++
	}
	c.w.oracle.history.add(op)
}

// moment numbers the steps of a run: a clock finer than the microsecond.
func (w *World) moment() int64 { return int64(w.Stats.Events) }

// judge reads the outcome off a reply.
func judge(reply []byte) outcome {
	switch {
	case bytes.HasPrefix(reply, []byte("-UNCERTAIN")):
		return outcomeUnknown
	case bytes.HasPrefix(reply, []byte("-CLUSTERDOWN")), bytes.HasPrefix(reply, []byte("-TRYAGAIN")),
		bytes.HasPrefix(reply, []byte("-MISCONF")), bytes.HasPrefix(reply, []byte("-OOM")):
		return outcomeNever
	}
	return outcomeDone
}

func appendCommand(dst []byte, args [][]byte) []byte {
	dst = append(strconv.AppendInt(append(dst, '*'), int64(len(args)), 10), "\r\n"...)
	for _, a := range args {
		dst = append(strconv.AppendInt(append(dst, '$'), int64(len(a)), 10), "\r\n"...)
		dst = append(append(dst, a...), "\r\n"...)
	}
	return dst
}

// replyLen is the length of the first whole reply in b, 0 when there is none.
func replyLen(b []byte) int {
	end := bytes.Index(b, []byte("\r\n"))
	if end < 0 {
		return 0
	}
	size := end + 2
	switch b[0] {
	case '$', '=', '!':
		n, _ := strconv.Atoi(string(b[1:end]))
		if n >= 0 {
			size += n + 2
		}
	case '*', '~', '>', '%':
		n, _ := strconv.Atoi(string(b[1:end]))
		if b[0] == '%' {
			n *= 2
		}
		for range n {
			rest := replyLen(b[min(size, len(b)):])
			if rest == 0 {
				return 0
			}
			size += rest
		}
	}
	if size > len(b) {
		return 0
	}
	return size
}
