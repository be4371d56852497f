package wal

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// Datasync leaves out the times of the file, which nobody needs after a crash.
func (f osFile) Datasync() error {
	err := unix.Fdatasync(int(f.Fd()))
	for err == unix.EINTR {
		err = unix.Fdatasync(int(f.Fd()))
	}
	if err != nil {
		return &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
	}
	return nil
}

func (f osFile) reserve(size int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, 0, size)
	for tries := 0; errors.Is(err, unix.EINTR) && tries < 100; tries++ { // tmpfs gives up for any signal
		err = unix.Fallocate(int(f.Fd()), 0, 0, size)
	}
	if errors.Is(err, unix.EOPNOTSUPP) {
		return fillZero(f, size)
	}
	return err
}
