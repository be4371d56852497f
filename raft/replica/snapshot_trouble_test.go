package replica

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"redoubt/raft"
	"redoubt/wal"
)

// troubledFS is a disk without room: for new snapshots, until the ballast is gone, or
// for those that come in.
type troubledFS struct {
	wal.FS
	full  atomic.Pointer[error] // what the making of a snapshot is answered with
	tries atomic.Int64          // to make one
	free  atomic.Uint64         // bytes; 0: what there is
}

func (f *troubledFS) OpenFile(path string, flag int, perm fs.FileMode) (wal.File, error) {
	if strings.HasSuffix(path, ".snap.tmp") {
		f.tries.Add(1)
		if err := f.full.Load(); err != nil {
			return nil, &fs.PathError{Op: "open", Path: path, Err: *err}
		}
	}
	return f.FS.OpenFile(path, flag, perm)
}

func (f *troubledFS) Remove(path string) error {
	if filepath.Base(path) == "BALLAST" {
		f.full.Store(nil)
	}
	return f.FS.Remove(path)
}

func (f *troubledFS) FreeBytes(path string) (uint64, error) {
	if free := f.free.Load(); free > 0 {
		return free, nil
	}
	return f.FS.FreeBytes(path)
}

// The space of the ballast is for the snapshot that had none: it is made at once.
func TestBallastMakesRoomForASnapshot(t *testing.T) {
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		disk := &troubledFS{FS: wal.OS()}
		g := newGroup(t, 1, func(c *Config) { c.DataDir.FS = disk })
		g.want(0, "+OK\r\n", "SET a 1")
		disk.full.Store(&full)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		if err := g.nodes[0].TakeSnapshot(ctx); err != nil {
			t.Errorf("%v, then the ballast is released: %v, %v", full, err, g.nodes[0].Err())
		}
		cancel()
		if n := disk.tries.Load(); n != 2 {
			t.Errorf("%v: made in %d attempts, want 2", full, n)
		}
	}
}

// Without a ballast there is no point in another try, nor in stopping.
func TestNodeGoesOnWithoutASnapshot(t *testing.T) {
	for _, trouble := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE} {
		disk := &troubledFS{FS: wal.OS()}
		g := newGroup(t, 1, func(c *Config) { c.DataDir.FS = disk })
		g.want(0, "+OK\r\n", "SET a 1")
		n := g.nodes[0]
		if err := n.config.DataDir.ReleaseBallast(); err != nil {
			t.Fatal(err)
		}
		disk.full.Store(&trouble)
		n.inbox.push(event{kind: evSnapshotWanted})
		for disk.tries.Load() == 0 || n.Status().SnapshotRunning {
		}
		g.want(0, "+OK\r\n", "SET a 2")
		if tries := disk.tries.Load(); tries != 1 || n.Err() != nil {
			t.Errorf("%v: %d attempts, %v", trouble, tries, n.Err())
		}
		disk.full.Store(nil)
		if err := n.TakeSnapshot(t.Context()); err != nil {
			t.Errorf("after %v: %v", trouble, err)
		}
	}
}

func TestSnapshotPauses(t *testing.T) {
	p := snapshotPauses{last: map[raft.NodeID]time.Duration{}}
	const ms = time.Millisecond
	for i, want := range []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 5000 * ms, 5000 * ms} {
		if got := p.after("n2", false); got != want {
			t.Errorf("after %d failures: %v, want %v", i+1, got, want)
		}
	}
	if got := p.after("n3", false); got != 100*ms {
		t.Errorf("another follower waits for %v", got)
	}
	if got := p.after("n2", true); got != 0 {
		t.Errorf("after a success: %v", got)
	}
	if got := p.after("n2", false); got != 100*ms {
		t.Errorf("after a success and a failure: %v", got)
	}
}

// A follower without room is offered the snapshot less and less often, and has it
// when there is room again.
func TestFollowerWithoutRoomIsNotPestered(t *testing.T) {
	disk := &troubledFS{FS: wal.OS()}
	g, regs := measured(t, 3, func(c *Config) { c.SnapshotBytes = 20_000 })
	g.want(0, "+OK\r\n", "SET a 1")
	down := (g.leader() + 1) % 3
	up := (down + 1) % 3
	g.close(down)
	for g.nodes[g.leader()].Status().FirstIndex < 200 {
		g.do(up, "SET k "+strings.Repeat("x", 100), "INCR n")
	}
	n := g.do(up, "GET n")
	disk.free.Store(wal.ReserveBytes)
	g.dirs[down].FS = disk
	refused := func() (most float64) { // by one leader: another begins anew
		for i, node := range g.nodes {
			if i != down && node != nil {
				most = max(most, figure(t, regs[g.config.Members[i].ID], "redoubt_raft_snapshots_total", "send error"))
			}
		}
		return most
	}
	before := time.Now()
	g.open(down)
	for refused() < 4 {
	}
	if took := time.Since(before); took < 700*time.Millisecond {
		t.Errorf("four offers within %v", took)
	}
	disk.free.Store(0)
	g.want(down, n, "GET n")
}

// A snapshot's age is that of its file, whatever the process has lived through and
// the wall clock says.
func TestSnapshotIsDueByItsAge(t *testing.T) {
	g := newGroup(t, 1, func(c *Config) { c.SnapshotInterval = time.Hour })
	g.want(0, "+OK\r\n", "SET a 1")
	if err := g.nodes[0].TakeSnapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	old := g.nodes[0].Status().SnapshotIndex
	g.close(0)
	file, _, err := g.dirs[0].LatestSnapshot()
	if err != nil {
		t.Fatal(err)
	}
	then := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(file.Path, then, then); err != nil {
		t.Fatal(err)
	}
	g.open(0)
	g.want(0, "+OK\r\n", "SET a 2")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := g.nodes[0].await(ctx, func(s *Status) bool { return s.SnapshotIndex > old }); err != nil {
		t.Errorf("no snapshot after one of two hours ago: %v", err)
	}

	m := newAlone(t)
	m.limits.SnapshotAgeMs = 1000
	m.want("SET a 1", "+OK\r\n")
	m.NowMs += 1_000_000 // somebody sets the clock
	if meta, _ := snapshotIn(rest(m.Machine)); meta != nil {
		t.Error("the wall clock made a snapshot due")
	}
	m.UpMs += 1000
	if meta, _ := snapshotIn(rest(m.Machine)); meta == nil {
		t.Error("a second made no snapshot due")
	}
}

// What was given up on purpose is no failure.
func TestDroppedSnapshotIsNoFailure(t *testing.T) {
	g, regs := measured(t, 1, nil)
	g.want(0, "+OK\r\n", "SET a 1")
	n := g.nodes[0]
	run := n.startSnapshot(1<<40, raft.SnapshotMeta{Index: 1, Term: 1, Config: g.config})
	close(run.pieces) // as the applier does
	g.close(0)
	if got := figure(t, regs["n1"], "redoubt_raft_snapshots_total", "create error"); got != 0 {
		t.Errorf("%v failures are counted", got)
	}
}
