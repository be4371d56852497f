package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"redoubt/wal"
)

// ownedFiles gives everything that is made the owner of the data directory: root
// recovers, but the node that is started afterwards may run as another user.
type ownedFiles struct {
	wal.FS
	uid, gid int
}

// filesOf is the file system by which the data directory is written.
func filesOf(dataDir string) (wal.FS, error) {
	info, err := os.Stat(dataDir)
	if err != nil {
		return nil, err
	}
	owner := info.Sys().(*syscall.Stat_t)
	if os.Geteuid() != 0 || owner.Uid == 0 {
		return wal.OS(), nil
	}
	return ownedFiles{wal.OS(), int(owner.Uid), int(owner.Gid)}, nil
}

// give does not follow links: the user may have laid one to a file of root's.
func (f ownedFiles) give(path string) error { return os.Lchown(path, f.uid, f.gid) }

func (f ownedFiles) OpenFile(path string, flag int, perm fs.FileMode) (wal.File, error) {
	file, err := f.FS.OpenFile(path, flag, perm)
	if err != nil || flag&os.O_CREATE == 0 {
		return file, err
	}
	if err := f.give(path); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func (f ownedFiles) Mkdir(path string, perm fs.FileMode) error {
	if err := f.FS.Mkdir(path, perm); err != nil {
		return err
	}
	return f.give(path)
}

func (f ownedFiles) Lock(path string) (io.Closer, error) {
	held, err := f.FS.Lock(path)
	if err != nil {
		return nil, err
	}
	if err := f.give(path); err != nil {
		return nil, errors.Join(err, held.Close())
	}
	return held, nil
}
