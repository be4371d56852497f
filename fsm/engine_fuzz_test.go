package fsm

import (
	"bytes"
	"testing"
)

// FuzzEntry: whatever bytes are decoded, the decoder fails or yields commands
// that encode to an entry of the same commands, and that a store executes.
func FuzzEntry(f *testing.F) {
	f.Add(entryOf(1, 2, command(0, "SET", "k", "v", "PX", "100"), command(1, "DEL", "k", "j")))
	f.Add(entryOf(1, 2, Command{Proto: 3, Exec: &Exec{
		Watches:  []Watch{{DB: 2, Key: []byte("w"), Version: 7}},
		Commands: []Command{command(0, "GET", "k"), {Literal: []byte("+PONG\r\n")}, command(0, "INCR", "k")},
	}}))
	f.Add(entryOf(0, 0))
	f.Add([]byte{entryVersion})
	f.Fuzz(func(t *testing.T, entry []byte) {
		cmds, ok := decodeAll(t, entry)
		EntryOrigin(entry)
		if !ok {
			return
		}
		again := AppendEntry(nil, cmds)
		copy(again, entry[:headerLength])
		if _, ok := decodeAll(t, again); !ok {
			t.Fatal("what was decoded and encoded cannot be decoded")
		}
		// The bytes may differ once, when the fuzzer has padded a number.
		third := AppendEntry(nil, cmds)
		copy(third, entry[:headerLength])
		if !bytes.Equal(again, third) {
			t.Fatal("encoding is not a function")
		}
		a, b := New(propertyConfig), New(propertyConfig)
		replies := a.Apply(1, again, nil)
		if !bytes.Equal(replies, b.ApplyBatch(1, again, cmds, nil)) || a.Hash() != b.Hash() {
			t.Fatal("Apply and ApplyBatch differ")
		}
		checkStore(t, a)
	})
}

// decodeAll decodes an entry into commands that stand for themselves.
func decodeAll(t *testing.T, entry []byte) (cmds []Command, ok bool) {
	var r entryReader
	if r.reset(entry, propertyConfig.Databases) != nil {
		return nil, false
	}
	for {
		var c Command
		more, err := r.next(&c)
		if err != nil {
			return nil, false
		}
		if !more {
			return cmds, true
		}
		if c.Class() != Write {
			t.Fatal("a command that does not write")
		}
		cmds = append(cmds, c)
	}
}

// FuzzRestore: whatever bytes it reads, Restore fails or returns a store that is
// sound and whose snapshot restores to the same.
func FuzzRestore(f *testing.F) {
	s := New(propertyConfig)
	s.Apply(1, entryOf(1000, 2,
		command(0, "SET", "k", "v", "PX", "100"),
		command(1, "MSET", "a", "1", "b", "2", "{a}c", "3"),
		command(1, "APPEND", "b", "more"),
		command(2, "SET", "x", "y"),
		command(2, "DEL", "x"),
	), nil)
	image := snapshotOf(s)
	f.Add(image)
	f.Add(snapshotOf(New(propertyConfig)))
	f.Add(image[:len(image)-1])
	f.Add([]byte(snapshotMagic))
	f.Fuzz(func(t *testing.T, image []byte) {
		s, err := Restore(bytes.NewReader(image), propertyConfig)
		if err != nil {
			return
		}
		checkStore(t, s)
		restored(t, s)
	})
}

// TestRestoreRefusesDamage: no snapshot that lacks a byte, has one too many, or
// has a bit turned over in its keys is taken for a good one.
func TestRestoreRefusesDamage(t *testing.T) {
	s := filled(10)
	image := snapshotOf(s)
	if _, err := Restore(bytes.NewReader(image), Config{}); err != nil {
		t.Fatal(err)
	}
	for n := range image {
		if _, err := Restore(bytes.NewReader(image[:n]), Config{}); err == nil {
			t.Fatalf("cut at %d of %d: taken", n, len(image))
		}
	}
	if _, err := Restore(bytes.NewReader(append(bytes.Clone(image), 0)), Config{}); err == nil {
		t.Fatal("with one byte more: taken")
	}
	head := len(s.appendHead(nil))
	for n := head; n < len(image); n++ {
		damaged := bytes.Clone(image)
		damaged[n] ^= 1 << (n % 8)
		if _, err := Restore(bytes.NewReader(damaged), Config{}); err == nil {
			t.Fatalf("byte %d of %d damaged: taken", n, len(image))
		}
	}
	if _, err := Restore(bytes.NewReader(snapshotOf(swapped(t))), Config{Databases: 2}); err == nil {
		t.Fatal("a key in a database that does not exist: taken")
	}
}

// swapped returns a store with a key in database 5.
func swapped(t *testing.T) *Store {
	t.Helper()
	s := New(Config{})
	s.Apply(1, entryOf(1, 1, command(0, "SET", "k", "v"), command(0, "SWAPDB", "0", "5")), nil)
	return s
}
