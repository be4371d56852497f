package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"redoubt/raft"
)

const (
	snapshotMagic        = "RDBTSNAP"
	snapshotVersion      = 1
	snapshotFixedBytes   = 40 // header before the configuration
	snapshotTrailerBytes = 32
	chunkHeaderBytes     = 8

	snapshotChunkBytes = 256 << 10 // what the writer cuts
	maxChunkBytes      = 1 << 20   // what a reader takes
	maxConfigBytes     = 1 << 20

	// The file is fsynced piece by piece, so that the log's next fsync does not
	// have to wait for one of the whole snapshot.
	snapshotSyncBytes = 16 << 20

	snapshotSuffix = ".snap"
	receivedSuffix = ".recv"
)

// SnapshotFile is a complete snapshot on disk.
type SnapshotFile struct {
	Path string
	ID   string // unique among all nodes; the file's name without suffix
	Meta raft.SnapshotMeta
	Size int64 // of the file
	fs   FS
}

// snapshotID makes the name that sorts snapshots by index and term and tells
// those of different nodes apart.
func snapshotID(index, term, random uint64) string {
	return fmt.Sprintf("%020d-%020d-%016x", index, term, random)
}

func parseSnapshotID(id string) (index, term, random uint64, ok bool) {
	n, err := fmt.Sscanf(id, "%020d-%020d-%016x", &index, &term, &random)
	return index, term, random, err == nil && n == 3 && id == snapshotID(index, term, random)
}

// SnapshotWriter writes one snapshot under a temporary name. One goroutine; its
// end is Commit or Abort.
type SnapshotWriter struct {
	f       File
	file    SnapshotFile
	trailer snapshotTrailer
	chunk   []byte // header room and bytes of the chunk being filled
	dirty   int64  // bytes since the last fsync
	err     error
}

// CreateSnapshot begins a snapshot of meta in the data directory. The random
// number tells it from another node's of the same index.
func (d Dir) CreateSnapshot(meta raft.SnapshotMeta, random uint64) (*SnapshotWriter, error) {
	snaps := d.path(snapshotsName)
	if err := makeDir(d.FS, snaps); err != nil {
		return nil, fmt.Errorf("wal: snapshot: %w", err)
	}
	id := snapshotID(meta.Index, meta.Term, random)
	path := filepath.Join(snaps, id+snapshotSuffix)
	f, err := d.FS.OpenFile(path+tempSuffix, os.O_CREATE|os.O_EXCL|os.O_WRONLY, filePerm)
	if err != nil {
		return nil, fmt.Errorf("wal: snapshot: %w", err)
	}
	w := &SnapshotWriter{
		f:     f,
		file:  SnapshotFile{Path: path, ID: id, Meta: meta, fs: d.FS},
		chunk: make([]byte, chunkHeaderBytes, 4<<10), // most are small; it grows to the full size once
	}
	header := appendSnapshotHeader(nil, random, meta)
	if _, err := readSnapshotHeader(bytes.NewReader(header), path); err != nil {
		w.Abort()
		return nil, err
	}
	w.trailer.headerSum = binary.LittleEndian.Uint32(header[len(header)-4:])
	if w.write(header); w.err != nil {
		w.Abort()
		return nil, w.err
	}
	return w, nil
}

// Write adds p to the payload. The first error is returned by all later calls.
func (w *SnapshotWriter) Write(p []byte) error {
	for len(p) > 0 && w.err == nil {
		n := min(len(p), chunkHeaderBytes+snapshotChunkBytes-len(w.chunk))
		w.chunk = append(w.chunk, p[:n]...)
		p = p[n:]
		if len(w.chunk) == chunkHeaderBytes+snapshotChunkBytes {
			w.flush()
		}
	}
	return w.err
}

