package fsm

import (
	"slices"

	"redoubt/resp"
)

// getRange is GETRANGE and SUBSTR.
func getRange(c *call) {
	start, ok1 := parseInt(c.args[2])
	end, ok2 := parseInt(c.args[3])
	if !ok1 || !ok2 {
		c.err(resp.ErrNotInteger)
		return
	}
	o, ok := c.lookupString(c.args[1])
	switch {
	case !ok:
	case o == nil || reversedFromEnd(start, end):
		c.bulk(nil)
	default:
		from, to := clampRange(start, end, int64(len(o.str)))
		c.bulk(o.str[from:to])
	}
}

// clampRange turns Redis's inclusive range, whose negative positions count
// from the end, into Go's. An empty range is 0, 0.
func clampRange(start, end, length int64) (from, to int64) {
	if start < 0 {
		start = max(0, length+start)
	}
	if end < 0 {
		end = max(0, length+end)
	}
	end = min(end, length-1)
	if start > end {
		return 0, 0
	}
	return start, end + 1
}

// reversedFromEnd says that a range is empty although clampRange may make it
// the first element.
func reversedFromEnd(start, end int64) bool { return start < 0 && end < 0 && start > end }

// tooLong replies an error when a string of length bytes, after addition of
// more, would exceed what a bulk may hold.
func (c *call) tooLong(length, more int64) bool {
	limit := int64(c.store.config.MaxBulkBytes)
	if length > limit || more > limit-length {
		c.err(resp.ErrStringTooLong)
		return true
	}
	return false
}

func appendValue(c *call) {
	key, value := c.args[1], c.args[2]
	o, ok := c.writableString(key)
	if !ok {
		return
	}
	if o == nil {
		c.setString(key, value, 0)
		c.int(int64(len(value)))
		return
	}
	if c.tooLong(int64(len(o.str)), int64(len(value))) {
		return
	}
	c.prepare(key)
	o.str = append(o.str, value...)
	o.encoding = encodingRaw
	c.touch(key, o)
	c.int(int64(len(o.str)))
}

func setRange(c *call) {
	key, value := c.args[1], c.args[3]
	offset, ok := parseInt(c.args[2])
	if !ok {
		c.err(resp.ErrNotInteger)
		return
	}
	if offset < 0 {
		c.err(resp.ErrOffset)
		return
	}
	o, ok := c.writableString(key)
	switch {
	case !ok:
	case len(value) == 0 && o == nil:
		c.int(0)
	case len(value) == 0:
		c.int(int64(len(o.str)))
	case c.tooLong(offset, int64(len(value))):
	case o == nil:
		str := make([]byte, int(offset)+len(value))
		copy(str[offset:], value)
		c.set(key, &object{kind: kindString, str: str, encoding: encodingRaw})
		c.int(int64(len(str)))
	default:
		c.prepare(key)
		o.str = growZero(o.str, int(offset)+len(value))
		copy(o.str[offset:], value)
		o.encoding = encodingRaw
		c.touch(key, o)
		c.int(int64(len(o.str)))
	}
}

// growZero lengthens b to at least n bytes with zeros.
func growZero(b []byte, n int) []byte {
	if n <= len(b) {
		return b
	}
	old := len(b)
	b = slices.Grow(b, n-old)[:n]
	clear(b[old:]) // what the spare capacity held is unknown
	return b
}
