package sim

import (
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"redoubt/wal"
)

const sectorBytes = 512

// disk is the file system of one node: a wal.FS that knows what a power cut
// would leave. Bytes become durable with their file's fsync, names with their
// directory's. Whatever was not synced may be there after a cut, or not, sector
// by sector and name by name.
type disk struct {
	rng      *rand.Rand
	names    map[string]*inode // as the process sees them
	durable  map[string]*inode // as a power cut would leave them
	pending  []rename          // changes of names since the fsync of their directory
	locked   map[string]bool
	life     uint64 // of the process; handles of an earlier one are dead
	capacity int64  // bytes, 0 = without limit
	used     int64

	// failOp, when set, may fail an operation.
	failOp func(op diskOp, path string) error
	// cutIn counts down operations to a power cut in the middle of whatever the
	// process is doing; 0 = none.
	cutIn    int
	cutNames bool // only operations on names count
}

type diskOp uint8

const (
	opRead diskOp = iota
	opWrite
	opSync
	opMeta // open, remove, truncate, mkdir
	opRename
	opSyncDir
)

// inode is a file or a directory.
type inode struct {
	dir     bool
	data    []byte // with what is only in the page cache
	durable []byte
	dirty   []extent
}

// extent is a range of bytes within one sector that was written and not synced.
type extent struct {
	sector int
	lo, hi int // bytes of the sector
}

// rename is one change of a directory: a name appears, disappears, or both.
type rename struct {
	dir      string
	from, to string // "" = none
	node     *inode
}

// powerCut unwinds the process whose disk has lost power, at an operation that
// did not take place.
type powerCut struct {
	op   diskOp
	name string
}

func newDisk(rng *rand.Rand) *disk {
	d := &disk{rng: rng, names: map[string]*inode{}, durable: map[string]*inode{}, locked: map[string]bool{}}
	root := &inode{dir: true}
	d.names["/"], d.durable["/"] = root, root
	return d
}

// step is taken before every operation.
func (d *disk) step(op diskOp, name string) error {
	if d.cutIn > 0 && (!d.cutNames || op == opRename || op == opSyncDir) {
		if d.cutIn--; d.cutIn == 0 {
			panic(powerCut{op, name})
		}
	}
	if d.failOp != nil {
		if err := d.failOp(op, name); err != nil {
			return &fs.PathError{Op: "sim", Path: name, Err: err}
		}
	}
	return nil
}

func notExist(name string) error {
	return &fs.PathError{Op: "sim", Path: name, Err: syscall.ENOENT}
}

func (d *disk) change(r rename) {
	if r.from != "" {
		delete(d.names, r.from)
	}
	if r.to != "" {
		d.names[r.to] = r.node
	}
	d.pending = append(d.pending, r)
}

// OpenFile implements wal.FS.
func (d *disk) OpenFile(name string, flag int, _ fs.FileMode) (wal.File, error) {
	op := opRead
	if flag&(os.O_CREATE|os.O_TRUNC) != 0 {
		op = opMeta
	}
	if err := d.step(op, name); err != nil {
		return nil, err
	}
	n := d.names[name]
	switch {
	case n == nil && flag&os.O_CREATE == 0:
		return nil, notExist(name)
	case n == nil:
		if dir := d.names[path.Dir(name)]; dir == nil || !dir.dir {
			return nil, notExist(path.Dir(name))
		}
		n = &inode{}
		d.change(rename{dir: path.Dir(name), to: name, node: n})
	case n.dir:
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EISDIR}
	case flag&os.O_EXCL != 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EEXIST}
	}
	f := &file{disk: d, inode: n, name: name, life: d.life}
	if flag&os.O_TRUNC != 0 {
		f.resize(0)
	}
	return f, nil
}

// ReadDir implements wal.FS.
func (d *disk) ReadDir(dir string) ([]string, error) {
	if err := d.step(opRead, dir); err != nil {
		return nil, err
	}
	if n := d.names[dir]; n == nil || !n.dir {
		return nil, notExist(dir)
	}
	var names []string
	for name := range d.names {
		if name != dir && path.Dir(name) == dir {
			names = append(names, path.Base(name))
		}
	}
	slices.Sort(names)
	return names, nil
}

// Stat implements wal.FS.
func (d *disk) Stat(name string) (size int64, isDir bool, err error) {
	if err := d.step(opRead, name); err != nil {
		return 0, false, err
	}
	n := d.names[name]
	if n == nil {
		return 0, false, notExist(name)
	}
	return int64(len(n.data)), n.dir, nil
}

// Mkdir implements wal.FS.
func (d *disk) Mkdir(name string, _ fs.FileMode) error {
	if err := d.step(opMeta, name); err != nil {
		return err
	}
	if d.names[name] != nil {
		return &fs.PathError{Op: "mkdir", Path: name, Err: syscall.EEXIST}
	}
	if d.names[path.Dir(name)] == nil {
		return notExist(path.Dir(name))
	}
	d.change(rename{dir: path.Dir(name), to: name, node: &inode{dir: true}})
	return nil
}

