package fsm

import (
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

func BenchmarkApply(b *testing.B) {
	const keys, perEntry = 1_000_000, 16
	s := filled(keys)
	for _, words := range [][]string{
		{"SET", "key:%012d", "fedcba9876543210"},
		{"INCR", "counter:%012d"},
		{"EXPIRE", "key:%012d", "1000000"},
	} {
		b.Run(words[0], func(b *testing.B) {
			var entries [][]byte
			for n := range 2000 {
				var cmds []Command
				for i := range perEntry {
					w := append([]string(nil), words...)
					w[1] = fmt.Sprintf(words[1], (n*perEntry+i)*7919%keys)
					cmds = append(cmds, command(0, w...))
				}
				entries = append(entries, entryOf(1, 1, cmds...))
			}
			var out []byte
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				out = s.Apply(s.Index()+1, entries[n%len(entries)], out[:0])
				n++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*perEntry), "ns/command")
		})
	}
}

func BenchmarkReadBatch(b *testing.B) {
	const keys, perBatch = 1_000_000, 16
	s := filled(keys)
	var batches [][]Command
	for n := range 2000 {
		var cmds []Command
		for i := range perBatch {
			cmds = append(cmds, command(0, "GET", fmt.Sprintf("key:%012d", (n*perBatch+i)*7919%keys)))
		}
		batches = append(batches, cmds)
	}
	var out []byte
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		out = s.ReadBatch(batches[n%len(batches)], 1, out[:0])
		n++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*perBatch), "ns/command")
}
