package wal

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"redoubt/raft"
)

var (
	newCluster = strings.Repeat("c", 32)
	aloneNow   = raft.Configuration{Members: testConfig.Members[:1], Removed: []raft.NodeID{"n0", "n2"}}
)

// lostQuorum is the directory of a node whose cluster lost its majority: a
// snapshot, entries behind it of which the last are not known to be committed, and
// a joint configuration among them; the crash has torn the last frame.
func lostQuorum(t testing.TB) (Dir, state) {
	t.Helper()
	dir := newDir(t)
	joint := raft.Configuration{Members: slices.Clone(testConfig.Members), Removed: testConfig.Removed}
	joint.Members[0].Outgoing, joint.Members[1].Role = true, raft.Voter
	h := raft.HardState{Term: 3, Vote: "n2", Commit: 6}
	es := append(entries(1, 9, 3), raft.Entry{Index: 10, Term: 3, Type: raft.EntryConfig, Data: joint.Append(nil)})
	l, _ := mustOpen(t, dir, small)
	for i := range es {
		mustAppend(t, l, write(raft.HardState{Term: 3, Vote: "n2", Commit: min(h.Commit, uint64(i))}, es[i]))
	}
	tail, end := l.segments.tail().name(), l.segments.tail().bytes
	crash(l)
	writeSnapshot(t, dir, meta(4, 3), randomBytes(1000))
	left := readFiles(t, dir.Path)
	left[segmentsName+"/"+tail] = left[segmentsName+"/"+tail][:end] + "torn"
	left.write(t, dir)
	return dir, state{hard: h, snap: 4, entries: es[4:]}
}

func (s state) recovered() state {
	e := raft.Entry{Index: 11, Term: 4, Type: raft.EntryConfig, Data: aloneNow.Append(nil)}
	return state{raft.HardState{Term: 4, Vote: "n1", Commit: 11}, s.snap, append(slices.Clone(s.entries), e)}
}

func mustInspect(t testing.TB, dir Dir) (Identity, Recovered) {
	t.Helper()
	id, rec, err := dir.Inspect()
	if err != nil {
		t.Fatalf("Inspect: %v", err)
	}
	return id, rec
}

// wantRecovered checks that the directory is that of the old cluster as it was, or
// that of the new one with all entries, committed; and which of them.
func wantRecovered(t testing.TB, dir Dir, before state) (isNew bool) {
	t.Helper()
	id, seen := mustInspect(t, dir)
	want := before
	if isNew = id.ClusterID == newCluster; isNew {
		want = before.recovered()
	} else if id.ClusterID != testIdentity.ClusterID || id.Recovery != nil {
		t.Fatalf("neither the old identity nor the new one: %+v", id)
	}
	for range 2 { // the entry is added once
		l, rec, err := Open(dir, id, small)
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		mustClose(t, l)
		for _, got := range []Recovered{seen, rec} {
			if !want.matches(got) {
				t.Fatalf("found %+v with %d entries, want %+v", got.HardState, len(got.Entries), want.hard)
			}
		}
	}
	return isNew
}

func TestRecover(t *testing.T) {
	dir, before := lostQuorum(t)
	left := readFiles(t, dir.Path)
	_, seen := mustInspect(t, dir)
	if !before.matches(seen) || seen.TornBytes != 4 || seen.Clean {
		t.Fatalf("inspected %+v", seen)
	}
	wantUnchanged(t, dir, left)

	id, err := dir.Recover(seen, newCluster, aloneNow)
	if err != nil {
		t.Fatal(err)
	}
	if id.NodeID != "n1" || id.Incarnation != 7 || id.Recovery.FromClusterID != testIdentity.ClusterID {
		t.Errorf("the identity is %+v", id)
	}
	if !wantRecovered(t, dir, before) {
		t.Error("the old identity is still there")
	}
	if _, _, err := Open(dir, testIdentity, small); !errors.Is(err, ErrIdentity) {
		t.Errorf("Open with the old identity: %v", err)
	}

	// Once more, after the new cluster has gone on.
	l, _, err := Open(dir, id, small)
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, write(raft.HardState{Term: 5, Commit: 11}, entries(12, 13, 5)...))
	mustClose(t, l)
	_, seen = mustInspect(t, dir)
	if id, err = dir.Recover(seen, strings.Repeat("d", 32), aloneNow); err != nil {
		t.Fatal(err)
	}
	_, seen = mustInspect(t, dir)
	if want := (raft.HardState{Term: 6, Vote: "n1", Commit: 14}); seen.HardState != want || id.Recovery.FromClusterID != newCluster {
		t.Errorf("recovered twice: %+v of %+v", seen.HardState, id.Recovery)
	}
}

