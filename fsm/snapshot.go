package fsm

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// snapshot serialises the store as it was at one index while entries go on
// being applied: a write to a slot that has not been visited yet serialises
// this slot first. The format is in doc.go.
type snapshot struct {
	// views are the slots of each database by the number it had at the start.
	// A flush leaves them to the snapshot alone and a swap moves them; either
	// way they are found here.
	views []paged[slot]
	id    uint64 // what slot.visited becomes

	db, slot, cell int // next to visit
	pending        []byte
	sent           int // of pending
	trailed        bool

	keys, expires uint64
	digest        uint64
}

// Tags of the records of a snapshot.
const (
	recordMark    = 1
	recordKey     = 2
	recordTrailer = 3
	recordSwap    = 4
)

const snapshotMagic = "redoubt-fsm\x01"

// BeginSnapshot starts a snapshot of the present state, in the place of one that
// was running. It copies what WATCH needs, at most 360 KB for each database, and
// nothing else.
func (s *Store) BeginSnapshot() {
	s.snapshots++
	n := &snapshot{id: s.snapshots, views: make([]paged[slot], len(s.databases))}
	for i := range s.databases {
		d := &s.databases[i]
		d.view = noView
		if d.keys > 0 {
			d.view = i
			n.views[i] = d.slots
		}
	}
	n.pending = s.appendHead(nil)
	s.snapshot = n
}

// SnapshotNext appends the next part of the running snapshot to dst, about
// maxBytes but at least one key, and says whether it was the last, with which
// the snapshot ends.
func (s *Store) SnapshotNext(dst []byte, maxBytes int) (chunk []byte, done bool) {
	n := s.snapshot
	limit := len(dst) + maxBytes
	for {
		take := min(len(n.pending)-n.sent, max(limit-len(dst), 1))
		dst = append(dst, n.pending[n.sent:n.sent+take]...)
		if n.sent += take; n.sent == len(n.pending) {
			n.pending, n.sent = n.pending[:0], 0
		}
		switch {
		case len(dst) >= limit:
			return dst, false
		case n.trailed:
			s.snapshot = nil
			return dst, true
		}
		n.visit(limit - len(dst))
	}
}

// AbortSnapshot gives a running snapshot up.
func (s *Store) AbortSnapshot() { s.snapshot = nil }

// Snapshotting says whether a snapshot is running.
func (s *Store) Snapshotting() bool { return s.snapshot != nil }

// prepare is called before a slot changes.
func (s *Store) prepare(db, slot int) {
	if s.snapshot != nil {
		s.snapshot.secure(&s.databases[db], slot)
	}
}

// secure serialises what is left of a slot that the snapshot wants.
func (n *snapshot) secure(d *database, slot int) {
	if d.view == noView {
		return
	}
	// A slot without a page gets one here and so is known to be visited before
	// it has its first key.
	sl := d.slots.at(slot)
	if sl.visited == n.id {
		return
	}
	cell := 0
	if d.view == n.db && slot == n.slot {
		cell = n.cell
	}
	n.serialise(d.view, sl, cell, maxInt)
}

const maxInt = int(^uint(0) >> 1)

// visit adds the next keys, or the trailer, to pending: about maxBytes.
func (n *snapshot) visit(maxBytes int) {
	limit := len(n.pending) + maxBytes
	for ; n.db < len(n.views); n.db, n.slot = n.db+1, 0 {
		view := &n.views[n.db]
		for n.slot = view.next(n.slot); n.slot < SlotCount; n.slot, n.cell = view.next(n.slot+1), 0 {
			sl := view.at(n.slot)
			if sl.visited == n.id {
				continue
			}
			n.cell = n.serialise(n.db, sl, n.cell, limit)
			if len(n.pending) >= limit {
				return
			}
		}
		*view = paged[slot]{} // what was flushed can be freed
	}
	n.pending = append(n.pending, recordTrailer)
	n.pending = binary.LittleEndian.AppendUint64(n.pending, n.keys)
	n.pending = binary.LittleEndian.AppendUint64(n.pending, n.expires)
	n.pending = binary.LittleEndian.AppendUint64(n.pending, n.digest)
	n.trailed = true
}

// serialise adds the keys of a slot from a cell on, until pending has limit
// bytes. It returns the cell to go on with, and marks a finished slot.
func (n *snapshot) serialise(db int, sl *slot, cell, limit int) int {
	for ; cell < len(sl.cells); cell++ {
		o := sl.cells[cell].object
		if o == nil {
			continue
		}
		if len(n.pending) >= limit {
			return cell
		}
		start := len(n.pending)
		n.pending = appendKey(n.pending, db, o)
		n.digest += xxhash.Sum64(n.pending[start:])
		n.keys++
		if o.expireAt != 0 {
			n.expires++
		}
	}
	sl.visited = n.id
	return cell
}

// appendHead appends everything but the keys.
func (s *Store) appendHead(dst []byte) []byte {
	dst = append(dst, snapshotMagic...)
	for _, n := range []uint64{
		s.index, uint64(s.now), s.hash, s.version, s.hashKey.k0, s.hashKey.k1, s.expired,
	} {
		dst = binary.LittleEndian.AppendUint64(dst, n)
	}
	for db, version := range s.swapped {
		if version > 0 {
			dst = append(dst, recordSwap)
			dst = binary.AppendUvarint(dst, uint64(db))
			dst = binary.AppendUvarint(dst, version)
		}
	}
	for db := range s.marks {
		marks := &s.marks[db]
		for n := marks.next(0); n < SlotCount; n = marks.next(n + 1) {
			m := marks.at(n)
			if *m == (mark{}) {
				continue
			}
			dst = append(dst, recordMark)
			dst = binary.AppendUvarint(dst, uint64(db))
			dst = binary.AppendUvarint(dst, uint64(n))
			dst = binary.AppendUvarint(dst, m.removed)
			dst = binary.AppendUvarint(dst, m.changed)
		}
	}
	return dst
}

// appendKey appends the record of a key.
func appendKey(dst []byte, db int, o *object) []byte {
	dst = append(dst, recordKey, byte(o.kind), byte(o.encoding))
	dst = binary.AppendUvarint(dst, uint64(db))
	dst = binary.AppendUvarint(dst, o.version)
	dst = binary.AppendUvarint(dst, uint64(o.expireAt))
	dst = appendBytes(dst, o.key)
	return appendBytes(dst, o.str)
}

// Digest is a hash of the whole replicated state, for tests: it reads every key.
func (s *Store) Digest() uint64 {
	var sum uint64 // of the records' hashes: their order is no matter
	var record []byte
	for db := range s.databases {
		s.databases[db].walk(place{}, func(_ place, o *object) bool {
			record = appendKey(record[:0], db, o)
			sum += xxhash.Sum64(record)
			return true
		})
	}
	return xxhash.Sum64(binary.LittleEndian.AppendUint64(s.appendHead(nil), sum))
}
