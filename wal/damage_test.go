package wal

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"redoubt/raft"
)

// sample is a small log of several segments, left by a crash, and the state after
// each of its frames.
type sample struct {
	files  files
	states []raft.State // states[k]: after k frames
	ends   []frameEnd   // ends[k]: where frame k+1 ends
	names  []string     // segment files, the last one is written to
	known  int          // frames of which HIGHWATER knows: up to the first of the last segment
}

type frameEnd struct {
	file string
	end  int
}

func newSample(t *testing.T) *sample {
	dir := newDir(t)
	l, _ := mustOpen(t, dir, small)
	s := &sample{states: []raft.State{{}}}
	var es []raft.Entry
	for i := uint64(1); i <= 16; i++ {
		h := raft.HardState{Term: 1 + i/6, Vote: "n1", Commit: i / 2}
		if i == 12 { // an override among the rest
			es = es[:9]
		}
		if h.Term == 3 {
			h.Vote = "" // so that frames end in zeros
		}
		next := entries(uint64(len(es))+1, uint64(len(es))+1+i%2, h.Term)
		es = append(slices.Clone(es), next...)
		mustAppend(t, l, write(h, next...))
		tail := l.segments.tail()
		s.ends = append(s.ends, frameEnd{filepath.Join(segmentsName, tail.name()), int(tail.bytes)})
		s.states = append(s.states, raft.State{HardState: h, Entries: es})
	}
	for _, seg := range l.segments {
		s.names = append(s.names, filepath.Join(segmentsName, seg.name()))
	}
	crash(l)
	s.files = readFiles(t, dir.Path)
	s.known = s.framesBefore(s.last(), 0) + 1
	if tail := s.last(); len(s.names) < 4 || s.framesBefore(tail, 1<<20)-s.framesBefore(tail, 0) < 3 || s.end() == len(s.files[tail]) {
		t.Fatalf("the sample is too small: %v", s.ends)
	}
	return s
}

// end is where the frames end in the last segment and the zeros begin.
func (s *sample) end() int { return s.ends[len(s.ends)-1].end }

func (s *sample) last() string { return s.names[len(s.names)-1] }

// framesBefore counts the frames that end at or before the offset of file.
func (s *sample) framesBefore(file string, offset int) int {
	n := 0
	for _, e := range s.ends {
		if e.file < file || e.file == file && e.end <= offset {
			n++
		}
	}
	return n
}

// wantRecovered checks that a log is recovered as of frame k and can be written again.
func (s *sample) wantRecovered(t *testing.T, dir Dir, k int) {
	t.Helper()
	l, rec := mustOpen(t, dir, small)
	want := s.states[k]
	wantState(t, rec, want.HardState, want.Entries)
	last := uint64(len(want.Entries))
	h := raft.HardState{Term: want.HardState.Term + 1, Vote: "n3", Commit: last}
	mustAppend(t, l, write(h, entries(last+1, last+2, h.Term)...))
	mustClose(t, l)
	l, rec = mustOpen(t, dir, small)
	wantState(t, rec, h, append(slices.Clone(want.Entries), entries(last+1, last+2, h.Term)...))
	crash(l)
}

// wantRefused checks that Open names the damage.
func (s *sample) wantRefused(t *testing.T, dir Dir, file string, offset int) {
	t.Helper()
	_, _, err := Open(dir, testIdentity, small)
	damage := wantCorrupt(t, err)
	// The frame that holds the offset is named, at its beginning or inside.
	start := 0
	for _, e := range s.ends {
		if e.file == file && e.end <= offset {
			start = e.end
		}
	}
	if damage.File != dir.path(file) || damage.Offset < int64(start) || damage.Offset > int64(offset) {
		t.Fatalf("damage at %s:%d (frame at %d) is reported as %v", file, offset, start, err)
	}
}

