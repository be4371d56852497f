package fsm

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSlot(t *testing.T) {
	for key, want := range map[string]int{
		"":                     0,
		"123456789":            0x31c3, // the check value of CRC16/XMODEM
		"foo":                  12182,
		"{foo}.x":              12182,
		"a{foo}{bar}":          12182,
		"{user1000}.following": Slot([]byte("user1000")),
	} {
		if got := Slot([]byte(key)); got != want {
			t.Errorf("Slot(%q) = %d, want %d", key, got, want)
		}
	}
	// An empty tag is none.
	if Slot([]byte("{}a")) == Slot([]byte("{}b")) && Slot([]byte("{}a")) == Slot(nil) {
		t.Error("an empty tag was used")
	}
	if Slot([]byte("foo{{bar}}zap")) != Slot([]byte("{bar")) {
		t.Error("the tag reaches from the first { to the first }")
	}
	// Eight bytes at once give what the definition gives bit by bit.
	random := rand.New(rand.NewPCG(1, 2))
	for length := range 64 {
		key := make([]byte, length)
		var crc uint16
		for i := range key {
			key[i] = "abcdefghijklmnop"[random.IntN(16)] ^ byte(random.IntN(2))<<7
			for bit := 7; bit >= 0; bit-- {
				carry := crc>>15 ^ uint16(key[i]>>bit&1)
				crc = crc<<1 ^ carry*0x1021
			}
		}
		if got, want := Slot(key), int(crc)%SlotCount; got != want {
			t.Errorf("Slot(%q) = %d, want %d", key, got, want)
		}
	}
}

// TestHashIsSipHash13 compares with CPython's hash of bytes, which is the same
// function under the key 0 when hashes are not randomised.
func TestHashIsSipHash13(t *testing.T) {
	for text, want := range map[string]uint64{
		"a":                 0x407448d2b89b1813,
		"abcdefg":           0x6db12aae9070f506,
		"abcdefgh":          0x3f7b849c0b8e35ea,
		"abcdefghi":         0xf89b34a3d11eb6e5,
		"0123456789abcdef0": 0xf738bb4f30801228,
	} {
		if got := (hashKey{}).sum([]byte(text)); got != uint32(want>>32) {
			t.Errorf("%q: %#x, want the upper half of %#x", text, got, want)
		}
	}
}

// TestKeyTable compares the table with a map, with hashes that collide.
func TestKeyTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var table keyTable
		model := map[string]*object{}
		spread := rapid.SampledFrom([]uint32{1, 3, 1 << 10, 1 << 31}).Draw(t, "spread")
		hashOf := func(key string) uint32 {
			return hashKey{}.sum([]byte(key))%spread + 1
		}
		for range rapid.IntRange(0, 300).Draw(t, "steps") {
			key := fmt.Sprint(rapid.IntRange(0, 60).Draw(t, "key"))
			hash := hashOf(key)
			found := table.find(hash, []byte(key))
			switch {
			case found != model[key]:
				t.Fatalf("%q: found %p, want %p", key, found, model[key])
			case found == nil:
				o := &object{key: key}
				table.insert(hash, o)
				model[key] = o
			case rapid.Bool().Draw(t, "remove"):
				table.remove(hash, key)
				delete(model, key)
			}
			if int(table.count) != len(model) {
				t.Fatalf("count %d, want %d", table.count, len(model))
			}
		}
		for key, o := range model {
			if table.find(hashOf(key), []byte(key)) != o {
				t.Fatalf("%q is lost", key)
			}
		}
	})
}

// TestExpiryOrder: keys go in the order of their expiry, at most
// maxExpiredPerEntry with one entry, and NextExpiry says when the next is due.
func TestExpiryOrder(t *testing.T) {
	s := New(Config{})
	random := rand.New(rand.NewPCG(1, 2))
	const keys = 5 * maxExpiredPerEntry
	var cmds []Command
	for i := range keys {
		at := fmt.Sprint(1000 + random.IntN(keys/2))
		cmds = append(cmds, command(i%3, "SET", fmt.Sprint("key", i), "v", "PXAT", at))
	}
	s.Apply(1, entryOf(1, 1, cmds...), nil)
	twin := restored(t, s) // its index has grown in another order
	for left := keys; left > 0; {
		next, ok := s.NextExpiry()
		if !ok {
			t.Fatal("nothing is due")
		}
		if next > s.Now() {
			s.Apply(s.Index()+1, entryOf(next-1, 1), nil)
			if at, _ := s.NextExpiry(); at != next || s.Stats().Keys != left {
				t.Fatalf("keys went before their time %d", next)
			}
		}
		for twin.Index() < s.Index() {
			twin.Apply(twin.Index()+1, entryOf(next-1, 1), nil)
		}
		s.Apply(s.Index()+1, entryOf(max(next, 1200), 1), nil)
		twin.Apply(twin.Index()+1, entryOf(max(next, 1200), 1), nil)
		if s.Digest() != twin.Digest() {
			t.Fatal("other keys went on a restored node")
		}
		gone := left - s.Stats().Keys
		if gone == 0 || gone > maxExpiredPerEntry {
			t.Fatalf("%d keys went with one entry", gone)
		}
		if after, ok := s.NextExpiry(); ok && after < next {
			t.Fatalf("keys due at %d went before those due at %d", next, after)
		}
		left -= gone
	}
	checkStore(t, s)
}

