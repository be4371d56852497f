package fsm

import (
	"math"

	"redoubt/resp"
)

// The subcommands of OBJECT. What Redis tells of memory layouts is told as
// Redis would have laid things out.

// maxEmbstrBytes is the longest string that Redis keeps in one allocation with
// its head.
const maxEmbstrBytes = 44

// lookupObject is lookup; a missing key has been replied.
func (c *call) lookupObject() *object {
	o := c.lookup(c.args[2])
	if o == nil {
		c.null()
	}
	return o
}

func objectEncoding(c *call) {
	if o := c.lookupObject(); o != nil {
		c.bulkString(o.encodingName())
	}
}

func (o *object) encodingName() string {
	_, isInt := parseInt(o.str)
	switch {
	case o.encoding == encodingRaw:
		return "raw"
	case o.encoding == encodingAuto && isInt:
		return "int"
	case len(o.str) <= maxEmbstrBytes:
		return "embstr"
	}
	return "raw"
}

// objectRefCount knows one shared kind of object, Redis's integers below 10000,
// which have no count.
func objectRefCount(c *call) {
	o := c.lookupObject()
	if o == nil {
		return
	}
	const shared = 10000
	if n, ok := parseInt(o.str); ok && 0 <= n && n < shared && o.encodingName() == "int" {
		c.int(math.MaxInt32)
		return
	}
	c.int(1)
}

// objectIdleTime counts from the last change: reads leave no trace in the
// keyspace, since only some nodes run them.
func objectIdleTime(c *call) {
	if o := c.lookupObject(); o != nil {
		c.int(max(c.now-versionTime(o.version), 0) / 1000)
	}
}

func objectFreq(c *call) {
	if c.lookupObject() != nil {
		c.err(resp.ErrNotLFU)
	}
}
