package fsm

import "redoubt/resp"

// Commands on whole databases.

// dbSize counts expired keys until they are removed, as Redis does.
func dbSize(c *call) { c.int(int64(c.database().keys)) }

func flushDB(c *call) {
	if c.flushOption() {
		c.store.flush(c.db)
		c.ok()
	}
}

func flushAll(c *call) {
	if c.flushOption() {
		for db := range c.store.databases {
			c.store.flush(db)
		}
		c.ok()
	}
}

// flushOption checks ASYNC and SYNC, which make no difference: either way the
// collector frees the keys later. When it returns false it has replied.
func (c *call) flushOption() bool {
	if len(c.args) == 1 || len(c.args) == 2 && (optionIs(c.args[1], "sync") || optionIs(c.args[1], "async")) {
		return true
	}
	c.err(resp.ErrSyntax)
	return false
}

func swapDB(c *call) {
	a, ok1 := parseInt(c.args[1])
	b, ok2 := parseInt(c.args[2])
	switch {
	case !ok1 || a != int64(int32(a)):
		c.err(resp.ErrFirstDBIndex)
	case !ok2 || b != int64(int32(b)):
		c.err(resp.ErrSecondDBIndex)
	case !c.isDatabase(a) || !c.isDatabase(b):
		c.err(resp.ErrDBIndex)
	default:
		c.store.swap(int(a), int(b), c.version)
		c.ok()
	}
}
