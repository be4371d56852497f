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
	f      *os.File // nil: the snapshot was here already
	file   SnapshotFile
	random uint64
	offset int64 // of the bytes still to come
	dirty  int64
}

// ReceiveSnapshot begins, or goes on, to store the snapshot file snapshotID of
// size bytes into the data directory dir. Offset is where the sender has to go on:
// the end of the last intact chunk that is here, or size when all is.
//
// Both snapshotID and meta come from the network and are checked. There is one
// unfinished snapshot at a time: those of another id are removed. ErrLocked: the
// same one is being received right now. ErrNoSpace: it would fill the disk.
func ReceiveSnapshot(dir, snapshotID string, meta raft.SnapshotMeta, size int64) (r *SnapshotReceiver, offset int64, err error) {
	index, term, random, ok := parseSnapshotID(snapshotID)
	if !ok || index != meta.Index || term != meta.Term || index == 0 {
		return nil, 0, fmt.Errorf("wal: snapshot %.80q is not one of index %d, term %d", snapshotID, meta.Index, meta.Term)
	}
	if size < snapshotFixedBytes+4+snapshotTrailerBytes {
		return nil, 0, fmt.Errorf("wal: snapshot of %d bytes", size)
	}
	snaps := filepath.Join(dir, snapshotsName)
	if err := makeDir(snaps); err != nil {
		return nil, 0, fmt.Errorf("wal: snapshot: %w", err)
	}
	r = &SnapshotReceiver{
		file:   SnapshotFile{Path: filepath.Join(snaps, snapshotID+snapshotSuffix), ID: snapshotID, Meta: meta, Size: size},
		random: random,
	}
	if file, err := statSnapshot(r.file.Path); err == nil && file.Size == size {
		r.offset = size
		return r, size, nil
	}
	if err := r.openPartial(dir); err != nil {
		return nil, 0, err
	}
	return r, r.offset, nil
}

// openPartial takes up what an earlier attempt left.
func (r *SnapshotReceiver) openPartial(dir string) (err error) {
	path := strings.TrimSuffix(r.file.Path, snapshotSuffix) + receivedSuffix
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, filePerm)
	if err != nil {
		return fmt.Errorf("wal: snapshot: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if err := flock(f); err != nil {
		return err
	}
	if err := removeReceived(dir, func(id string) bool { return id != r.file.ID }); err != nil {
		return err
	}
	if r.offset, err = intactPrefix(f, path, r.file.Size); err != nil {
		return err
	}
	free, err := FreeBytes(dir)
	if err != nil {
		return err
	}
	if missing := uint64(r.file.Size - r.offset); missing > math.MaxUint64-ReserveBytes || free < missing+ReserveBytes {
		return fmt.Errorf("%w: snapshot %s needs %d bytes more, %d are free", ErrNoSpace, r.file.ID, missing, free)
	}
	if err := f.Truncate(r.offset); err != nil {
		return fmt.Errorf("wal: snapshot: %w", err)
	}
	r.f = f
	return nil
}

// intactPrefix returns how many bytes of the unfinished snapshot can be kept.
func intactPrefix(f *os.File, path string, size int64) (int64, error) {
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
			return fmt.Errorf("wal: snapshot: %w", err)
		}
	}
	return nil
}

// Commit checks the whole file against its checksums, its name and its meta, and
// makes it a durable snapshot. A file that fails the check is removed and is a
// *CorruptError; one that is not complete is ErrSnapshotOffset and stays.
func (r *SnapshotReceiver) Commit() (SnapshotFile, error) {
	if r.offset != r.file.Size {
		return SnapshotFile{}, fmt.Errorf("%w: the end, stored are %d of %d", ErrSnapshotOffset, r.offset, r.file.Size)
	}
	if r.f == nil {
		return r.file, r.verify(r.file.Path)
	}
	var damage *CorruptError
	if err := r.verify(r.f.Name()); errors.As(err, &damage) {
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
	if err := publish(r.f, r.file.Path); err != nil {
		return SnapshotFile{}, err
	}
	return r.file, nil
}

func (r *SnapshotReceiver) verify(path string) error {
	sr, err := SnapshotFile{Path: path}.Open()
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
	if r.f == nil {
		return nil
	}
	return r.f.Close()
}

// Abort ends the attempt and removes what is here.
func (r *SnapshotReceiver) Abort() {
	if r.f == nil {
		return
	}
	os.Remove(r.f.Name()) // what stays behind is cut back by the next attempt
	r.f.Close()
}

// removeStaleReceived removes unfinished snapshots that the newest complete one
// has overtaken.
func removeStaleReceived(dir string, newest uint64) error {
	return removeReceived(dir, func(id string) bool {
		index, _, _, ok := parseSnapshotID(id)
		return !ok || index <= newest
	})
}

func removeReceived(dir string, stale func(id string) bool) error {
	snaps := filepath.Join(dir, snapshotsName)
	files, err := os.ReadDir(snaps)
	if err != nil {
		return fmt.Errorf("wal: snapshot: %w", err)
	}
	for _, f := range files {
		id, received := strings.CutSuffix(f.Name(), receivedSuffix)
		if !received || !stale(id) {
			continue
		}
		if err := os.Remove(filepath.Join(snaps, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("wal: snapshot: %w", err)
		}
	}
	return nil
}