// TestExpiredKeysThatWait: keys whose time has come and that wait for their
// removal are gone to every command, and their removal is no change to WATCH.
func TestExpiredKeysThatWait(t *testing.T) {
	s := New(Config{})
	var cmds []Command
	for i := range maxExpiredPerEntry {
		cmds = append(cmds, command(0, "SET", fmt.Sprint("first", i), "v", "PXAT", "1000"))
	}
	cmds = append(cmds, command(0, "SET", "last", "v", "PXAT", "1001"))
	s.Apply(1, entryOf(1, 1, cmds...), nil)

	var watches []Watch
	watch := command(0, "WATCH", "last")
	watch.Watched = &watches
	batch := []Command{
		command(0, "DBSIZE"), command(0, "GET", "last"), command(0, "EXISTS", "last"),
		command(0, "KEYS", "*"), command(0, "RANDOMKEY"), command(0, "TTL", "last"), watch,
	}
	s.Apply(2, entryOf(2000, 1), nil)
	got := s.ReadBatch(batch, 1, nil)
	if want := ":1\r\n$-1\r\n:0\r\n*0\r\n$-1\r\n:-2\r\n+OK\r\n"; string(got) != want {
		t.Fatalf("replies %q, want %q", got, want)
	}
	s.Apply(3, entryOf(2000, 1), nil) // removes it
	exec := Command{Proto: 2, Exec: &Exec{Watches: watches, Commands: []Command{command(0, "DBSIZE")}}}
	if got := s.ReadBatch([]Command{exec}, 1, nil); string(got) != "*1\r\n:0\r\n" {
		t.Fatalf("EXEC replied %q", got)
	}
	if st := s.Stats(); st.ExpiredKeys != maxExpiredPerEntry+1 {
		t.Fatalf("%d keys expired", st.ExpiredKeys)
	}
}