// Rename implements wal.FS, within a directory.
func (d *disk) Rename(from, to string) error {
	if err := d.step(opRename, to); err != nil {
		return err
	}
	n := d.names[from]
	if n == nil {
		return notExist(from)
	}
	if old := d.names[to]; old != nil {
		d.used -= int64(len(old.data))
	}
	d.change(rename{dir: path.Dir(to), from: from, to: to, node: n})
	return nil
}

// Remove implements wal.FS.
func (d *disk) Remove(name string) error {
	if err := d.step(opMeta, name); err != nil {
		return err
	}
	n := d.names[name]
	if n == nil {
		return notExist(name)
	}
	d.used -= int64(len(n.data))
	d.change(rename{dir: path.Dir(name), from: name})
	return nil
}

// SyncDir implements wal.FS.
func (d *disk) SyncDir(dir string) error {
	if err := d.step(opSyncDir, dir); err != nil {
		return err
	}
	kept := d.pending[:0]
	for _, r := range d.pending {
		if r.dir != dir {
			kept = append(kept, r)
			continue
		}
		r.apply(d.durable)
	}
	d.pending = kept
	return nil
}

func (r rename) apply(names map[string]*inode) {
	if r.from != "" {
		delete(names, r.from)
	}
	if r.to != "" {
		names[r.to] = r.node
	}
}

// FreeBytes implements wal.FS.
func (d *disk) FreeBytes(string) (uint64, error) {
	if d.capacity == 0 {
		return 1 << 40, nil
	}
	return uint64(max(0, d.capacity-d.used)), nil
}

// Lock implements wal.FS.
func (d *disk) Lock(name string) (io.Closer, error) {
	if d.locked[name] {
		return nil, wal.ErrLocked
	}
	if _, err := d.OpenFile(name, os.O_CREATE|os.O_RDWR, 0); err != nil {
		return nil, err
	}
	d.locked[name] = true
	return unlock{d, name, d.life}, nil
}

type unlock struct {
	disk *disk
	name string
	life uint64
}

func (u unlock) Close() error {
	if u.life == u.disk.life {
		delete(u.disk.locked, u.name)
	}
	return nil
}

// release ends the process's hold on the disk. The page cache stays as it is.
func (d *disk) release() {
	d.life++
	clear(d.locked)
}

// cut is a power cut: the process ends, and of everything that was not synced
// the seed decides what is there.
func (d *disk) cut() {
	d.release()
	d.cutIn = 0
	d.settleNames()
	d.used = 0
	for _, name := range sortedKeys(d.durable) {
		n := d.durable[name]
		if !n.dir {
			n.settle(d.rng)
			d.used += int64(len(n.data))
		}
	}
	// A name whose directory is gone is gone too.
	for _, name := range sortedKeys(d.durable) {
		if name != "/" && d.durable[path.Dir(name)] == nil {
			d.used -= int64(len(d.durable[name].data))
			delete(d.durable, name)
		}
	}
	clear(d.names)
	for name, n := range d.durable {
		d.names[name] = n
	}
}

// settleNames decides about names: all, none, the first few as a journal would
// keep them, or each on its own.
func (d *disk) settleNames() {
	mode := d.rng.IntN(4)
	first := d.rng.IntN(len(d.pending) + 1)
	for i, r := range d.pending {
		if mode == 0 || mode == 1 && i < first || mode == 2 && d.rng.IntN(2) == 0 {
			r.apply(d.durable)
		}
	}
	d.pending = nil
}

// settle decides about the bytes of a file: its length and each sector.
func (n *inode) settle(rng *rand.Rand) {
	size := len(n.durable)
	if len(n.data) != size {
		switch rng.IntN(3) {
		case 0:
			size = len(n.data)
		case 1:
			lo, hi := min(size, len(n.data)), max(size, len(n.data))
			size = lo + rng.IntN(hi-lo+1)
		}
	}
	left := append(make([]byte, 0, size), n.durable[:min(size, len(n.durable))]...)
	left = left[:size]
	mode := rng.IntN(4)
	prefix := rng.IntN(len(n.dirty) + 1)
	for i, e := range n.dirty {
		lo, hi := e.sector*sectorBytes+e.lo, min(e.sector*sectorBytes+e.hi, size, len(n.data))
		if lo >= hi {
			continue
		}
		switch {
		case mode == 0 || mode == 1 && i < prefix || mode == 2 && rng.IntN(2) == 0:
			copy(left[lo:hi], n.data[lo:hi])
		case mode == 3:
			switch rng.IntN(3) {
			case 0:
				copy(left[lo:hi], n.data[lo:hi])
			case 1:
				for j := lo; j < hi; j++ {
					left[j] = byte(rng.Uint32())
				}
			}
		}
	}
	n.data = left
	n.durable = slices.Clone(left)
	n.dirty = nil
}

// files returns the names of the files below dir, in order.
func (d *disk) files(dir string) []string {
	var names []string
	for _, name := range sortedKeys(d.names) {
		if !d.names[name].dir && strings.HasPrefix(name, dir) {
			names = append(names, name)
		}
	}
	return names
}