// Every byte of the log is damaged in several ways. What is before the last frame
// was durable once: refused. The last frame, and what is in the room behind it, may
// be what a crash interrupted: cut off.
func TestEveryOffsetDamaged(t *testing.T) {
	s := newSample(t)
	damages := []struct {
		name   string
		damage func(b []byte, at int)
	}{
		{"inverted", func(b []byte, at int) { b[at] ^= 0xff }},
		{"zeroed", func(b []byte, at int) { b[at] = 0 }},
		{"zeroed to the end", func(b []byte, at int) { clear(b[at:]) }},
	}
	dir := dataDir(fastDir(t))
	s.files.write(t, dir)
	for _, file := range s.names {
		path := dir.path(file)
		for at := range len(s.files[file]) {
			for _, d := range damages {
				b := []byte(s.files[file])
				d.damage(b, at)
				if string(b) == s.files[file] {
					continue
				}
				if err := os.WriteFile(path, b, filePerm); err != nil {
					t.Fatal(err)
				}
				at := at // where it was changed
				for b[at] == s.files[file][at] {
					at++
				}
				k := s.framesBefore(file, at)
				if k >= s.known && (d.name == "zeroed to the end" || k >= len(s.ends)-1) {
					s.wantRecovered(t, dir, k)
					s.files.write(t, dir)
				} else {
					s.wantRefused(t, dir, file, at)
				}
				if t.Failed() {
					t.Fatalf("%s: %s:%d", d.name, file, at)
				}
			}
		}
		if err := os.WriteFile(path, []byte(s.files[file]), filePerm); err != nil {
			t.Fatal(err)
		}
	}
	// All the refused ones together have left no trace.
	wantUnchanged(t, dir, s.files)
}

