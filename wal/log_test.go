package wal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"redoubt/raft"
)

func TestOpenOfANewDirectory(t *testing.T) {
	dir := newDir(t)
	l, rec := mustOpen(t, dir, small)
	want := Recovered{Snapshot: raft.SnapshotMeta{Config: testConfig}}
	if !reflect.DeepEqual(rec, want) {
		t.Fatalf("recovered %+v, want %+v", rec, want)
	}
	mustClose(t, l)
	_, rec = mustOpen(t, dir, small)
	want.Clean = true
	if !reflect.DeepEqual(rec, want) {
		t.Fatalf("recovered after Close %+v, want %+v", rec, want)
	}
}

func TestAppendIsRecovered(t *testing.T) {
	for _, end := range []struct {
		name string
		end  func(*Log)
	}{{"closed", func(l *Log) { mustClose(t, l) }}, {"crashed", crash}} {
		t.Run(end.name, func(t *testing.T) {
			dir := newDir(t)
			l, _ := mustOpen(t, dir, small)
			mustAppend(t, l, write(raft.HardState{Term: 1, Vote: "n1"}))
			mustAppend(t, l, write(raft.HardState{Term: 1, Vote: "n1"}, entries(1, 3, 1)...))
			mustAppend(t, l, write(raft.HardState{Term: 2, Vote: "n2", Commit: 3}, entries(4, 4, 2)...))
			end.end(l)
			_, rec := mustOpen(t, dir, small)
			wantState(t, rec, raft.HardState{Term: 2, Vote: "n2", Commit: 3}, append(entries(1, 3, 1), entries(4, 4, 2)...))
			if rec.Clean != (end.name == "closed") || rec.TornBytes != 0 {
				t.Errorf("Clean is %v, TornBytes is %d", rec.Clean, rec.TornBytes)
			}
		})
	}
}

func TestEntryTypesAndEmptyData(t *testing.T) {
	dir := newDir(t)
	l, _ := mustOpen(t, dir, small)
	es := []raft.Entry{
		{Index: 1, Term: 1, Type: raft.EntryNoOp},
		{Index: 2, Term: 1, Type: raft.EntryConfig, Data: testConfig.Append(nil)},
		{Index: 3, Term: 1, Type: raft.EntryCommand, Data: []byte{}},
	}
	mustAppend(t, l, write(raft.HardState{Term: 1}, es...))
	mustClose(t, l)
	_, rec := mustOpen(t, dir, small)
	wantState(t, rec, raft.HardState{Term: 1}, es)
}

func TestWritesShareOneFrame(t *testing.T) {
	dir := newDir(t)
	l, _ := mustOpen(t, dir, Options{BallastBytes: -1})
	var ws []raft.Write
	for i := uint64(1); i <= 50; i++ {
		ws = append(ws, write(raft.HardState{Term: 1, Commit: i - 1}, entries(i, i, 1)...))
	}
	st := mustAppend(t, l, ws...)
	if st.Frames != 1 || st.Entries != 50 || st.Rotated {
		t.Errorf("stats %+v, want 50 entries in one frame", st)
	}
	if got := l.Stats(); got.LastSeq != 1 || got.LastIndex != 50 || got.Bytes != st.Bytes {
		t.Errorf("gauges %+v after %+v", got, st)
	}
}

