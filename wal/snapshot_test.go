package wal

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

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
	if err := dir.RemoveOldSnapshots(2); err != nil {
		t.Fatal(err)
	}
	names, err := dir.listSnapshots()
	if err != nil || len(names) != 2 || !strings.Contains(names[0], "011-") {
		t.Fatal(names, err)
	}
	if err := dir.RemoveOldSnapshots(0); err != nil {
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

// source is a snapshot of another node, to be sent.
func source(t testing.TB, size int) (SnapshotFile, []byte) {
	t.Helper()
	f := writeSnapshot(t, newDir(t), meta(50, 3), randomBytes(size))
	raw, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	return f, raw
}

func mustReceive(t testing.TB, dir Dir, f SnapshotFile) (*SnapshotReceiver, int64) {
	t.Helper()
	r, offset, err := dir.ReceiveSnapshot(f.ID, f.Meta, f.Size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r, offset
}

func TestReceiveSnapshot(t *testing.T) {
	f, raw := source(t, 700_000)
	dir := newDir(t)
	r, offset := mustReceive(t, dir, f)
	if offset != 0 {
		t.Fatalf("offset %d in an empty directory", offset)
	}
	if err := r.Append(raw[:1000], 0); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []struct{ from, to, at int }{{0, 1000, 0}, {2000, 3000, 2000}, {0, 10, -1}, {1000, len(raw), 999}} {
		if err := r.Append(raw[wrong.from:wrong.to], int64(wrong.at)); !errors.Is(err, ErrSnapshotOffset) {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
	if err := r.Append(append(bytes.Clone(raw[1000:]), 0), 1000); !errors.Is(err, ErrSnapshotOffset) {
		t.Errorf("one byte too many: %v", err)
	}
	if _, err := r.Commit(); !errors.Is(err, ErrSnapshotOffset) {
		t.Errorf("Commit of a part: %v", err)
	}
	if _, ok, err := dir.LatestSnapshot(); ok || err != nil {
		t.Errorf("a part counts as snapshot: %v, %v", ok, err)
	}
	if err := errors.Join(r.Append(raw[1000:], 1000), r.Append(nil, f.Size)); err != nil {
		t.Fatal(err)
	}
	got, err := r.Commit()
	if err != nil {
		t.Fatal(err)
	}
	if payload, err := readSnapshot(t, got); err != nil || !bytes.Equal(payload, randomBytes(700_000)) {
		t.Fatalf("received %d bytes, %v", len(payload), err)
	}
	// Sent again, it is there already.
	r, offset = mustReceive(t, dir, f)
	if offset != f.Size {
		t.Errorf("offset %d of a complete snapshot of %d", offset, f.Size)
	}
	if again, err := r.Commit(); err != nil || again.Path != got.Path {
		t.Errorf("second Commit: %+v, %v", again, err)
	}
	r.Abort()
	if latest, ok, err := dir.LatestSnapshot(); err != nil || !ok || latest.ID != f.ID {
		t.Errorf("latest is %+v, %v, %v", latest, ok, err)
	}
}

// A large one is synced on the way, so that the end does not keep the log's own
// syncs waiting.
func TestLargeSnapshotsAreSyncedOnTheWay(t *testing.T) {
	f, raw := source(t, 2*snapshotSyncBytes+1000)
	dir := newDir(t)
	syncs := 0
	var fail error
	dir.FS = watchedFS{OS(), func(op, path string) error {
		if op != "fsync" {
			return nil
		}
		syncs++
		return fail
	}}
	writeSnapshot(t, dir, meta(5, 2), randomBytes(2*snapshotSyncBytes+1000))
	if syncs != 3 {
		t.Errorf("written with %d fsyncs, want 3", syncs)
	}
	syncs = 0
	r, _ := mustReceive(t, dir, f)
	for offset := 0; offset < len(raw); offset += maxChunkBytes {
		if err := r.Append(raw[offset:min(offset+maxChunkBytes, len(raw))], int64(offset)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Commit(); err != nil || syncs != 3 {
		t.Errorf("received with %d fsyncs, want 3 (%v)", syncs, err)
	}
	fail = unix.EIO
	r, _ = mustReceive(t, Dir{newDir(t).Path, dir.FS}, f)
	if err := r.Append(raw[:snapshotSyncBytes], 0); !errors.Is(err, fail) {
		t.Errorf("Append: %v, want %v", err, fail)
	}
}

func TestReceiveResumes(t *testing.T) {
	f, raw := source(t, 3*snapshotChunkBytes)
	header := f.Size - snapshotTrailerBytes - 3*(chunkHeaderBytes+snapshotChunkBytes)
	border := header + chunkHeaderBytes + snapshotChunkBytes
	tests := []struct {
		name string
		have func() []byte
		want int64
	}{
		{"part of the header", func() []byte { return raw[:10] }, 0},
		{"part of a chunk", func() []byte { return raw[:border+1000] }, border},
		{"chunk border", func() []byte { return raw[:border] }, border},
		{"all", func() []byte { return raw }, f.Size},
		{"zeros that never reached the disk", func() []byte {
			b := bytes.Clone(raw[:2*border])
			clear(b[border+100:])
			return b
		}, border},
		{"too much", func() []byte { return append(bytes.Clone(raw), 1) }, f.Size},
		{"garbage", func() []byte { return randomBytes(5000) }, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := newDir(t)
			path := dir.path(snapshotsName, f.ID+receivedSuffix)
			if err := errors.Join(makeDir(dir.FS, filepath.Dir(path)), os.WriteFile(path, tt.have(), filePerm)); err != nil {
				t.Fatal(err)
			}
			l, _ := mustOpen(t, dir, small) // a restart keeps it
			crash(l)
			r, offset := mustReceive(t, dir, f)
			if offset != tt.want {
				t.Fatalf("resumes at %d, want %d", offset, tt.want)
			}
			if err := r.Append(raw[offset:], offset); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Commit(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// What is here is complete, but not as long as the sender says.
func TestReceiveOfAnotherSize(t *testing.T) {
	f, raw := source(t, 500)
	dir := newDir(t)
	r, _ := mustReceive(t, dir, f)
	if err := errors.Join(r.Append(raw, 0), r.Close()); err != nil {
		t.Fatal(err)
	}
	f.Size++
	if _, offset := mustReceive(t, dir, f); offset != 0 {
		t.Errorf("resumes at %d", offset)
	}
}

func TestReceivedDamageIsFoundAtCommit(t *testing.T) {
	f, raw := source(t, 500)
	other := f
	other.ID = snapshotID(50, 3, 2)
	config := f
	config.Meta.Config = raft.Configuration{}
	flipped := bytes.Clone(raw)
	flipped[len(raw)/2] ^= 1
	for _, tt := range []struct {
		name string
		as   SnapshotFile
		raw  []byte
	}{{"flipped bit", f, flipped}, {"another snapshot's id", other, raw}, {"another configuration", config, raw}} {
		t.Run(tt.name, func(t *testing.T) {
			dir := newDir(t)
			r, _ := mustReceive(t, dir, tt.as)
			if err := r.Append(tt.raw, 0); err != nil {
				t.Fatal(err)
			}
			_, err := r.Commit()
			wantCorrupt(t, err)
			if fs := readFiles(t, dir.path(snapshotsName)); len(fs) != 0 {
				t.Errorf("left behind: %v", fs)
			}
			if _, offset := mustReceive(t, dir, tt.as); offset != 0 {
				t.Errorf("the next attempt starts at %d", offset)
			}
		})
	}
}

func TestReceiveRefusesNonsense(t *testing.T) {
	id := snapshotID(50, 3, 1)
	tests := []struct {
		name string
		id   string
		meta raft.SnapshotMeta
		size int64
	}{
		{"path", "../../etc/passwd", meta(50, 3), 1000},
		{"path behind an id", id + "/../x", meta(50, 3), 1000},
		{"empty", "", meta(50, 3), 1000},
		{"other index", id, meta(51, 3), 1000},
		{"other term", id, meta(50, 4), 1000},
		{"index 0", snapshotID(0, 3, 1), meta(0, 3), 1000},
		{"no size", id, meta(50, 3), 0},
		{"negative size", id, meta(50, 3), -1},
		{"size beyond the disk", id, meta(50, 3), 1 << 62},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, err := newDir(t).ReceiveSnapshot(tt.id, tt.meta, tt.size); err == nil {
				t.Error("taken")
			} else if tt.size == 1<<62 && !errors.Is(err, ErrNoSpace) {
				t.Errorf("%v, want ErrNoSpace", err)
			}
		})
	}
}

func TestUnfinishedReceivedSnapshots(t *testing.T) {
	f, raw := source(t, 500)
	dir := newDir(t)
	r, _ := mustReceive(t, dir, f)
	if err := r.Append(raw[:300], 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := dir.ReceiveSnapshot(f.ID, f.Meta, f.Size); !errors.Is(err, ErrLocked) {
		t.Errorf("received twice at a time: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	count := func() int { return len(readFiles(t, dir.path(snapshotsName))) }

	newer := f
	newer.ID, newer.Meta.Index = snapshotID(60, 3, 1), 60
	r, _ = mustReceive(t, dir, newer)
	if count() != 1 {
		t.Errorf("%d files, want the older unfinished one to be gone", count())
	}
	r.Close()
	l, _ := mustOpen(t, dir, small)
	crash(l)
	if count() != 1 {
		t.Errorf("%d files: Open removed what can be resumed", count())
	}
	writeSnapshot(t, dir, meta(60, 3), nil)
	l, _ = mustOpen(t, dir, small)
	crash(l)
	if count() != 1 {
		t.Errorf("%d files, want the overtaken one to be gone", count())
	}
}
