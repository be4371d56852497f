package sim

import (
	"math/rand/v2"
	"strings"
	"testing"

	"redoubt/raft"
	"redoubt/wal"
)

// The power goes in the middle of a recovery, at each of its operations: what the
// disk keeps is the old cluster's node as it was, or the only one of the new.
func TestPowerCutDuringARecovery(t *testing.T) {
	config := raft.Configuration{Members: []raft.Member{
		{ID: "n1", Role: raft.Voter, Incarnation: 7}, {ID: "n2", Role: raft.Voter, Incarnation: 8}, {ID: "n3", Role: raft.Voter, Incarnation: 9},
	}}
	old := wal.Identity{ClusterID: strings.Repeat("a", 32), NodeID: "n3", Incarnation: 9, Bootstrap: config}
	alone, err := config.Alone(config.Members[2])
	if err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	recovered, kept := 0, 0
	for cutIn, done := 1, false; !done; cutIn++ {
		for range 3 {
			d := newDisk(rng)
			d.capacity = wal.ReserveBytes // no room for a ballast, which would take the time
			dir := wal.Dir{Path: "/data", FS: d}
			leaveLog(t, dir, old)
			d.release()
			_, seen := mustInspect(t, dir)
			d.cutIn = cutIn
			done = !cutShort(func() {
				if _, err := dir.Recover(seen, strings.Repeat("b", 32), alone); err != nil {
					t.Fatal(err)
				}
			})
			d.cut()
			id, rec := mustInspect(t, dir)
			want := raft.HardState{Term: 3, Vote: "n1", Commit: 4}
			last := uint64(6)
			if id.ClusterID != old.ClusterID {
				want, last = raft.HardState{Term: 4, Vote: "n3", Commit: 7}, 7
				recovered++
			} else {
				kept++
			}
			log, opened, err := wal.Open(dir, id, wal.Options{SegmentBytes: 4 << 10})
			if err != nil {
				t.Fatalf("cut at operation %d: %v", cutIn, err)
			}
			for _, got := range []wal.Recovered{rec, opened} {
				if got.HardState != want || uint64(len(got.Entries)) != last {
					t.Fatalf("cut at operation %d: cluster %s, %+v and %d entries", cutIn, id.ClusterID, got.HardState, len(got.Entries))
				}
			}
			if done && id.ClusterID == old.ClusterID {
				t.Fatal("a recovery that had ended is lost")
			}
			if err := log.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if recovered == 0 || kept == 0 {
		t.Fatalf("%d recovered, %d as before: both have to occur", recovered, kept)
	}
}

// leaveLog writes six entries, of which four are known to be committed.
func leaveLog(t *testing.T, dir wal.Dir, id wal.Identity) {
	t.Helper()
	if err := dir.CreateIdentity(id); err != nil {
		t.Fatal(err)
	}
	log, _, err := wal.Open(dir, id, wal.Options{SegmentBytes: 4 << 10})
	if err != nil {
		t.Fatal(err)
	}
	for i := uint64(1); i <= 6; i++ {
		e := raft.Entry{Index: i, Term: 3, Type: raft.EntryCommand, Data: []byte("x")}
		w := raft.Write{HardState: raft.HardState{Term: 3, Vote: "n1", Commit: min(i, 4)}, Entries: []raft.Entry{e}, MustSync: true}
		if _, err := log.Append([]raft.Write{w}); err != nil {
			t.Fatal(err)
		}
	}
}

func mustInspect(t *testing.T, dir wal.Dir) (wal.Identity, wal.Recovered) {
	t.Helper()
	id, rec, err := dir.Inspect()
	if err != nil {
		t.Fatal(err)
	}
	return id, rec
}

// cutShort reports whether the power went while f ran.
func cutShort(f func()) (cut bool) {
	defer func() {
		if p := recover(); p != nil {
			if _, cut = p.(powerCut); !cut {
				panic(p)
			}
		}
	}()
	f()
	return false
}