func TestCommitRidesAlong(t *testing.T) {
	dir := newDir(t)
	l, _ := mustOpen(t, dir, small)
	mustAppend(t, l, write(raft.HardState{Term: 1, Vote: "n1"}, entries(1, 4, 1)...))
	commit := func(n uint64) raft.Write {
		return raft.Write{HardState: raft.HardState{Term: 1, Vote: "n1", Commit: n}}
	}
	if st := mustAppend(t, l, commit(2)); st != (AppendStats{}) {
		t.Errorf("a commit index alone was written: %+v", st)
	}
	// A crash loses it,
	crash(l)
	l, rec := mustOpen(t, dir, small)
	wantState(t, rec, raft.HardState{Term: 1, Vote: "n1"}, entries(1, 4, 1))
	// Close does not,
	mustAppend(t, l, commit(3))
	mustClose(t, l)
	l, rec = mustOpen(t, dir, small)
	wantState(t, rec, raft.HardState{Term: 1, Vote: "n1", Commit: 3}, entries(1, 4, 1))
	// and a vote never waits, whatever MustSync says.
	mustAppend(t, l, raft.Write{HardState: raft.HardState{Term: 2, Vote: "n2", Commit: 3}})
	crash(l)
	_, rec = mustOpen(t, dir, small)
	wantState(t, rec, raft.HardState{Term: 2, Vote: "n2", Commit: 3}, entries(1, 4, 1))
}

func TestLaterEntriesOverride(t *testing.T) {
	dir := newDir(t)
	l, _ := mustOpen(t, dir, small)
	mustAppend(t, l, write(raft.HardState{Term: 1}, entries(1, 20, 1)...))
	mustAppend(t, l, write(raft.HardState{Term: 2}, entries(6, 8, 2)...))
	want := append(entries(1, 5, 1), entries(6, 8, 2)...)
	crash(l)
	l, rec := mustOpen(t, dir, small)
	wantState(t, rec, raft.HardState{Term: 2}, want)

	mustAppend(t, l, write(raft.HardState{Term: 3}, entries(9, 9, 3)...), write(raft.HardState{Term: 4}, entries(1, 2, 4)...))
	crash(l)
	_, rec = mustOpen(t, dir, small)
	wantState(t, rec, raft.HardState{Term: 4}, entries(1, 2, 4))
}

// A batch above the frame limit becomes several frames, each of which is a state
// that may be recovered: no commit index beyond its entries.
func TestBigBatchIsSplit(t *testing.T) {
	dir := newDir(t)
	l, _ := mustOpen(t, dir, Options{BallastBytes: -1})
	var es []raft.Entry
	for i := uint64(1); i <= 5; i++ {
		es = append(es, raft.Entry{Index: i, Term: 1, Type: raft.EntryCommand, Data: bytes.Repeat([]byte{byte(i)}, 2<<20)})
	}
	h := raft.HardState{Term: 1, Vote: "n1", Commit: 5}
	if st := mustAppend(t, l, write(h, es...)); st.Frames != 5 || st.Entries != 5 || !st.Rotated {
		t.Errorf("stats %+v, want 5 frames", st)
	}
	huge := raft.Entry{Index: 6, Term: 1, Type: raft.EntryCommand, Data: bytes.Repeat([]byte{6}, 3*defaultFrameBytes)}
	if st := mustAppend(t, l, write(h, huge)); st.Frames != 1 {
		t.Errorf("stats %+v, want 1 frame for 1 entry", st)
	}
	if cap(l.frame) > 2*defaultFrameBytes {
		t.Errorf("the buffer of a huge entry is kept: %d bytes", cap(l.frame))
	}
	crash(l)
	_, rec := mustOpen(t, dir, Options{BallastBytes: -1})
	wantState(t, rec, h, append(es, huge))
}

func TestOversizedEntryPoisons(t *testing.T) {
	l, _ := mustOpen(t, newDir(t), small)
	e := raft.Entry{Index: 1, Term: 1, Type: raft.EntryCommand, Data: make([]byte, MaxEntryBytes+1)}
	if _, err := l.Append([]raft.Write{write(raft.HardState{Term: 1}, e)}); !errors.Is(err, ErrPoisoned) {
		t.Fatalf("error is %v, want ErrPoisoned", err)
	}
}

