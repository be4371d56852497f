package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"

	"redoubt/raft"
)

// ErrSnapshotOffset: the bytes handed to a SnapshotReceiver do not follow those
// it has, or exceed the announced size.
var ErrSnapshotOffset = errors.New("wal: snapshot bytes out of place")

// SnapshotReceiver stores the raw bytes of another node's snapshot file. What it
// has survives a broken connection and a restart. One goroutine.
type SnapshotReceiver struct {
	f      File      // nil: the snapshot was here already
	lock   io.Closer // of f
	path   string    // of f
	file   SnapshotFile
	random uint64
	offset int64 // of the bytes still to come
	dirty  int64
}

// ReceiveSnapshot begins, or goes on, to store the snapshot file snapshotID of
// size bytes into the data directory. Offset is where the sender has to go on:
// the end of the last intact chunk that is here, or size when all is.
//
// Both snapshotID and meta come from the network and are checked. There is one
// unfinished snapshot at a time: those of another id are removed. ErrLocked: the
// same one is being received right now. ErrNoSpace: it would fill the disk.
func (d Dir) ReceiveSnapshot(snapshotID string, meta raft.SnapshotMeta, size int64) (r *SnapshotReceiver, offset int64, err error) {
	index, term, random, ok := parseSnapshotID(snapshotID)
	if !ok || index != meta.Index || term != meta.Term || index == 0 {
		return nil, 0, fmt.Errorf("wal: snapshot %.80q is not one of index %d, term %d", snapshotID, meta.Index, meta.Term)
	}
	if size < snapshotFixedBytes+4+snapshotTrailerBytes {
		return nil, 0, fmt.Errorf("wal: snapshot of %d bytes", size)
	}
	snaps := d.path(snapshotsName)
	if err := makeDir(d.FS, snaps); err != nil {
		return nil, 0, fmt.Errorf("wal: snapshot: %w", err)
	}
	r = &SnapshotReceiver{
		path:   filepath.Join(snaps, snapshotID+receivedSuffix),
		file:   SnapshotFile{Path: filepath.Join(snaps, snapshotID+snapshotSuffix), ID: snapshotID, Meta: meta, Size: size, fs: d.FS},
		random: random,
	}
	if file, err := d.statSnapshot(r.file.Path); err == nil && file.Size == size {
		r.offset = size
		return r, size, nil
	}
	if err := r.openPartial(d); err != nil {
		return nil, 0, err
	}
	return r, r.offset, nil
}

// openPartial takes up what an earlier attempt left.
func (r *SnapshotReceiver) openPartial(d Dir) (err error) {
	if r.lock, err = d.lock(r.path); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			r.Close()
		}
	}()
	if r.f, err = d.FS.OpenFile(r.path, os.O_CREATE|os.O_RDWR, filePerm); err != nil {
		return fmt.Errorf("wal: snapshot: %w", err)
	}
	if err := d.removeReceived(func(id string) bool { return id != r.file.ID }); err != nil {
		return err
	}
	free, err := d.FreeBytes()
	if err != nil {
		return err
	}
	if r.fits(free, 0) != nil {
		// What is here may be enough to go on with. Only then it is worth reading.
		have, _, err := d.FS.Stat(r.path)
		if err != nil {
			return fmt.Errorf("wal: snapshot: %w", err)
		}
		if err := r.fits(free, min(have, r.file.Size)); err != nil {
			return err
		}
	}
	if r.offset, err = intactPrefix(r.f, r.path, r.file.Size); err != nil {
		return err
	}
	if err := r.fits(free, r.offset); err != nil {
		return err
	}
	if err := r.f.Truncate(r.offset); err != nil {
		return fmt.Errorf("wal: snapshot: %w", err)
	}
	return nil
}

// fits: what is missing behind the first have bytes leaves enough of the disk free.
func (r *SnapshotReceiver) fits(free uint64, have int64) error {
	if missing := uint64(r.file.Size - have); missing > math.MaxUint64-ReserveBytes || free < missing+ReserveBytes {
		return fmt.Errorf("%w: snapshot %s needs %d bytes more, %d are free", ErrNoSpace, r.file.ID, missing, free)
	}
	return nil
}

// intactPrefix returns how many bytes of the unfinished snapshot can be kept.
func intactPrefix(f File, path string, size int64) (int64, error) {
	var damage *CorruptError
	sr, err := newSnapshotReader(f, path)
	if errors.As(err, &damage) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, sr)
	if err != nil && !errors.As(err, &damage) {
		return 0, err
	}
	if sr.offset > size || err == nil && sr.offset != size {
		return 0, nil // not the file that was announced
	}
	return sr.offset, nil
}

