package wal

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"redoubt/raft"
)

func fullDiskCommand(t *testing.T) *exec.Cmd {
	cmd := child("full-disk", t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	return cmd
}

// childFullDisk fills a file system under an open log and checks that the log
// stops, that the next life finds room in the ballast, and that it lost nothing.
func childFullDisk(mount string) {
	if err := unix.Mount("tmpfs", mount, "tmpfs", 0, "size=40m"); err != nil {
		fmt.Println("skip", "mount:", err)
		return
	}
	dir := filepath.Join(mount, "data")
	fatal(CreateIdentity(dir, testIdentity))
	o := Options{SegmentBytes: 64 << 10, BallastBytes: 1 << 20}
	l, _, err := Open(dir, testIdentity, o)
	fatal(err)
	filler, err := os.Create(filepath.Join(mount, "filler"))
	fatal(err)
	free, err := FreeBytes(dir)
	fatal(err)
	fatal(fillZero(filler, int64(free)-200<<10))
	last, err := appendUntilError(l, 0)
	if !errors.Is(err, ErrPoisoned) || !errors.Is(err, unix.ENOSPC) {
		fatal(fmt.Errorf("Append on a full disk: %v", err))
	}
	if err := l.Close(); !errors.Is(err, ErrPoisoned) {
		fatal(fmt.Errorf("Close: %v", err))
	}
	for fillZero(filler, 4096) == nil { // not even the torn frame's pages are left
	}
	if _, err := os.Stat(filepath.Join(dir, ballastName)); err != nil {
		fatal(err)
	}
	l, rec, err := Open(dir, testIdentity, o)
	fatal(err)
	if n := uint64(len(rec.Entries)); n < last || n > last+1 {
		fatal(fmt.Errorf("recovered %d entries, durable were %d", n, last))
	}
	last = uint64(len(rec.Entries))
	if _, err := os.Stat(filepath.Join(dir, ballastName)); err == nil {
		fatal(errors.New("the ballast is still there, so the disk was not full"))
	}
	// The room it left is enough to take a snapshot and go on.
	w, err := CreateSnapshot(dir, raft.SnapshotMeta{Index: last, Term: 1, Config: testConfig})
	fatal(err)
	fatal(w.Write(make([]byte, 300<<10)))
	_, err = w.Commit()
	fatal(err)
	before, _ := FreeBytes(dir)
	fatal(l.Compact(last))
	if after, _ := FreeBytes(dir); after <= before {
		fatal(fmt.Errorf("compaction freed nothing: %d bytes, %d before", after, before))
	}
	_, err = l.Append([]raft.Write{write(raft.HardState{Term: 2}, entries(last+1, last+9, 2)...)})
	fatal(err)
	fatal(l.Close())
	fmt.Println("ok")
}
