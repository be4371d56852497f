package fsm

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Config must be the same on every node: it has a part in what commands reply.
type Config struct {
	Databases    int // numbered from 0; 0 means DefaultDatabases
	MaxBulkBytes int // longest string value (proto-max-bulk-len); 0 means DefaultMaxBulkBytes
}

// What Redis starts with.
const (
	DefaultDatabases    = 16
	DefaultMaxBulkBytes = 512 << 20
)

func (c Config) withDefaults() Config {
	if c.Databases == 0 {
		c.Databases = DefaultDatabases
	}
	if c.MaxBulkBytes == 0 {
		c.MaxBulkBytes = DefaultMaxBulkBytes
	}
	return c
}

// Store is the keyspace and the state of the log that made it. It belongs to
// one goroutine.
type Store struct {
	config        Config
	maxReplyBytes int // MaxReplyBytes but in tests

	// The replicated state: a function of the log alone. Digest covers it and a
	// snapshot carries it.
	index     uint64 // of the last entry applied
	now       int64  // log time in ms: the highest of all entries
	hash      uint64 // rolling, see Hash
	version   uint64 // the last given to a change, see nextVersion
	hashKey   hashKey
	expired   uint64 // keys removed because their time had come
	databases []database
	marks     []paged[mark] // per database
	swapped   []uint64      // per database: version of the last SWAPDB

	// Figures of this node.
	hits, misses uint64
	commands     uint64

	snapshot  *snapshot // the running one
	snapshots uint64    // how many were begun

	// Reused by every entry.
	entry   entryReader
	rolling xxhash.Digest
	call    call
	block   [blockCommands]Command // decoded, and about to be executed
	places  [blockCommands]place   // of their first keys, see warm
	warmed  uint64                 // the sums of warmers
}

// New returns an empty Store, before the first entry.
func New(c Config) *Store {
	c = c.withDefaults()
	return &Store{
		config:        c,
		maxReplyBytes: MaxReplyBytes,
		databases:     make([]database, c.Databases),
		marks:         make([]paged[mark], c.Databases),
		swapped:       make([]uint64, c.Databases),
	}
}

// Index returns the index of the last entry applied.
func (s *Store) Index() uint64 { return s.index }

// Now returns log time in ms. It never goes back.
func (s *Store) Now() int64 { return s.now }

// Hash returns the rolling hash: of the previous hash, the index, the entry and
// the replies of its commands. Two nodes with the same hash at the same index
// have applied the same log with the same outcome.
func (s *Store) Hash() uint64 { return s.hash }

// Apply executes the commands of a committed entry and appends their replies to
// dst, up to about MaxReplyBytes: what is more counts for the hash only. Indexes
// rise from call to call but may leave gaps. An entry that cannot be decoded is a
// broken invariant, since only AppendEntry makes entries, and panics. The store
// keeps nothing of entry.
func (s *Store) Apply(index uint64, entry []byte, dst []byte) []byte {
	s.begin(index, entry)
	first := len(dst)
	for block := s.nextWrites(); len(block) > 0; block = s.nextWrites() {
		places := s.warm(block)
		for i := range block {
			start := len(dst)
			dst = s.execute(&block[i], places[i], &s.entry.seed, true, start, dst)
			s.rolling.Write(dst[start:])
			if start-first > s.maxReplyBytes {
				dst = dst[:start] // as in ApplyBatch
			}
		}
	}
	s.hash = s.rolling.Sum64()
	return dst
}

// ApplyBatch is Apply on the node that has made entry from batch: it appends the
// replies of all commands of batch in order. What is not in the entry runs at
// its place between the writes, and is no part of the hash.
func (s *Store) ApplyBatch(index uint64, entry []byte, batch []Command, dst []byte) []byte {
	s.begin(index, entry)
	readSeed, first := ^s.entry.seed, len(dst)
	for part := range slices.Chunk(batch, blockCommands) {
		block := s.withWrites(part)
		places := s.warm(block)
		for i := range block {
			c := &block[i]
			if c.Class() != Write {
				dst = s.execute(c, places[i], &readSeed, false, first, dst)
				continue
			}
			start := len(dst)
			dst = s.execute(c, places[i], &s.entry.seed, true, start, dst)
			s.rolling.Write(dst[start:])
			if start-first > s.maxReplyBytes {
				dst = dst[:start] // cut already
			}
		}
	}
	if len(s.nextWrites()) > 0 {
		panic(fmt.Sprintf("fsm: entry %d has more writes than its batch", index))
	}
	s.hash = s.rolling.Sum64()
	return dst
}

