package fsm

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

func command(db int, words ...string) Command {
	args := make([][]byte, len(words))
	for i, w := range words {
		args[i] = []byte(w)
	}
	spec, text := Resolve(args)
	if text != "" {
		panic(text)
	}
	return Command{DB: db, Proto: 2, Spec: spec, Args: args}
}

func entryOf(timeMs int64, seed uint64, cmds ...Command) []byte {
	entry := AppendEntry(nil, cmds)
	Stamp(entry, timeMs, seed)
	return entry
}

const value16 = "0123456789abcdef"

var value64 = strings.Repeat(value16, 4)

// filled returns a store with n keys of 16 bytes with values of 16 bytes.
func filled(n int) *Store { return filledWith(n, value16) }

func filledWith(n int, value string) *Store {
	s := New(Config{})
	var out []byte
	const perEntry = 100
	for i := 0; i < n; i += perEntry {
		var cmds []Command
		for j := i; j < min(i+perEntry, n); j++ {
			cmds = append(cmds, command(0, "SET", fmt.Sprintf("key:%012d", j), value))
		}
		out = s.Apply(s.Index()+1, entryOf(1, 1, cmds...), out[:0])
	}
	return s
}

func BenchmarkMemoryPerKey(b *testing.B) {
	const keys = 1_000_000
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		s := filled(keys)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/keys, "B/key")
		b.ReportMetric(float64(s.Stats().MemoryBytes)/keys, "estimatedB/key")
		runtime.KeepAlive(s)
	}
}

// BenchmarkBatch runs batches of commands on random keys of values of 64 bytes,
// with keyspaces that fit into the second level cache and that do not. It reuses
// one entry, or one batch, and writes other keys into it: like a node's they
// are warm, and the keyspace is not.
func BenchmarkBatch(b *testing.B) {
	for _, keys := range []int{1000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			s := filledWith(keys, value64)
			for _, words := range [][]string{
				{"GET", "key:000000000000"},
				{"SET", "key:000000000000", value64},
				{"INCR", "num:000000000000"},
				{"EXPIRE", "key:000000000000", "1000000"},
			} {
				for _, size := range []int{1, 16} {
					b.Run(fmt.Sprintf("%s/batch=%d", words[0], size), func(b *testing.B) {
						benchmarkBatch(b, s, keys, size, words)
					})
				}
			}
		})
	}
}

func benchmarkBatch(b *testing.B, s *Store, keys, size int, words []string) {
	var batch []Command
	for range size {
		batch = append(batch, command(0, words...))
	}
	entry := entryOf(1, 1, batch...)
	var numbers [][]byte // the keys in the batch and in the entry
	for i := range entry {
		if bytes.HasPrefix(entry[i:], []byte(words[1])) {
			numbers = append(numbers, entry[i:i+len(words[1])])
		}
	}
	for i := range batch {
		numbers = append(numbers, batch[i].Args[1])
	}
	isRead := batch[0].Class() == Read
	if isRead {
		numbers = numbers[len(numbers)-size:]
	} else {
		numbers = numbers[:size]
	}
	random := rand.New(rand.NewPCG(1, 2))
	var out []byte
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		for _, number := range numbers {
			writeNumber(number, random.Uint32N(uint32(keys)))
			n++
		}
		if isRead {
			out = s.ReadBatch(batch, 1, out[:0])
		} else {
			out = s.Apply(s.Index()+1, entry, out[:0])
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/command")
}

// writeNumber overwrites the 12 digits at the end of a key.
func writeNumber(key []byte, n uint32) {
	for i := len(key) - 1; i >= len(key)-12; i-- {
		key[i] = byte('0' + n%10)
		n /= 10
	}
}
