package chaos

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"redoubt/wal"
)

// DiskTrouble is what a node's disk suffers from. It does as long as the file of
// that trouble is there.
type DiskTrouble string

const (
	DiskLow  DiskTrouble = "low"  // no space is free, but what is written finds some
	DiskFull DiskTrouble = "full" // nothing can be written
	DiskSlow DiskTrouble = "slow" // a sync begins slowSync late
)

// slowSync makes the time long in which written bytes are not safe yet.
const slowSync = 25 * time.Millisecond

func diskTroubles() []DiskTrouble { return []DiskTrouble{DiskLow, DiskFull, DiskSlow} }

// File is the file that stands for the trouble of the disk under a data directory.
func (t DiskTrouble) File(dataDir string) string { return dataDir + ".disk-" + string(t) }

// begin lets the disk suffer.
func (t DiskTrouble) begin(dataDir string) error { return os.WriteFile(t.File(dataDir), nil, 0o600) }

// end is no error when the disk does not suffer.
func (t DiskTrouble) end(dataDir string) error {
	if err := os.Remove(t.File(dataDir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Disk is the system's file system, except that bytes live in the memory of the
// process until they are synced: SIGKILL then takes what a power cut would. That
// holds for the contents of files that are written and synced, as the log and the
// snapshots are. What is read back or closed before its sync is written out
// first, and names are changed at once; a kernel may do so at any time.
//
// It is also what runs full. A small tmpfs would, too, but it needs the superuser and
// has no sync that takes time, in which most of what can go wrong does.
type Disk struct {
	wal.FS
	dataDir string

	mu   sync.Mutex // guards open and what its files have pending
	open map[string][]*unsyncedFile
}

// NewDisk returns the disk under a data directory.
func NewDisk(dataDir string) wal.FS {
	return &Disk{FS: wal.OS(), dataDir: dataDir, open: map[string][]*unsyncedFile{}}
}

func (d *Disk) suffers(t DiskTrouble) bool {
	_, err := os.Stat(t.File(d.dataDir))
	return err == nil
}

// FreeBytes implements wal.FS.
func (d *Disk) FreeBytes(path string) (uint64, error) {
	if d.suffers(DiskLow) {
		return 0, nil
	}
	return d.FS.FreeBytes(path)
}

// OpenFile implements wal.FS.
func (d *Disk) OpenFile(path string, flag int, perm fs.FileMode) (wal.File, error) {
	if flag&os.O_CREATE != 0 {
		if err := d.check("open", path); err != nil {
			return nil, err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, other := range d.open[path] { // what it has written can be read
		if err := other.writeOut(); err != nil {
			return nil, err
		}
	}
	f, err := d.FS.OpenFile(path, flag, perm)
	if err != nil {
		return nil, err
	}
	file := &unsyncedFile{File: f, disk: d, path: path}
	d.open[path] = append(d.open[path], file)
	return file, nil
}

// Rename implements wal.FS. What the file has pending stays so.
func (d *Disk) Rename(old, new string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.FS.Rename(old, new); err != nil {
		return err
	}
	for _, f := range d.open[old] {
		f.path = new
	}
	d.open[new] = append(d.open[new], d.open[old]...)
	delete(d.open, old)
	return nil
}

// check fails when the disk is full.
func (d *Disk) check(op, path string) error {
	if d.suffers(DiskFull) {
		return &fs.PathError{Op: op, Path: path, Err: syscall.ENOSPC}
	}
	return nil
}

func (d *Disk) beSlow() {
	if d.suffers(DiskSlow) {
		time.Sleep(slowSync)
	}
}

// unsyncedFile keeps what is written to it until Sync.
type unsyncedFile struct {
	wal.File
	disk    *Disk
	path    string
	offset  int64 // of Write; Read has the file's own
	pending []change
}

// change is a write or, without data, a truncation.
type change struct {
	data   []byte
	offset int64 // or the size
}

func (f *unsyncedFile) Write(p []byte) (int, error) {
	n, err := f.WriteAt(p, f.offset)
	f.offset += int64(n)
	return n, err
}

func (f *unsyncedFile) WriteAt(p []byte, offset int64) (int, error) {
	if err := f.disk.check("write", f.path); err != nil {
		return 0, err
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if len(p) > 0 {
		f.pending = append(f.pending, change{append([]byte(nil), p...), offset})
	}
	return len(p), nil
}

func (f *unsyncedFile) Truncate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.pending = append(f.pending, change{nil, size})
	return nil
}

func (f *unsyncedFile) Read(p []byte) (int, error) {
	if err := f.flush(); err != nil {
		return 0, err
	}
	return f.File.Read(p)
}

func (f *unsyncedFile) ReadAt(p []byte, offset int64) (int, error) {
	if err := f.flush(); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, offset)
}

func (f *unsyncedFile) Sync() error {
	f.disk.beSlow()
	if err := f.flush(); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *unsyncedFile) Datasync() error {
	f.disk.beSlow()
	if err := f.flush(); err != nil {
		return err
	}
	return f.File.Datasync()
}

func (f *unsyncedFile) Close() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	open := f.disk.open
	open[f.path] = slices.DeleteFunc(open[f.path], func(o *unsyncedFile) bool { return o == f })
	if len(open[f.path]) == 0 {
		delete(open, f.path)
	}
	return errors.Join(f.writeOut(), f.File.Close())
}

func (f *unsyncedFile) flush() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return f.writeOut()
}

// writeOut gives the system what is pending. The disk is locked.
func (f *unsyncedFile) writeOut() error {
	for _, c := range f.pending {
		var err error
		if c.data == nil {
			err = f.File.Truncate(c.offset)
		} else {
			_, err = f.File.WriteAt(c.data, c.offset)
		}
		if err != nil {
			return fmt.Errorf("write out: %w", err)
		}
	}
	f.pending = f.pending[:0]
	return nil
}
