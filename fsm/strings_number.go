package fsm

import (
	"math"
	"strconv"

	"redoubt/resp"
)

func incr(c *call) { c.add(1) }
func decr(c *call) { c.add(-1) }

func incrBy(c *call) {
	by, ok := parseInt(c.args[2])
	if !ok {
		c.err(resp.ErrNotInteger)
		return
	}
	c.add(by)
}

func decrBy(c *call) {
	by, ok := parseInt(c.args[2])
	switch {
	case !ok:
		c.err(resp.ErrNotInteger)
	case by == math.MinInt64: // its negation is no int64
		c.err(resp.ErrDecrOverflow)
	default:
		c.add(-by)
	}
}

// add adds to the integer at the first key and replies the sum.
func (c *call) add(by int64) {
	key := c.args[1]
	o, ok := c.writableString(key)
	if !ok {
		return
	}
	var n int64
	if o != nil {
		if n, ok = parseInt(o.str); !ok {
			c.err(resp.ErrNotInteger)
			return
		}
	}
	if by < 0 && n < math.MinInt64-by || by > 0 && n > math.MaxInt64-by {
		c.err(resp.ErrOverflow)
		return
	}
	n += by
	c.int(n)
	if o == nil {
		c.set(key, &object{kind: kindString, str: strconv.AppendInt(nil, n, 10)})
		return
	}
	c.prepare(key)
	o.str = strconv.AppendInt(o.str[:0], n, 10)
	o.encoding = encodingAuto
	c.touch(key, o)
}

func incrByFloat(c *call) {
	key := c.args[1]
	o, ok := c.writableString(key)
	if !ok {
		return
	}
	sum := newLongDouble()
	if o != nil {
		if sum, ok = parseLongDouble(o.str); !ok {
			c.err(resp.ErrNotFloat)
			return
		}
	}
	by, ok := parseLongDouble(c.args[2])
	if !ok {
		c.err(resp.ErrNotFloat)
		return
	}
	if sum.IsInf() || by.IsInf() || exceedsLongDouble(sum.Add(sum, by)) {
		c.err(resp.ErrNaNOrInfinity)
		return
	}
	text := formatLongDouble(sum)
	c.bulk(text)
	var expireAt int64
	if o != nil {
		expireAt = o.expireAt
	}
	c.set(key, &object{kind: kindString, str: text, encoding: encodingText, expireAt: expireAt})
}
