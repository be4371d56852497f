package wal

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"redoubt/raft"
)

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
	// Sent again, it is there already; only its name may not be durable.
	synced := false
	again := Dir{dir.Path, watchedFS{OS(), func(op, path string) error {
		synced = synced || op == "syncdir" && path == dir.path(snapshotsName)
		return nil
	}}}
	r, offset = mustReceive(t, again, f)
	if offset != f.Size {
		t.Errorf("offset %d of a complete snapshot of %d", offset, f.Size)
	}
	if again, err := r.Commit(); err != nil || again.Path != got.Path || !synced {
		t.Errorf("second Commit: %+v, synced %v, %v", again, synced, err)
	}
	r.Abort()
	if latest, ok, err := dir.LatestSnapshot(); err != nil || !ok || latest.ID != f.ID {
		t.Errorf("latest is %+v, %v, %v", latest, ok, err)
	}
}

// A snapshot gets its name when its bytes are durable, and is one when its name is.
func TestStepsOfASnapshot(t *testing.T) {
	f, raw := source(t, 500)
	dir := newDir(t)
	var ops []string
	dir.FS = watchedFS{OS(), func(op, path string) error {
		if slices.Contains([]string{"write", "fsync", "rename", "syncdir"}, op) {
			ops = append(ops, op+" "+filepath.Base(path))
		}
		return nil
	}}
	want := func(w ...string) {
		t.Helper()
		if !slices.Equal(ops, w) {
			t.Errorf("steps are %q, want %q", ops, w)
		}
	}
	r, _ := mustReceive(t, dir, f)
	if err := r.Append(raw, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Commit(); err != nil {
		t.Fatal(err)
	}
	received := f.ID + receivedSuffix
	want("syncdir data", "write "+received, "fsync "+received, "rename "+f.ID+snapshotSuffix, "syncdir snap")
	ops = nil
	name := filepath.Base(writeSnapshot(t, dir, meta(60, 3), []byte("state")).Path)
	unfinished := name + tempSuffix
	want("write "+unfinished, "write "+unfinished, "write "+unfinished, "fsync "+unfinished, "rename "+name, "syncdir snap")
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

// What an fsync has lost the next one does not find again: nothing that was stored
// before it is taken up.
func TestReceivedBeforeAFailedSyncIsNotTakenUp(t *testing.T) {
	f, raw := source(t, 20<<20)
	dir := newDir(t)
	dir.FS = watchedFS{OS(), func(op, path string) error {
		if op == "fsync" && strings.HasSuffix(path, receivedSuffix) {
			return unix.EIO
		}
		return nil
	}}
	r, _ := mustReceive(t, dir, f)
	if err := r.Append(raw[:17<<20], 0); !errors.Is(err, unix.EIO) {
		t.Fatalf("stored: %v", err)
	}
	r.Close()
	dir.FS = OS()
	if _, offset := mustReceive(t, dir, f); offset > 0 {
		t.Errorf("taken up at %d", offset)
	}
}

// A snapshot may come in of what the log holds already. The log knows nothing of it,
// the node goes on making its own, which are older; nothing that follows is lost.
func TestReceivedSnapshotOfWhatTheLogHolds(t *testing.T) {
	dir := newDir(t)
	l, _ := mustOpen(t, dir, small)
	h := raft.HardState{Term: 3, Vote: "n2", Commit: 40}
	mustAppend(t, l, write(h, entries(1, 60, 3)...))
	received := writeSnapshot(t, dir, meta(50, 3), []byte("received"))
	writeSnapshot(t, dir, meta(40, 3), []byte("its own"))
	if err := l.Compact(40); err != nil {
		t.Fatal(err)
	}
	for last := uint64(60); last < 63; last++ {
		crash(l)
		var rec Recovered
		l, rec = mustOpen(t, dir, small)
		if rec.SnapshotFile == nil || rec.SnapshotFile.Path != received.Path || len(rec.Entries) == 0 ||
			rec.Entries[0].Index != 51 || rec.Entries[len(rec.Entries)-1].Index != last {
			t.Fatalf("recovered %+v with %d entries, want those from 51 to %d behind the received snapshot", rec.Snapshot, len(rec.Entries), last)
		}
		mustAppend(t, l, write(h, entries(last+1, last+1, 3)...))
	}
}

// Own snapshots overtake an unfinished one while the node runs, which may be for
// months. What is coming in just now, or is newer, stays.
func TestOvertakenUnfinishedSnapshotsAreRemoved(t *testing.T) {
	f, raw := source(t, 500)
	dir := newDir(t)
	left := func() bool { return len(readFiles(t, dir.path(snapshotsName))) > 0 }
	r, _ := mustReceive(t, dir, f)
	if err := r.Append(raw[:300], 0); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name     string
		upTo     uint64
		finished bool
		stays    bool
	}{
		{"it is coming in", 50, false, true},
		{"it is newer", 49, true, true},
		{"it is overtaken", 50, true, false},
	} {
		if tt.finished {
			r.Close()
		}
		if err := dir.RemoveOldSnapshots(tt.upTo, 2); err != nil {
			t.Fatal(err)
		}
		if left() != tt.stays {
			t.Errorf("%s: there is one %v, want %v", tt.name, left(), tt.stays)
		}
	}
}

// roomFS has only so much free space.
type roomFS struct {
	FS
	free uint64
}

func (f roomFS) FreeBytes(string) (uint64, error) { return f.free, nil }

// What has come in of a snapshot is read when the rest has room, not each time that
// it is offered to a full disk.
func TestReceivedIsReadWhenTheRestHasRoom(t *testing.T) {
	f, raw := source(t, 3*snapshotChunkBytes)
	dir := newDir(t)
	r, _ := mustReceive(t, dir, f)
	if err := errors.Join(r.Append(raw[:len(raw)/2], 0), r.Close()); err != nil {
		t.Fatal(err)
	}
	rest := uint64(len(raw) - len(raw)/2)
	for _, tt := range []struct {
		free uint64
		want error
		read bool
	}{
		{ReserveBytes + rest - 1, ErrNoSpace, false},
		{ReserveBytes + rest, ErrNoSpace, true}, // its last chunk is not whole
		{ReserveBytes + uint64(len(raw)) - 1, nil, true},
	} {
		read := false
		dir.FS = watchedFS{roomFS{OS(), tt.free}, func(op, path string) error {
			read = read || op == "read" && strings.HasSuffix(path, receivedSuffix)
			return nil
		}}
		r, _, err := dir.ReceiveSnapshot(f.ID, f.Meta, f.Size)
		if !errors.Is(err, tt.want) || read != tt.read {
			t.Errorf("%d bytes are free: %v, read %v; want %v, read %v", tt.free, err, read, tt.want, tt.read)
		}
		if err == nil {
			r.Close()
		}
	}
}

// A snapshot that was here when it was offered may be gone, for newer ones, when the
// sender has heard so.
func TestReceivedSnapshotThatIsGone(t *testing.T) {
	dir := newDir(t)
	f := writeSnapshot(t, dir, meta(50, 3), []byte("state"))
	for _, index := range []uint64{60, 70} {
		writeSnapshot(t, dir, meta(index, 3), []byte("state"))
	}
	r, offset := mustReceive(t, dir, f)
	if offset != f.Size {
		t.Fatalf("offset %d of a complete snapshot of %d", offset, f.Size)
	}
	if err := dir.RemoveOldSnapshots(70, 2); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Commit(); !errors.Is(err, fs.ErrNotExist) || !IsPassing(err) {
		t.Errorf("Commit: %v", err)
	}
}
