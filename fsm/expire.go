package fsm

import "math"

// maxExpiredPerEntry bounds the keys that one entry removes because their time
// has come, so that a million keys with one expiry do not stall the others.
// NextExpiry tells the node that more are waiting.
const maxExpiredPerEntry = 256

// expireDue removes keys whose time has come, earliest first.
func (s *Store) expireDue() {
	for range maxExpiredPerEntry {
		at, db := s.earliestExpiry()
		if db < 0 || at >= s.now {
			return
		}
		o := s.databases[db].expiry.cells[0].object
		s.expire(db, s.place([]byte(o.key)), o)
	}
}

// expire removes a key whose time has come. For WATCH that is not a change
// beyond the key being missing from then on: missing keys of the slot count as
// changed when it was last.
func (s *Store) expire(db int, p place, o *object) {
	s.remove(db, p, o)
	m := s.marks[db].at(p.slot)
	m.removed = max(m.removed, o.version)
	s.expired++
}

// earliestExpiry returns the first expiry of all databases, of equal ones that
// of the lowest number; db is -1 if no key expires.
func (s *Store) earliestExpiry() (at int64, db int) {
	at, db = math.MaxInt64, -1
	for i := range s.databases {
		cells := s.databases[i].expiry.cells
		if len(cells) > 0 && (db < 0 || cells[0].at < at) {
			at, db = cells[0].at, i
		}
	}
	return at, db
}

// NextExpiry returns the log time in ms at which the next key is gone; ok is
// false when no key expires. It costs a look at each database.
func (s *Store) NextExpiry() (ms int64, ok bool) {
	at, db := s.earliestExpiry()
	if at < math.MaxInt64 {
		at++
	}
	return at, db >= 0
}

// expiryIndex is a heap of the keys of a database that expire, ordered by (time,
// key): a total order, so what goes first does not depend on how the heap came
// about. Four children a node halve the depth, and the time in the cell spares
// most looks at the objects.
type expiryIndex struct {
	cells []expiryCell
	sum   uint64 // of the times, for the average TTL; wraps
}

type expiryCell struct {
	at     int64
	object *object
}

func (a expiryCell) before(b expiryCell) bool {
	if a.at != b.at {
		return a.at < b.at
	}
	return a.object.key < b.object.key
}

// update sets the expiry of o, 0 for none, in the object and in the index.
func (x *expiryIndex) update(o *object, at int64) {
	old := o.expireAt
	o.expireAt = at
	x.sum += uint64(at) - uint64(old)
	switch {
	case old == at:
	case old == 0:
		o.heapIndex = uint32(len(x.cells))
		x.cells = append(x.cells, expiryCell{at, o})
		x.up(len(x.cells) - 1)
	case at == 0:
		x.removeAt(int(o.heapIndex))
	default:
		i := int(o.heapIndex)
		x.cells[i].at = at
		if !x.up(i) {
			x.down(i)
		}
	}
}

func (x *expiryIndex) removeAt(i int) {
	last := len(x.cells) - 1
	moved := x.cells[last]
	x.cells[last] = expiryCell{}
	x.cells = x.cells[:last]
	if i < last {
		x.put(i, moved)
		if !x.up(i) {
			x.down(i)
		}
	}
	if cap(x.cells) > 64 && last < cap(x.cells)/4 {
		x.cells = append(make([]expiryCell, 0, cap(x.cells)/2), x.cells...)
	}
}

func (x *expiryIndex) put(i int, c expiryCell) {
	x.cells[i] = c
	c.object.heapIndex = uint32(i)
}

func (x *expiryIndex) up(i int) (moved bool) {
	c := x.cells[i]
	for i > 0 {
		parent := (i - 1) / 4
		if !c.before(x.cells[parent]) {
			break
		}
		x.put(i, x.cells[parent])
		i, moved = parent, true
	}
	x.put(i, c)
	return moved
}

func (x *expiryIndex) down(i int) {
	c := x.cells[i]
	for {
		first := 4*i + 1
		if first >= len(x.cells) {
			break
		}
		least := first
		for child := first + 1; child < min(first+4, len(x.cells)); child++ {
			if x.cells[child].before(x.cells[least]) {
				least = child
			}
		}
		if !x.cells[least].before(c) {
			break
		}
		x.put(i, x.cells[least])
		i = least
	}
	x.put(i, c)
}