// The segments are counted on the side; the count has to agree with the files.
// So do the zeros: they end where the segment is to end.
func TestStatsAgreeWithFiles(t *testing.T) {
	dir := newDir(t)
	l, _ := mustOpen(t, dir, small)
	check := func() {
		t.Helper()
		s, err := scanSegments(dir, l.seed)
		if err != nil || !slices.Equal(s.segments, l.segments) {
			t.Fatalf("segments %+v were counted, the files have %+v (%v)", l.segments, s.segments, err)
		}
		var bytes int64
		for _, seg := range s.segments {
			bytes += seg.bytes
		}
		if st := l.Stats(); st.Segments != len(s.segments) || st.Bytes != bytes {
			t.Fatalf("gauges %+v, but the files are %+v", st, s.segments)
		}
		if s.filled != l.file.filled {
			t.Fatalf("the last segment has %d bytes, %d were counted", s.filled, l.file.filled)
		}
	}
	for i := uint64(1); i <= 100; i++ {
		mustAppend(t, l, write(raft.HardState{Term: 1}, entries(i, i, 1)...))
		check()
		switch {
		case i%13 == 0:
			crash(l)
			l, _ = mustOpen(t, dir, small)
		case i%31 == 0: // the tail may now exceed the size of a segment
			mustClose(t, l)
			l, _ = mustOpen(t, dir, Options{SegmentBytes: minSegmentBytes + int(i)*40, BallastBytes: -1})
		}
		check()
	}
	if n := l.Stats().Segments; n < 10 {
		t.Errorf("only %d segments: the test is too small", n)
	}
}

func TestBrokenInvariantsPanic(t *testing.T) {
	tests := []struct {
		name string
		w    raft.Write
	}{
		{"gap", write(raft.HardState{Term: 3}, entries(7, 7, 3)...)},
		{"gap inside", write(raft.HardState{Term: 3}, entries(6, 6, 3)[0], entries(8, 8, 3)[0])},
		{"index 0", write(raft.HardState{Term: 3}, raft.Entry{Term: 3})},
		{"entry term back", write(raft.HardState{Term: 3}, entries(6, 6, 1)...)},
		{"entry term ahead", write(raft.HardState{Term: 3}, entries(6, 6, 4)...)},
		{"below the snapshot", write(raft.HardState{Term: 3}, entries(3, 4, 3)...)},
		{"term back", write(raft.HardState{Term: 2})},
		{"mark without snapshot", raft.Write{HardState: raft.HardState{Term: 3}, Snapshot: &raft.SnapshotMeta{Index: 9, Term: 3}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := newDir(t)
			l, _ := mustOpen(t, dir, small)
			mustAppend(t, l, write(raft.HardState{Term: 3}, entries(1, 5, 2)...))
			if tt.name == "below the snapshot" {
				writeSnapshot(t, dir, meta(3, 2), nil)
				crash(l)
				l, _ = mustOpen(t, dir, small)
			}
			func() {
				defer func() {
					if recover() == nil {
						t.Error("no panic")
					}
				}()
				l.Append([]raft.Write{tt.w})
			}()
			crash(l)
			_, rec := mustOpen(t, dir, small)
			wantState(t, rec, raft.HardState{Term: 3}, entries(rec.Snapshot.Index+1, 5, 2))
		})
	}
}

func TestOnlyOneLog(t *testing.T) {
	dir := newDir(t)
	l, _ := mustOpen(t, dir, small)
	if _, _, err := Open(dir, testIdentity, small); !errors.Is(err, ErrLocked) {
		t.Fatalf("second Open: %v, want ErrLocked", err)
	}
	mustClose(t, l)
	mustClose(t, l)
	if _, err := l.Append(nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Append after Close: %v", err)
	}
	if err := l.Compact(1); !errors.Is(err, ErrClosed) {
		t.Errorf("Compact after Close: %v", err)
	}
	mustOpen(t, dir, small)
}

