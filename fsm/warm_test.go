package fsm

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// TestWarmOnlyLooks: whatever the commands, warming changes nothing, and the
// places it returns are those of the first keys.
func TestWarmOnlyLooks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New(propertyConfig)
		batches := batchGenerator(s)
		batch := batches.Draw(t, "batch")
		s.Apply(1, entryOf(1_000_000, 1, batch...), nil)
		before := s.Digest()
		for range 3 {
			batch := batches.Draw(t, "batch")
			block := batch[:min(len(batch), blockCommands)]
			places := s.warm(block)
			for i, c := range block {
				if places[i].hash == 0 {
					continue
				}
				keys, err := c.Spec.Keys(c.Args)
				if err != nil || places[i] != s.place(keys[0]) {
					t.Fatalf("%q: place %v, keys %q", c.Args, places[i], keys)
				}
			}
		}
		if s.Digest() != before {
			t.Fatal("warming has changed the state")
		}
	})
}

// TestCommandsOfABlockMeet: a command finds what those before it in the block
// have made of the keyspace, which was another when the block was warmed.
func TestCommandsOfABlockMeet(t *testing.T) {
	s := New(Config{})
	var batch []Command
	var want bytes.Buffer
	for i := range 3 * blockCommands {
		key, value := fmt.Sprint("k", i%5), fmt.Sprint(i)
		batch = append(batch,
			command(0, "SET", key, value), command(0, "GET", key), command(0, "RENAME", key, "other"),
			command(0, "GET", key), command(0, "SWAPDB", "0", "1"), command(1, "GETDEL", "other"))
		fmt.Fprintf(&want, "+OK\r\n$%d\r\n%s\r\n+OK\r\n$-1\r\n+OK\r\n$%d\r\n%s\r\n", len(value), value, len(value), value)
	}
	if got := s.ApplyBatch(1, entryOf(1, 1, batch...), batch, nil); !bytes.Equal(got, want.Bytes()) {
		t.Fatalf("replies %q, want %q", got, want.Bytes())
	}
	checkStore(t, s)
}
