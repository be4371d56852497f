package wal

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"redoubt/raft"
)

func meta(index, term uint64) raft.SnapshotMeta {
	return raft.SnapshotMeta{Index: index, Term: term, Config: testConfig}
}

func TestCompactUnderAnOpenLog(t *testing.T) {
	dir := newDir(t)
	l, _ := mustOpen(t, dir, small)
	h := raft.HardState{Term: 1, Vote: "n1"}
	for i := uint64(1); i <= 100; i++ {
		mustAppend(t, l, write(h, entries(i, i, 1)...))
	}
	writeSnapshot(t, dir, meta(60, 1), []byte("state"))
	before := l.Stats()
	if err := l.Compact(60); err != nil {
		t.Fatal(err)
	}
	after := l.Stats()
	// What is left begins at most one segment before the one with entry 61; each
	// frame holds one entry here, so frame and entry numbers agree.
	if after.Segments >= before.Segments || after.FirstSeq > 60 || l.segments[1].next() > 61+l.segments[1].frames || l.segments[1].first > 61 {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if l.segments[2].maxIndex <= 60 {
		t.Errorf("more than one segment of slack: %+v", l.segments[:3])
	}
	for i := uint64(101); i <= 130; i++ {
		mustAppend(t, l, write(h, entries(i, i, 1)...))
	}
	crash(l)
	l, rec := mustOpen(t, dir, small)
	wantState(t, rec, h, entries(61, 130, 1))
	if rec.Snapshot.Index != 60 || rec.SnapshotFile == nil {
		t.Errorf("recovered snapshot %+v", rec.Snapshot)
	}
	// What was counted while writing is counted the same after reading.
	writeSnapshot(t, dir, meta(130, 1), []byte("state"))
	if err := l.Compact(130); err != nil {
		t.Fatal(err)
	}
	if got := l.Stats().Segments; got != 2 {
		t.Errorf("%d segments after everything was compacted, want the newest and one more", got)
	}
	crash(l)
	_, rec = mustOpen(t, dir, small)
	wantState(t, rec, h, nil)
}

// The oldest goes first, each durably before the next; after an error the log does
// nothing more.
func TestStepsOfACompact(t *testing.T) {
	for _, failing := range []string{"", "remove", "syncdir"} {
		dir := newDir(t)
		var ops []string
		watching := false
		dir.FS = watchedFS{OS(), func(op, path string) error {
			if !watching || op != "remove" && op != "syncdir" || filepath.Base(path) == ballastName {
				return nil
			}
			ops = append(ops, op+" "+filepath.Base(path))
			if op == failing {
				return unix.EIO
			}
			return nil
		}}
		l, _ := mustOpen(t, dir, small)
		for i := uint64(1); i <= 40; i++ {
			mustAppend(t, l, write(raft.HardState{Term: 1}, entries(i, i, 1)...))
		}
		writeSnapshot(t, dir, meta(30, 1), []byte("state"))
		var want []string
		for _, s := range l.segments {
			want = append(want, "remove "+s.name(), "syncdir "+segmentsName)
		}
		watching = true
		err := l.Compact(30)
		switch failing {
		case "":
			if err != nil || len(ops) < 6 || !slices.Equal(ops, want[:len(ops)]) {
				t.Errorf("steps are %q (%v), want the first of %q", ops, err, want)
			}
			continue
		case "remove":
			want = want[:1]
		case "syncdir":
			want = want[:2]
		}
		if !errors.Is(err, ErrPoisoned) || !errors.Is(err, unix.EIO) || !slices.Equal(ops, want) {
			t.Errorf("%s fails: %v after %q, want %q", failing, err, ops, want)
		}
		if _, err := l.Append(nil); !errors.Is(err, ErrPoisoned) {
			t.Errorf("%s fails, then Append: %v", failing, err)
		}
	}
}

func TestCompactNeedsASnapshot(t *testing.T) {
	dir := newDir(t)
	l, _ := mustOpen(t, dir, small)
	for i := uint64(1); i <= 40; i++ {
		mustAppend(t, l, write(raft.HardState{Term: 1}, entries(i, i, 1)...))
	}
	writeSnapshot(t, dir, meta(20, 1), []byte("state"))
	before := readFiles(t, dir.Path)
	if err := l.Compact(40); err == nil {
		t.Error("compacted beyond the snapshot")
	}
	wantUnchanged(t, dir, before)
	if err := l.Compact(20); err != nil {
		t.Error(err)
	}
	mustAppend(t, l, write(raft.HardState{Term: 1}, entries(41, 41, 1)...))
}

// Entries that were overridden may have been the last with a high index. Their
// segment must not outlive, nor the overriding one go before, the older ones.
func TestCompactWithOverrides(t *testing.T) {
	dir := newDir(t)
	l, _ := mustOpen(t, dir, small)
	mustAppend(t, l, write(raft.HardState{Term: 1}, entries(1, 30, 1)...))
	mustAppend(t, l, write(raft.HardState{Term: 2}, entries(11, 12, 2)...))
	var want []raft.Entry
	for i := uint64(13); i <= 40; i++ {
		mustAppend(t, l, write(raft.HardState{Term: 2}, entries(i, i, 2)...))
	}
	for _, upTo := range []uint64{12, 20, 29, 30, 35} {
		writeSnapshot(t, dir, meta(upTo, 2), nil)
		if err := l.Compact(upTo); err != nil {
			t.Fatal(err)
		}
		crash(l)
		var rec Recovered
		want = entries(upTo+1, 40, 2)
		l, rec = mustOpen(t, dir, small)
		wantState(t, rec, raft.HardState{Term: 2}, want)
	}
}

// An override that reaches below the oldest entry on disk: the segments that held
// the start of the old branch were dropped, the overriding entries were not.
func TestOverrideBelowTheOldestSegment(t *testing.T) {
	dir := newDir(t)
	l, _ := mustOpen(t, dir, small)
	for i := uint64(1); i <= 30; i++ {
		mustAppend(t, l, write(raft.HardState{Term: 1}, entries(i, i, 1)...))
	}
	for i := uint64(5); i <= 40; i++ {
		mustAppend(t, l, write(raft.HardState{Term: 2}, entries(i, i, 2)...))
	}
	writeSnapshot(t, dir, meta(12, 2), nil)
	if err := l.Compact(12); err != nil || l.Stats().FirstSeq < 5 {
		t.Fatalf("Compact: %v, first frame %d", err, l.Stats().FirstSeq)
	}
	crash(l)
	_, rec := mustOpen(t, dir, small)
	wantState(t, rec, raft.HardState{Term: 2}, entries(13, 40, 2))
}

func TestSnapshotMarkResetsTheLog(t *testing.T) {
	dir := newDir(t)
	l, _ := mustOpen(t, dir, small)
	for i := uint64(1); i <= 30; i++ {
		mustAppend(t, l, write(raft.HardState{Term: 1}, entries(i, i, 1)...))
	}
	m := meta(20, 2)
	writeSnapshot(t, dir, m, []byte("theirs"))
	h := raft.HardState{Term: 2, Commit: 22}
	mustAppend(t, l, raft.Write{HardState: h, Snapshot: &m, Entries: entries(21, 22, 2), MustSync: true})
	crash(l)
	l, rec := mustOpen(t, dir, small)
	wantState(t, rec, h, entries(21, 22, 2))
	// The void entries 21 to 30 keep no segment alive.
	if err := l.Compact(20); err != nil {
		t.Fatal(err)
	}
	if st := l.Stats(); st.Segments > 3 || st.FirstSeq < 20 {
		t.Errorf("after the reset: %+v", st)
	}
	crash(l)
	_, rec = mustOpen(t, dir, small)
	wantState(t, rec, h, entries(21, 22, 2))
}

// A crash between a received snapshot and its mark: the log is in conflict with
// the snapshot, or ends before it.
func TestSnapshotWithoutItsMark(t *testing.T) {
	tests := []struct {
		name     string
		log      []raft.Entry
		hard     raft.HardState
		snap     raft.SnapshotMeta
		want     []raft.Entry
		wantHard raft.HardState
	}{
		{
			"log ends before", entries(1, 5, 1), raft.HardState{Term: 1, Vote: "n1", Commit: 5}, meta(9, 3),
			nil, raft.HardState{Term: 3, Commit: 5},
		},
		{
			"empty log", nil, raft.HardState{Term: 4, Vote: "n2"}, meta(9, 3),
			nil, raft.HardState{Term: 4, Vote: "n2"},
		},
		{
			"conflict at the snapshot", entries(1, 12, 1), raft.HardState{Term: 3, Vote: "n1", Commit: 2}, meta(9, 2),
			nil, raft.HardState{Term: 3, Vote: "n1", Commit: 2},
		},
		{
			"agreement at the snapshot", slices.Concat(entries(1, 9, 1), entries(10, 12, 2)), raft.HardState{Term: 2}, meta(9, 1),
			entries(10, 12, 2), raft.HardState{Term: 2},
		},
		{
			"log ends at the snapshot", entries(1, 9, 1), raft.HardState{Term: 2}, meta(9, 1),
			nil, raft.HardState{Term: 2},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := newDir(t)
			l, _ := mustOpen(t, dir, small)
			mustAppend(t, l, write(tt.hard, tt.log...))
			crash(l)
			writeSnapshot(t, dir, tt.snap, nil)
			for range 2 { // the second Open finds what the first has written
				var rec Recovered
				l, rec = mustOpen(t, dir, small)
				wantState(t, rec, tt.wantHard, tt.want)
				crash(l)
			}
			l, _ = mustOpen(t, dir, small)
			next := tt.snap.Index + 1 + uint64(len(tt.want))
			h := raft.HardState{Term: 9}
			mustAppend(t, l, write(h, entries(next, next, 9)...))
			crash(l)
			_, rec := mustOpen(t, dir, small)
			wantState(t, rec, h, append(slices.Clone(tt.want), entries(next, next, 9)...))
		})
	}
}

