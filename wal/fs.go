package wal

import (
	"io"
	"io/fs"
)

// FS is what this package needs of a file system: the operating system's, or the
// simulator's. Paths are absolute or relative as the caller gave Dir.Path. A
// missing or an existing file is fs.ErrNotExist or fs.ErrExist, a full disk
// unix.ENOSPC. It may be used by several goroutines.
type FS interface {
	// OpenFile takes the flags of package os: O_RDONLY, O_WRONLY, O_RDWR,
	// O_CREATE, O_TRUNC, O_EXCL.
	OpenFile(path string, flag int, perm fs.FileMode) (File, error)
	ReadDir(path string) ([]string, error) // names, sorted
	Stat(path string) (size int64, isDir bool, err error)
	Mkdir(path string, perm fs.FileMode) error
	// Rename replaces what new names as a whole.
	Rename(old, new string) error
	Remove(path string) error
	// SyncDir makes creations, renames and removals in the directory durable.
	SyncDir(path string) error
	// FreeBytes is how much an unprivileged process may still write.
	FreeBytes(path string) (uint64, error)
	// Lock takes the exclusive lock on a file, which it creates if need be, until
	// the lock is closed or the process ends; ErrLocked.
	Lock(path string) (io.Closer, error)
}

// File is an open file of an FS, of one goroutine.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error     // fsync
	Datasync() error // fdatasync: contents and size
}

// reserver is a File that can be made longer, with its blocks allocated, without
// being written.
type reserver interface {
	reserve(size int64) error
}
