package wal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// ReserveBytes is what a snapshot that is being received must leave free, and
// what must be free besides the ballast before it is laid down again.
const ReserveBytes = 32 << 20

// ReleaseBallast gives back the space of the ballast file. To be called when the
// disk is so full that the snapshot which would make room cannot be written; the
// next Compact or Open lays it down again when there is room.
func (d Dir) ReleaseBallast() error {
	err := d.FS.Remove(d.path(ballastName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("wal: ballast: %w", err)
	}
	return nil
}

// HasBallast: there is space that ReleaseBallast would give back.
func (d Dir) HasBallast() bool {
	_, _, err := d.FS.Stat(d.path(ballastName))
	return err == nil
}

// layBallast reserves size bytes when they can be spared. The ballast is a
// convenience: the log is as safe without, so a full disk is no error here.
func (d Dir) layBallast(size int64) error {
	path := d.path(ballastName)
	if size == 0 {
		return d.ReleaseBallast()
	}
	if have, _, err := d.FS.Stat(path); err == nil && have == size {
		return nil
	}
	free, err := d.FreeBytes()
	if err != nil {
		return err
	}
	if free < uint64(size)+ReserveBytes {
		return nil
	}
	f, err := d.FS.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, filePerm)
	if err == nil {
		err = errors.Join(reserve(f, size), f.Close())
	}
	if err == nil {
		return nil
	}
	if err = ignoreFull(err); err != nil {
		err = fmt.Errorf("wal: ballast: %w", err)
	}
	return errors.Join(err, d.ReleaseBallast())
}

// withBallast runs step and, when the disk is full, once more without the ballast.
func (d Dir) withBallast(step func() error) error {
	err := step()
	if IsFull(err) && d.ReleaseBallast() == nil {
		err = step()
	}
	return err
}

func ignoreFull(err error) error {
	if IsFull(err) || errors.Is(err, unix.EFBIG) {
		return nil
	}
	return err
}

// reserve makes f size bytes long with its blocks allocated.
func reserve(f File, size int64) error {
	if r, ok := f.(reserver); ok {
		return r.reserve(size)
	}
	return fillZero(f, size)
}

func fillZero(f io.Writer, size int64) error {
	zeros := make([]byte, 1<<20)
	for size > 0 {
		n, err := f.Write(zeros[:min(size, int64(len(zeros)))])
		if err != nil {
			return err
		}
		size -= int64(n)
	}
	return nil
}