// All eight bits of every byte, through the read-only scan alone.
func TestEveryBitFlipped(t *testing.T) {
	s := newSample(t)
	dir := dataDir(fastDir(t))
	s.files.write(t, dir)
	seed := frameSeed(testIdentity.Incarnation)
	for _, file := range s.names {
		path := dir.path(file)
		for bit := range 8 * len(s.files[file]) {
			b := []byte(s.files[file])
			b[bit/8] ^= 1 << (bit % 8)
			if err := os.WriteFile(path, b, filePerm); err != nil {
				t.Fatal(err)
			}
			got, err := scanSegments(dir, seed)
			k := s.framesBefore(file, bit/8)
			if k < len(s.ends)-1 {
				wantCorrupt(t, err)
			} else if err != nil || got.torn == nil || got.segments.tail().next() != uint64(k+1) {
				t.Fatalf("%s bit %d: %+v, %v", file, bit, got, err)
			}
		}
		if err := os.WriteFile(path, []byte(s.files[file]), filePerm); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEveryOffsetCut(t *testing.T) {
	s := newSample(t)
	dir := dataDir(fastDir(t))
	for _, file := range s.names {
		for at := range len(s.files[file]) {
			fs := s.files.clone()
			fs[file] = fs[file][:at]
			fs.write(t, dir)
			if k := s.framesBefore(file, at); k >= s.known {
				s.wantRecovered(t, dir, k)
				continue
			}
			_, _, err := Open(dir, testIdentity, small)
			wantCorrupt(t, err)
		}
	}
}

func TestTornTailIsKeptAside(t *testing.T) {
	s := newSample(t)
	dir := dataDir(fastDir(t))
	fs := s.files.clone()
	k := len(s.ends) - 1
	start := s.ends[k-1].end
	cut := strings.TrimRight(fs[s.last()][start:s.end()-12], "\x00")
	fs[s.last()] = fs[s.last()][:start] + cut + string(make([]byte, 100))
	fs.write(t, dir)
	_, rec := mustOpen(t, dir, small)
	wantState(t, rec, s.states[k].HardState, s.states[k].Entries)
	if got, err := os.ReadFile(rec.TornFile); err != nil || string(got) != cut || rec.TornBytes != int64(len(cut)) {
		t.Errorf("TornFile %q holds %q (%v), TornBytes is %d, want %q", rec.TornFile, got, err, rec.TornBytes, cut)
	}
}

// What lies behind the frames of a closed log is no frame that a crash has torn,
// but it does not stay either.
func TestJunkBehindAClosedLog(t *testing.T) {
	dir := newDir(t)
	l, _ := mustOpen(t, dir, small)
	mustAppend(t, l, write(raft.HardState{Term: 1}, entries(1, 1, 1)...))
	tail := dir.path(segmentsName, l.segments.tail().name())
	mustClose(t, l)
	appendBytes(t, tail, []byte("junk"))
	l, rec := mustOpen(t, dir, small)
	if rec.Clean || rec.TornBytes == 0 {
		t.Errorf("recovered %+v", rec)
	}
	mustAppend(t, l, write(raft.HardState{Term: 1}, entries(2, 2, 1)...))
	crash(l)
	_, rec = mustOpen(t, dir, small)
	wantState(t, rec, raft.HardState{Term: 1}, entries(1, 2, 1))
	if rec.TornBytes > 0 {
		t.Errorf("the junk is still there: %+v", rec)
	}
}

func TestTornFilesAreBounded(t *testing.T) {
	dir := newDir(t)
	for i := uint64(1); i <= 3*maxTornFiles; i++ {
		l, _ := mustOpen(t, dir, small)
		mustAppend(t, l, write(raft.HardState{Term: i}))
		tail := dir.path(segmentsName, l.segments.tail().name())
		crash(l)
		appendBytes(t, tail, []byte("torn"))
		_, rec := mustOpenCrash(t, dir)
		if _, err := os.Stat(rec.TornFile); err != nil {
			t.Fatal(err)
		}
	}
	names, err := os.ReadDir(dir.path(tornName))
	if err != nil || len(names) != maxTornFiles {
		t.Errorf("%d torn files, want %d (%v)", len(names), maxTornFiles, err)
	}
}

func mustOpenCrash(t *testing.T, dir Dir) (*Log, Recovered) {
	t.Helper()
	l, rec := mustOpen(t, dir, small)
	crash(l)
	return l, rec
}

func appendBytes(t *testing.T, path string, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	f.Close()
}

func TestZeroFilledTails(t *testing.T) {
	s := newSample(t)
	dir := dataDir(fastDir(t))
	for _, n := range []int{1, 2, 7, 24, 100, 4096, 70000} {
		fs := s.files.clone()
		fs[s.last()] += string(make([]byte, n))
		fs.write(t, dir)
		s.wantRecovered(t, dir, len(s.ends))

		// Segments that are not the last end in zeros when they were to be larger.
		fs = s.files.clone()
		fs[s.names[0]] += string(make([]byte, n))
		fs.write(t, dir)
		s.wantRecovered(t, dir, len(s.ends))

		fs[s.names[0]] += "x"
		fs.write(t, dir)
		s.wantRefused(t, dir, s.names[0], len(s.files[s.names[0]]))
	}
}

// A frame of the same log inside a torn one, as happens to who stores a log as a
// value, is not taken for a frame: unless it carries the same seed.
func TestFramesOfOtherLogsInATornTail(t *testing.T) {
	s := newSample(t)
	dir := dataDir(fastDir(t))
	next := uint64(len(s.ends) + 1)
	for _, tt := range []struct {
		name        string
		incarnation uint64
		seq         uint64
		torn        bool
	}{
		{"another directory", testIdentity.Incarnation + 1, next + 1, true},
		{"older", testIdentity.Incarnation, next - 1, true},
		{"same", testIdentity.Incarnation, next, false},
		{"later", testIdentity.Incarnation, next + 1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := appendHardState(beginFrame(nil), raft.HardState{Term: 9})
			sealFrame(f, frameSeed(tt.incarnation), tt.seq)
			fs := s.files.clone()
			fs[s.last()] += "torn" + string(f) + "more"
			fs.write(t, dir)
			if tt.torn {
				s.wantRecovered(t, dir, len(s.ends))
			} else {
				s.wantRefused(t, dir, s.last(), len(s.files[s.last()]))
			}
		})
	}
}

func TestMissingAndStrayFiles(t *testing.T) {
	s := newSample(t)
	segmentAt := func(first uint64) string {
		return filepath.Join(segmentsName, segment{first: first}.name())
	}
	tests := []struct {
		name    string
		change  func(files)
		refused string // the file to be named; "" = opens
	}{
		{"first segment missing", func(f files) { delete(f, s.names[0]) }, s.names[1]},
		{"middle segment missing", func(f files) { delete(f, s.names[1]) }, s.names[2]},
		{"last segment missing", func(f files) { delete(f, s.last()) }, s.names[len(s.names)-2]},
		{"all segments missing", func(f files) {
			for _, n := range s.names {
				delete(f, n)
			}
		}, highWaterName},
		{"high-water file missing", func(f files) { delete(f, highWaterName) }, highWaterName},
		{"high-water file empty", func(f files) { f[highWaterName] = "" }, highWaterName},
		{"identity missing", func(f files) { delete(f, identityName) }, identityName},
		{"segment renamed", func(f files) { f[segmentAt(2)] = f[s.names[1]]; delete(f, s.names[1]) }, segmentAt(2)},
		{"segment copied over another", func(f files) { f[s.names[2]] = f[s.names[1]] }, s.names[2]},
		{"segment number 0", func(f files) { f[segmentAt(0)] = "" }, segmentAt(0)},
		{"stray empty segment", func(f files) { f[segmentAt(3)] = "" }, segmentAt(3)},
		{"stray later segment", func(f files) { f[segmentAt(999)] = "" }, s.last()},
		{"interrupted rewrite", func(f files) { f[s.last()+tempSuffix] = "junk" }, ""},
		{"interrupted high-water file", func(f files) { f[highWaterName+tempSuffix] = "junk" }, ""},
		{"other names", func(f files) { f["wal/README"] = "x"; f["wal/00000000000000000001.bak"] = "x"; f["notes"] = "" }, ""},
	}
	dir := dataDir(fastDir(t))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fs := s.files.clone()
			tt.change(fs)
			fs.write(t, dir)
			if tt.refused == "" {
				s.wantRecovered(t, dir, len(s.ends))
				for name := range readFiles(t, dir.Path) {
					if strings.HasSuffix(name, tempSuffix) {
						t.Errorf("%s is still there", name)
					}
				}
				return
			}
			before := readFiles(t, dir.Path)
			_, _, err := Open(dir, testIdentity, small)
			if damage := wantCorrupt(t, err); damage.File != dir.path(tt.refused) {
				t.Errorf("%v, want %s to be named", err, tt.refused)
			}
			wantUnchanged(t, dir, before)
		})
	}
}

