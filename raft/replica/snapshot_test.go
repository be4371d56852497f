package replica

import (
	"reflect"
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

// snapshotIn is the snapshot that is to be made, and its attempt.
func snapshotIn(fx Effects) (meta *raft.SnapshotMeta, run uint64) {
	for _, item := range fx.Apply {
		if item.Snapshot != nil {
			return item.Snapshot, item.Run
		}
	}
	return nil, 0
}

// A snapshot has the configuration in force at its index. The log may have a
// later one already, which can still be cut off.
func TestSnapshotHasTheConfigurationAtItsIndex(t *testing.T) {
	later := members(3)
	later.Members[2].Role = raft.Learner
	m := machineOf(raft.State{
		HardState: raft.HardState{Term: 2, Commit: 11},
		Snapshot:  raft.SnapshotMeta{Index: 10, Term: 1, Config: members(3)},
		Entries: []raft.Entry{
			{Index: 11, Term: 2, Type: raft.EntryCommand, Data: fsm.AppendEntry(nil, nil)},
			{Index: 12, Term: 2, Type: raft.EntryConfig, Data: later.Append(nil)},
		},
	})
	for _, want := range []struct {
		index  uint64
		config raft.Configuration
	}{{11, members(3)}, {12, later}} {
		hear(m, "n2", 2, raft.Message{Type: raft.MsgHeartbeat, Commit: want.index, LogTerm: 2})
		rest(m)
		m.snapshot.wanted = true
		meta, run := snapshotIn(rest(m))
		if meta == nil || meta.Index != want.index || !reflect.DeepEqual(meta.Config, want.config) {
			t.Fatalf("the snapshot at %d is of %+v", want.index, meta)
		}
		m.SnapshotDone(run, *meta, 100, true)
	}
}

// The end of a snapshot that was being written when another one was installed
// says nothing about the state as it is now.
func TestEndOfAnOvertakenSnapshotIsIgnored(t *testing.T) {
	m := machineOf(raft.State{
		HardState: raft.HardState{Term: 1, Commit: 11},
		Snapshot:  raft.SnapshotMeta{Index: 10, Term: 1, Config: members(3)},
		Entries:   []raft.Entry{{Index: 11, Term: 1, Type: raft.EntryNoOp}},
	})
	rest(m)
	m.snapshot.wanted = true
	old, oldRun := snapshotIn(rest(m))
	if old == nil || old.Index != 11 {
		t.Fatalf("the first snapshot is %+v", old)
	}
	hear(m, "n2", 1, raft.Message{Type: raft.MsgSnapshot, Snapshot: &raft.SnapshotMeta{Index: 20, Term: 1, Config: members(3)}})
	rest(m)
	hear(m, "n2", 1, raft.Message{
		Type: raft.MsgAppend, LogIndex: 20, LogTerm: 1, Commit: 21, Entries: []raft.Entry{{Index: 21, Term: 1, Type: raft.EntryNoOp}},
	})
	rest(m)
	m.snapshot.wanted = true
	next, nextRun := snapshotIn(rest(m))
	if next == nil || next.Index != 21 {
		t.Fatalf("the snapshot after the installed one is %+v", next)
	}

	m.SnapshotDone(oldRun, *old, 100, true)
	if got := m.snapshot.meta.Index; got != 20 {
		t.Errorf("the newest snapshot is that of %d, want 20", got)
	}
	m.snapshot.wanted = true
	if another, _ := snapshotIn(rest(m)); another != nil {
		t.Errorf("a snapshot at %d begins while one is running", another.Index)
	}
	m.SnapshotDone(nextRun, *next, 100, true)
	if got := m.snapshot.meta.Index; got != 21 {
		t.Errorf("the newest snapshot is that of %d, want 21", got)
	}
}
