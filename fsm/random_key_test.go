package fsm

import (
	"fmt"
	"strings"
	"testing"
)

// tagged returns a store whose n keys are in one slot.
func tagged(n int) *Store {
	s := New(Config{})
	for i := range n {
		s.Apply(s.Index()+1, entryOf(1, 1, command(0, "SET", fmt.Sprintf("{t}%d", i), "v")), nil)
	}
	return s
}

// TestRandomKeyIsFair: over many draws every key comes.
func TestRandomKeyIsFair(t *testing.T) {
	for name, test := range map[string]struct {
		store *Store
		keys  int
	}{
		"many slots":     {filled(100), 100},
		"one slot":       {tagged(50), 50},
		"one large slot": {tagged(2 * randomWalk), 2 * randomWalk},
	} {
		seen := map[string]int{}
		const each = 60
		for i := range each * test.keys {
			_, key, _ := strings.Cut(string(test.store.ReadBatch([]Command{command(0, "RANDOMKEY")}, uint64(i), nil)), "\r\n")
			seen[key]++
		}
		for key, n := range seen {
			if n < each/3 || n > each*3 {
				t.Errorf("%s: %q came %d times, %d on average", name, key, n, each)
			}
		}
		if len(seen) != test.keys {
			t.Errorf("%s: %d keys came of %d", name, len(seen), test.keys)
		}
	}
}

// A node that was restored from a snapshot draws what one that has executed the whole
// log draws, although its tables have other sizes: a transaction with RANDOMKEY is in
// the log, and its reply is part of the hash.
func TestRandomKeyDoesNotDependOnHistory(t *testing.T) {
	for _, keys := range []int{4, 40, 3 * randomWalk} {
		a := tagged(keys)
		for i := range keys / 2 {
			a.Apply(a.Index()+1, entryOf(1, 1, command(0, "DEL", fmt.Sprintf("{t}%d", i))), nil)
		}
		b := restored(t, a)
		draw := Command{Proto: 2, Exec: &Exec{Commands: []Command{command(0, "SET", "x", "1"), command(0, "RANDOMKEY")}}}
		for seed := range uint64(50) {
			entry := entryOf(1, seed, draw)
			one, other := a.Apply(a.Index()+1, entry, nil), b.Apply(b.Index()+1, entry, nil)
			if string(one) != string(other) || a.Hash() != b.Hash() {
				t.Fatalf("%d keys: one node replies %q, the other %q", keys, one, other)
			}
		}
	}
}
