package fsm

import (
	"bytes"
	"fmt"
	"runtime"
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

// filled returns a store with n keys of 16 bytes with values of 16 bytes.
func filled(n int) *Store {
	s := New(Config{})
	var out []byte
	const perEntry = 100
	for i := 0; i < n; i += perEntry {
		var cmds []Command
		for j := i; j < min(i+perEntry, n); j++ {
			cmds = append(cmds, command(0, "SET", fmt.Sprintf("key:%012d", j), "0123456789abcdef"))
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

// The benchmarks below reuse one entry, or one batch, and write other keys into
// it: like a node's they are warm, and the keyspace is not.

const benchKeys, benchBatch = 1_000_000, 16

// writeNumber overwrites the 12 digits at the end of a key.
func writeNumber(key []byte, n int) {
	for i := len(key) - 1; i >= len(key)-12; i-- {
		key[i] = byte('0' + n%10)
		n /= 10
	}
}

func BenchmarkApply(b *testing.B) {
	s := filled(benchKeys)
	for _, words := range [][]string{
		{"SET", "key:000000000000", "fedcba9876543210"},
		{"INCR", "counter:000000000000"},
		{"EXPIRE", "key:000000000000", "1000000"},
	} {
		b.Run(words[0], func(b *testing.B) {
			var cmds []Command
			for range benchBatch {
				cmds = append(cmds, command(0, words...))
			}
			entry := entryOf(1, 1, cmds...)
			var numbers [][]byte
			for i := range entry {
				if bytes.HasPrefix(entry[i:], []byte(words[1])) {
					numbers = append(numbers, entry[i:i+len(words[1])])
				}
			}
			var out []byte
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				for _, number := range numbers {
					writeNumber(number, n*7919%benchKeys)
					n++
				}
				out = s.Apply(s.Index()+1, entry, out[:0])
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/command")
		})
	}
}

func BenchmarkReadBatch(b *testing.B) {
	s := filled(benchKeys)
	var batch []Command
	for range benchBatch {
		batch = append(batch, command(0, "GET", "key:000000000000"))
	}
	var out []byte
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		for i := range batch {
			writeNumber(batch[i].Args[1], n*7919%benchKeys)
			n++
		}
		out = s.ReadBatch(batch, 1, out[:0])
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/command")
}