// The log alone does not show that its beginning is missing; the snapshot does.
func TestLogThatDoesNotReachBackToTheSnapshot(t *testing.T) {
	newLog := func(t *testing.T) (Dir, *Log) {
		dir := newDir(t)
		l, _ := mustOpen(t, dir, small)
		for i := uint64(1); i <= 60; i++ {
			mustAppend(t, l, write(raft.HardState{Term: 1}, entries(i, i, 1)...))
		}
		return dir, l
	}
	refused := func(t *testing.T, dir Dir) {
		t.Helper()
		_, _, err := Open(dir, testIdentity, small)
		wantCorrupt(t, err)
	}
	t.Run("segment with entries after the snapshot gone", func(t *testing.T) {
		dir, l := newLog(t)
		writeSnapshot(t, dir, meta(2, 1), nil)
		first := l.segments[0].name()
		crash(l)
		fs := readFiles(t, dir.Path)
		delete(fs, filepath.Join(segmentsName, first))
		fs.write(t, dir)
		refused(t, dir)
	})
	t.Run("segment before the snapshot gone", func(t *testing.T) {
		dir, l := newLog(t)
		writeSnapshot(t, dir, meta(30, 1), nil)
		first := l.segments[0].name()
		crash(l)
		fs := readFiles(t, dir.Path)
		delete(fs, filepath.Join(segmentsName, first))
		fs.write(t, dir)
		_, rec := mustOpen(t, dir, small)
		wantState(t, rec, raft.HardState{Term: 1}, entries(31, 60, 1))
	})
	t.Run("snapshot gone after a compaction", func(t *testing.T) {
		dir, l := newLog(t)
		f := writeSnapshot(t, dir, meta(30, 1), nil)
		if err := l.Compact(30); err != nil {
			t.Fatal(err)
		}
		crash(l)
		fs := readFiles(t, dir.Path)
		delete(fs, filepath.Join(snapshotsName, filepath.Base(f.Path)))
		fs.write(t, dir)
		refused(t, dir)
	})
	t.Run("snapshot gone after a mark", func(t *testing.T) {
		dir, l := newLog(t)
		m := meta(70, 1)
		f := writeSnapshot(t, dir, m, nil)
		mustAppend(t, l, raft.Write{HardState: raft.HardState{Term: 1}, Snapshot: &m, MustSync: true})
		crash(l)
		fs := readFiles(t, dir.Path)
		delete(fs, filepath.Join(snapshotsName, filepath.Base(f.Path)))
		fs.write(t, dir)
		refused(t, dir)
	})
	t.Run("snapshot of another term", func(t *testing.T) {
		dir, l := newLog(t)
		m := meta(70, 1)
		writeSnapshot(t, dir, m, nil)
		mustAppend(t, l, raft.Write{HardState: raft.HardState{Term: 3}, Snapshot: &m, MustSync: true})
		crash(l)
		writeSnapshot(t, dir, meta(70, 2), nil)
		refused(t, dir)
	})
}