// ReadBatch executes commands of which none writes at the present state, which
// it does not change, and appends their replies to dst.
func (s *Store) ReadBatch(batch []Command, seed uint64, dst []byte) []byte {
	first := len(dst)
	for block := range slices.Chunk(batch, blockCommands) {
		places := s.warm(block)
		for i := range block {
			if block[i].Class() == Write {
				panic("fsm: a write in a batch of reads")
			}
			dst = s.execute(&block[i], places[i], &seed, false, first, dst)
		}
	}
	return dst
}

// begin brings log time and the rolling hash to an entry and removes the keys
// that are due.
func (s *Store) begin(index uint64, entry []byte) {
	if index <= s.index {
		panic(fmt.Sprintf("fsm: entry %d applied after %d", index, s.index))
	}
	if err := s.entry.reset(entry, s.config.Databases); err != nil {
		panic(fmt.Sprintf("fsm: entry %d: %v", index, err))
	}
	var previous [16]byte
	binary.LittleEndian.PutUint64(previous[:], s.hash)
	binary.LittleEndian.PutUint64(previous[8:], index)
	s.rolling.Reset()
	s.rolling.Write(previous[:])
	s.rolling.Write(entry)

	s.index = index
	s.now = max(s.now, s.entry.timeMs)
	if s.hashKey == (hashKey{}) {
		c := call{seed: s.entry.seed}
		s.hashKey = hashKey{c.random() | 1, c.random()}
	}
	s.expireDue()
}

// nextWrites decodes the next commands of the entry.
func (s *Store) nextWrites() []Command {
	s.entry.forget()
	n := 0
	for n < len(s.block) && s.nextWrite(&s.block[n]) {
		n++
	}
	return s.block[:n]
}

// withWrites returns a part of a batch with the writes as the entry has them.
func (s *Store) withWrites(part []Command) []Command {
	s.entry.forget()
	for i := range part {
		if part[i].Class() != Write {
			s.block[i] = part[i]
		} else if !s.nextWrite(&s.block[i]) {
			panic(fmt.Sprintf("fsm: entry %d has fewer writes than its batch", s.index))
		}
	}
	return s.block[:len(part)]
}

// nextWrite decodes the next command of the entry.
func (s *Store) nextWrite(c *Command) bool {
	more, err := s.entry.next(c)
	if err != nil {
		panic(fmt.Sprintf("fsm: entry %d: %v", s.index, err))
	}
	return more
}

// nextVersion returns the version for the keys that one command changes. It
// rises with every command, and its upper bits are log time: the lowest that is
// above the last version and not below now×2^20. So a key knows when it was changed.
func (s *Store) nextVersion() uint64 {
	s.version = max(s.version+1, uint64(min(s.now, maxVersionTimeMs))<<versionTimeShift)
	return s.version
}

const (
	versionTimeShift = 20
	maxVersionTimeMs = 1<<42 - 1 // the year 2109; later times leave room to count on
)

// versionTime returns log time in ms at which version was given.
func versionTime(version uint64) int64 { return int64(version >> versionTimeShift) }

func (s *Store) place(key []byte) place {
	return place{Slot(key), s.hashKey.sum(key)}
}

// insert adds an object that has its key but no expiry yet. The caller has
// called prepare.
func (s *Store) insert(db int, p place, o *object) {
	s.databases[db].insert(p, o)
}

// remove takes an object out of the keyspace. What that means to WATCH is for
// the caller to note.
func (s *Store) remove(db int, p place, o *object) {
	s.prepare(db, p.slot)
	s.databases[db].remove(p, o)
}

// flush empties a database. Missing keys count as removed when their slot was
// last changed: a watched key that was missing and is missing now has not
// changed.
func (s *Store) flush(db int) {
	// A running snapshot has the slots too, and lets go of them when it is done.
	s.databases[db] = database{view: noView}
	for _, page := range &s.marks[db] {
		if page == nil {
			continue
		}
		for i := range page {
			page[i].removed = page[i].changed
		}
	}
}

// swap exchanges two databases. To WATCH everything in them has changed with
// version: the keys, and those missing before and after if either has keys in
// their slot.
func (s *Store) swap(a, b int, version uint64) {
	if a == b {
		return
	}
	s.databases[a], s.databases[b] = s.databases[b], s.databases[a]
	s.swapped[a], s.swapped[b] = version, version
	for i := range SlotCount {
		if s.marks[a].get(i) == nil && s.marks[b].get(i) == nil {
			continue
		}
		ma, mb := s.marks[a].at(i), s.marks[b].at(i)
		changed := max(ma.changed, mb.changed)
		if s.databases[a].has(i) || s.databases[b].has(i) {
			changed = version
		}
		*ma = mark{changed, changed}
		*mb = *ma
	}
}
