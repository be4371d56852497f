package fsm

// blockCommands is how many commands are decoded, warmed and executed together.
const blockCommands = 16

// maxWarmKeys bounds the keys that are warmed for a block: more of them would
// drive each other out of the cache before they are used.
const maxWarmKeys = 256

// warm loads into the cache what a block of commands needs of the keyspace. To
// find a key is a chain of cache misses: slot, cell, object, key and value.
// Here the chains of many keys go forward side by side, one link at a time, so
// that the processor waits for all of them at once. Without it, GETs of random
// keys out of 100,000 in batches of 16 take 2.5 times as long.
//
// It changes nothing, and what it finds is no more than a hint, since a command
// may change it for those behind. Only places do not change: warm returns that of
// the first key of each command, with hash 0 where it does not know it.
func (s *Store) warm(block []Command) *[blockCommands]place {
	clear(s.places[:len(block)])
	if len(block) == 1 && !block[0].hasManyKeys() {
		return &s.places // nobody to wait with
	}
	w := warmer{store: s}
	for i := range block {
		s.places[i] = w.add(&block[i])
	}
	w.follow()
	s.warmed += w.sum
	return &s.places
}

// warmer collects chains and follows them.
type warmer struct {
	store  *Store
	chains [blockCommands]chain
	n      int // of chains
	keys   int // added so far
	// sum is of something of everything that was seen: else the compiler would
	// not have it loaded.
	sum uint64
}

// chain is the way to a key.
type chain struct {
	table  *keyTable
	hash   uint32
	object *object
}

// add collects the keys of a command and returns the place of the first.
func (w *warmer) add(c *Command) (first place) {
	if c.Exec != nil {
		for i := range c.Exec.Commands {
			w.add(&c.Exec.Commands[i])
		}
		return place{}
	}
	at, last, step := c.keyRange()
	for ; at <= last && w.keys < maxWarmKeys; at += step {
		if w.n == len(w.chains) {
			w.follow()
		}
		p := w.store.place(c.Args[at])
		if first.hash == 0 {
			first = p
		}
		if s := w.store.databases[c.DB].slots.get(p.slot); s != nil {
			w.chains[w.n] = chain{table: &s.keyTable, hash: p.hash}
			w.n++
		}
		w.keys++
	}
	return first
}

// follow takes all chains one link forward, then all of them the next.
func (w *warmer) follow() {
	chains := w.chains[:w.n]
	w.n = 0
	for i := range chains {
		w.sum += uint64(chains[i].table.size)
	}
	for i := range chains {
		c := &chains[i]
		if c.table.count > 0 {
			w.sum += uint64(c.table.cells[c.table.home(c.hash)].hash)
		}
	}
	for i := range chains {
		c := &chains[i]
		at := c.table.seek(c.hash)
		if at < len(c.table.cells) && c.table.cells[at].hash == c.hash {
			c.object = c.table.cells[at].object
			w.sum += c.object.version
		}
	}
	for i := range chains {
		o := chains[i].object
		if o != nil && len(o.key) > 0 {
			w.sum += uint64(o.key[0])
		}
		if o != nil && len(o.str) > 0 {
			w.sum += uint64(o.str[0])
		}
	}
}

// keyRange returns where the keys are among the arguments, as far as that can be
// told at a glance; at is above last when there are none.
func (c *Command) keyRange() (at, last, step int) {
	if c.Spec == nil || c.Spec.FirstKey == 0 {
		return 1, 0, 1
	}
	last = c.Spec.LastKey
	if last < 0 {
		last += len(c.Args)
	}
	return c.Spec.FirstKey, min(last, len(c.Args)-1), c.Spec.Step
}

func (c *Command) hasManyKeys() bool {
	at, last, step := c.keyRange()
	return c.Exec != nil || last-at >= step
}
