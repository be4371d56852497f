package model

import "strings"

// Watch is what a WATCH saw of a key. To watch a key again changes nothing: of
// two of the same key the older one is the stricter.
type Watch struct {
	DB     int
	Key    string
	at     uint64 // Model.changes then
	exists bool
}

// Verdict says what must become of a transaction.
type Verdict int

const (
	MustRun Verdict = iota
	MayAbort
	MustAbort
)

func (v Verdict) String() string {
	return [...]string{"must run", "may abort", "must abort"}[v]
}

// Verdict judges an EXEC at the present state by its watches. See doc.go.
func (m *Model) Verdict(watches []Watch) Verdict {
	verdict := MustRun
	for _, w := range watches {
		d := &m.databases[w.DB]
		exists := m.live(w.DB, w.Key) != nil
		switch {
		case d.touched[w.Key] > w.at, w.exists != exists:
			return MustAbort
		case !exists && d.removed[hashSlot(w.Key)] > w.at:
			verdict = MayAbort
		}
	}
	return verdict
}

// aborts decides; where it is open, redoubt's reply does.
func (m *Model) aborts(watches []Watch, real []byte) bool {
	if len(watches) == 0 {
		return false
	}
	verdict := m.Verdict(watches)
	m.Verdicts[verdict]++
	spurious := verdict == MayAbort && isNullArray(real)
	if spurious {
		m.Spurious++
	}
	return verdict == MustAbort || spurious
}

func watch(c *call) {
	if c.watched != nil {
		for _, arg := range c.args[1:] {
			key := string(arg)
			*c.watched = append(*c.watched, Watch{c.db, key, c.changes, c.live(c.db, key) != nil})
		}
	}
	c.ok()
}

// flush empties a database.
func (m *Model) flush(db int) {
	d := &m.databases[db]
	m.changes++
	for key, v := range d.keys { // the order does not matter: all get one number
		if !m.gone(v) {
			d.touched[key] = m.changes
		}
	}
	clear(d.keys)
	m.removedAll(db, db)
}

// swap exchanges what two databases hold. A key that either has is changed in
// both.
func (m *Model) swap(a, b int) {
	if a == b {
		return
	}
	m.changes++
	x, y := &m.databases[a], &m.databases[b]
	for _, d := range []*database{x, y} {
		for key, v := range d.keys { // the order does not matter: all get one number
			if !m.gone(v) {
				x.touched[key], y.touched[key] = m.changes, m.changes
			}
		}
	}
	x.keys, y.keys = y.keys, x.keys
	m.removedAll(a, b)
	m.removedAll(b, a)
}

// removedAll notes a removal in all slots of db that it or another had a key in.
func (m *Model) removedAll(db, other int) {
	to := m.databases[db].removed
	for _, from := range []map[uint16]uint64{to, m.databases[other].removed} {
		for slot := range from { // the order does not matter: all get one number
			to[slot] = m.changes
		}
	}
}

// hashSlot is Redis Cluster's: CRC16 (XMODEM) of the key or of its {tag}.
func hashSlot(key string) uint16 {
	if _, tail, ok := strings.Cut(key, "{"); ok {
		if tag, _, ok := strings.Cut(tail, "}"); ok && tag != "" {
			key = tag
		}
	}
	var crc uint16
	for i := range len(key) {
		crc ^= uint16(key[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc % 16384
}