// Append stores chunk, which belongs at offset. Its transport has been checked
// by the caller. ErrSnapshotOffset leaves everything as it was.
func (r *SnapshotReceiver) Append(chunk []byte, offset int64) error {
	if offset != r.offset || int64(len(chunk)) > r.file.Size-r.offset {
		return fmt.Errorf("%w: %d bytes at %d, stored are %d of %d", ErrSnapshotOffset, len(chunk), offset, r.offset, r.file.Size)
	}
	if len(chunk) == 0 {
		return nil
	}
	if _, err := r.f.WriteAt(chunk, offset); err != nil {
		return fmt.Errorf("wal: snapshot: %w", err)
	}
	r.offset += int64(len(chunk))
	r.dirty += int64(len(chunk))
	if r.dirty >= snapshotSyncBytes {
		r.dirty = 0
		if err := r.f.Sync(); err != nil {
			r.Abort() // as in Commit
			return fmt.Errorf("wal: snapshot: %w", err)
		}
	}
	return nil
}

// Commit checks the whole file against its checksums, its name and its meta, and
// makes it a durable snapshot. A file that fails the check is removed and is a
// *CorruptError; one that is not complete is ErrSnapshotOffset and stays. One that
// was here at the start and was removed since, for newer ones, is fs.ErrNotExist.
func (r *SnapshotReceiver) Commit() (SnapshotFile, error) {
	if r.offset != r.file.Size {
		return SnapshotFile{}, fmt.Errorf("%w: the end, stored are %d of %d", ErrSnapshotOffset, r.offset, r.file.Size)
	}
	if r.f == nil {
		return r.file, errors.Join(r.verify(r.file.Path), r.file.syncName())
	}
	var damage *CorruptError
	if err := r.verify(r.path); errors.As(err, &damage) {
		r.Abort()
		return SnapshotFile{}, err
	} else if err != nil {
		return SnapshotFile{}, err
	}
	if err := r.f.Sync(); err != nil {
		// What an fsync has lost the next one does not find again.
		r.Abort()
		return SnapshotFile{}, fmt.Errorf("wal: snapshot: %w", err)
	}
	if err := errors.Join(r.file.publish(r.f, r.path), r.lock.Close()); err != nil {
		return SnapshotFile{}, err
	}
	return r.file, nil
}

func (r *SnapshotReceiver) verify(path string) error {
	sr, err := SnapshotFile{Path: path, fs: r.file.fs}.Open()
	if err != nil {
		return err
	}
	defer sr.Close()
	h := sr.header
	if h.random != r.random || h.meta.Index != r.file.Meta.Index || h.meta.Term != r.file.Meta.Term ||
		!bytes.Equal(h.meta.Config.Append(nil), r.file.Meta.Config.Append(nil)) {
		return corrupt(path, 0, "the file holds snapshot %s or another configuration",
			snapshotID(h.meta.Index, h.meta.Term, h.random))
	}
	if _, err := io.Copy(io.Discard, sr); err != nil {
		return err
	}
	return nil
}

// Close ends the attempt and keeps what is here for the next one.
func (r *SnapshotReceiver) Close() error {
	if r.lock == nil {
		return nil
	}
	var err error
	if r.f != nil {
		err = r.f.Close()
	}
	return errors.Join(err, r.lock.Close())
}

// Abort ends the attempt and removes what is here.
func (r *SnapshotReceiver) Abort() {
	if r.f == nil {
		return
	}
	r.file.fs.Remove(r.path) // what stays behind is cut back by the next attempt
	r.Close()
}

// removeOvertaken removes unfinished snapshots that the complete one of index newest
// has overtaken.
func (d Dir) removeOvertaken(newest uint64) error {
	return d.removeReceived(func(id string) bool {
		index, _, _, ok := parseSnapshotID(id)
		return !ok || index <= newest
	})
}

// removeReceived leaves alone what is being received right now.
func (d Dir) removeReceived(stale func(id string) bool) error {
	names, err := d.FS.ReadDir(d.path(snapshotsName))
	if err != nil {
		return fmt.Errorf("wal: snapshot: %w", err)
	}
	for _, name := range names {
		id, received := strings.CutSuffix(name, receivedSuffix)
		if !received || !stale(id) {
			continue
		}
		held, err := d.lock(d.path(snapshotsName, name))
		if errors.Is(err, ErrLocked) {
			continue
		}
		if err == nil {
			err = errors.Join(d.FS.Remove(d.path(snapshotsName, name)), held.Close())
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("wal: snapshot: %w", err)
		}
	}
	return nil
}
