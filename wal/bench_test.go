package wal

import (
	"fmt"
	"testing"

	"redoubt/raft"
)

// The figure that counts is what a batch costs beside its fsync.
func BenchmarkAppend(b *testing.B) {
	for _, batch := range []int{1, 80, 1024} { // 80 make a frame of 12 KB
		for _, noSync := range []bool{false, true} {
			b.Run(fmt.Sprintf("batch=%d/nosync=%v", batch, noSync), func(b *testing.B) {
				dir := dataDir(b.TempDir())
				if err := dir.CreateIdentity(testIdentity); err != nil {
					b.Fatal(err)
				}
				l, _, err := Open(dir, testIdentity, Options{NoSync: noSync})
				if err != nil {
					b.Fatal(err)
				}
				defer l.Close()
				es := make([]raft.Entry, batch)
				for i := range es {
					es[i] = raft.Entry{Term: 1, Type: raft.EntryCommand, Data: make([]byte, 128)}
				}
				ws := make([]raft.Write, 1)
				next := uint64(1)
				b.ReportAllocs()
				for b.Loop() {
					for i := range es {
						es[i].Index = next
						next++
					}
					ws[0] = write(raft.HardState{Term: 1}, es...)
					if _, err := l.Append(ws); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(batch)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
			})
		}
	}
}
