package fsm

// Stats are figures for INFO and for metrics.
type Stats struct {
	Databases   []DatabaseStats // those with keys, by number
	Keys        int             // of all databases, expired ones included that are not removed yet
	Expires     int             // of them with an expiry
	MemoryBytes int64           // estimate of what keys and values take
	ExpiredKeys uint64          // removed because their time had come, since the log began

	// Since the process began and on this node only.
	KeyspaceHits, KeyspaceMisses uint64
	Commands                     uint64 // executed, those within a transaction included
}

// DatabaseStats are the figures of a database.
type DatabaseStats struct {
	DB, Keys, Expires int
	AverageTTLMs      int64
}

// Stats returns the figures of the moment. It costs a look at each database.
func (s *Store) Stats() Stats {
	st := Stats{
		ExpiredKeys:    s.expired,
		KeyspaceHits:   s.hits,
		KeyspaceMisses: s.misses,
		Commands:       s.commands,
	}
	for i := range s.databases {
		d := &s.databases[i]
		if d.keys == 0 {
			continue
		}
		expires := len(d.expiry.cells)
		st.Databases = append(st.Databases, DatabaseStats{i, d.keys, expires, d.expiry.averageTTL(s.now)})
		st.Keys += d.keys
		st.Expires += expires
		st.MemoryBytes += d.memory
	}
	return st
}

// MemoryBytes estimates what keys and values take, as Stats does.
func (s *Store) MemoryBytes() int64 {
	var n int64
	for i := range s.databases {
		n += s.databases[i].memory
	}
	return n
}

func (x *expiryIndex) averageTTL(now int64) int64 {
	if len(x.cells) == 0 {
		return 0
	}
	// Only absurd expiries overflow the sum; Redis's figure is an estimate too.
	return max(int64(x.sum/uint64(len(x.cells)))-now, 0)
}
