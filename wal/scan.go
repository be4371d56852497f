package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"

	"redoubt/raft"
)

const segmentNameBytes = 20

// maxSegmentFileBytes bounds what one segment can have become, and so what the
// scan reads at once.
const maxSegmentFileBytes = maxSegmentBytes + frameHeaderBytes + maxPayloadBytes

// segment is one file of frames, named after the sequence number of its first.
type segment struct {
	first    uint64
	frames   uint64
	bytes    int64
	maxIndex uint64 // no entry that still counts has a higher index
}

func (s segment) next() uint64 { return s.first + s.frames }

func (s segment) name() string { return fmt.Sprintf("%0*d", segmentNameBytes, s.first) }

// segments are in ascending order; the last is being written.
type segments []segment

func (s segments) tail() *segment { return &s[len(s)-1] }

func (s segments) sawEntry(index uint64) { s.tail().maxIndex = max(s.tail().maxIndex, index) }

// sawMark notes a snapshot mark: entries above it that were written earlier are
// void, so they keep no segment from being dropped.
func (s segments) sawMark(index uint64) {
	for i := range s {
		s[i].maxIndex = min(s[i].maxIndex, index)
	}
}

// tornTail is the frame at the end of the last segment that a crash left
// unfinished.
type tornTail struct {
	offset int64
	bytes  []byte // up to the last that is not zero
	reason string
}

// scan is everything that the segments on disk say.
type scan struct {
	seed     uint32
	fs       FS
	dir      string // of the segments
	segments segments
	replay   replay
	torn     *tornTail
	tail     []byte // intact part of the last segment
	filled   int64  // size of the last segment's file: its frames and the zeros behind them
	clean    bool   // closed by Close, untouched since
	// durable is the hard state of the newest frame; that of replay may be ahead
	// of it, by the term of a snapshot.
	durable raft.HardState
}

// scanSegments reads every frame of every segment of d and checks that together
// they are what this package can have written. It changes nothing.
func scanSegments(d Dir, seed uint32) (*scan, error) {
	s := &scan{seed: seed, fs: d.FS, dir: d.path(segmentsName)}
	firsts, err := s.list()
	if err != nil {
		return nil, err
	}
	for i, first := range firsts {
		if i == 0 {
			s.replay.baseKnown = first == 1
		} else if want := s.segments.tail().next(); first != want {
			return nil, corrupt(filepath.Join(s.dir, segment{first: first}.name()), 0,
				"the segment starts with frame %d, but frame %d is the next (a segment is missing or foreign)", first, want)
		}
		s.segments = append(s.segments, segment{first: first})
		following := uint64(0)
		if i+1 < len(firsts) {
			following = firsts[i+1]
		}
		if err := s.segment(following); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// segment reads the newest one of s.segments. Following is the first frame of the
// next one, 0 when this is the last.
func (s *scan) segment(following uint64) error {
	seg := s.segments.tail()
	path := filepath.Join(s.dir, seg.name())
	size, _, err := s.fs.Stat(path)
	if err != nil {
		return fmt.Errorf("wal: %w", err)
	}
	if size > maxSegmentFileBytes {
		return corrupt(path, maxSegmentFileBytes, "the file has %d bytes, more than a segment can have", size)
	}
	data, err := readFile(s.fs, path)
	if err != nil {
		return fmt.Errorf("wal: %w", err)
	}
	offset, reason := 0, ""
	for {
		var seq uint64
		var payload []byte
		if seq, payload, reason = decodeFrame(data[offset:], s.seed); reason != "" {
			break
		}
		if header := data[offset:]; header[12] != frameVersion || header[13] != 0 {
			return corrupt(path, int64(offset), "frame of version %d, flags %d; this program reads version %d", header[12], header[13], frameVersion)
		}
		if seq != seg.next() {
			return corrupt(path, int64(offset), "frame %d where frame %d belongs", seq, seg.next())
		}
		if at, reason := s.replay.frame(payload, s.segments); reason != "" {
			return corrupt(path, int64(offset+frameHeaderBytes+at), "frame %d: %s", seq, reason)
		}
		seg.frames++
		offset += frameHeaderBytes + len(payload)
	}
	seg.bytes = int64(offset)
	s.tail, s.filled = data[:offset:offset], int64(len(data))
	return s.end(path, data, reason, following)
}

// end judges what follows the intact frames of the newest segment. Zeros are the
// room for more. Anything else is a torn tail or corruption: frame n+1 is written
// only after the sync of frame n has returned, so the bytes that a crash left
// unfinished are the last there are. With an intact frame or a segment behind them
// they were durable once.
func (s *scan) end(path string, data []byte, reason string, following uint64) error {
	seg := s.segments.tail()
	next, rest := seg.next(), data[seg.bytes:]
	dirty := bytes.TrimRight(rest, "\x00")
	if following > 0 {
		if len(dirty) > 0 || len(rest) > 0 && next != following {
			return corrupt(path, seg.bytes, "frame %d: %s, yet segment %d follows", next, reason, following)
		}
		return nil // where frames are missing that are not here, the next segment is named
	}
	if len(dirty) == 0 {
		return nil
	}
	if at, found, ok := findFrame(rest, s.seed, next); ok {
		return corrupt(path, seg.bytes, "frame %d: %s, yet frame %d is intact at offset %d", next, reason, found, seg.bytes+int64(at))
	}
	s.torn = &tornTail{offset: seg.bytes, bytes: dirty, reason: reason}
	return nil
}

// list returns the first sequence numbers of the segments, none when their
// directory does not exist. Files with other names are left alone.
func (s *scan) list() ([]uint64, error) {
	names, err := s.fs.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("wal: %w", err)
	}
	var firsts []uint64
	for _, name := range names {
		first, err := strconv.ParseUint(name, 10, 64)
		if err != nil || len(name) != segmentNameBytes {
			continue
		}
		if first == 0 {
			return nil, corrupt(filepath.Join(s.dir, name), 0, "no frame has this number")
		}
		firsts = append(firsts, first)
	}
	return firsts, nil
}
