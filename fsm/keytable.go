package fsm

// keyTable holds the keys of one slot, ordered by (hash, key) and found by linear
// probing: a key stands at the cell its hash points to, or behind it with no
// empty cell between. A hash points into the table in proportion to its value,
// so the order of the cells is the order of the hashes, whatever the size and
// the history of the table. That makes the order of KEYS and SCAN a function
// of the content alone, and a SCAN cursor survives any growth.
//
// A map of Go would be no faster, takes twice the memory at the usual 10 to 100
// keys a slot, and has no order.
type keyTable struct {
	cells []cell
	size  uint32 // cells that a hash can point to; the rest is overflow
	count uint32
}

type cell struct {
	object *object
	hash   uint32 // 0: empty
}

const minTableSize = 4

func (t *keyTable) home(hash uint32) int {
	return int(uint64(hash) * uint64(t.size) >> 32)
}

// seek returns the first cell at or after the place of hash that is empty or
// holds a hash not below it; len(t.cells) if there is none.
func (t *keyTable) seek(hash uint32) int {
	i := t.home(hash)
	for i < len(t.cells) && t.cells[i].hash != 0 && t.cells[i].hash < hash {
		i++
	}
	return i
}

func (t *keyTable) find(hash uint32, key []byte) *object {
	for i := t.seek(hash); i < len(t.cells) && t.cells[i].hash == hash; i++ {
		if o := t.cells[i].object; o.key == string(key) {
			return o
		}
	}
	return nil
}

// insert adds an object whose key is not in the table.
func (t *keyTable) insert(hash uint32, o *object) {
	if t.count >= t.size/16*13+t.size%16*13/16 {
		t.resize(t.size + t.size/2 + 2)
	}
	for !t.place(hash, o) {
		t.resize(t.size + t.size/2 + 2)
	}
	t.count++
}

// place is insert without growth; false: the overflow is full.
func (t *keyTable) place(hash uint32, o *object) bool {
	i := t.seek(hash)
	for i < len(t.cells) && t.cells[i].hash == hash && t.cells[i].object.key < o.key {
		i++
	}
	free := i
	for free < len(t.cells) && t.cells[free].hash != 0 {
		free++
	}
	if free == len(t.cells) {
		return false
	}
	copy(t.cells[i+1:free+1], t.cells[i:free])
	t.cells[i] = cell{o, hash}
	return true
}

// remove takes the key out, which must be in the table, and closes the gap.
func (t *keyTable) remove(hash uint32, key string) {
	i := t.seek(hash)
	for t.cells[i].object.key != key {
		i++
	}
	end := i + 1
	for end < len(t.cells) && t.cells[end].hash != 0 && t.home(t.cells[end].hash) < end {
		end++
	}
	copy(t.cells[i:end-1], t.cells[i+1:end])
	t.cells[end-1] = cell{}
	t.count--
	switch {
	case t.count == 0:
		*t = keyTable{}
	case t.size > minTableSize && t.count < t.size/4:
		t.resize(t.size / 2)
	}
}

// resize moves everything to cells of a new size. A key goes to its place or
// right behind its predecessor, which keeps the order.
func (t *keyTable) resize(size uint32) {
	for size = max(size, minTableSize); ; size += size/2 + 2 {
		next := keyTable{make([]cell, size+min(size/8+2, 32)), size, t.count}
		if next.fill(t.cells) {
			*t = next
			return
		}
	}
}

// fill copies cells in order into an empty table; false: the overflow is full.
func (t *keyTable) fill(from []cell) bool {
	end := 0
	for _, c := range from {
		if c.hash == 0 {
			continue
		}
		i := max(t.home(c.hash), end)
		if i == len(t.cells) {
			return false
		}
		t.cells[i] = c
		end = i + 1
	}
	return true
}
