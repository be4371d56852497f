package peer

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"redoubt/wal"
)

// faultyFS asks before it opens or locks a file.
type faultyFS struct {
	wal.FS
	before func(op, path string) error
}

func (f faultyFS) OpenFile(path string, flag int, perm fs.FileMode) (wal.File, error) {
	if err := f.before("open", path); err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return f.FS.OpenFile(path, flag, perm)
}

func (f faultyFS) Lock(path string) (io.Closer, error) {
	if err := f.before("lock", path); err != nil {
		return nil, &fs.PathError{Op: "lock", Path: path, Err: err}
	}
	return f.FS.Lock(path)
}

// failNth has the nth such operation on a file with the suffix fail.
func failNth(nth int, op, suffix string, err error) func(op, path string) error {
	return func(o, path string) error {
		if o != op || !strings.HasSuffix(path, suffix) {
			return nil
		}
		if nth--; nth == 0 {
			return err
		}
		return nil
	}
}

// reportsTo collects what DiskFailed is told.
func reportsTo(failures chan error) func(*Config) {
	return func(c *Config) { c.Handler.DiskFailed = func(err error) { failures <- err } }
}

// Only a disk that fails stops its node. What does not fit, or cannot be opened just
// now, or was removed meanwhile, is offered again one day.
func TestSnapshotsThatTheReceiverCannotStore(t *testing.T) {
	f, _ := makeSnapshot(t, 1000)
	for _, tt := range []struct {
		name   string
		here   bool // the receiver has it already
		fault  func(op, path string) error
		failed bool
	}{
		{"the lock fails", false, failNth(1, "lock", ".recv", syscall.EIO), true},
		{"its file fails", false, failNth(1, "open", ".recv", syscall.EIO), true},
		{"the disk is full", false, failNth(1, "open", ".recv", syscall.ENOSPC), false},
		{"the quota is used up", false, failNth(1, "open", ".recv", syscall.EDQUOT), false},
		{"out of descriptors", false, failNth(1, "open", ".recv", syscall.EMFILE), false},
		{"out of descriptors when it is verified", false, failNth(2, "open", ".recv", syscall.EMFILE), false},
		{"it fails when it is verified", false, failNth(2, "open", ".recv", syscall.EIO), true},
		{"it was here, and is gone", true, failNth(2, "open", ".snap", syscall.ENOENT), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			failures, dir := make(chan error, 10), newDir(t)
			n1 := start(t, "n1", "", nil)
			n2 := start(t, "n2", "", func(c *Config) {
				reportsTo(failures)(c)
				c.DataDir = dir
				c.DataDir.FS = faultyFS{dir.FS, tt.fault}
			})
			n1.dials(t, n2)
			if tt.here {
				copySnapshot(t, dir, f)
			}
			done := make(chan error, 1)
			n1.SendSnapshot(snapshotMessage("n2", f), f, func(err error) { done <- err })
			if err := receive(t, done); !errors.Is(err, errRejected) {
				t.Errorf("sent: %v", err)
			}
			if failed := len(failures) > 0; failed != tt.failed {
				t.Errorf("the disk counts as failing: %v, want %v", failed, tt.failed)
			}
			expectNone(t, "message", n2.messages)
		})
	}
}

// copySnapshot stores f into dir.
func copySnapshot(t *testing.T, dir wal.Dir, f wal.SnapshotFile) {
	t.Helper()
	r, _, err := dir.ReceiveSnapshot(f.ID, f.Meta, f.Size)
	if err != nil {
		t.Fatal(err)
	}
	file, err := f.OpenRaw()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	raw, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Append(raw, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Commit(); err != nil {
		t.Fatal(err)
	}
}

func TestSnapshotsThatTheSenderCannotRead(t *testing.T) {
	for _, tt := range []struct {
		err    error
		failed bool
	}{{syscall.EIO, true}, {syscall.EMFILE, false}, {syscall.ENOENT, false}} {
		failures, dir := make(chan error, 10), newDir(t)
		n1, n2 := start(t, "n1", "", reportsTo(failures)), start(t, "n2", "", nil)
		n1.dials(t, n2)
		f, _ := makeSnapshot(t, 1000)
		copySnapshot(t, dir, f)
		opened := 0
		dir.FS = faultyFS{dir.FS, func(op, path string) error {
			if opened++; opened > 1 {
				return tt.err
			}
			return nil
		}}
		f, _, err := dir.LatestSnapshot()
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		n1.SendSnapshot(snapshotMessage("n2", f), f, func(err error) { done <- err })
		if err := receive(t, done); !errors.Is(err, errUnreadable) || !errors.Is(err, tt.err) {
			t.Errorf("sent: %v", err)
		}
		if failed := len(failures) > 0; failed != tt.failed {
			t.Errorf("%v: the disk counts as failing: %v, want %v", tt.err, failed, tt.failed)
		}
	}
}