// What was decided on is what is recovered, and only when nobody else is there.
func TestRecoverRefuses(t *testing.T) {
	dir, _ := lostQuorum(t)
	_, seen := mustInspect(t, dir)
	l, _ := mustOpen(t, dir, small)
	left := readFiles(t, dir.Path)
	if _, _, err := dir.Inspect(); !errors.Is(err, ErrLocked) {
		t.Errorf("Inspect of a directory in use: %v", err)
	}
	if _, err := dir.Recover(seen, newCluster, aloneNow); !errors.Is(err, ErrLocked) {
		t.Errorf("Recover of a directory in use: %v", err)
	}
	wantUnchanged(t, dir, left)
	mustAppend(t, l, write(raft.HardState{Term: 3, Vote: "n2", Commit: 6}, entries(11, 11, 3)...))
	mustClose(t, l)
	left = readFiles(t, dir.Path)
	if _, err := dir.Recover(seen, newCluster, aloneNow); !errors.Is(err, ErrChanged) {
		t.Errorf("Recover of a directory that has changed: %v", err)
	}
	_, seen = mustInspect(t, dir)
	if _, err := dir.Recover(seen, "c1", aloneNow); !errors.Is(err, ErrIdentity) {
		t.Errorf("Recover with a bad cluster id: %v", err)
	}
	if _, err := dir.Recover(seen, newCluster, raft.Configuration{Removed: []raft.NodeID{""}}); !errors.Is(err, ErrIdentity) {
		t.Errorf("Recover with a bad configuration: %v", err)
	}
	wantUnchanged(t, dir, left)

	if _, _, err := dataDir(t.TempDir()).Inspect(); !errors.Is(err, ErrIdentity) {
		t.Errorf("Inspect of nothing: %v", err)
	}
	file, _, err := dir.LatestSnapshot()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file.Path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(file.Path, data, filePerm); err != nil {
		t.Fatal(err)
	}
	_, _, err = dir.Inspect()
	wantCorrupt(t, err)
	_, err = dir.Recover(seen, newCluster, aloneNow)
	wantCorrupt(t, err)
}

// noRoom has no space to spare for a ballast, which would take the test's time.
type noRoom struct{ FS }

func (noRoom) FreeBytes(string) (uint64, error) { return 0, nil }

// Every operation of a recovery fails, and with "for ever" all that follow, as
// when the process is killed there. The directory is the old cluster's or the new
// one's, and if it is the old one's the next attempt succeeds.
func TestEveryOperationOfARecoveryFails(t *testing.T) {
	dir, before := lostQuorum(t)
	_, seen := mustInspect(t, dir)
	prepared := readFiles(t, dir.Path)
	full := fmt.Errorf("%w: %w", errShort, unix.ENOSPC)
	for _, fault := range []struct {
		name string
		err  error
		more bool // and all later operations
	}{{"EIO", unix.EIO, false}, {"EIO for ever", unix.EIO, true}, {"full for ever", full, true}} {
		t.Run(fault.name, func(t *testing.T) {
			reached := map[bool]bool{}
			for nth := 1; ; nth++ {
				prepared.write(t, dir)
				n := 0
				watched := Dir{dir.Path, watchedFS{noRoom{OS()}, func(op, path string) error {
					if n++; n == nth || n > nth && fault.more {
						return fault.err
					}
					return nil
				}}}
				_, err := watched.Recover(seen, newCluster, aloneNow)
				isNew := wantRecovered(t, dir, before)
				if n < nth {
					if err != nil || !isNew || !reached[true] || !reached[false] {
						t.Fatalf("undisturbed: %v, new %v; disturbed: %v", err, isNew, reached)
					}
					return
				}
				if err == nil && !isNew {
					t.Fatalf("operation %d of %d: no error, but nothing was recovered", nth, n)
				}
				if reached[isNew] = true; isNew {
					continue
				}
				_, again := mustInspect(t, dir)
				if _, err := dir.Recover(again, newCluster, aloneNow); err != nil || !wantRecovered(t, dir, before) {
					t.Fatalf("operation %d of %d, second attempt: %v", nth, n, err)
				}
			}
		})
	}
}
