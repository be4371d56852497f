package replica

import (
	"testing"

	"redoubt/fsm"
	"redoubt/raft"
	"redoubt/wal"
)

// A snapshot that came in while the one before it waits to be loaded must not
// take its place: the entries between the two are still to be applied.
func TestLoadSnapshotTakesTheOneAskedFor(t *testing.T) {
	dir := wal.Dir{Path: t.TempDir(), FS: wal.OS()}
	config := raft.Configuration{Members: []raft.Member{{ID: "n1", Role: raft.Voter}}}
	store := fsm.New(fsm.Config{})
	metas := map[uint64]raft.SnapshotMeta{}
	for _, index := range []uint64{5, 15, 61} {
		spec, _ := fsm.Resolve([][]byte{[]byte("INCR"), []byte("k")})
		entry := fsm.AppendEntry(nil, []fsm.Command{{Proto: 2, Spec: spec, Args: [][]byte{[]byte("INCR"), []byte("k")}}})
		store.Apply(index, entry, nil)
		metas[index] = raft.SnapshotMeta{Index: index, Term: 2, Config: config}
		w, err := dir.CreateSnapshot(metas[index], index)
		if err != nil {
			t.Fatal(err)
		}
		store.BeginSnapshot()
		for last := false; !last; {
			var piece []byte
			piece, last = store.SnapshotNext(nil, 1000)
			if err := w.Write(piece); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	loaded, err := LoadSnapshot(dir, metas[15], fsm.Config{})
	if err != nil || loaded.Index() != 15 {
		t.Fatalf("loaded index %v, %v; want 15", loaded, err)
	}
	if _, ok, err := dir.Snapshot(5, 2); ok || err != nil {
		t.Errorf("the snapshot before it is still there: %v, %v", ok, err)
	}
	if newest, ok, err := dir.LatestSnapshot(); !ok || err != nil || newest.Meta.Index != 61 {
		t.Errorf("the newest snapshot is %v, %v, %v; want 61", newest.Meta.Index, ok, err)
	}
	if _, err := LoadSnapshot(dir, metas[5], fsm.Config{}); err == nil {
		t.Error("a snapshot that is gone was loaded")
	}
}
