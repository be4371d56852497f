package wal

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestErrorsOfTheOperatingSystem(t *testing.T) {
	dir := Dir{Path: t.TempDir(), FS: OS()}
	missing := dir.path("none", "file")
	f, err := dir.FS.OpenFile(dir.path("file"), os.O_CREATE|os.O_EXCL|os.O_RDWR, filePerm)
	if err != nil {
		t.Fatal(err)
	}
	held, err := dir.FS.Lock(dir.path("lock"))
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(f.Sync(), f.Datasync(), f.Close())
	if err != nil {
		t.Fatal(err)
	}
	second := func(_ any, err error) error { return err }
	_, _, statErr := dir.FS.Stat(missing)
	for _, tt := range []struct {
		name      string
		err, want error
	}{
		{"open", second(dir.FS.OpenFile(missing, os.O_RDONLY, 0)), fs.ErrNotExist},
		{"create again", second(dir.FS.OpenFile(dir.path("file"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, filePerm)), fs.ErrExist},
		{"readdir", second(dir.FS.ReadDir(missing)), fs.ErrNotExist},
		{"stat", statErr, fs.ErrNotExist},
		{"mkdir", dir.FS.Mkdir(missing, dirPerm), fs.ErrNotExist},
		{"mkdir again", dir.FS.Mkdir(dir.Path, dirPerm), fs.ErrExist},
		{"rename", dir.FS.Rename(missing, dir.path("file")), fs.ErrNotExist},
		{"remove", dir.FS.Remove(missing), fs.ErrNotExist},
		{"syncdir", dir.FS.SyncDir(missing), fs.ErrNotExist},
		{"free", second(dir.FS.FreeBytes(missing)), fs.ErrNotExist},
		{"lock", second(dir.FS.Lock(missing)), fs.ErrNotExist},
		{"lock again", second(dir.FS.Lock(dir.path("lock"))), ErrLocked},
		{"fdatasync", f.Datasync(), unix.EBADF},
	} {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, tt.err, tt.want)
		}
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	if held, err = dir.FS.Lock(dir.path("lock")); err != nil {
		t.Fatalf("after its release: %v", err)
	}
	held.Close()
}

// A data directory below a directory that may not be read is as good as any.
func TestUnreadableParent(t *testing.T) {
	dir := dataDir(t.TempDir())
	dir.FS = watchedFS{OS(), func(op, path string) error {
		if op == "syncdir" && path == "/" {
			return fs.ErrPermission
		}
		return nil
	}}
	if err := dir.CreateIdentity(testIdentity); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, dir, small)
}