func TestNoSync(t *testing.T) {
	dir := newDir(t)
	o := small
	o.NoSync = true
	l, _ := mustOpen(t, dir, o)
	for i := uint64(1); i <= 30; i++ {
		if st := mustAppend(t, l, write(raft.HardState{Term: 1}, entries(i, i, 1)...)); st.SyncSeconds != 0 && !st.Rotated {
			t.Fatal("synced")
		}
	}
	mustClose(t, l)
	_, rec := mustOpen(t, dir, o)
	wantState(t, rec, raft.HardState{Term: 1}, entries(1, 30, 1))
}

func TestSegmentBytesOutOfRange(t *testing.T) {
	for _, n := range []int{-1, 1, maxSegmentBytes + 1} {
		if _, _, err := Open(newDir(t), testIdentity, Options{SegmentBytes: n}); err == nil {
			t.Errorf("SegmentBytes %d was taken", n)
		}
	}
}

func TestPermissions(t *testing.T) {
	dir := newDir(t)
	l, _ := mustOpen(t, dir, Options{BallastBytes: 4096})
	writeSnapshot(t, dir, raft.SnapshotMeta{Index: 1, Term: 1}, []byte("x"))
	mustClose(t, l)
	err := filepath.WalkDir(dir.Path, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestBallast(t *testing.T) {
	dir := newDir(t)
	path := dir.path(ballastName)
	size := func() int64 {
		info, err := os.Stat(path)
		if err != nil {
			return -1
		}
		return info.Size()
	}
	l, _ := mustOpen(t, dir, Options{BallastBytes: 1 << 20})
	if size() != 1<<20 {
		t.Fatalf("ballast has %d bytes after Open", size())
	}
	if err := errors.Join(dir.ReleaseBallast(), dir.ReleaseBallast()); err != nil || size() != -1 {
		t.Fatalf("ballast has %d bytes after its release: %v", size(), err)
	}
	if err := l.Compact(0); err != nil || size() != 1<<20 {
		t.Fatalf("ballast has %d bytes after Compact: %v", size(), err)
	}
	mustClose(t, l)
	mustOpen(t, dir, small)
	if size() != -1 {
		t.Fatalf("ballast has %d bytes although there is to be none", size())
	}
}

// The log is as safe without a ballast: no room for one, whoever says so, is no error.
func TestBallastThatHasNoRoom(t *testing.T) {
	for _, failing := range []string{"open", "write"} {
		for _, full := range []error{unix.ENOSPC, unix.EDQUOT, unix.EIO} {
			dir := newDir(t)
			dir.FS = watchedFS{OS(), func(op, path string) error {
				if op == failing && filepath.Base(path) == ballastName {
					return full
				}
				return nil
			}}
			if err := dir.layBallast(4096); IsFull(full) != (err == nil) {
				t.Errorf("%s is answered with %v: %v", failing, full, err)
			}
			if dir.HasBallast() {
				t.Errorf("%s is answered with %v, and there is a ballast", failing, full)
			}
		}
	}
}

func TestFreeBytes(t *testing.T) {
	if n, err := (Dir{Path: t.TempDir(), FS: OS()}).FreeBytes(); err != nil || n == 0 {
		t.Errorf("FreeBytes: %d, %v", n, err)
	}
	if _, err := (Dir{Path: "none", FS: OS()}).FreeBytes(); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("FreeBytes of nothing: %v", err)
	}
}

// One Append of small entries costs no memory, however many there are.
func TestAppendDoesNotAllocatePerEntry(t *testing.T) {
	l, _ := mustOpen(t, newDir(t), Options{SegmentBytes: 64 << 20, BallastBytes: -1, NoSync: true})
	next := uint64(1)
	ws := make([]raft.Write, 1)
	es := entries(1, 1000, 1)
	perAppend := testing.AllocsPerRun(20, func() {
		for i := range es {
			es[i].Index = next
			next++
		}
		ws[0] = write(raft.HardState{Term: 1}, es...)
		mustAppend(t, l, ws...)
	})
	if perAppend > 0 {
		t.Errorf("%v allocations for 1000 entries", perAppend)
	}
}
