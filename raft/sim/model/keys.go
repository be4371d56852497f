package model

import (
	"fmt"
	"math"
)

func typeName(v *value) string {
	switch v.data.(type) {
	case string:
		return "string"
	}
	panic(fmt.Sprintf("model: a value of type %T", v.data))
}

func typeOf(c *call) {
	if v := c.live(c.db, c.arg(1)); v != nil {
		c.simple(typeName(v))
	} else {
		c.simple("none")
	}
}

func del(c *call) {
	var n int64
	for _, key := range c.args[1:] {
		if c.forWrite(c.db, string(key)) != nil {
			c.delete(c.db, string(key))
			n++
		}
	}
	c.int(n)
}

func exists(c *call) {
	var n int64
	for _, key := range c.args[1:] {
		if c.live(c.db, string(key)) != nil {
			n++
		}
	}
	c.int(n)
}

func rename(c *call) {
	c.rename(c.forWrite(c.db, c.arg(1)))
	c.ok()
}

func renameNX(c *call) {
	v := c.forWrite(c.db, c.arg(1))
	free := v == nil || c.forWrite(c.db, c.arg(2)) == nil
	if free {
		c.rename(v)
	}
	c.bool(free)
}

func (c *call) rename(v *value) {
	if v == nil {
		panic(failure("ERR no such key"))
	}
	if c.arg(1) != c.arg(2) {
		c.delete(c.db, c.arg(1))
		c.put(c.db, c.arg(2), v.data, v.deadline)
	}
}

// databaseArg is the database that argument i names.
func (c *call) databaseArg(i int) int {
	n := c.integer(i)
	if n != int64(int32(n)) {
		panic(failure("ERR value is out of range, value must between -2147483648 and 2147483647"))
	}
	return c.existing(n)
}

func (c *call) existing(db int64) int {
	if db < 0 || db >= int64(len(c.databases)) {
		panic(noDatabase)
	}
	return int(db)
}

func copyKey(c *call) {
	db, replace := c.db, false
	for i := 3; i < len(c.args); i++ {
		switch {
		case c.is(i, "REPLACE"):
			replace = true
		case c.is(i, "DB") && i+1 < len(c.args):
			i++
			db = c.databaseArg(i)
		default:
			panic(syntaxError)
		}
	}
	if c.arg(1) == c.arg(2) && db == c.db {
		panic(sameObject)
	}
	v := c.live(c.db, c.arg(1))
	c.bool(c.copyTo(db, c.arg(2), v, replace))
}

func move(c *call) {
	db := c.databaseArg(2)
	if db == c.db {
		panic(sameObject)
	}
	v := c.forWrite(c.db, c.arg(1))
	done := c.copyTo(db, c.arg(1), v, false)
	if done {
		c.delete(c.db, c.arg(1))
	}
	c.bool(done)
}

func (c *call) copyTo(db int, to string, v *value, replace bool) (done bool) {
	done = v != nil && (c.forWrite(db, to) == nil || replace)
	if done {
		c.put(db, to, v.data, v.deadline)
	}
	return done
}

// dbSize counts keys that are gone until they are removed, as Redis does.
func dbSize(c *call) { c.int(int64(len(c.databases[c.db].keys))) }

func flushDB(c *call) {
	c.flushOption()
	c.flush(c.db)
	c.ok()
}

func flushAll(c *call) {
	c.flushOption()
	for db := range c.databases {
		c.flush(db)
	}
	c.ok()
}

func (c *call) flushOption() {
	if len(c.args) > 2 || len(c.args) == 2 && !c.is(1, "ASYNC") && !c.is(1, "SYNC") {
		panic(syntaxError)
	}
}

func swapDB(c *call) {
	const first, second = failure("ERR invalid first DB index"), failure("ERR invalid second DB index")
	a := integer(c.arg(1), first)
	if a != int64(int32(a)) {
		panic(first)
	}
	b := integer(c.arg(2), second)
	if b != int64(int32(b)) {
		panic(second)
	}
	c.swap(c.existing(a), c.existing(b))
	c.ok()
}

func expire(c *call)    { c.expire(1000, c.now) }
func pExpire(c *call)   { c.expire(1, c.now) }
func expireAt(c *call)  { c.expire(1000, 0) }
func pExpireAt(c *call) { c.expire(1, 0) }

func (c *call) expire(unit, base int64) {
	options := c.expireOptions()
	at := c.integer(2)
	if at > math.MaxInt64/unit || at < math.MinInt64/unit || at*unit > math.MaxInt64-base {
		panic(failure("ERR invalid expire time in '" + c.name() + "' command"))
	}
	at = at*unit + base
	v := c.forWrite(c.db, c.arg(1))
	if v == nil || !options.allow(v.deadline, at) {
		c.int(0)
		return
	}
	if at <= c.now {
		c.delete(c.db, c.arg(1))
	} else {
		c.put(c.db, c.arg(1), v.data, at)
	}
	c.int(1)
}

// expireOptions are those of EXPIRE and its relatives.
type expireOptions struct{ nx, xx, gt, lt bool }

// allow says whether a deadline may be replaced. None is later than any.
func (o expireOptions) allow(old, at int64) bool {
	switch {
	case o.nx && old != 0, o.xx && old == 0:
		return false
	case o.gt:
		return old != 0 && at > old
	case o.lt:
		return old == 0 || at < old
	}
	return true
}

func (c *call) expireOptions() (o expireOptions) {
	for i := 3; i < len(c.args); i++ {
		switch {
		case c.is(i, "NX"):
			o.nx = true
		case c.is(i, "XX"):
			o.xx = true
		case c.is(i, "GT"):
			o.gt = true
		case c.is(i, "LT"):
			o.lt = true
		default:
			panic(failure("ERR Unsupported option " + c.arg(i)))
		}
	}
	if o.nx && (o.xx || o.gt || o.lt) {
		panic(failure("ERR NX and XX, GT or LT options at the same time are not compatible"))
	}
	if o.gt && o.lt {
		panic(failure("ERR GT and LT options at the same time are not compatible"))
	}
	return o
}

func persist(c *call) {
	v := c.forWrite(c.db, c.arg(1))
	expires := v != nil && v.deadline != 0
	if expires {
		c.put(c.db, c.arg(1), v.data, 0)
	}
	c.bool(expires)
}

func ttl(c *call)         { c.time(1000, c.now) }
func pTTL(c *call)        { c.time(1, c.now) }
func expireTime(c *call)  { c.time(1000, 0) }
func pExpireTime(c *call) { c.time(1, 0) }

// time replies the deadline as counted from base, rounded to the unit in ms.
func (c *call) time(unit, base int64) {
	switch v := c.live(c.db, c.arg(1)); {
	case v == nil:
		c.int(-2)
	case v.deadline == 0:
		c.int(-1)
	default:
		left := v.deadline - base
		c.int(left/unit + left%unit*2/unit)
	}
}
