package model

import "maps"

// Clone returns a copy that goes its own way. The counts of verdicts start anew.
func (m *Model) Clone() *Model {
	c := &Model{now: m.now, changes: m.changes, soonest: m.soonest, databases: make([]database, len(m.databases))}
	for i, d := range m.databases {
		keys := make(map[string]*value, len(d.keys))
		for key, v := range d.keys { // into a map again: the order does not matter
			own := *v
			keys[key] = &own
		}
		c.databases[i] = database{keys, maps.Clone(d.touched), maps.Clone(d.removed)}
	}
	return c
}
