package wal

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"redoubt/raft"
)

func fullDiskCommand(t *testing.T) *exec.Cmd {
	cmd := child("full-disk", Dir{Path: t.TempDir()})
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	return cmd
}

// childFullDisk fills a file system under an open log and checks that the log
// stops, that the next life finds room in the ballast, and that it lost nothing.
func childFullDisk(mount Dir) {
	if err := unix.Mount("tmpfs", mount.Path, "tmpfs", 0, "size=40m"); err != nil {
		fmt.Println("skip", "mount:", err)
		return
	}
	dir := dataDir(mount.Path)
	fatal(dir.CreateIdentity(testIdentity))
	o := Options{SegmentBytes: 64 << 10, BallastBytes: 1 << 20}
	l, _, err := Open(dir, testIdentity, o)
	fatal(err)
	filler, err := os.Create(mount.path("filler"))
	fatal(err)
	free, err := dir.FreeBytes()
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
	if _, err := os.Stat(dir.path(ballastName)); err != nil {
		fatal(err)
	}
	l, rec, err := Open(dir, testIdentity, o)
	fatal(err)
	if n := uint64(len(rec.Entries)); n < last || n > last+1 {
		fatal(fmt.Errorf("recovered %d entries, durable were %d", n, last))
	}
	last = uint64(len(rec.Entries))
	if _, err := os.Stat(dir.path(ballastName)); err == nil {
		fatal(errors.New("the ballast is still there, so the disk was not full"))
	}
	// The room it left is enough to take a snapshot and go on.
	w, err := dir.CreateSnapshot(raft.SnapshotMeta{Index: last, Term: 1, Config: testConfig}, 1)
	fatal(err)
	fatal(w.Write(make([]byte, 300<<10)))
	_, err = w.Commit()
	fatal(err)
	before, _ := dir.FreeBytes()
	fatal(l.Compact(last))
	if after, _ := dir.FreeBytes(); after <= before {
		fatal(fmt.Errorf("compaction freed nothing: %d bytes, %d before", after, before))
	}
	_, err = l.Append([]raft.Write{write(raft.HardState{Term: 2}, entries(last+1, last+9, 2)...)})
	fatal(err)
	fatal(l.Close())
	fmt.Println("ok")
}
