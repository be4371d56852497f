package fsm

import (
	"slices"

	"redoubt/resp"
)

// The string family: reading and writing whole values. Ranges, counters and
// LCS have files of their own.

func get(c *call) {
	if o, ok := c.lookupString(c.args[1]); ok {
		c.stringOrNull(o)
	}
}

func (c *call) stringOrNull(o *object) {
	if o == nil {
		c.null()
	} else {
		c.bulk(o.str)
	}
}

func mget(c *call) {
	c.array(len(c.args) - 1)
	for _, key := range c.args[1:] {
		if o := c.lookup(key); o != nil && o.kind == kindString {
			c.bulk(o.str)
		} else {
			c.null()
		}
	}
}

func strLen(c *call) {
	o, ok := c.lookupString(c.args[1])
	switch {
	case !ok:
	case o == nil:
		c.int(0)
	default:
		c.int(int64(len(o.str)))
	}
}

// setString gives a key a new value, a copy of value; expireAt 0 is never.
func (c *call) setString(key, value []byte, expireAt int64) {
	o := c.replace(key)
	o.kind, o.str, o.encoding = kindString, overwrite(o.str, value), encodingAuto
	c.database().expiry.update(o, expireAt)
	c.touch(key, o)
}

// overwrite returns a copy of b, in the memory of old where that fits: most values
// are as long as those they replace, and what is not allocated is not collected.
func overwrite(old, b []byte) []byte {
	if spare := cap(old) - len(b); spare < 0 || spare > len(b)/4+16 {
		return slices.Clone(b)
	}
	return append(old[:0], b...)
}

func set(c *call) {
	key, value := c.args[1], c.args[2]
	opts, ok := parseStringOptions(c.args[3:], setOptions)
	if !ok {
		c.err(resp.ErrSyntax)
		return
	}
	expireAt, ok := c.expiry(opts)
	if !ok {
		return
	}
	old := c.writable(key)
	if opts.get {
		if old, ok = c.mustString(old); !ok {
			return
		}
		c.stringOrNull(old) // copied into the reply before the change
	}
	if opts.nx && old != nil || opts.xx && old == nil {
		if !opts.get {
			c.null()
		}
		return
	}
	if opts.keepTTL && old != nil {
		expireAt = old.expireAt
	}
	c.setString(key, value, expireAt)
	if !opts.get {
		c.ok()
	}
}

// setKeyFlags is what SET does with its key, for COMMAND GETKEYSANDFLAGS.
func setKeyFlags(args [][]byte) string {
	for _, arg := range args[min(3, len(args)):] {
		if optionIs(arg, "get") {
			return "RW access update"
		}
	}
	return "OW update"
}

func setNX(c *call) {
	if c.writable(c.args[1]) != nil {
		c.int(0)
		return
	}
	c.setString(c.args[1], c.args[2], 0)
	c.int(1)
}

func setEx(c *call)  { c.setWithTTL(unitSeconds) }
func psetEx(c *call) { c.setWithTTL(unitMillis) }

func (c *call) setWithTTL(u timeUnit) {
	expireAt, ok := c.expiry(stringOptions{expire: c.args[2], unit: u})
	if !ok {
		return
	}
	c.setString(c.args[1], c.args[3], expireAt)
	c.ok()
}

func getSet(c *call) {
	old, ok := c.writableString(c.args[1])
	if !ok {
		return
	}
	c.stringOrNull(old)
	c.setString(c.args[1], c.args[2], 0)
}

func getDel(c *call) {
	o, ok := c.writableString(c.args[1])
	if !ok {
		return
	}
	c.stringOrNull(o)
	if o != nil {
		c.delete(c.args[1])
	}
}

func getEx(c *call) {
	key := c.args[1]
	opts, ok := parseStringOptions(c.args[2:], getExOptions)
	if !ok {
		c.err(resp.ErrSyntax)
		return
	}
	o, ok := c.writableString(key)
	if !ok {
		return
	}
	if o == nil {
		c.null()
		return
	}
	expireAt, ok := c.expiry(opts)
	if !ok {
		return
	}
	c.bulk(o.str)
	switch {
	case opts.expire != nil && opts.absolute && expireAt <= c.now:
		c.delete(key)
	case opts.expire != nil:
		c.setExpire(key, o, expireAt)
	case opts.persist && o.expireAt != 0:
		c.setExpire(key, o, 0)
	}
}

func mset(c *call) {
	if c.setAll() {
		c.ok()
	}
}

func msetNX(c *call) {
	if len(c.args)%2 == 1 {
		for i := 1; i < len(c.args); i += 2 {
			if c.writable(c.args[i]) != nil {
				c.int(0)
				return
			}
		}
	}
	if c.setAll() {
		c.int(1)
	}
}

// setAll sets the keys of an MSET. It replies an error and returns false when
// a value is missing.
func (c *call) setAll() bool {
	if len(c.args)%2 == 0 {
		c.err(resp.WrongArity(c.spec.Name))
		return false
	}
	for i := 1; i < len(c.args); i += 2 {
		c.setString(c.args[i], c.args[i+1], 0)
	}
	return true
}
