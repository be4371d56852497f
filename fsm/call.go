package fsm

import (
	"unsafe"

	"redoubt/resp"
)

// call is one execution of one command: its arguments, the moment in the log
// it happens at, and the reply it builds.
type call struct {
	store   *Store
	db      int
	proto   int
	args    [][]byte // args[0] is the command's name
	spec    *Spec
	now     int64    // log time in ms
	index   uint64   // of the log entry
	version uint64   // that changed keys get; 0 in a Read
	seed    uint64   // the entry's, advanced by every use
	watched *[]Watch // Command.Watched
	base    int      // where in out that begins which MaxReplyBytes bounds
	out     []byte   // replies so far; commands append exactly one

	// The place of the key asked for last: commands look up a key and then
	// change it, and hashing is the dear part of both.
	key   *byte
	len   int
	place place

	before int // size of the object that prepare was called for
}

// at returns the place of key.
func (c *call) at(key []byte) place {
	data := unsafe.SliceData(key)
	if c.key != data || c.len != len(key) || data == nil {
		c.key, c.len = data, len(key)
		c.place = c.store.place(key)
	}
	return c.place
}

func (c *call) database() *database { return &c.store.databases[c.db] }

// lookup returns the object of a key for reading: nil when there is none or it
// has expired. It counts a keyspace hit or miss.
func (c *call) lookup(key []byte) *object {
	o := c.database().find(c.at(key), key)
	if o == nil || o.expired(c.now) {
		c.store.misses++
		return nil
	}
	c.store.hits++
	return o
}

// lookupString is lookup for commands on strings. When ok is false the key
// holds something else and WRONGTYPE has been replied.
func (c *call) lookupString(key []byte) (o *object, ok bool) {
	return c.mustString(c.lookup(key))
}

// writable returns the object of a key for changing: nil when there is none.
// A key that has expired is removed.
func (c *call) writable(key []byte) *object {
	o := c.database().find(c.at(key), key)
	if o != nil && o.expired(c.now) {
		c.store.expire(c.db, c.at(key), o)
		return nil
	}
	return o
}

// writableString is writable for commands on strings. When ok is false the key
// holds something else and WRONGTYPE has been replied.
func (c *call) writableString(key []byte) (o *object, ok bool) {
	return c.mustString(c.writable(key))
}

func (c *call) mustString(o *object) (*object, bool) {
	if o != nil && o.kind != kindString {
		c.wrongType()
		return nil, false
	}
	return o, true
}

// set creates or overwrites a key with kind, value, encoding and expiry of v.
// The keyspace takes v.str and keeps an object of its own; v is not part of it,
// so that it can live on the caller's stack.
func (c *call) set(key []byte, v *object) {
	o := c.replace(key)
	o.kind, o.str, o.encoding = v.kind, v.str, v.encoding
	c.database().expiry.update(o, v.expireAt)
	c.touch(key, o)
}

// replace is prepare for a change of the whole object, which is made when there
// is none. That it has expired is of no importance.
func (c *call) replace(key []byte) *object {
	o := c.prepare(key)
	if o == nil {
		o = &object{key: string(key)}
		c.store.insert(c.db, c.at(key), o)
	}
	return o
}

// prepare must be called before an object is changed in place: a running
// snapshot serialises the slot first. touch follows the change. It returns the
// object, nil when there is none.
func (c *call) prepare(key []byte) *object {
	p := c.at(key)
	c.store.prepare(c.db, p.slot)
	c.before = 0
	o := c.database().find(p, key)
	if o != nil {
		c.before = o.size()
	}
	return o
}

// touch finishes a change of o in place: it gets a new version. The expiry is
// changed by set, setString and setExpire alone.
func (c *call) touch(key []byte, o *object) {
	c.database().memory += int64(o.size() - c.before)
	c.before = o.size()
	c.changed(c.at(key), o)
}

func (c *call) changed(p place, o *object) {
	o.version = c.version
	c.store.marks[c.db].at(p.slot).changed = c.version
}

// delete removes a key and says whether there was one. An expired key counts
// as missing.
func (c *call) delete(key []byte) bool {
	o := c.writable(key)
	if o == nil {
		return false
	}
	p := c.at(key)
	c.store.remove(c.db, p, o)
	m := c.store.marks[c.db].at(p.slot)
	m.removed, m.changed = c.version, c.version
	return true
}

// setExpire sets when o, the object of key, expires; 0 is never. This is a
// change of the key.
func (c *call) setExpire(key []byte, o *object, atMs int64) {
	p := c.at(key)
	c.store.prepare(c.db, p.slot)
	d := c.database()
	d.memory -= int64(o.size())
	d.expiry.update(o, atMs)
	d.memory += int64(o.size())
	c.changed(p, o)
}

// random returns the next of a sequence that is the same on every node.
func (c *call) random() uint64 {
	c.seed += 0x9e3779b97f4a7c15 // splitmix64 (Steele, Lea, Flood 2014)
	z := c.seed
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// The replies. A command appends exactly one, of which an array or a map may be
// the head.

func (c *call) ok()                 { c.out = resp.AppendSimple(c.out, "OK") }
func (c *call) simple(s string)     { c.out = resp.AppendSimple(c.out, s) }
func (c *call) err(text string)     { c.out = resp.AppendError(c.out, text) }
func (c *call) int(n int64)         { c.out = resp.AppendInt(c.out, n) }
func (c *call) null()               { c.out = resp.AppendNull(c.out, c.proto) }
func (c *call) array(n int)         { c.out = resp.AppendArray(c.out, n) }
func (c *call) mapHeader(pairs int) { c.out = resp.AppendMap(c.out, pairs, c.proto) }
func (c *call) wrongType()          { c.err(resp.ErrWrongType) }

func (c *call) bulk(b []byte) {
	if len(c.out)-c.base <= c.store.maxReplyBytes {
		c.out = resp.AppendBulk(c.out, b)
	}
}

func (c *call) bulkString(s string) {
	if len(c.out)-c.base <= c.store.maxReplyBytes {
		c.out = resp.AppendBulkString(c.out, s)
	}
}
