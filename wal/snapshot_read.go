package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// SnapshotReader reads the payload of a snapshot. It hands out only bytes whose
// chunk is intact, and io.EOF only when the file as a whole is: what was built
// from the payload before that must not be used.
type SnapshotReader struct {
	r       io.Reader
	close   func() error
	path    string
	header  snapshotHeader
	trailer snapshotTrailer // of what was read so far
	offset  int64           // of the next chunk
	buf     []byte
	rest    []byte // of the chunk being handed out
	err     error
}

// Open opens the snapshot for reading its payload.
func (f SnapshotFile) Open() (*SnapshotReader, error) {
	file, err := f.OpenRaw()
	if err != nil {
		return nil, err
	}
	r, err := newSnapshotReader(file, f.Path)
	if err != nil {
		file.Close()
		return nil, err
	}
	r.close = file.Close
	return r, nil
}

func newSnapshotReader(r io.Reader, path string) (*SnapshotReader, error) {
	h, err := readSnapshotHeader(r, path)
	if err != nil {
		return nil, err
	}
	return &SnapshotReader{
		r:       r,
		path:    path,
		header:  h,
		trailer: snapshotTrailer{headerSum: h.sum},
		offset:  h.size,
	}, nil
}

// OpenRaw opens the file as it is, for sending it.
func (f SnapshotFile) OpenRaw() (File, error) {
	file, err := f.fs.OpenFile(f.Path, os.O_RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("wal: snapshot: %w", err)
	}
	return file, nil
}

// Check reads the whole file. Damage is a *CorruptError.
func (f SnapshotFile) Check() error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return errors.Join(err, r.Close())
}

// Close closes the file.
func (r *SnapshotReader) Close() error {
	r.err = errors.New("wal: snapshot reader is closed")
	return r.close()
}

// Read implements io.Reader. Damage is a *CorruptError.
func (r *SnapshotReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 && r.err == nil {
		r.err = r.next()
	}
	if r.err != nil {
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// next reads and checks one chunk, or the trailer: then io.EOF.
func (r *SnapshotReader) next() error {
	le := binary.LittleEndian
	var head [chunkHeaderBytes]byte
	if err := readFull(r.r, head[:], r.path, r.offset, "chunk header"); err != nil {
		return err
	}
	n := le.Uint32(head[:])
	if n == 0 {
		return r.end(head)
	}
	if n > maxChunkBytes {
		return corrupt(r.path, r.offset, "chunk of %d bytes", n)
	}
	if cap(r.buf) < int(n) {
		r.buf = make([]byte, n)
	}
	r.buf = r.buf[:n]
	if err := readFull(r.r, r.buf, r.path, r.offset+chunkHeaderBytes, "chunk"); err != nil {
		return err
	}
	if crc32.Checksum(r.buf, castagnoli) != le.Uint32(head[4:]) {
		return corrupt(r.path, r.offset, "chunk checksum failed")
	}
	r.trailer.add(r.buf)
	r.offset += chunkHeaderBytes + int64(n)
	r.rest = r.buf
	return nil
}

// end checks the trailer, of which head is the beginning, and that nothing follows.
func (r *SnapshotReader) end(head [chunkHeaderBytes]byte) error {
	b := make([]byte, snapshotTrailerBytes, snapshotTrailerBytes+1)
	n := copy(b, head[:])
	if err := readFull(r.r, b[n:], r.path, r.offset+int64(n), "trailer"); err != nil {
		return err
	}
	t, reason := decodeSnapshotTrailer(b)
	if reason == "" && t != r.trailer {
		reason = fmt.Sprintf("the trailer says %+v, the file holds %+v", t, r.trailer)
	}
	if reason != "" {
		return corrupt(r.path, r.offset, "%s", reason)
	}
	r.offset += snapshotTrailerBytes
	switch n, err := io.ReadFull(r.r, b[:1]); {
	case n > 0:
		return corrupt(r.path, r.offset, "bytes after the trailer")
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("wal: snapshot: %w", err)
	}
	return io.EOF
}