func TestFirstSegmentOfVotesMissing(t *testing.T) {
	dir := newDir(t)
	l, _ := mustOpen(t, dir, small)
	for i := uint64(1); i <= 20; i++ {
		mustAppend(t, l, write(raft.HardState{Term: i}))
	}
	first := dir.path(segmentsName, l.segments[0].name())
	crash(l)
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	_, _, err := Open(dir, testIdentity, small)
	wantCorrupt(t, err)
}

// Another log under the same HIGHWATER, as long but of lower terms.
func TestOlderTermThanWasDurable(t *testing.T) {
	dir := newDir(t)
	l, _ := mustOpen(t, dir, small)
	mustAppend(t, l, write(raft.HardState{Term: 5}))
	mustClose(t, l)
	if err := (highWater{Seq: 1, Term: 6}).store(dir); err != nil {
		t.Fatal(err)
	}
	_, _, err := Open(dir, testIdentity, small)
	wantCorrupt(t, err)
}

// After a clean close nothing can be torn, so a log that lacks a frame was damaged.
func TestEveryCutOfAClosedLogIsRefused(t *testing.T) {
	dir := newDir(t)
	l, _ := mustOpen(t, dir, small)
	mustAppend(t, l, write(raft.HardState{Term: 1}, entries(1, 2, 1)...))
	mustAppend(t, l, write(raft.HardState{Term: 1}, entries(3, 3, 1)...))
	end := int(l.segments.tail().bytes)
	mustClose(t, l)
	fs := readFiles(t, dir.Path)
	name := filepath.Join(segmentsName, segment{first: 1}.name())
	for at := range len(fs[name]) {
		cut := fs.clone()
		cut[name] = cut[name][:at]
		cut.write(t, dir)
		if at >= end { // only zeros are gone
			_, rec := mustOpenCrash(t, dir)
			wantState(t, rec, raft.HardState{Term: 1}, entries(1, 3, 1))
			continue
		}
		_, _, err := Open(dir, testIdentity, small)
		wantCorrupt(t, err)
	}
}

