package wal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"redoubt/raft"
)

// Tests that need a process to die or to be starved run this binary again, as
// one of the children in crash_test.go.
const childEnv = "WAL_TEST_CHILD"

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		children[name](Dir{Path: os.Args[1], FS: OS()})
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var testConfig = raft.Configuration{
	Members: []raft.Member{
		{ID: "n1", Role: raft.Voter, Addr: "127.0.0.1:7001", PeerAddr: "127.0.0.1:17001", Incarnation: 7},
		{ID: "n2", Role: raft.Learner, Addr: "127.0.0.1:7002", PeerAddr: "127.0.0.1:17002"},
	},
	Removed: []raft.NodeID{"n0"},
}

var testIdentity = Identity{
	ClusterID:   "0123456789abcdef0123456789abcdef",
	NodeID:      "n1",
	Incarnation: 7,
	Bootstrap:   testConfig,
}

// small makes a few frames fill a segment.
var small = Options{SegmentBytes: 400, BallastBytes: -1}

// fastDir is a temporary directory in memory where there is one: thousands of
// recoveries are about bytes, not about fsync.
func fastDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "wal")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// dataDir is the data directory in parent.
func dataDir(parent string) Dir { return Dir{Path: filepath.Join(parent, "data"), FS: OS()} }

func newDir(t testing.TB) Dir {
	t.Helper()
	dir := dataDir(fastDir(t))
	if err := dir.CreateIdentity(testIdentity); err != nil {
		t.Fatal(err)
	}
	return dir
}

func mustOpen(t testing.TB, dir Dir, o Options) (*Log, Recovered) {
	t.Helper()
	l, rec, err := Open(dir, testIdentity, o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { crash(l) })
	return l, rec
}

func mustAppend(t testing.TB, l *Log, ws ...raft.Write) AppendStats {
	t.Helper()
	st, err := l.Append(ws)
	if err != nil {
		t.Fatalf("Append: %v", err)
	}
	return st
}

func mustClose(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

// crash lets go of the log as the end of its process would.
func crash(l *Log) {
	if !errors.Is(l.err, ErrClosed) {
		l.err = ErrClosed
		l.file.Close()
		l.lock.Close()
	}
}

// content is what the test's entries hold: different for each index and term.
func content(index, term uint64) []byte {
	return append(fmt.Appendf(nil, "%d/%d ", index, term), bytes.Repeat([]byte{byte(index)}, int(index%29))...)
}

func entries(from, to, term uint64) []raft.Entry {
	var es []raft.Entry
	for i := from; i <= to; i++ {
		es = append(es, raft.Entry{Index: i, Term: term, Type: raft.EntryCommand, Data: content(i, term)})
	}
	return es
}

func write(h raft.HardState, es ...raft.Entry) raft.Write {
	return raft.Write{HardState: h, Entries: es, MustSync: true}
}

func writeSnapshot(t testing.TB, dir Dir, meta raft.SnapshotMeta, payload []byte) SnapshotFile {
	t.Helper()
	w, err := dir.CreateSnapshot(meta, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(payload); err != nil {
		t.Fatal(err)
	}
	f, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func wantState(t rapid.TB, rec Recovered, h raft.HardState, es []raft.Entry) {
	t.Helper()
	if rec.HardState != h {
		t.Errorf("recovered hard state %+v, want %+v", rec.HardState, h)
	}
	if len(rec.Entries) != len(es) {
		t.Fatalf("recovered %d entries, want %d", len(rec.Entries), len(es))
	}
	for i, e := range rec.Entries {
		if w := es[i]; e.Index != w.Index || e.Term != w.Term || e.Type != w.Type || !bytes.Equal(e.Data, w.Data) {
			t.Fatalf("recovered entry %d/%d %q, want %d/%d %q", e.Index, e.Term, e.Data, w.Index, w.Term, w.Data)
		}
	}
}

func wantCorrupt(t testing.TB, err error) *CorruptError {
	t.Helper()
	var damage *CorruptError
	if !errors.As(err, &damage) {
		t.Fatalf("error is %v, want a CorruptError", err)
	}
	if damage.File == "" || damage.Reason == "" || damage.Offset < 0 {
		t.Fatalf("CorruptError does not say what is wrong: %+v", damage)
	}
	return damage
}

// files is the content of a directory tree, to copy it and to see changes.
type files map[string]string

func readFiles(t rapid.TB, dir string) files {
	t.Helper()
	fs := files{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		fs[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return fs
}

func (fs files) write(t rapid.TB, dir Dir) {
	t.Helper()
	if err := os.RemoveAll(dir.Path); err != nil {
		t.Fatal(err)
	}
	for name, content := range fs {
		path := dir.path(name)
		if err := os.MkdirAll(filepath.Dir(path), dirPerm); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), filePerm); err != nil {
			t.Fatal(err)
		}
	}
}

func (fs files) clone() files {
	c := files{}
	for name, content := range fs {
		c[name] = content
	}
	return c
}

func wantUnchanged(t testing.TB, dir Dir, before files) {
	t.Helper()
	if after := readFiles(t, dir.Path); !reflect.DeepEqual(after, before) {
		t.Fatal("a refused directory was changed")
	}
}
