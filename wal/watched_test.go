package wal

import (
	"errors"
	"io"
	"io/fs"
)

// watchedFS asks before every operation of another FS whether it is to fail. One
// that fails does nothing; only a write that is to be short writes its first half.
type watchedFS struct {
	FS
	before func(op, path string) error
}

var errShort = errors.New("short write")

func (w watchedFS) OpenFile(path string, flag int, perm fs.FileMode) (File, error) {
	if err := w.before("open", path); err != nil {
		return nil, err
	}
	f, err := w.FS.OpenFile(path, flag, perm)
	if err != nil {
		return nil, err
	}
	return watchedFile{f, w.before, path}, nil
}

func (w watchedFS) ReadDir(path string) ([]string, error) {
	if err := w.before("readdir", path); err != nil {
		return nil, err
	}
	return w.FS.ReadDir(path)
}

func (w watchedFS) Stat(path string) (int64, bool, error) {
	if err := w.before("stat", path); err != nil {
		return 0, false, err
	}
	return w.FS.Stat(path)
}

func (w watchedFS) Mkdir(path string, perm fs.FileMode) error {
	if err := w.before("mkdir", path); err != nil {
		return err
	}
	return w.FS.Mkdir(path, perm)
}

func (w watchedFS) Rename(old, new string) error {
	if err := w.before("rename", new); err != nil {
		return err
	}
	return w.FS.Rename(old, new)
}

func (w watchedFS) Remove(path string) error {
	if err := w.before("remove", path); err != nil {
		return err
	}
	return w.FS.Remove(path)
}

func (w watchedFS) SyncDir(path string) error {
	if err := w.before("syncdir", path); err != nil {
		return err
	}
	return w.FS.SyncDir(path)
}

func (w watchedFS) FreeBytes(path string) (uint64, error) {
	if err := w.before("free", path); err != nil {
		return 0, err
	}
	return w.FS.FreeBytes(path)
}

func (w watchedFS) Lock(path string) (io.Closer, error) {
	if err := w.before("lock", path); err != nil {
		return nil, err
	}
	return w.FS.Lock(path)
}

type watchedFile struct {
	File
	before func(op, path string) error
	path   string
}

func (f watchedFile) Read(p []byte) (int, error) {
	if err := f.before("read", f.path); err != nil {
		return 0, err
	}
	return f.File.Read(p)
}

func (f watchedFile) ReadAt(p []byte, offset int64) (int, error) {
	if err := f.before("read", f.path); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, offset)
}

func (f watchedFile) Write(p []byte) (int, error) {
	if err := f.before("write", f.path); err != nil {
		return f.short(err, p, f.File.Write)
	}
	return f.File.Write(p)
}

func (f watchedFile) WriteAt(p []byte, offset int64) (int, error) {
	at := func(p []byte) (int, error) { return f.File.WriteAt(p, offset) }
	if err := f.before("write", f.path); err != nil {
		return f.short(err, p, at)
	}
	return at(p)
}

func (f watchedFile) short(err error, p []byte, write func([]byte) (int, error)) (n int, _ error) {
	if errors.Is(err, errShort) {
		n, _ = write(p[:len(p)/2])
	}
	return n, err
}

func (f watchedFile) Truncate(size int64) error {
	if err := f.before("truncate", f.path); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f watchedFile) Sync() error {
	if err := f.before("fsync", f.path); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f watchedFile) Datasync() error {
	if err := f.before("fdatasync", f.path); err != nil {
		return err
	}
	return f.File.Datasync()
}

// Close always closes: so does the operating system.
func (f watchedFile) Close() error {
	err := f.before("close", f.path)
	if closeErr := f.File.Close(); err == nil {
		err = closeErr
	}
	return err
}