// TestHugeSlot: a snapshot and a scan take a slot with many keys in parts.
func TestHugeSlot(t *testing.T) {
	s := New(Config{})
	const keys = 20_000
	var cmds []Command
	for i := range keys {
		cmds = append(cmds, command(0, "SET", fmt.Sprintf("{t}%d", i), strings.Repeat("v", 50)))
	}
	cmds = append(cmds, command(1, "MSET", "{t}other", "1", "{t}another", "2"))
	s.Apply(1, entryOf(1, 1, cmds...), nil)
	digest := s.Digest()
	s.BeginSnapshot()
	var image []byte
	const maxBytes = 1000
	for i, done := 0, false; !done; i++ {
		before := len(image)
		image, done = s.SnapshotNext(image, maxBytes)
		if n := len(image) - before; n > maxBytes {
			t.Fatalf("a part of %d bytes", n)
		}
		switch i {
		case 20: // the same slot of another database
			s.Apply(2, entryOf(1, 1, command(1, "APPEND", "{t}other", "1")), nil)
		case 50:
			s.Apply(3, entryOf(1, 1, command(0, "DEL", "{t}5", "{t}6"), command(0, "FLUSHALL")), nil)
		}
	}
	r, err := Restore(bytes.NewReader(image), Config{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Digest() != digest || r.Stats().Keys != keys+2 || s.Stats().Keys != 0 {
		t.Fatal("the snapshot is not the state at its start")
	}
}

// TestSnapshotIsOfItsIndex: no way of changing the keyspace gets into a snapshot
// that was begun before, however much of that has been taken.
func TestSnapshotIsOfItsIndex(t *testing.T) {
	for _, line := range []string{
		"SET k1 new", "SET new v", "APPEND k1 more", "SETRANGE k1 2 xx", "INCR n1", "DEL k1 k2 k3",
		"GETDEL k1", "GETEX k1 PX 7", "EXPIRE k1 10", "PEXPIREAT k1 1", "PERSIST t1", "RENAME k1 k2",
		"RENAME k1 new", "COPY k1 new", "COPY k1 k2 REPLACE", "COPY k1 k1 DB 1", "MOVE k1 1",
		"MSET k1 a k2 b", "FLUSHDB", "FLUSHALL", "SWAPDB 0 1", "SWAPDB 0 2", "SWAPDB 2 0|SET k1 v|SWAPDB 1 2",
		"SWAPDB 0 1|FLUSHDB|SET k1 v", "FLUSHALL|SET k1 v|DEL k1", "TICK",
	} {
		for sent := range 6 {
			s := New(propertyConfig)
			s.Apply(1, entryOf(1000, 1, command(0, "MSET", "k1", "abcdef", "k2", "b", "k3", "c", "n1", "1"),
				command(0, "SET", "t1", "v", "PX", "50"), command(1, "MSET", "k1", "other", "x1", "x")), nil)
			digest := s.Digest()
			s.BeginSnapshot()
			image, done := s.SnapshotNext(nil, 1+sent*(len(s.appendHead(nil))+120)/4)
			var cmds []Command
			for _, text := range strings.Split(line, "|") {
				if text != "TICK" {
					cmds = append(cmds, command(0, strings.Fields(text)...))
				}
			}
			s.Apply(2, entryOf(5000, 1, cmds...), nil)
			if !done {
				image = finishSnapshot(s, image)
			}
			r, err := Restore(bytes.NewReader(image), propertyConfig)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			if r.Digest() != digest {
				t.Fatalf("%s is in the snapshot that was begun before", line)
			}
			r.Apply(2, entryOf(5000, 1, cmds...), nil)
			if r.Digest() != s.Digest() || r.Hash() != s.Hash() {
				t.Fatalf("%s: the restored node has another outcome", line)
			}
			checkStore(t, s)
		}
	}
}

// TestScanOfCollidingKeys: keys of one slot and one hash are returned together.
func TestScanOfCollidingKeys(t *testing.T) {
	s := New(Config{})
	s.Apply(1, entryOf(1, 1), nil)
	byHash := map[uint32]string{}
	var pair []string
	for i := 0; pair == nil; i++ {
		key := fmt.Sprintf("{t}%d", i)
		hash := s.hashKey.sum([]byte(key))
		if other, ok := byHash[hash]; ok {
			pair = []string{other, key}
		}
		byHash[hash] = key
	}
	s.Apply(2, entryOf(1, 1, command(0, "MSET", pair[0], "1", pair[1], "2", "a", "3", "b", "4")), nil)
	found := map[string]bool{}
	cursor, calls := "0", 0
	for ok := true; ok; ok = cursor != "0" {
		replies := parseScan(s.ReadBatch([]Command{command(0, "SCAN", cursor, "COUNT", "1")}, 1, nil))
		cursor = replies[0]
		for _, key := range replies[1:] {
			found[key] = true
		}
		if calls++; calls > 4 {
			t.Fatal("the scan does not end")
		}
	}
	if len(found) != 4 || calls != 3 {
		t.Fatalf("found %v in %d calls", found, calls)
	}
	s.Apply(3, entryOf(1, 1, command(0, "DEL", pair[0])), nil)
	if got := s.ReadBatch([]Command{command(0, "GET", pair[1])}, 1, nil); string(got) != "$1\r\n2\r\n" {
		t.Fatalf("GET replied %q", got)
	}
	checkStore(t, s)
}

// TestValuesAreCopies: entries and batches are the caller's to write over.
func TestValuesAreCopies(t *testing.T) {
	s := New(Config{})
	batch := []Command{command(0, "SET", "key", "value"), command(0, "APPEND", "key", "more")}
	entry := entryOf(1, 1, batch...)
	s.ApplyBatch(1, entry, batch, nil)
	clear(entry)
	for _, c := range batch {
		for _, arg := range c.Args {
			clear(arg)
		}
	}
	if got := s.ReadBatch([]Command{command(0, "GET", "key")}, 1, nil); string(got) != "$9\r\nvaluemore\r\n" {
		t.Fatalf("GET replied %q", got)
	}
}

// TestOverwrittenValues: a value takes the memory of the one before when it fills
// most of it, and none of a value that was much longer is kept.
func TestOverwrittenValues(t *testing.T) {
	for _, lengths := range [][]int{{0, 0}, {0, 1}, {1, 0}, {16, 1}, {64, 64}, {64, 65}, {64, 40}, {64, 39}, {1000, 0}, {1 << 20, 1000}} {
		old, b := make([]byte, lengths[0]), bytes.Repeat([]byte("x"), lengths[1])
		got := overwrite(old, b)
		if !bytes.Equal(got, b) {
			t.Errorf("%d bytes over %d: %q", len(b), len(old), got)
		}
		if reused := cap(got) > 0 && cap(old) > 0 && &got[:1][0] == &old[:1][0]; reused && cap(got) > len(b)+len(b)/4+16 {
			t.Errorf("%d bytes hold on to %d", len(b), cap(got))
		}
	}

	s := filledWith(1000, value64)
	set := entryOf(1, 1, command(0, "SET", "key:000000000007", value64))
	reads := []Command{command(0, "GET", "key:000000000007"), command(0, "MGET", "key:000000000007", "other")}
	out := make([]byte, 0, 1<<10)
	if n := testing.AllocsPerRun(100, func() {
		s.Apply(s.Index()+1, set, out)
		s.ReadBatch(reads, 1, out)
	}); n > 0 {
		t.Errorf("%v allocations to overwrite a value and to read it", n)
	}
}

func TestOrigin(t *testing.T) {
	entry := AppendEntry(nil, nil)
	if _, ok := EntryOrigin(entry); ok {
		t.Error("an origin that was not set")
	}
	SetOrigin(entry, Origin{3, 4})
	if o, ok := EntryOrigin(entry); !ok || o != (Origin{3, 4}) {
		t.Errorf("origin %v, %v", o, ok)
	}
	if _, ok := EntryOrigin(entry[:headerLength-1]); ok {
		t.Error("the origin of half an entry")
	}
}

// TestRepliesArePartOfTheHash: two states that have become different without an
// entry, by a bit that has flipped in memory, have the same hash until a command
// replies differently.
func TestRepliesArePartOfTheHash(t *testing.T) {
	incr, set := command(0, "INCR", "k"), command(0, "SET", "other", "1")
	apply := map[string]func(s *Store, index uint64, c Command){
		"Apply":      func(s *Store, index uint64, c Command) { s.Apply(index, entryOf(1, 1, c), nil) },
		"ApplyBatch": func(s *Store, index uint64, c Command) { s.ApplyBatch(index, entryOf(1, 1, c), []Command{c}, nil) },
	}
	for name, apply := range apply {
		a, b := New(Config{}), New(Config{})
		apply(a, 1, command(0, "SET", "k", "1"))
		apply(b, 1, command(0, "SET", "k", "5"))
		b.hash = a.hash
		if apply(a, 2, set); a.Hash() == b.Hash() {
			t.Errorf("%s: an entry does not change the hash", name)
		}
		if apply(b, 2, set); a.Hash() != b.Hash() {
			t.Errorf("%s: equal replies to equal entries make different hashes", name)
		}
		apply(a, 3, incr)
		if apply(b, 3, incr); a.Hash() == b.Hash() {
			t.Errorf("%s: INCR replied 2 and 6, and the hash is the same", name)
		}
	}
}

// TestBrokenInvariantsPanic: what only a bug can bring about stops the node.
func TestBrokenInvariantsPanic(t *testing.T) {
	set := command(0, "SET", "k", "v")
	for name, f := range map[string]func(s *Store){
		"index goes back":    func(s *Store) { s.Apply(5, entryOf(1, 1), nil); s.Apply(5, entryOf(1, 1), nil) },
		"not an entry":       func(s *Store) { s.Apply(1, []byte("junk"), nil) },
		"cut short":          func(s *Store) { e := entryOf(1, 1, set); s.Apply(1, e[:len(e)-1], nil) },
		"no such database":   func(s *Store) { s.Apply(1, entryOf(1, 1, command(16, "SET", "k", "v")), nil) },
		"fewer writes":       func(s *Store) { s.ApplyBatch(1, entryOf(1, 1), []Command{set}, nil) },
		"more writes":        func(s *Store) { s.ApplyBatch(1, entryOf(1, 1, set), nil, nil) },
		"a write as a read":  func(s *Store) { s.ReadBatch([]Command{set}, 1, nil) },
		"no snapshot is run": func(s *Store) { s.SnapshotNext(nil, 10) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f(New(Config{}))
		})
	}
}