// A crash at each step of a compaction leaves the oldest segments removed one by
// one: all of these logs are complete.
func TestCrashWithinCompact(t *testing.T) {
	dir := newDir(t)
	l, _ := mustOpen(t, dir, small)
	for i := uint64(1); i <= 60; i++ {
		mustAppend(t, l, write(raft.HardState{Term: 1}, entries(i, i, 1)...))
	}
	writeSnapshot(t, dir, meta(45, 1), nil)
	names := make([]string, 0, len(l.segments))
	for _, s := range l.segments {
		names = append(names, filepath.Join(segmentsName, s.name()))
	}
	crash(l)
	full := readFiles(t, dir.Path)
	if err := func() error {
		l, _ := mustOpen(t, dir, small)
		defer crash(l)
		return l.Compact(45)
	}(); err != nil {
		t.Fatal(err)
	}
	compacted := readFiles(t, dir.Path)
	for _, name := range names {
		if _, kept := compacted[name]; kept {
			break
		}
		delete(full, name)
		full.write(t, dir)
		l, rec := mustOpen(t, dir, small)
		wantState(t, rec, raft.HardState{Term: 1}, entries(46, 60, 1))
		crash(l)
	}
}

// A tail that is larger than the segments are now to be is closed before the next
// frame, not after it. The entries of that frame count for the new segment.
func TestCompactAfterSegmentsBecameSmaller(t *testing.T) {
	dir := newDir(t)
	l, _ := mustOpen(t, dir, Options{SegmentBytes: 10_000, BallastBytes: -1})
	for i := uint64(1); i <= 20; i++ {
		mustAppend(t, l, write(raft.HardState{Term: 1}, entries(i, i, 1)...))
	}
	crash(l)
	l, _ = mustOpen(t, dir, small)
	mustAppend(t, l, write(raft.HardState{Term: 1}, entries(21, 40, 1)...)) // fills its segment
	for i := uint64(41); i <= 60; i++ {
		mustAppend(t, l, write(raft.HardState{Term: 1}, entries(i, i, 1)...))
	}
	if s := l.segments[1]; s.first != 21 || s.frames != 1 || s.maxIndex != 40 {
		t.Fatalf("segments are %+v", l.segments)
	}
	writeSnapshot(t, dir, meta(20, 1), nil)
	if err := l.Compact(20); err != nil {
		t.Fatal(err)
	}
	crash(l)
	_, rec := mustOpen(t, dir, small)
	wantState(t, rec, raft.HardState{Term: 1}, entries(21, 60, 1))
}
