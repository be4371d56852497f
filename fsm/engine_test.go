package fsm

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestEngine runs transcripts in which time passes. Directives:
//
//	run              commands, one a line, each in an entry of its own
//	batch            commands, one a line, in one batch
//	now ms=N         sets the clock of the leader
//	tick             an entry without commands
//	stats            keys, expiries and what has expired
//	restore          goes on with stores made of a snapshot
func TestEngine(t *testing.T) {
	paths, err := filepath.Glob("testdata/engine/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			now := int64(1_000_000)
			s := newSession(2, func() int64 { return now })
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				return runEngine(t, s, &now, d)
			})
			checkStore(t, s.origin)
			checkStore(t, s.replica)
		})
	}
}

func runEngine(t *testing.T, s *session, now *int64, d *datadriven.TestData) string {
	var b strings.Builder
	switch d.Cmd {
	case "run":
		for _, args := range parseTranscript(t, d.Input) {
			for _, reply := range s.run(t, [][][]byte{args}) {
				fmt.Fprintln(&b, showReply(reply))
			}
		}
	case "batch":
		for _, reply := range s.run(t, parseTranscript(t, d.Input)) {
			fmt.Fprintln(&b, showReply(reply))
		}
	case "now":
		var text string
		d.ScanArgs(t, "ms", &text)
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		*now = n
	case "tick":
		s.apply(t, nil)
	case "stats":
		st := s.replica.Stats()
		next, _ := s.replica.NextExpiry()
		fmt.Fprintf(&b, "keys=%d expires=%d expired=%d next=%d\n", st.Keys, st.Expires, st.ExpiredKeys, next)
	case "restore":
		s.origin, s.replica = restored(t, s.origin), restored(t, s.replica)
	default:
		d.Fatalf(t, "unknown directive %s", d.Cmd)
	}
	return b.String()
}

// snapshotOf takes a snapshot in small parts.
func snapshotOf(s *Store) []byte {
	s.BeginSnapshot()
	return finishSnapshot(s, nil)
}

func finishSnapshot(s *Store, out []byte) []byte {
	for done := false; !done; {
		out, done = s.SnapshotNext(out, 100)
	}
	return out
}

func restored(t interface{ Fatal(...any) }, s *Store) *Store {
	r, err := Restore(bytes.NewReader(snapshotOf(s)), s.config)
	if err != nil {
		t.Fatal(err)
	}
	if r.Digest() != s.Digest() || r.Hash() != s.Hash() || r.Index() != s.Index() || r.Now() != s.Now() {
		t.Fatal("the restored store differs")
	}
	return r
}

// checkStore verifies what the parts of a store say of each other.
func checkStore(t interface{ Fatalf(string, ...any) }, s *Store) {
	for db := range s.databases {
		d := &s.databases[db]
		keys, memory, expires := 0, int64(0), 0
		groups := make([]uint32, SlotCount/pageSlots)
		for n := range SlotCount {
			sl := d.slots.get(n)
			if sl == nil {
				continue
			}
			count, last := uint32(0), cell{}
			for i, c := range sl.cells {
				if c.object == nil {
					if c.hash != 0 {
						t.Fatalf("slot %d: hash without an object", n)
					}
					continue
				}
				o := c.object
				p := s.place([]byte(o.key))
				switch {
				case p != place{n, c.hash}:
					t.Fatalf("key %q stands in the wrong place", o.key)
				case sl.home(c.hash) > i || i > 0 && sl.home(c.hash) < i && sl.cells[i-1].object == nil:
					t.Fatalf("key %q cannot be found", o.key)
				case last.object != nil && (last.hash > c.hash || last.hash == c.hash && last.object.key >= o.key):
					t.Fatalf("key %q is out of order", o.key)
				case o.version == 0 || o.version > s.marks[db].get(n).changed || o.version > s.version:
					t.Fatalf("key %q has version %d, its slot %d", o.key, o.version, s.marks[db].get(n).changed)
				case o.expireAt != 0 && d.expiry.cells[o.heapIndex] != expiryCell{o.expireAt, o}:
					t.Fatalf("key %q is lost in the expiry index", o.key)
				}
				last, count, memory = c, count+1, memory+int64(o.size())
				if o.expireAt != 0 {
					expires++
				}
			}
			if count != sl.count {
				t.Fatalf("slot %d has %d keys and says %d", n, count, sl.count)
			}
			keys += int(count)
			groups[n/pageSlots] += count
		}
		if keys != d.keys || memory != d.memory || expires != len(d.expiry.cells) {
			t.Fatalf("database %d: %d keys, %d bytes, %d expiries; it says %d, %d, %d",
				db, keys, memory, expires, d.keys, d.memory, len(d.expiry.cells))
		}
		for i := range d.groups {
			if d.groups[i] != groups[i] {
				t.Fatalf("group %d has %d keys and says %d", i, groups[i], d.groups[i])
			}
		}
		for i, c := range d.expiry.cells {
			if i > 0 && c.before(d.expiry.cells[(i-1)/4]) {
				t.Fatalf("the expiry index is out of order at %d", i)
			}
		}
		for n := range SlotCount {
			if m := s.marks[db].get(n); m != nil && m.removed > m.changed {
				t.Fatalf("slot %d: removed after it changed", n)
			}
		}
	}
}
