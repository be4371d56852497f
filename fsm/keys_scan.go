package fsm

import (
	"bytes"
	"strconv"

	"redoubt/resp"
)

// Commands that walk the keyspace. Its order is that of (slot, hash, key); a
// key stays at its place as long as it exists, whatever else comes and goes.

// walk calls visit for the keys of a database from a slot and a hash on, until
// it returns false, expired keys included.
func (d *database) walk(from place, visit func(p place, o *object) bool) {
	for n := d.occupied(from.slot); n < SlotCount; n = d.occupied(n + 1) {
		s, i := d.slots.get(n), 0
		if n == from.slot {
			i = s.seek(from.hash)
		}
		for ; i < len(s.cells); i++ {
			c := s.cells[i]
			if c.object != nil && (c.hash >= from.hash || n > from.slot) && !visit(place{n, c.hash}, c.object) {
				return
			}
		}
	}
}

func keys(c *call) {
	pattern := c.args[1]
	all := optionIs(pattern, "*")
	var found []*object
	c.database().walk(place{}, func(_ place, o *object) bool {
		if !o.expired(c.now) && (all || match(pattern, []byte(o.key))) {
			found = append(found, o)
		}
		return true
	})
	c.keyArray(found)
}

func (c *call) keyArray(found []*object) {
	c.array(len(found))
	for _, o := range found {
		c.bulkString(o.key)
	}
}

// scan returns keys from the place that the cursor names: slot and hash, which
// is never 0. COUNT is of keys looked at. Keys of one slot and hash go
// together, so a place is enough to resume and a key that is there all the time
// is never passed over.
func scan(c *call) {
	cursor, ok := parseCursor(c.args[1])
	if !ok {
		c.err(resp.ErrInvalidCursor)
		return
	}
	options, ok := c.scanOptions(c.args[2:])
	if !ok {
		return
	}
	var (
		found []*object
		last  place
		next  uint64
		seen  int64
	)
	c.database().walk(cursorPlace(cursor), func(p place, o *object) bool {
		if seen >= options.count && p != last {
			next = placeCursor(p)
			return false
		}
		seen, last = seen+1, p
		if !o.expired(c.now) && options.takes(o) {
			found = append(found, o)
		}
		return true
	})
	c.array(2)
	c.bulkString(strconv.FormatUint(next, 10))
	c.keyArray(found)
}

type scanOptions struct {
	count   int64
	pattern []byte // nil: any
	kind    []byte // nil: any
}

func (s *scanOptions) takes(o *object) bool {
	if s.kind != nil && !optionIs(s.kind, o.kind.String()) {
		return false
	}
	return s.pattern == nil || match(s.pattern, []byte(o.key))
}

func (c *call) scanOptions(args [][]byte) (s scanOptions, ok bool) {
	s.count = 10
	for i := 0; i < len(args); i += 2 {
		if i+1 == len(args) {
			c.err(resp.ErrSyntax)
			return s, false
		}
		switch value := args[i+1]; {
		case optionIs(args[i], "count"):
			if s.count, ok = parseInt(value); !ok {
				c.err(resp.ErrNotInteger)
				return s, false
			}
			if s.count < 1 {
				c.err(resp.ErrSyntax)
				return s, false
			}
		case optionIs(args[i], "match"):
			s.pattern = value
			if optionIs(value, "*") {
				s.pattern = nil
			}
		case optionIs(args[i], "type"):
			s.kind = value
		default:
			c.err(resp.ErrSyntax)
			return s, false
		}
	}
	return s, true
}

const cursorHashBits = 32 // 46 bits in all: a cursor is exact in a double, too

func cursorPlace(cursor uint64) place {
	return place{int(min(cursor>>cursorHashBits, SlotCount)), uint32(cursor)}
}

func placeCursor(p place) uint64 {
	return uint64(p.slot)<<cursorHashBits | uint64(p.hash)
}

// parseCursor reads a number as strtoul does, which Redis uses: the empty
// string is 0, there may be a sign, and a minus is taken modulo 2^64. Leading
// space is refused.
func parseCursor(b []byte) (cursor uint64, ok bool) {
	b, _, _ = bytes.Cut(b, []byte{0}) // it is a C string there
	if len(b) == 0 {
		return 0, true
	}
	digits, minus := b, b[0] == '-'
	if minus || b[0] == '+' {
		digits = b[1:]
	}
	cursor, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil {
		return 0, false
	}
	if minus {
		cursor = -cursor
	}
	return cursor, true
}

// randomTries bounds how often randomKey draws before it walks: keys that have
// expired are removed soon and rarely in the way.
const randomTries = 100

// randomWalk bounds how many keys of a slot randomKey passes by.
const randomWalk = 1024

// randomKey draws a key, each as likely as the others.
func randomKey(c *call) {
	d := c.database()
	var found *object
	if d.keys > 0 {
		for try := 0; try < randomTries && found == nil; try++ {
			if o := d.pick(c.random(), c.random()); !o.expired(c.now) {
				found = o
			}
		}
	}
	if found == nil {
		d.walk(place{}, func(_ place, o *object) bool {
			if !o.expired(c.now) {
				found = o
			}
			return found == nil
		})
	}
	if found == nil {
		c.null()
		return
	}
	c.bulkString(found.key)
}

// pick returns a key of the database, which has some: in the order of the slots and
// of their hashes that of the drawn rank. In a slot of very many it is the one so many
// places behind a drawn hash. Cells are not drawn: how many there are depends on the
// history, and all nodes have to draw the same key.
func (d *database) pick(which, hash uint64) *object {
	n := uint32(which % uint64(d.keys))
	group := 0
	for n >= d.groups[group] {
		n -= d.groups[group]
		group++
	}
	slot := group * pageSlots
	for n >= d.slots.get(slot).count {
		n -= d.slots.get(slot).count
		slot++
	}
	t := &d.slots.get(slot).keyTable
	i := 0
	if t.count > randomWalk {
		n %= randomWalk
		i = t.seek(uint32(hash))
	}
	for ; ; i++ {
		if i >= len(t.cells) {
			i = 0
		}
		if t.cells[i].object == nil {
			continue
		}
		if n == 0 {
			return t.cells[i].object
		}
		n--
	}
}
