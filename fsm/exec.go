package fsm

import (
	"unsafe"

	"redoubt/resp"
)

// MaxReplyBytes bounds what a command that is logged replies, and what all
// commands of a batch do: beyond it strings are left out. A batch whose replies
// are longer is cut somewhere; its connection must be closed without them. The
// longest string fits.
const MaxReplyBytes = DefaultMaxBulkBytes + 1<<10

// execute runs one command and appends its reply. first is the place of its first
// key, with hash 0 when that is not known. logged says that it comes from
// the log: every node runs it, now and with the same seed. What does not must
// not change the store. base is where in dst that begins which is bounded: for
// logged commands their own reply, as that is what all nodes have in common.
func (s *Store) execute(c *Command, first place, seed *uint64, logged bool, base int, dst []byte) []byte {
	switch {
	case c.Exec != nil:
		return s.executeAll(c, seed, logged, base, dst)
	case c.Literal != nil:
		return append(dst, c.Literal...)
	}
	s.commands++
	k := &s.call // field by field: a literal would be built elsewhere and copied
	k.store, k.now, k.index = s, s.now, s.index
	k.db, k.proto, k.spec, k.args, k.watched = c.DB, c.Proto, c.Spec, c.Args, c.Watched
	k.seed, k.version, k.base, k.out = *seed, 0, base, dst
	k.key, k.len, k.place, k.before = nil, 0, place{}, 0
	if first.hash != 0 {
		key := c.Args[c.Spec.FirstKey]
		k.key, k.len, k.place = unsafe.SliceData(key), len(key), first
	}
	if logged && c.Spec.Class == Write {
		k.version = s.nextVersion()
	}
	c.Spec.run(k)
	*seed = k.seed
	return k.out
}

// executeAll runs a transaction: the replies of all commands as an array or, when
// a watched key has changed, a null array. As in Redis a command that fails
// does not stop those behind it.
func (s *Store) executeAll(c *Command, seed *uint64, logged bool, base int, dst []byte) []byte {
	for _, w := range c.Exec.Watches {
		if s.watchVersion(w.DB, w.Key) != w.Version {
			return resp.AppendNullArray(dst, c.Proto)
		}
	}
	dst = resp.AppendArray(dst, len(c.Exec.Commands))
	for i := range c.Exec.Commands {
		dst = s.execute(&c.Exec.Commands[i], place{}, seed, logged, base, dst)
	}
	return dst
}

// watchVersion returns a number that differs before and after any change of a
// key, coming and going included. As in Redis a key that expires in between has
// changed, one that was expired already has not.
//
// A missing key has the version of the last removal in its slot, so now and then
// a transaction that watches a missing key fails because of another key of the
// same slot. The client tries again, as it does anyway.
func (s *Store) watchVersion(db int, key []byte) uint64 {
	p := s.place(key)
	var removed uint64
	if m := s.marks[db].get(p.slot); m != nil {
		removed = m.removed
	}
	const exists = 1
	switch o := s.databases[db].find(p, key); {
	case o == nil:
		return removed << 1
	case o.expired(s.now):
		// As if it had been removed when it expired.
		return max(removed, o.version, s.swapped[db]) << 1
	default:
		return max(o.version, s.swapped[db])<<1 | exists
	}
}

// watch puts the versions of keys where the connection collects them.
func watch(c *call) {
	if c.watched != nil {
		for _, key := range c.args[1:] {
			*c.watched = append(*c.watched, Watch{
				DB:      c.db,
				Key:     append([]byte(nil), key...),
				Version: c.store.watchVersion(c.db, key),
			})
		}
	}
	c.ok()
}