// flush writes the chunk that was filled.
func (w *SnapshotWriter) flush() {
	payload := w.chunk[chunkHeaderBytes:]
	if len(payload) == 0 {
		return
	}
	binary.LittleEndian.PutUint32(w.chunk[0:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(w.chunk[4:], crc32.Checksum(payload, castagnoli))
	w.trailer.add(payload)
	w.write(w.chunk)
	w.chunk = w.chunk[:chunkHeaderBytes]
}

func (w *SnapshotWriter) write(b []byte) {
	if w.err != nil {
		return
	}
	n, err := w.f.Write(b)
	w.file.Size += int64(n)
	w.dirty += int64(n)
	if err == nil && w.dirty >= snapshotSyncBytes {
		err = w.f.Sync()
		w.dirty = 0
	}
	if err != nil {
		w.err = fmt.Errorf("wal: snapshot: %w", err)
	}
}

// Commit makes the snapshot durable and gives it its name.
func (w *SnapshotWriter) Commit() (SnapshotFile, error) {
	w.flush()
	w.write(w.trailer.append(nil))
	if w.err == nil {
		w.err = w.f.Sync()
	}
	if w.err != nil {
		w.Abort()
		return SnapshotFile{}, w.err
	}
	if err := w.file.publish(w.f, w.file.Path+tempSuffix); err != nil {
		return SnapshotFile{}, err
	}
	return w.file, nil
}

// publish closes the snapshot under another name, whose content is durable,
// and gives it its own, durably.
func (f SnapshotFile) publish(file File, name string) error {
	err := file.Close()
	if err == nil {
		err = f.fs.Rename(name, f.Path)
	}
	if err != nil {
		return fmt.Errorf("wal: snapshot: %w", err)
	}
	return f.syncName()
}

func (f SnapshotFile) syncName() error {
	if err := f.fs.SyncDir(filepath.Dir(f.Path)); err != nil {
		return fmt.Errorf("wal: snapshot: %w", err)
	}
	return nil
}

// Abort gives the snapshot up. After Commit it must not be called.
func (w *SnapshotWriter) Abort() {
	w.f.Close()
	w.file.fs.Remove(w.file.Path + tempSuffix) // what stays behind is removed by the next Open
	if w.err == nil {
		w.err = fmt.Errorf("wal: snapshot: %w", fs.ErrClosed)
	}
}

// LatestSnapshot returns the newest snapshot of the data directory, and false
// when there is none. Header, trailer and size are checked, the chunks are when
// they are read. A damaged newest snapshot is a *CorruptError even if an older
// one is intact: the log that would lead on from the older one may be gone.
func (d Dir) LatestSnapshot() (SnapshotFile, bool, error) {
	for attempt := 0; ; attempt++ {
		names, err := d.listSnapshots()
		if err != nil || len(names) == 0 {
			return SnapshotFile{}, false, err
		}
		file, err := d.statSnapshot(d.path(snapshotsName, names[len(names)-1]))
		if errors.Is(err, fs.ErrNotExist) && attempt < 10 {
			continue // RemoveOldSnapshots took it, so there is a newer one by now
		}
		return file, err == nil, err
	}
}

// Snapshot returns the snapshot of that last entry, and false when there is none.
// It checks what LatestSnapshot checks.
func (d Dir) Snapshot(index, term uint64) (SnapshotFile, bool, error) {
	names, err := d.listSnapshots()
	if err != nil {
		return SnapshotFile{}, false, err
	}
	for _, name := range slices.Backward(names) {
		i, t, _, _ := parseSnapshotID(strings.TrimSuffix(name, snapshotSuffix))
		if i == index && t == term {
			file, err := d.statSnapshot(d.path(snapshotsName, name))
			return file, err == nil, err
		}
	}
	return SnapshotFile{}, false, nil
}

// listSnapshots returns the names of the complete snapshots, the newest last.
func (d Dir) listSnapshots() ([]string, error) {
	files, err := d.FS.ReadDir(d.path(snapshotsName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("wal: %w", err)
	}
	var names []string
	for _, name := range files {
		id, isSnapshot := strings.CutSuffix(name, snapshotSuffix)
		if !isSnapshot {
			continue
		}
		if _, _, _, ok := parseSnapshotID(id); !ok {
			return nil, corrupt(d.path(snapshotsName, name), 0, "no snapshot has this name")
		}
		names = append(names, name)
	}
	return names, nil
}

// statSnapshot reads both ends of a snapshot file.
func (d Dir) statSnapshot(path string) (SnapshotFile, error) {
	f, err := d.FS.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return SnapshotFile{}, fmt.Errorf("wal: %w", err)
	}
	defer f.Close()
	size, _, err := d.FS.Stat(path)
	if err != nil {
		return SnapshotFile{}, fmt.Errorf("wal: %w", err)
	}
	h, err := readSnapshotHeader(f, path)
	if err != nil {
		return SnapshotFile{}, err
	}
	id := strings.TrimSuffix(filepath.Base(path), snapshotSuffix)
	if own := snapshotID(h.meta.Index, h.meta.Term, h.random); id != own {
		return SnapshotFile{}, corrupt(path, 0, "the file holds snapshot %s", own)
	}
	at := size - snapshotTrailerBytes
	if at < h.size {
		return SnapshotFile{}, corrupt(path, size, "the file ends before its trailer")
	}
	b := make([]byte, snapshotTrailerBytes)
	if _, err := f.ReadAt(b, at); err != nil {
		return SnapshotFile{}, fmt.Errorf("wal: %w", err)
	}
	t, reason := decodeSnapshotTrailer(b)
	if reason == "" && t.headerSum != h.sum {
		reason = "the trailer is that of another snapshot"
	}
	if reason == "" && uint64(at-h.size) != t.chunks*chunkHeaderBytes+t.payload {
		reason = fmt.Sprintf("%d bytes of chunks, the trailer counts %d", at-h.size, t.chunks*chunkHeaderBytes+t.payload)
	}
	if reason != "" {
		return SnapshotFile{}, corrupt(path, at, "%s", reason)
	}
	return SnapshotFile{Path: path, ID: id, Meta: h.meta, Size: size, fs: d.FS}, nil
}

// RemoveOldSnapshots removes all but the newest keep (at least one) of the
// snapshots up to index upTo, oldest first, and the unfinished ones that are not
// coming in just now. Newer ones stay, as they may be about to be loaded. One that is
// being read stays readable. It may be called from several goroutines.
func (d Dir) RemoveOldSnapshots(upTo uint64, keep int) error {
	names, err := d.listSnapshots()
	if err != nil {
		return err
	}
	if err := d.removeOvertaken(upTo); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		index, _, _, _ := parseSnapshotID(strings.TrimSuffix(name, snapshotSuffix))
		return index > upTo
	})
	excess := len(names) - max(keep, 1)
	if excess <= 0 {
		return nil
	}
	for _, name := range names[:excess] {
		if err := d.FS.Remove(d.path(snapshotsName, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("wal: %w", err)
		}
	}
	if err := d.FS.SyncDir(d.path(snapshotsName)); err != nil {
		return fmt.Errorf("wal: %w", err)
	}
	return nil
}

type snapshotHeader struct {
	random uint64
	meta   raft.SnapshotMeta
	sum    uint32 // at the end of the header
	size   int64
}

func appendSnapshotHeader(dst []byte, random uint64, meta raft.SnapshotMeta) []byte {
	le := binary.LittleEndian
	start := len(dst)
	dst = append(dst, snapshotMagic...)
	dst = le.AppendUint32(dst, snapshotVersion)
	dst = le.AppendUint32(dst, 0)
	dst = le.AppendUint64(dst, random)
	dst = le.AppendUint64(dst, meta.Index)
	dst = le.AppendUint64(dst, meta.Term)
	config := len(dst)
	dst = meta.Config.Append(dst)
	le.PutUint32(dst[start+12:], uint32(len(dst)-config))
	return le.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

func readSnapshotHeader(r io.Reader, path string) (snapshotHeader, error) {
	le := binary.LittleEndian
	b := make([]byte, snapshotFixedBytes)
	if err := readFull(r, b, path, 0, "header"); err != nil {
		return snapshotHeader{}, err
	}
	if string(b[:8]) != snapshotMagic {
		return snapshotHeader{}, corrupt(path, 0, "no snapshot magic")
	}
	if v := le.Uint32(b[8:]); v != snapshotVersion {
		return snapshotHeader{}, corrupt(path, 8, "format version %d, this program reads %d", v, snapshotVersion)
	}
	n := le.Uint32(b[12:])
	if n > maxConfigBytes {
		return snapshotHeader{}, corrupt(path, 12, "configuration of %d bytes", n)
	}
	b = append(b, make([]byte, n+4)...)
	if err := readFull(r, b[snapshotFixedBytes:], path, snapshotFixedBytes, "header"); err != nil {
		return snapshotHeader{}, err
	}
	end := len(b) - 4
	if le.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli) {
		return snapshotHeader{}, corrupt(path, 0, "header checksum failed")
	}
	config, err := raft.DecodeConfiguration(b[snapshotFixedBytes:end])
	if err != nil {
		return snapshotHeader{}, corrupt(path, snapshotFixedBytes, "%v", err)
	}
	return snapshotHeader{
		random: le.Uint64(b[16:]),
		meta:   raft.SnapshotMeta{Index: le.Uint64(b[24:]), Term: le.Uint64(b[32:]), Config: config},
		sum:    le.Uint32(b[end:]),
		size:   int64(len(b)),
	}, nil
}

// readFull reads all of b, which starts at offset of the file.
func readFull(r io.Reader, b []byte, path string, offset int64, what string) error {
	n, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return corrupt(path, offset+int64(n), "the file ends in a %s", what)
	}
	if err != nil {
		return fmt.Errorf("wal: snapshot: %w", err)
	}
	return nil
}

