package fsm

import "bytes"

// SlotCount is the number of hash slots of a database, as in Redis Cluster.
const SlotCount = 16384

// Slot returns the hash slot of a key: CRC16 of the key, or of the part between
// the first { and the next } when there is something between them.
func Slot(key []byte) int {
	if open := bytes.IndexByte(key, '{'); open >= 0 {
		if n := bytes.IndexByte(key[open+1:], '}'); n > 0 {
			key = key[open+1 : open+1+n]
		}
	}
	var crc uint16
	for ; len(key) >= 8; key = key[8:] {
		crc = crc16Tables[7][key[0]^byte(crc>>8)] ^ crc16Tables[6][key[1]^byte(crc)] ^
			crc16Tables[5][key[2]] ^ crc16Tables[4][key[3]] ^ crc16Tables[3][key[4]] ^
			crc16Tables[2][key[5]] ^ crc16Tables[1][key[6]] ^ crc16Tables[0][key[7]]
	}
	for _, b := range key {
		crc = crc<<8 ^ crc16Tables[0][byte(crc>>8)^b]
	}
	return int(crc) % SlotCount
}

// crc16Tables are for CRC16/XMODEM: polynomial 0x1021, most significant bit
// first. Table n has the sums of a byte with n zeros behind it, so that eight bytes
// are summed at once: byte by byte, Slot takes a fifth of a GET.
var crc16Tables = func() (tables [8][256]uint16) {
	for i := range 256 {
		crc := uint16(i) << 8
		for n := range 8 * 8 {
			carry := crc & 0x8000
			crc <<= 1
			if carry != 0 {
				crc ^= 0x1021
			}
			if n%8 == 7 {
				tables[n/8][i] = crc
			}
		}
	}
	return tables
}()

// slot holds the keys of one hash slot of one database.
type slot struct {
	keyTable
	visited uint64 // the latest snapshot that has this slot
}

// database is one numbered keyspace.
type database struct {
	slots  paged[slot]
	groups [SlotCount / pageSlots]uint32 // keys per page, to find the occupied slots fast
	keys   int
	memory int64 // estimated bytes
	expiry expiryIndex
	// view is where the running snapshot has these slots, the number of the
	// database when it began; noView if there were no keys then.
	view int
}

const noView = -1

// paged holds one T per slot, in pages that are made when they are needed: what
// has few keys takes little memory.
type paged[T any] [SlotCount / pageSlots]*[pageSlots]T

const pageSlots = 128

// at returns that of slot n for writing.
func (p *paged[T]) at(n int) *T {
	page := &p[n/pageSlots]
	if *page == nil {
		*page = new([pageSlots]T)
	}
	return &(*page)[n%pageSlots]
}

// get returns that of slot n, nil if it has no page.
func (p *paged[T]) get(n int) *T {
	if page := p[n/pageSlots]; page != nil {
		return &page[n%pageSlots]
	}
	return nil
}

// next returns the first slot at or after n that has a page, SlotCount if there
// is none.
func (p *paged[T]) next(n int) int {
	for n < SlotCount && p[n/pageSlots] == nil {
		n = (n/pageSlots + 1) * pageSlots
	}
	return n
}

// find returns the object whether expired or not.
func (d *database) find(p place, key []byte) *object {
	if s := d.slots.get(p.slot); s != nil {
		return s.find(p.hash, key)
	}
	return nil
}

// insert adds an object that has its key but no expiry yet.
func (d *database) insert(p place, o *object) {
	d.slots.at(p.slot).insert(p.hash, o)
	d.groups[p.slot/pageSlots]++
	d.keys++
}

// remove takes an object out.
func (d *database) remove(p place, o *object) {
	d.memory -= int64(o.size())
	d.expiry.update(o, 0)
	d.slots.at(p.slot).remove(p.hash, o.key)
	d.groups[p.slot/pageSlots]--
	d.keys--
}

// has says whether there are keys in a slot.
func (d *database) has(slot int) bool {
	s := d.slots.get(slot)
	return s != nil && s.count > 0
}

// occupied returns the first slot at or after n that has keys, SlotCount if
// there is none.
func (d *database) occupied(n int) int {
	for d.keys > 0 && n < SlotCount {
		if d.groups[n/pageSlots] == 0 {
			n = (n/pageSlots + 1) * pageSlots
			continue
		}
		if d.has(n) {
			return n
		}
		n++
	}
	return SlotCount
}

// place is where a key belongs in any database.
type place struct {
	slot int
	hash uint32
}

// mark remembers of a slot of a numbered database what WATCH needs to know
// beyond the keys that exist.
type mark struct {
	removed uint64 // version that missing keys count as having: a bound on the removal of any
	changed uint64 // highest version ever given in this slot
}
