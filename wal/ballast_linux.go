package wal

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// reserve makes f size bytes long with its blocks allocated.
func reserve(f *os.File, size int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, 0, size)
	for tries := 0; errors.Is(err, unix.EINTR) && tries < 100; tries++ { // tmpfs gives up for any signal
		err = unix.Fallocate(int(f.Fd()), 0, 0, size)
	}
	if errors.Is(err, unix.EOPNOTSUPP) {
		return fillZero(f, size)
	}
	return err
}
