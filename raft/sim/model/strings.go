package model

import "strings"

const maxStringBytes = 512 << 20

func get(c *call) { c.textOrNull(c.live(c.db, c.arg(1))) }

// setOptions are those of SET and GETEX.
type setOptions struct {
	nx, xx, get, keepTTL, persist bool
	unit                          string // EX, PX, EXAT, PXAT or none
	time                          string
}

// setOptions parses the arguments from i on.
func (c *call) setOptions(i int, getEX bool) (o setOptions) {
	for ; i < len(c.args); i++ {
		switch word := strings.ToUpper(c.arg(i)); {
		case word == "NX" && !o.xx && !getEX:
			o.nx = true
		case word == "XX" && !o.nx && !getEX:
			o.xx = true
		case word == "GET" && !getEX:
			o.get = true
		case word == "KEEPTTL" && !getEX && o.unit == "":
			o.keepTTL = true
		case word == "PERSIST" && getEX && o.unit == "":
			o.persist = true
		case (word == "EX" || word == "PX" || word == "EXAT" || word == "PXAT") && (o.unit == "" || o.unit == word) &&
			!o.keepTTL && !o.persist && i+1 < len(c.args):
			i++
			o.unit, o.time = word, c.arg(i)
		default:
			panic(syntaxError)
		}
	}
	return o
}

// deadline returns that of the options, 0 for none.
func (c *call) deadline(o setOptions) int64 {
	if o.unit == "" {
		return 0
	}
	invalid := failure("ERR invalid expire time in '" + c.name() + "' command")
	at := integer(o.time, notInteger)
	if at <= 0 {
		panic(invalid)
	}
	if strings.HasPrefix(o.unit, "EX") {
		if at > never/1000 {
			panic(invalid)
		}
		at *= 1000
	}
	if !strings.HasSuffix(o.unit, "AT") {
		if at > never-c.now {
			panic(invalid)
		}
		at += c.now
	}
	return at
}

func set(c *call)    { c.set(c.arg(1), c.arg(2), c.setOptions(3, false)) }
func setEX(c *call)  { c.set(c.arg(1), c.arg(3), setOptions{unit: "EX", time: c.arg(2)}) }
func pSetEX(c *call) { c.set(c.arg(1), c.arg(3), setOptions{unit: "PX", time: c.arg(2)}) }

func (c *call) set(key, data string, o setOptions) {
	deadline := c.deadline(o)
	old := c.forWrite(c.db, key)
	refused := o.nx && old != nil || o.xx && old == nil
	switch {
	case o.get:
		c.textOrNull(old)
	case refused:
		c.null()
	default:
		c.ok()
	}
	if o.keepTTL && old != nil {
		deadline = old.deadline
	}
	if !refused {
		c.put(c.db, key, data, deadline)
	}
}

func setNX(c *call) {
	missing := c.forWrite(c.db, c.arg(1)) == nil
	if missing {
		c.put(c.db, c.arg(1), c.arg(2), 0)
	}
	c.bool(missing)
}

func getSet(c *call) {
	c.textOrNull(c.forWrite(c.db, c.arg(1)))
	c.put(c.db, c.arg(1), c.arg(2), 0)
}

func getDel(c *call) {
	v := c.forWrite(c.db, c.arg(1))
	c.textOrNull(v)
	if v != nil {
		c.delete(c.db, c.arg(1))
	}
}

func getEX(c *call) {
	key, o := c.arg(1), c.setOptions(2, true)
	v := c.forWrite(c.db, key)
	c.textOrNull(v)
	if v == nil {
		return
	}
	deadline := c.deadline(o)
	switch {
	case strings.HasSuffix(o.unit, "AT") && deadline <= c.now:
		c.delete(c.db, key)
	case o.unit != "" || o.persist && v.deadline != 0:
		c.put(c.db, key, v.data, deadline)
	}
}

// change gives a key a new string; it keeps the deadline of the old value.
func (c *call) change(key, s string, old *value) {
	var deadline int64
	if old != nil {
		deadline = old.deadline
	}
	c.put(c.db, key, s, deadline)
}

func appendTo(c *call) {
	v := c.forWrite(c.db, c.arg(1))
	s := text(v) + c.arg(2)
	if len(s) > maxStringBytes {
		panic(tooLong)
	}
	c.change(c.arg(1), s, v)
	c.int(int64(len(s)))
}

func strLen(c *call) { c.int(int64(len(text(c.live(c.db, c.arg(1)))))) }

// bounds turns start and end, which may count from the end, into a range within
// length, or 1 and 0 when that is empty. Redis takes an end before the beginning
// as the beginning.
func bounds(start, end, length int64) (int64, int64) {
	reversed := start < 0 && end < 0 && start > end
	if start < 0 {
		start = max(start+length, 0)
	}
	if end < 0 {
		end = max(end+length, 0)
	}
	if end = min(end, length-1); reversed || start > end {
		return 1, 0
	}
	return start, end
}

func getRange(c *call) {
	start, end := c.integer(2), c.integer(3)
	s := text(c.live(c.db, c.arg(1)))
	if start, end = bounds(start, end, int64(len(s))); start <= end {
		c.bulk(s[start : end+1])
	} else {
		c.bulk("")
	}
}

func setRange(c *call) {
	key, offset, part := c.arg(1), c.integer(2), c.arg(3)
	if offset < 0 {
		panic(failure("ERR offset is out of range"))
	}
	v := c.forWrite(c.db, key)
	s := text(v)
	if part != "" {
		if offset > maxStringBytes-int64(len(part)) {
			panic(tooLong)
		}
		b := padded(s, int(offset)+len(part))
		copy(b[offset:], part)
		s = string(b)
		c.change(key, s, v)
	}
	c.int(int64(len(s)))
}

// padded is s with zero bytes behind it up to a length.
func padded(s string, length int) []byte {
	b := make([]byte, max(len(s), length))
	copy(b, s)
	return b
}

func mGet(c *call) {
	c.out = appendHead(c.out, '*', int64(len(c.args)-1))
	for _, key := range c.args[1:] {
		v := c.live(c.db, string(key))
		if v != nil && typeName(v) != "string" {
			v = nil
		}
		c.textOrNull(v)
	}
}

func mSet(c *call) {
	c.setPairs()
	c.ok()
}

func mSetNX(c *call) {
	for i := 1; i < len(c.args) && len(c.args)%2 == 1; i += 2 {
		if c.forWrite(c.db, c.arg(i)) != nil {
			c.int(0)
			return
		}
	}
	c.setPairs()
	c.int(1)
}

func (c *call) setPairs() {
	if len(c.args)%2 == 0 {
		panic(failure("ERR wrong number of arguments for '" + c.name() + "' command"))
	}
	for i := 1; i < len(c.args); i += 2 {
		c.put(c.db, c.arg(i), c.arg(i+1), 0)
	}
}
