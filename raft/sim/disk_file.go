package sim

import (
	"io"
	"io/fs"
	"slices"
	"syscall"
)

// file is an open file. It implements wal.File.
type file struct {
	disk   *disk
	inode  *inode
	name   string
	offset int64
	life   uint64
	closed bool
}

func (f *file) check(op diskOp) error {
	if f.closed || f.life != f.disk.life {
		return &fs.PathError{Op: "sim", Path: f.name, Err: fs.ErrClosed}
	}
	return f.disk.step(op, f.name)
}

// Read implements io.Reader.
func (f *file) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.offset)
	f.offset += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

// ReadAt implements io.ReaderAt.
func (f *file) ReadAt(p []byte, offset int64) (int, error) {
	if err := f.check(opRead); err != nil {
		return 0, err
	}
	if offset >= int64(len(f.inode.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.inode.data[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Write implements io.Writer.
func (f *file) Write(p []byte) (int, error) {
	n, err := f.WriteAt(p, f.offset)
	f.offset += int64(n)
	return n, err
}

// WriteAt implements io.WriterAt. A write that fails has changed a part.
func (f *file) WriteAt(p []byte, offset int64) (int, error) {
	err := f.check(opWrite)
	if err != nil && f.life != f.disk.life {
		return 0, err
	}
	if err != nil && len(p) > 0 {
		p = p[:f.disk.rng.IntN(len(p))]
	}
	end := offset + int64(len(p))
	if d := f.disk; d.capacity > 0 {
		if grow := end - int64(len(f.inode.data)); grow > 0 && d.used+grow > d.capacity {
			end -= d.used + grow - d.capacity
			p = p[:max(0, end-offset)]
			err = &fs.PathError{Op: "write", Path: f.name, Err: syscall.ENOSPC}
		}
	}
	if end > int64(len(f.inode.data)) && len(p) > 0 {
		f.resize(end)
	}
	n := f.inode
	copy(n.data[min(offset, int64(len(n.data))):], p)
	n.mark(int(offset), int(offset)+len(p))
	return len(p), err
}

// mark notes that bytes lo to hi are not synced.
func (n *inode) mark(lo, hi int) {
	for lo < hi {
		sector := lo / sectorBytes
		end := min(hi, (sector+1)*sectorBytes)
		from, to := lo-sector*sectorBytes, end-sector*sectorBytes
		if k := len(n.dirty) - 1; k >= 0 && n.dirty[k].sector == sector {
			n.dirty[k].lo, n.dirty[k].hi = min(n.dirty[k].lo, from), max(n.dirty[k].hi, to)
		} else {
			n.dirty = append(n.dirty, extent{sector, from, to})
		}
		lo = end
	}
}

func (f *file) resize(size int64) {
	n := f.inode
	old := int64(len(n.data))
	f.disk.used += size - old
	if size <= old {
		n.data = n.data[:size]
		return
	}
	n.data = slices.Grow(n.data, int(size-old))[:size]
	clear(n.data[old:])
	n.mark(int(old), int(size))
}

// Truncate implements wal.File.
func (f *file) Truncate(size int64) error {
	if err := f.check(opMeta); err != nil {
		return err
	}
	if size != int64(len(f.inode.data)) {
		f.resize(size)
	}
	return nil
}

// Sync implements wal.File.
func (f *file) Sync() error { return f.sync() }

// Datasync implements wal.File.
func (f *file) Datasync() error { return f.sync() }

func (f *file) sync() error {
	n := f.inode
	if err := f.check(opSync); err != nil {
		// The pages are marked clean although the medium has not got them (what
		// Linux did for decades), and the cache shows the new bytes or the old.
		if f.life == f.disk.life && !f.closed {
			if f.disk.rng.IntN(2) == 0 {
				n.data = append(n.data[:0], n.durable...)
			}
			n.dirty = n.dirty[:0]
		}
		return err
	}
	n.sync()
	return nil
}

// sync makes what is dirty durable.
func (n *inode) sync() {
	if old := len(n.durable); len(n.data) < old {
		n.durable = n.durable[:len(n.data)]
	} else if len(n.data) > old {
		n.durable = slices.Grow(n.durable, len(n.data)-old)[:len(n.data)]
		clear(n.durable[old:])
	}
	for _, e := range n.dirty {
		lo, hi := e.sector*sectorBytes+e.lo, min(e.sector*sectorBytes+e.hi, len(n.data))
		if lo < hi {
			copy(n.durable[lo:hi], n.data[lo:hi])
		}
	}
	n.dirty = n.dirty[:0]
}

// Close implements io.Closer.
func (f *file) Close() error {
	f.closed = true
	return nil
}
