package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Command is one command of a client.
type Command struct {
	DB   int
	Args [][]byte
	// Literal, when not nil, is a reply that somebody else has made: it only
	// takes its place among the others, and Args is not looked at.
	Literal []byte
	// Watched receives what a WATCH has seen of its keys. It may be nil.
	Watched *[]Watch
}

// Group is what a client sends as one: a command or, with Multi, a transaction.
type Group struct {
	Proto    int // RESP version of the replies, 2 or 3
	Multi    bool
	Watches  []Watch   // of a transaction
	Commands []Command // exactly one without Multi
}

// Model is the keyspace. It belongs to one goroutine.
type Model struct {
	// Verdicts counts the transactions with watches, by Verdict. Spurious is how
	// many aborted of those that might.
	Verdicts [3]int
	Spurious int

	now       int64 // log time in ms
	databases []database
	changes   uint64 // number of the last change or removal of a key
	soonest   int64  // no key has a deadline below it
}

type database struct {
	keys map[string]*value
	// touched has the number of the last change of every key ever written.
	touched map[string]uint64
	// removed has the number of the last removal in every hash slot that ever
	// had a key, here or in a database swapped with this.
	removed map[uint16]uint64
}

// value is what a key holds. A type is a Go type of data. A value is never
// changed but replaced.
type value struct {
	data     any   // string
	deadline int64 // ms of log time after which the key is gone; 0: never
}

const never = 1<<63 - 1

// New returns an empty keyspace with so many databases.
func New(databases int) *Model {
	m := &Model{databases: make([]database, databases), soonest: never}
	for i := range m.databases {
		m.databases[i] = database{map[string]*value{}, map[string]uint64{}, map[uint16]uint64{}}
	}
	return m
}

// Now returns log time in ms.
func (m *Model) Now() int64 { return m.now }

// Entry applies one committed log entry and appends the replies to dst. batch is
// what the entry was made of, in order: its writes and, when they are known, the
// reads and literals between them. real are redoubt's replies to batch; they
// decide whether a transaction runs that may abort, and nothing else.
func (m *Model) Entry(nowMs int64, batch []Group, real, dst []byte) []byte {
	m.now = max(m.now, nowMs)
	m.removeDue()
	return m.run(batch, real, dst)
}

// Read serves a batch without writes at the present state. See Entry.
func (m *Model) Read(batch []Group, real, dst []byte) []byte { return m.run(batch, real, dst) }

func (m *Model) run(batch []Group, real, dst []byte) []byte {
	start := len(dst)
	for i := range batch {
		g := &batch[i]
		if !g.Multi {
			dst = m.execute(&g.Commands[0], g.Proto, dst)
			continue
		}
		at := min(len(dst)-start, len(real))
		if m.aborts(g.Watches, real[at:]) {
			dst = appendNull(dst, g.Proto, '*')
			continue
		}
		dst = appendHead(dst, '*', int64(len(g.Commands)))
		for j := range g.Commands {
			dst = m.execute(&g.Commands[j], g.Proto, dst)
		}
	}
	return dst
}

func (m *Model) execute(c *Command, proto int, dst []byte) []byte {
	if c.Literal != nil {
		return append(dst, c.Literal...)
	}
	k := call{Model: m, db: c.DB, proto: proto, args: c.Args, watched: c.Watched, out: dst}
	command := commands[k.name()]
	if command == nil {
		panic(fmt.Sprintf("model: command %q is not known", c.Args[0]))
	}
	return k.run(command)
}

// Knows says whether the model has a command of this name.
func Knows(name string) bool { return commands[strings.ToLower(name)] != nil }

// maxRemovedPerEntry is part of the contract: see fsm/doc.go, rule 3.
const maxRemovedPerEntry = 256

func (m *Model) removeDue() {
	if m.now <= m.soonest {
		return
	}
	type due struct {
		deadline int64
		db       int
		key      string
	}
	var all []due
	m.soonest = never
	for db := range m.databases {
		for key, v := range m.databases[db].keys { // in any order: sorted below
			if m.gone(v) {
				all = append(all, due{v.deadline, db, key})
			} else if v.deadline != 0 {
				m.soonest = min(m.soonest, v.deadline)
			}
		}
	}
	slices.SortFunc(all, func(a, b due) int {
		return cmp.Or(cmp.Compare(a.deadline, b.deadline), cmp.Compare(a.db, b.db), cmp.Compare(a.key, b.key))
	})
	for i, d := range all {
		if i == maxRemovedPerEntry {
			m.soonest = d.deadline
			break
		}
		m.remove(d.db, d.key)
	}
}

func (m *Model) gone(v *value) bool { return v.deadline != 0 && m.now > v.deadline }

// live returns what a key holds, nil when it is missing or gone.
func (m *Model) live(db int, key string) *value {
	if v := m.databases[db].keys[key]; v != nil && !m.gone(v) {
		return v
	}
	return nil
}

// forWrite is live for a command that writes: it removes a key that is gone.
func (m *Model) forWrite(db int, key string) *value {
	v := m.databases[db].keys[key]
	if v != nil && m.gone(v) {
		m.remove(db, key)
		return nil
	}
	return v
}

// put sets a key to a new value.
func (m *Model) put(db int, key string, data any, deadline int64) {
	m.databases[db].keys[key] = &value{data, deadline}
	if deadline != 0 {
		m.soonest = min(m.soonest, deadline)
	}
	m.touch(db, key)
}

// delete removes a key that is there.
func (m *Model) delete(db int, key string) {
	m.touch(db, key)
	m.remove(db, key)
}

// remove takes a key away, which to WATCH of that key alone is no change.
func (m *Model) remove(db int, key string) {
	d := &m.databases[db]
	delete(d.keys, key)
	m.changes++
	d.removed[hashSlot(key)] = m.changes
}

// touch notes that a key has changed.
func (m *Model) touch(db int, key string) {
	d := &m.databases[db]
	m.changes++
	d.touched[key] = m.changes
	d.removed[hashSlot(key)] += 0 // the slot has had a key
}

// Key is a key as Dump shows it.
type Key struct {
	DB         int
	Key        string
	Type       string // as TYPE names it
	Value      any    // a string
	DeadlineMs int64  // of log time; 0: never
}

// Dump returns all keys that are not gone, sorted by database and key.
func (m *Model) Dump() []Key {
	var all []Key
	for db := range m.databases {
		for key, v := range m.databases[db].keys { // in any order: sorted below
			if !m.gone(v) {
				all = append(all, Key{db, key, typeName(v), v.data, v.deadline})
			}
		}
	}
	slices.SortFunc(all, func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.DB, b.DB), cmp.Compare(a.Key, b.Key))
	})
	return all
}
