package wal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"redoubt/raft"
)

// big is an entry of so many bytes.
func big(index uint64, n int) raft.Entry {
	return raft.Entry{Index: index, Term: 1, Type: raft.EntryCommand, Data: bytes.Repeat([]byte{byte(index) | 1}, n)}
}

func fileSize(t testing.TB, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// What each Append, and Close, asks of the file system, and how long the file is then.
func TestStepsOfAnAppend(t *testing.T) {
	const kb = 1 << 10
	inZeros := "write fdatasync"
	moreZeros := "write write fdatasync"
	highWater := "open write fsync close rename syncdir"
	newSegment := "close open " + moreZeros + " syncdir " + highWater
	type step struct {
		bytes int // of the entry; 0: the log is closed, -1: it is opened after a crash
		ops   string
		size  int64 // of the newest segment's file
	}
	for _, tt := range []struct {
		name         string
		segmentBytes int
		noSync       bool
		steps        []step
	}{
		{"steps of 512 KB", 2048 * kb, false, []step{
			{100, moreZeros, 512 * kb},
			{12 * kb, inZeros, 512 * kb},
			{490 * kb, inZeros, 512 * kb},
			{20 * kb, moreZeros, 1024 * kb},
			{1000 * kb, moreZeros, 1536 * kb},
			{800 * kb, "write fdatasync", 2323 * kb}, // the last frame may be longer
			{100, newSegment, 512 * kb},
		}},
		{"after a crash there are no zeros", 2048 * kb, false, []step{
			{100, moreZeros, 512 * kb},
			{-1, "", 1 * kb},
			{100, moreZeros, 512 * kb},
			{100, inZeros, 512 * kb},
		}},
		{"the limit is no multiple", 700 * kb, false, []step{
			{100, moreZeros, 512 * kb},
			{600 * kb, moreZeros, 700 * kb},
			{110 * kb, "write fdatasync", 711 * kb},
			{100, newSegment, 512 * kb},
		}},
		{"small segments", 1 * kb, false, []step{
			{100, moreZeros, 1 * kb},
			{300, inZeros, 1 * kb},
			{300, inZeros, 1 * kb},
			{3 * kb, "write fdatasync", 4 * kb},
			{100, newSegment, 1 * kb},
			{5 * kb, "write fdatasync", 6 * kb},
			{5 * kb, "close open write fdatasync syncdir " + highWater, 6 * kb},
			{kb - 67, "close open write fdatasync syncdir " + highWater, 1 * kb}, // exactly full
			{5 * kb, "close open write fdatasync syncdir " + highWater, 6 * kb},
			{0, "close " + highWater, 6 * kb},
		}},
		{"without sync", 1 * kb, true, []step{
			{100, "write write", 1 * kb},
			{100, "write", 1 * kb},
			{1 * kb, "write", 2 * kb},
			{100, "fdatasync " + newSegment, 1 * kb},
			{100, "write", 1 * kb},
			{0, "fdatasync close " + highWater, 1 * kb},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var ops []string
			dir := newDir(t)
			watched := dir
			watched.FS = watchedFS{OS(), func(op, path string) error {
				ops = append(ops, op)
				return nil
			}}
			o := Options{SegmentBytes: tt.segmentBytes, NoSync: tt.noSync, BallastBytes: -1}
			l, _ := mustOpen(t, watched, o)
			next := uint64(1)
			for i, s := range tt.steps {
				ops = nil
				switch {
				case s.bytes > 0:
					mustAppend(t, l, write(raft.HardState{Term: 1}, big(next, s.bytes)))
					next++
				case s.bytes == 0:
					mustClose(t, l)
				default:
					crash(l)
					l, _ = mustOpen(t, watched, o)
					ops = nil
				}
				if got := strings.Join(ops, " "); got != s.ops {
					t.Errorf("step %d: %s, want %s", i, got, s.ops)
				}
				size := fileSize(t, dir.path(segmentsName, l.segments.tail().name()))
				if (size+kb-1)/kb*kb != s.size {
					t.Errorf("step %d: the file has %d bytes, want %d", i, size, s.size)
				}
			}
		})
	}
}

// A new directory, and its parents, are durable before anything in them is, and
// HIGHWATER comes last.
func TestStepsOfANewDirectory(t *testing.T) {
	root := fastDir(t)
	dir := dataDir(filepath.Join(root, "a"))
	var ops []string
	dir.FS = watchedFS{OS(), func(op, path string) error {
		if path, err := filepath.Rel(root, path); err == nil && !strings.HasPrefix(path, "..") && !slices.Contains([]string{"stat", "read", "readdir", "close"}, op) {
			ops = append(ops, op+" "+path)
		}
		return nil
	}}
	if err := dir.CreateIdentity(testIdentity); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, dir, small)
	want := []string{
		"mkdir a/data", "mkdir a", "syncdir .", "mkdir a/data", "syncdir a",
		"syncdir a", "syncdir .", // and further up
		"lock a/data/LOCK",
		"open a/data/IDENTITY.tmp", "write a/data/IDENTITY.tmp", "fsync a/data/IDENTITY.tmp",
		"rename a/data/IDENTITY", "syncdir a/data",
		"open a/data/IDENTITY", "lock a/data/LOCK", "open a/data/IDENTITY",
		"mkdir a/data/wal", "syncdir a/data", "mkdir a/data/snap", "syncdir a/data",
		"open a/data/wal/00000000000000000001", "syncdir a/data/wal", "syncdir a/data/snap",
		"open a/data/HIGHWATER.tmp", "write a/data/HIGHWATER.tmp", "fsync a/data/HIGHWATER.tmp",
		"rename a/data/HIGHWATER", "syncdir a/data",
		"remove a/data/BALLAST",
	}
	if !slices.Equal(ops, want) {
		t.Errorf("steps are\n%s\nwant\n%s", strings.Join(ops, "\n"), strings.Join(want, "\n"))
	}
}

