package wal

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

var (
	// ErrLocked: another process, or another Log of this one, has the data
	// directory (or the snapshot being received) open.
	ErrLocked = errors.New("wal: data directory is in use")
	// ErrIdentity: the data directory belongs to another node, cluster or
	// format version, or to nobody yet.
	ErrIdentity = errors.New("wal: data directory has another identity")
	// ErrPoisoned: an earlier write, fsync or unlink failed. What the disk holds
	// is unknown from there on, so the log does nothing any more; the only way
	// on is to end the process and recover.
	ErrPoisoned = errors.New("wal: stopped after a disk error")
	// ErrClosed: the log was closed.
	ErrClosed = errors.New("wal: closed")
	// ErrNoSpace: a snapshot would leave less than ReserveBytes free, which the
	// log needs more.
	ErrNoSpace = errors.New("wal: not enough free space")
)

// IsFull: the disk is full, or as much of it as the owner may have.
func IsFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// IsPassing: it is not the disk that fails. It is full, the process has no file
// descriptor left, or the file has been removed by somebody who may.
func IsPassing(err error) bool {
	return IsFull(err) || errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, fs.ErrNotExist)
}

// CorruptError says that a file holds something that no crash can leave behind:
// lost or changed bytes. Nothing was repaired. The node must not take part again
// with this directory; it is to be emptied and joined as a new member.
type CorruptError struct {
	File   string
	Offset int64 // of the damage, from the start of File
	Reason string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("wal: %s is damaged at offset %d: %s", e.File, e.Offset, e.Reason)
}

func corrupt(file string, offset int64, format string, args ...any) error {
	return &CorruptError{File: file, Offset: offset, Reason: fmt.Sprintf(format, args...)}
}
