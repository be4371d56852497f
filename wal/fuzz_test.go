package wal

import (
	"bytes"
	"errors"
	"io"
	"os"
	"runtime"
	"testing"

	"redoubt/raft"
)

// allocated runs f and returns how many bytes it allocated.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func sampleFrames() []byte {
	var stored []byte
	add := func(seq uint64, records ...[]byte) {
		f := beginFrame(nil)
		for _, r := range records {
			f = append(f, r...)
		}
		sealFrame(f, frameSeed(7), seq)
		stored = append(stored, f...)
	}
	hard := appendHardState(nil, raft.HardState{Term: 2, Vote: "n1", Commit: 1})
	e := raft.Entry{Index: 1, Term: 2, Type: raft.EntryCommand, Data: []byte("SET")}
	m := meta(9, 2)
	add(1, appendEntry(nil, &e), hard)
	add(2, appendMark(nil, &m), hard)
	return stored
}

// FuzzFrame: a segment file may hold anything. It is read without a panic, in
// memory of its own size, and what is refused is named.
func FuzzFrame(f *testing.F) {
	good := sampleFrames()
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(append(bytes.Clone(good), make([]byte, 64)...))
	f.Add([]byte{})
	dir := Dir{Path: f.TempDir(), FS: OS()}
	if err := os.Mkdir(dir.path(segmentsName), dirPerm); err != nil {
		f.Fatal(err)
	}
	path := dir.path(segmentsName, segment{first: 1}.name())
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, filePerm); err != nil {
			t.Fatal(err)
		}
		var s *scan
		var err error
		used := allocated(func() { s, err = scanSegments(dir, frameSeed(7)) })
		if limit := uint64(2*len(data) + 1<<20); used > limit {
			t.Errorf("%d bytes allocated for %d", used, len(data))
		}
		var damage *CorruptError
		switch {
		case errors.As(err, &damage):
			if damage.Offset < 0 || damage.Offset > int64(len(data)) {
				t.Errorf("offset out of file: %v", err)
			}
		case err != nil:
			t.Error(err)
		case !bytes.Equal(s.tail, data[:len(s.tail)]) || (s.torn == nil) != (len(bytes.Trim(data[len(s.tail):], "\x00")) == 0):
			t.Errorf("%d of %d bytes are intact, torn: %v", len(s.tail), len(data), s.torn)
		}
	})
}

// FuzzRecord gets behind the checksums, which stop a fuzzer early.
func FuzzRecord(f *testing.F) {
	m := meta(9, 2)
	f.Add(appendHardState(nil, raft.HardState{Term: 1, Vote: "n1"}))
	f.Add(appendEntry(nil, &raft.Entry{Index: 1, Term: 2, Data: []byte("x")}))
	f.Add(appendMark(nil, &m))
	f.Fuzz(func(t *testing.T, p []byte) {
		r, n, reason := nextRecord(p)
		if reason != "" {
			return
		}
		var again []byte
		switch r.kind {
		case recordHardState:
			again = appendHardState(nil, r.hardState)
		case recordEntry:
			again = appendEntry(nil, &r.entry)
		case recordSnapshot:
			again = appendMark(nil, &r.mark)
		}
		if r.kind != recordSnapshot && !bytes.Equal(again, p[:n]) {
			t.Errorf("%x decodes to %+v, which encodes to %x", p[:n], r, again)
		}
	})
}

// FuzzSnapshot: the same for snapshot files, which may come from another node.
func FuzzSnapshot(f *testing.F) {
	file := writeSnapshot(f, newDir(f), meta(5, 2), []byte("some state"))
	good, err := os.ReadFile(file.Path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(appendSnapshotHeader(nil, 1, meta(1, 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		var err error
		used := allocated(func() {
			var r *SnapshotReader
			if r, err = newSnapshotReader(bytes.NewReader(data), "fuzzed"); err == nil {
				_, err = io.Copy(io.Discard, r)
			}
		})
		if limit := uint64(2*len(data) + 2<<20); used > limit {
			t.Errorf("%d bytes allocated for %d", used, len(data))
		}
		var damage *CorruptError
		if err != nil && (!errors.As(err, &damage) || damage.Offset < 0 || damage.Offset > int64(len(data))) {
			t.Errorf("%v", err)
		}
	})
}