// A closed log goes on in the zeros that it has.
func TestZerosAreUsedAfterClose(t *testing.T) {
	dir := newDir(t)
	l, _ := mustOpen(t, dir, Options{BallastBytes: -1})
	mustAppend(t, l, write(raft.HardState{Term: 1}, entries(1, 5, 1)...))
	mustClose(t, l)
	l, _ = mustOpen(t, dir, Options{BallastBytes: -1})
	if l.file.filled != zeroAheadBytes {
		t.Errorf("zeros up to %d, want %d", l.file.filled, zeroAheadBytes)
	}
	mustAppend(t, l, write(raft.HardState{Term: 1}, entries(6, 9, 1)...))
	if l.file.filled != zeroAheadBytes {
		t.Errorf("zeros up to %d, want %d", l.file.filled, zeroAheadBytes)
	}
	crash(l)
	_, rec := mustOpen(t, dir, small)
	wantState(t, rec, raft.HardState{Term: 1}, entries(1, 9, 1))
}

const sectorBytes = 512

// tear is what a crash leaves of a file that was being written: the length and
// each sector are those before or those after, a sector that was being written may
// hold anything where it was written.
func tear(t *rapid.T, before, after string) string {
	size := rapid.SampledFrom([]int{len(before), len(after), rapid.IntRange(len(before), len(after)).Draw(t, "cut")}).Draw(t, "size")
	b := []byte(before + strings.Repeat("\x00", size-len(before)))
	mode := rapid.SampledFrom([]string{"none", "some", "all"}).Draw(t, "mode")
	for from := 0; from < size; from += sectorBytes {
		to := min(from+sectorBytes, size)
		if string(b[from:to]) == after[from:to] && from < len(before) {
			continue
		}
		how := mode
		if how == "some" {
			how = rapid.SampledFrom([]string{"none", "all", "junk"}).Draw(t, fmt.Sprint("sector ", from/sectorBytes))
		}
		for i := from; i < to; i++ {
			switch old := i < len(before) && before[i] == after[i]; {
			case how == "all":
				b[i] = after[i]
			case how == "junk" && !old:
				b[i] = byte(i*7 + 1)
			}
		}
	}
	return string(b)
}

// A crash within an Append, at whatever place of a segment: all that was
// acknowledged is there, the new frame is there if it is whole, and the log goes on.
func TestCrashWithinAnAppend(t *testing.T) {
	root := fastDir(t)
	rapid.Check(t, func(t *rapid.T) {
		parent, err := os.MkdirTemp(root, "crash")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(parent)
		dir := dataDir(parent)
		o := Options{BallastBytes: -1, SegmentBytes: rapid.SampledFrom([]int{256, 3000, zeroAheadBytes + 3000}).Draw(t, "segment bytes")}
		h := raft.HardState{Term: 1, Vote: "n1"}
		step := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		step(dir.CreateIdentity(testIdentity))
		l, _, err := Open(dir, testIdentity, o)
		step(err)
		var es []raft.Entry
		add := func(n int) {
			e := big(uint64(len(es)+1), n)
			_, err := l.Append([]raft.Write{write(h, e)})
			step(err)
			es = append(es, e)
		}
		if o.SegmentBytes > zeroAheadBytes && rapid.Bool().Draw(t, "near the end of the zeros") {
			add(zeroAheadBytes - rapid.IntRange(0, 3000).Draw(t, "near"))
		}
		for range rapid.IntRange(0, 5).Draw(t, "appends") {
			add(rapid.IntRange(0, 1500).Draw(t, "bytes"))
		}
		if rapid.Bool().Draw(t, "closed before") {
			step(l.Close())
			l, _, err = Open(dir, testIdentity, o)
			step(err)
		}
		before := readFiles(t, dir.Path)
		add(rapid.IntRange(0, 2500).Draw(t, "bytes"))
		tail, seed, end := *l.segments.tail(), l.seed, l.segments.tail().bytes
		crash(l)
		after := readFiles(t, dir.Path)

		left := before.clone()
		name := filepath.Join(segmentsName, tail.name())
		_, existed := before[name]
		switch {
		case rapid.IntRange(0, 3).Draw(t, "synced") == 0:
			left[name] = after[name]
			if !existed && rapid.Bool().Draw(t, "high water") {
				left[highWaterName] = after[highWaterName]
			}
		case existed || rapid.IntRange(0, 3).Draw(t, "named") > 0:
			left[name] = tear(t, before[name], after[name])
		}
		left.write(t, dir)

		want := es[:len(es)-1]
		start := end - int64(len(appendHardState(appendEntry(beginFrame(nil), &es[len(es)-1]), h)))
		if b := left[name]; int64(len(b)) >= end {
			if _, _, reason := decodeFrame([]byte(b[start:]), seed); reason == "" {
				want = es
			}
		}
		for range 2 { // the second time after a clean close
			l, rec, err := Open(dir, testIdentity, o)
			step(err)
			wantH := h
			if len(want) == 0 {
				wantH = raft.HardState{}
			}
			wantState(t, rec, wantH, want)
			h.Term++
			es, want = slices.Clone(want), nil
			e := raft.Entry{Index: uint64(len(es) + 1), Term: h.Term, Type: raft.EntryCommand, Data: []byte("next")}
			_, err = l.Append([]raft.Write{write(h, e)})
			step(err)
			step(l.Close())
			want = append(es, e)
		}
	})
}
