package wal

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"redoubt/raft"
)

func randomBytes(n int) []byte {
	r := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	r.Read(b)
	return b
}

func readSnapshot(t testing.TB, f SnapshotFile) ([]byte, error) {
	t.Helper()
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func TestSnapshotRoundTrip(t *testing.T) {
	for _, size := range []int{0, 1, 1000, snapshotChunkBytes - 1, snapshotChunkBytes, snapshotChunkBytes + 1, 20 << 20} {
		dir := newDir(t)
		payload := randomBytes(size)
		w, err := dir.CreateSnapshot(meta(5, 2), 1)
		if err != nil {
			t.Fatal(err)
		}
		for rest := payload; len(rest) > 0; {
			n := min(len(rest), 100_003)
			if err := w.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		written, err := w.Commit()
		if err != nil {
			t.Fatal(err)
		}
		f, ok, err := dir.LatestSnapshot()
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		if f.ID != written.ID || f.Path != written.Path || f.Size != written.Size || f.Meta.Index != 5 || f.Meta.Term != 2 ||
			!bytes.Equal(f.Meta.Config.Append(nil), testConfig.Append(nil)) {
			t.Errorf("wrote %+v, found %+v", written, f)
		}
		if got, err := readSnapshot(t, f); err != nil || !bytes.Equal(got, payload) {
			t.Errorf("size %d: read %d bytes, %v", size, len(got), err)
		}
	}
}

func TestLatestSnapshotIsTheNewest(t *testing.T) {
	dir := newDir(t)
	if _, ok, err := dir.LatestSnapshot(); ok || err != nil {
		t.Fatal(ok, err)
	}
	for _, index := range []uint64{9, 10, 100, 11} {
		writeSnapshot(t, dir, meta(index, 1), nil)
	}
	f, ok, err := dir.LatestSnapshot()
	if err != nil || !ok || f.Meta.Index != 100 {
		t.Fatal(f, ok, err)
	}
	if err := dir.RemoveOldSnapshots(math.MaxUint64, 2); err != nil {
		t.Fatal(err)
	}
	names, err := dir.listSnapshots()
	if err != nil || len(names) != 2 || !strings.Contains(names[0], "011-") {
		t.Fatal(names, err)
	}
	if err := dir.RemoveOldSnapshots(math.MaxUint64, 0); err != nil {
		t.Fatal(err)
	}
	if f, ok, err := dir.LatestSnapshot(); err != nil || !ok || f.Meta.Index != 100 {
		t.Fatal("the newest was removed", f, ok, err)
	}
}

// Cut anywhere or changed anywhere, a snapshot is refused: by LatestSnapshot, by
// Open, or before the reader says io.EOF.
func TestEveryByteOfASnapshotIsChecked(t *testing.T) {
	dir := newDir(t)
	f := writeSnapshot(t, dir, meta(5, 2), randomBytes(300))
	good, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	check := func(b []byte, what string, at int) {
		t.Helper()
		if err := os.WriteFile(f.Path, b, filePerm); err != nil {
			t.Fatal(err)
		}
		latest, _, err := dir.LatestSnapshot()
		if err == nil {
			_, err = readSnapshot(t, latest)
		}
		var damage *CorruptError
		if !errors.As(err, &damage) || damage.File != f.Path {
			t.Fatalf("%s at %d: %v", what, at, err)
		}
		// Whatever the first look says, the reader alone finds it too.
		if _, err := readSnapshot(t, f); !errors.As(err, &damage) {
			t.Fatalf("%s at %d, reader: %v", what, at, err)
		}
	}
	for at := range good {
		b := bytes.Clone(good)
		b[at] ^= 1 << (at % 8)
		check(b, "flipped", at)
		b[at] = good[at] ^ 0xff
		check(b, "inverted", at)
		check(good[:at], "cut", at)
	}
	check(append(bytes.Clone(good), 0), "longer", len(good))
}

func TestDamagedNewestSnapshotIsRefused(t *testing.T) {
	dir := newDir(t)
	writeSnapshot(t, dir, meta(5, 2), []byte("old"))
	f := writeSnapshot(t, dir, meta(6, 2), []byte("new"))
	if err := os.Truncate(f.Path, f.Size-1); err != nil {
		t.Fatal(err)
	}
	before := readFiles(t, dir.Path)
	_, _, err := Open(dir, testIdentity, small)
	if damage := wantCorrupt(t, err); damage.File != f.Path {
		t.Errorf("%v names another file", err)
	}
	wantUnchanged(t, dir, before)
}

func TestSnapshotUnderAnotherName(t *testing.T) {
	dir := newDir(t)
	f := writeSnapshot(t, dir, meta(5, 2), nil)
	other := filepath.Join(filepath.Dir(f.Path), snapshotID(6, 2, 1)+snapshotSuffix)
	if err := os.Rename(f.Path, other); err != nil {
		t.Fatal(err)
	}
	_, _, err := dir.LatestSnapshot()
	wantCorrupt(t, err)
	if err := os.Rename(other, filepath.Join(filepath.Dir(f.Path), "mine.snap")); err != nil {
		t.Fatal(err)
	}
	_, _, err = dir.LatestSnapshot()
	wantCorrupt(t, err)
}

// Header of one snapshot, chunks and trailer of another.
func TestSplicedSnapshot(t *testing.T) {
	dir := newDir(t)
	a := writeSnapshot(t, dir, meta(5, 2), []byte("state a"))
	b := writeSnapshot(t, dir, meta(6, 2), []byte("state b"))
	rawA, errA := os.ReadFile(a.Path)
	rawB, errB := os.ReadFile(b.Path)
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	header := len(appendSnapshotHeader(nil, 0, b.Meta))
	if err := os.WriteFile(b.Path, append(rawB[:header:header], rawA[header:]...), filePerm); err != nil {
		t.Fatal(err)
	}
	_, _, err := dir.LatestSnapshot()
	wantCorrupt(t, err)
	_, err = readSnapshot(t, b)
	wantCorrupt(t, err)
}

// A crash at each step of writing leaves a file under a temporary name, which
// counts for nothing and goes with the next Open.
func TestCrashWhileWritingASnapshot(t *testing.T) {
	dir := newDir(t)
	old := writeSnapshot(t, dir, meta(5, 2), []byte("old"))
	f := writeSnapshot(t, dir, meta(6, 2), []byte("new"))
	whole, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(f.Path); err != nil {
		t.Fatal(err)
	}
	for n := 0; n <= len(whole); n++ {
		if err := os.WriteFile(f.Path+tempSuffix, whole[:n], filePerm); err != nil {
			t.Fatal(err)
		}
		l, rec := mustOpen(t, dir, small)
		if rec.SnapshotFile == nil || rec.SnapshotFile.ID != old.ID {
			t.Fatalf("%d bytes written: recovered %+v", n, rec.SnapshotFile)
		}
		crash(l)
		if _, err := os.Stat(f.Path + tempSuffix); err == nil {
			t.Fatal("the temporary file is still there")
		}
	}
}

func TestAbortedSnapshotLeavesNothing(t *testing.T) {
	dir := newDir(t)
	w, err := dir.CreateSnapshot(meta(6, 2), 1)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(randomBytes(1 << 20))
	w.Abort()
	if err := w.Write([]byte("x")); err == nil {
		t.Error("Write after Abort")
	}
	if _, err := w.Commit(); err == nil {
		t.Error("Commit after Abort")
	}
	if fs := readFiles(t, dir.path(snapshotsName)); len(fs) != 0 {
		t.Errorf("left behind: %v", fs)
	}
}

func TestSnapshotOfAnIllFormedConfiguration(t *testing.T) {
	bad := raft.Configuration{Members: []raft.Member{{ID: "n2", Role: raft.Voter}, {ID: "n1", Role: raft.Voter}}}
	if _, err := newDir(t).CreateSnapshot(raft.SnapshotMeta{Index: 1, Term: 1, Config: bad}, 1); err == nil {
		t.Error("a snapshot was begun that nobody could read")
	}
}