type snapshotTrailer struct {
	sum       uint32 // of the payload
	chunks    uint64
	payload   uint64 // bytes
	headerSum uint32
}

func (t *snapshotTrailer) add(payload []byte) {
	t.sum = crc32.Update(t.sum, castagnoli, payload)
	t.chunks++
	t.payload += uint64(len(payload))
}

func (t *snapshotTrailer) append(dst []byte) []byte {
	le := binary.LittleEndian
	start := len(dst)
	dst = le.AppendUint32(dst, 0)
	dst = le.AppendUint32(dst, t.sum)
	dst = le.AppendUint64(dst, t.chunks)
	dst = le.AppendUint64(dst, t.payload)
	dst = le.AppendUint32(dst, t.headerSum)
	return le.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

func decodeSnapshotTrailer(b []byte) (t snapshotTrailer, reason string) {
	le := binary.LittleEndian
	if le.Uint32(b) != 0 || le.Uint32(b[28:]) != crc32.Checksum(b[:28], castagnoli) {
		return t, "trailer checksum failed"
	}
	return snapshotTrailer{
		sum:       le.Uint32(b[4:]),
		chunks:    le.Uint64(b[8:]),
		payload:   le.Uint64(b[16:]),
		headerSum: le.Uint32(b[24:]),
	}, ""
}
