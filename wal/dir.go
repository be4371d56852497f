package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	dirPerm  fs.FileMode = 0o700
	filePerm fs.FileMode = 0o600
)

// Dir is a data directory.
type Dir struct {
	Path string
	FS   FS
}

// FreeBytes returns how much may still be written to the file system of d.
func (d Dir) FreeBytes() (uint64, error) {
	free, err := d.FS.FreeBytes(d.Path)
	if err != nil {
		return 0, fmt.Errorf("wal: %w", err)
	}
	return free, nil
}

// path is that of a file in d.
func (d Dir) path(names ...string) string {
	return filepath.Join(append([]string{d.Path}, names...)...)
}

func (d Dir) lock(path string) (io.Closer, error) {
	held, err := d.FS.Lock(path)
	if err != nil && !errors.Is(err, ErrLocked) {
		return nil, fmt.Errorf("wal: %w", err)
	}
	return held, err
}

// makeDir creates the directory and its missing parents, each durable in its own
// parent.
func makeDir(f FS, path string) error {
	path = filepath.Clean(path)
	parent := filepath.Dir(path)
	err := f.Mkdir(path, dirPerm)
	if errors.Is(err, fs.ErrNotExist) && parent != path {
		if err := makeDir(f, parent); err != nil {
			return err
		}
		err = f.Mkdir(path, dirPerm)
	}
	if errors.Is(err, fs.ErrExist) {
		if _, isDir, statErr := f.Stat(path); statErr != nil || isDir {
			return statErr
		}
	}
	if err != nil {
		return err
	}
	return f.SyncDir(parent)
}

// syncParents makes all directories in the path durable: an earlier attempt may
// have ended between making one and syncing its parent. One that may not be read
// was not made here.
func syncParents(f FS, path string) error {
	for path = filepath.Clean(path); path != filepath.Dir(path); path = filepath.Dir(path) {
		if err := f.SyncDir(filepath.Dir(path)); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

// readFile reads a file that nobody writes to.
func readFile(f FS, path string) ([]byte, error) {
	size, _, err := f.Stat(path)
	if err != nil {
		return nil, err
	}
	file, err := f.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var b bytes.Buffer
	b.Grow(int(size) + bytes.MinRead)
	_, err = b.ReadFrom(file)
	return b.Bytes(), err
}

// writeFile replaces path as a whole: a crash leaves the old file or the new one.
func writeFile(f FS, path string, data []byte) error {
	temp := path + tempSuffix
	err := writeSynced(f, temp, data)
	if err == nil {
		err = f.Rename(temp, path)
	}
	if err != nil {
		f.Remove(temp) // the error that counts is the first
		return err
	}
	return f.SyncDir(filepath.Dir(path))
}

const tempSuffix = ".tmp"

func writeSynced(f FS, path string, data []byte) error {
	file, err := f.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, filePerm)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// removeTemps removes what interrupted writes left in the directory.
func removeTemps(f FS, dir string) error {
	names, err := f.ReadDir(dir)
	if err != nil {
		return err
	}
	removed := false
	for _, name := range names {
		if !strings.HasSuffix(name, tempSuffix) {
			continue
		}
		if err := f.Remove(filepath.Join(dir, name)); err != nil {
			return err
		}
		removed = true
	}
	if !removed {
		return nil
	}
	return f.SyncDir(dir)
}
