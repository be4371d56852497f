package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
)

const segmentNameBytes = 20

// maxSegmentFileBytes bounds what one segment can have become, and so what the
// scan reads at once.
const maxSegmentFileBytes = maxSegmentBytes + 2*maxPayloadBytes

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

// tornTail is the end of the last segment that a crash left unfinished.
type tornTail struct {
	offset int64
	bytes  []byte
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
	clean    bool   // closed by Close, untouched since
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
		if err := s.segment(i == len(firsts)-1); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// segment reads the newest one of s.segments.
func (s *scan) segment(last bool) error {
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
	offset := 0
	for offset < len(data) {
		seq, payload, n, reason := decodeStored(data[offset:], s.seed)
		if reason != "" {
			if err := s.damage(path, data, offset, reason, last); err != nil {
				return err
			}
			break
		}
		if header := data[offset+n-len(payload)-frameHeaderBytes:]; header[12] != frameVersion || header[13] != 0 {
			return corrupt(path, int64(offset), "frame of version %d, flags %d; this program reads version %d", header[12], header[13], frameVersion)
		}
		if seq != seg.next() {
			return corrupt(path, int64(offset), "frame %d where frame %d belongs", seq, seg.next())
		}
		if at, reason := s.replay.frame(payload, s.segments); reason != "" {
			return corrupt(path, int64(offset+n-len(payload)+at), "frame %d: %s", seq, reason)
		}
		seg.frames++
		offset += n
	}
	if !last && seg.frames == 0 {
		return corrupt(path, 0, "a segment before the last one is empty")
	}
	seg.bytes = int64(offset)
	s.tail = data[:offset:offset]
	return nil
}

// damage tells a torn tail from corruption. Frame n+1 is written only after the
// fsync of frame n returned, so bytes that a crash left unfinished are the last
// there are: with an intact frame behind them they were durable once.
func (s *scan) damage(path string, data []byte, offset int, reason string, last bool) error {
	seq := s.segments.tail().next()
	if !last {
		return corrupt(path, int64(offset), "frame %d: %s", seq, reason)
	}
	if at, found, ok := findFrame(data[offset:], s.seed, seq); ok {
		return corrupt(path, int64(offset), "frame %d: %s, yet frame %d is intact at offset %d", seq, reason, found, offset+at)
	}
	s.torn = &tornTail{offset: int64(offset), bytes: data[offset:], reason: reason}
	return nil
}

// list returns the first sequence numbers of the segments, none when their
// directory does not exist. Files with other names are left alone, except those
// that tidwall/wal would act on.
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
		if len(name) < segmentNameBytes {
			continue
		}
		first, err := strconv.ParseUint(name[:segmentNameBytes], 10, 64)
		if err != nil {
			continue
		}
		switch {
		case len(name) == segmentNameBytes && name == (segment{first: first}).name() && first > 0:
			firsts = append(firsts, first)
		case len(name) == segmentNameBytes:
			return nil, corrupt(filepath.Join(s.dir, name), 0, "no frame has this number")
		case strings.HasSuffix(name, ".START"), strings.HasSuffix(name, ".END"), strings.HasSuffix(name, ".TEMP"):
			return nil, corrupt(filepath.Join(s.dir, name), 0, "left behind by a truncation that redoubt never makes")
		}
	}
	return firsts, nil
}
