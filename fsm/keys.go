package fsm

import (
	"bytes"

	"redoubt/resp"
)

// The generic commands: those that take a key whatever it holds.

func del(c *call) {
	n := int64(0)
	for _, key := range c.args[1:] {
		if c.delete(key) {
			n++
		}
	}
	c.int(n)
}

// unlink is del: the collector frees large values away from the commands anyway.
func unlink(c *call) { del(c) }

// exists counts a key as often as it is named.
func exists(c *call) {
	n := int64(0)
	for _, key := range c.args[1:] {
		if c.lookup(key) != nil {
			n++
		}
	}
	c.int(n)
}

// touch counts like exists. There is no access time to bring up to date, see
// objectIdleTime.
func touch(c *call) { exists(c) }

func typeOf(c *call) {
	o := c.lookup(c.args[1])
	if o == nil {
		c.simple("none")
		return
	}
	c.simple(o.kind.String())
}

func rename(c *call) {
	if done := c.rename(false); done {
		c.ok()
	}
}

func renameNX(c *call) {
	if done := c.rename(true); done {
		c.int(1)
	}
}

// rename moves a value with its expiry to another key. When there is nothing to
// do it has replied and returns false.
func (c *call) rename(onlyNew bool) (done bool) {
	from, to := c.args[1], c.args[2]
	o := c.writable(from)
	switch {
	case o == nil:
		c.err(resp.ErrNoSuchKey)
		return false
	case bytes.Equal(from, to):
		if onlyNew {
			c.int(0)
		} else {
			c.ok()
		}
		return false
	case onlyNew && c.writable(to) != nil:
		c.int(0)
		return false
	}
	value := *o
	c.delete(from)
	c.set(to, &value)
	return true
}

// copyKey copies a value with its expiry, within a database or to another.
func copyKey(c *call) {
	from, to := c.args[1], c.args[2]
	source, target, replace := c.db, c.db, false
	for i := 3; i < len(c.args); i++ {
		switch {
		case optionIs(c.args[i], "replace"):
			replace = true
		case optionIs(c.args[i], "db") && i+1 < len(c.args):
			i++
			db, ok := c.databaseNumber(c.args[i])
			if !ok {
				return
			}
			target = db
		default:
			c.err(resp.ErrSyntax)
			return
		}
	}
	if source == target && bytes.Equal(from, to) {
		c.err(resp.ErrSameObject)
		return
	}
	o := c.lookup(from)
	if o == nil {
		c.int(0)
		return
	}
	value := *o
	value.str = bytes.Clone(o.str)
	c.db = target
	if c.writable(to) != nil && !replace {
		c.int(0)
		return
	}
	c.set(to, &value)
	c.int(1)
}

// move takes a key to another database that does not have it.
func move(c *call) {
	key := c.args[1]
	source := c.db
	target, ok := c.databaseNumber(c.args[2])
	if !ok {
		return
	}
	if source == target {
		c.err(resp.ErrSameObject)
		return
	}
	o := c.writable(key)
	if o == nil {
		c.int(0)
		return
	}
	c.db = target
	if c.writable(key) != nil {
		c.int(0)
		return
	}
	value := *o
	c.set(key, &value)
	c.db = source
	c.delete(key)
	c.int(1)
}

// databaseNumber parses the number of a database. When ok is false the error has
// been replied.
func (c *call) databaseNumber(arg []byte) (db int, ok bool) {
	n, ok := parseInt(arg)
	switch {
	case !ok:
		c.err(resp.ErrNotInteger)
	case n != int64(int32(n)):
		c.err(resp.OutOfRange(-1<<31, 1<<31-1))
	case !c.isDatabase(n):
		c.err(resp.ErrDBIndex)
	default:
		return int(n), true
	}
	return 0, false
}

func (c *call) isDatabase(n int64) bool { return n >= 0 && n < int64(len(c.store.databases)) }
