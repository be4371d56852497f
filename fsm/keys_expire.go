package fsm

import (
	"math"

	"redoubt/resp"
)

// The expiry of keys. A relative time counts from log time when the entry is
// applied, so it is the same moment on every node.

func expire(c *call)    { c.expire(c.now, 1000) }
func pexpire(c *call)   { c.expire(c.now, 1) }
func expireAt(c *call)  { c.expire(0, 1000) }
func pexpireAt(c *call) { c.expire(0, 1) }

// expire sets the expiry of a key to baseMs plus the argument, which counts
// units of unitMs. A time that is past removes the key.
func (c *call) expire(baseMs, unitMs int64) {
	condition, ok := c.expireCondition(c.args[3:])
	if !ok {
		return
	}
	at, ok := parseInt(c.args[2])
	if !ok {
		c.err(resp.ErrNotInteger)
		return
	}
	if at > math.MaxInt64/unitMs || at < math.MinInt64/unitMs || at*unitMs > math.MaxInt64-baseMs {
		c.err(resp.InvalidExpire(c.spec.Name))
		return
	}
	at = at*unitMs + baseMs

	key := c.args[1]
	o := c.writable(key)
	switch {
	case o == nil || !condition.allows(o.expireAt, at):
		c.int(0)
		return
	case at <= c.now:
		c.delete(key)
	default:
		c.setExpire(key, o, at)
	}
	c.int(1)
}

// ttlCondition is the set of options of EXPIRE.
type ttlCondition struct{ nx, xx, gt, lt bool }

func (c *call) expireCondition(args [][]byte) (e ttlCondition, ok bool) {
	for _, arg := range args {
		switch {
		case optionIs(arg, "nx"):
			e.nx = true
		case optionIs(arg, "xx"):
			e.xx = true
		case optionIs(arg, "gt"):
			e.gt = true
		case optionIs(arg, "lt"):
			e.lt = true
		default:
			c.err(resp.UnsupportedOption(arg))
			return e, false
		}
	}
	switch {
	case e.nx && (e.xx || e.gt || e.lt):
		c.err(resp.ErrExpireNXWithOthers)
		return e, false
	case e.gt && e.lt:
		c.err(resp.ErrExpireGTWithLT)
		return e, false
	}
	return e, true
}

// allows compares the present expiry, 0 for none, with the one to be. A key
// without one counts as living for ever.
func (e ttlCondition) allows(current, next int64) bool {
	never := current == 0
	switch {
	case e.nx && !never,
		e.xx && never,
		e.gt && (never || next <= current),
		e.lt && !never && next >= current:
		return false
	}
	return true
}

func persist(c *call) {
	o := c.writable(c.args[1])
	if o == nil || o.expireAt == 0 {
		c.int(0)
		return
	}
	c.setExpire(c.args[1], o, 0)
	c.int(1)
}

func ttl(c *call)         { c.ttl(c.now, 1000) }
func pttl(c *call)        { c.ttl(c.now, 1) }
func expireTime(c *call)  { c.ttl(0, 1000) }
func pexpireTime(c *call) { c.ttl(0, 1) }

// ttl replies the expiry of a key since baseMs in units of unitMs, rounded to
// the nearest; -1 if it has none, -2 if there is no key.
func (c *call) ttl(baseMs, unitMs int64) {
	o := c.lookup(c.args[1])
	switch {
	case o == nil:
		c.int(-2)
	case o.expireAt == 0:
		c.int(-1)
	case unitMs == 1:
		c.int(max(o.expireAt-baseMs, 0))
	default:
		left := max(o.expireAt-baseMs, 0)
		c.int(left/unitMs + (left%unitMs+unitMs/2)/unitMs) // the sum of both may not fit
	}
}
