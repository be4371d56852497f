package wal

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Datasync leaves out the times of the file, which nobody needs after a crash.
func (f osFile) Datasync() error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("fdatasync "+f.Name(), err)
		}
	}
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