// Frames whose checksums hold but whose content cannot be: a bug or an edit.
func TestImpossibleFrames(t *testing.T) {
	entry := func(index, term uint64) func([]byte) []byte {
		return func(b []byte) []byte { return appendEntry(b, &raft.Entry{Index: index, Term: term}) }
	}
	hard := func(term, commit uint64) func([]byte) []byte {
		return func(b []byte) []byte { return appendHardState(b, raft.HardState{Term: term, Commit: commit}) }
	}
	raw := func(p ...byte) func([]byte) []byte { return func(b []byte) []byte { return append(b, p...) } }
	tests := []struct {
		name    string
		reason  string
		records []func([]byte) []byte
	}{
		{"index gap", "entry 7 follows entry 5", []func([]byte) []byte{entry(7, 3), hard(3, 0)}},
		{"index 0", "index 0", []func([]byte) []byte{entry(0, 3), hard(3, 0)}},
		{"entry term back", "has term 2 after term 3", []func([]byte) []byte{entry(6, 2), hard(3, 0)}},
		{"entry term ahead", "under hard state", []func([]byte) []byte{entry(6, 4), hard(3, 0)}},
		{"term back", "term went back", []func([]byte) []byte{hard(2, 0)}},
		{"commit ahead", "commit index 6", []func([]byte) []byte{hard(3, 6)}},
		{"no hard state", "without hard state", []func([]byte) []byte{entry(6, 3)}},
		{"unknown record", "unknown record", []func([]byte) []byte{raw(9, 0, 0, 0, 0)}},
		{"record cut", "cut short", []func([]byte) []byte{hard(3, 0), raw(1, 200, 0, 0, 0)}},
		{"record header cut", "cut short", []func([]byte) []byte{hard(3, 0), raw(1, 0)}},
		{"short hard state", "wrong length", []func([]byte) []byte{raw(1, 1, 0, 0, 0, 0)}},
		{"short entry", "wrong length", []func([]byte) []byte{raw(2, 1, 0, 0, 0, 0)}},
		{"bad mark", "snapshot mark", []func([]byte) []byte{raw(3, 17, 0, 0, 0), raw(make([]byte, 17)...)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := newDir(t)
			l, _ := mustOpen(t, dir, small)
			mustAppend(t, l, write(raft.HardState{Term: 3}, entries(1, 5, 3)...))
			if err := l.beginFrame(); err != nil {
				t.Fatal(err)
			}
			for _, add := range tt.records {
				l.frame = add(l.frame)
			}
			sealFrame(l.frame, l.seed, l.seq+1)
			if err := l.writeFrame(&AppendStats{}); err != nil {
				t.Fatal(err)
			}
			crash(l)
			_, _, err := Open(dir, testIdentity, small)
			if wantCorrupt(t, err); !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("%v, want %q", err, tt.reason)
			}
		})
	}
}

// A later program's last frame is not a torn one.
func TestFrameOfAnotherVersion(t *testing.T) {
	for at := 12; at < 14; at++ {
		dir := newDir(t)
		l, _ := mustOpen(t, dir, small)
		mustAppend(t, l, write(raft.HardState{Term: 1}))
		path := dir.path(segmentsName, l.segments.tail().name())
		seed, end := l.seed, l.segments.tail().bytes
		crash(l)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f := b[:end]
		f[at]++
		binary.LittleEndian.PutUint16(f[14:], headerCheck(f, seed))
		binary.LittleEndian.PutUint32(f[4:], crc32.Update(seed, castagnoli, f[8:]))
		if err := os.WriteFile(path, b, filePerm); err != nil {
			t.Fatal(err)
		}
		_, _, err = Open(dir, testIdentity, small)
		if wantCorrupt(t, err); !strings.Contains(err.Error(), "frame of version") {
			t.Error(err)
		}
	}
}
