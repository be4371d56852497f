package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"redoubt/raft"
)

// highWater is what the log is known to have reached. The log itself cannot show
// that its end is missing; this file can.
type highWater struct {
	Seq  uint64 // a frame that was durable
	Term uint64
	Vote raft.NodeID
	// Clean is true from a Close to the next Open: the last segment went through
	// an fsync that succeeded, and nothing was written since.
	Clean bool
}

func loadHighWater(d Dir) (highWater, bool, error) {
	var h highWater
	path := d.path(highWaterName)
	data, err := readFile(d.FS, path)
	if errors.Is(err, fs.ErrNotExist) {
		return h, false, nil
	}
	if err != nil {
		return h, false, fmt.Errorf("wal: %w", err)
	}
	return h, true, unseal(path, data, &h)
}

func (h highWater) store(d Dir) error {
	data, err := seal(h)
	if err != nil {
		return err
	}
	return writeFile(d.FS, d.path(highWaterName), data)
}

// check refuses a log that ends before h.
func (h highWater) check(d Dir, exists bool, s *scan) error {
	path := d.path(highWaterName)
	if !exists {
		// It is written right after the first segment was created, before the
		// first frame.
		if len(s.segments) > 1 || len(s.segments) == 1 && s.segments[0].next() > 1 {
			return corrupt(path, 0, "the file is missing, but the log has frames")
		}
		return nil
	}
	if len(s.segments) == 0 {
		return corrupt(path, 0, "the log had reached frame %d, but %s has no segment", h.Seq, s.dir)
	}
	tail := s.segments.tail()
	end := filepath.Join(s.dir, tail.name())
	switch {
	case tail.next() <= h.Seq:
		reason := "nothing follows"
		if s.torn != nil {
			reason = s.torn.reason
		}
		return corrupt(end, tail.bytes, "frame %d was durable, but the log ends before frame %d: %s", h.Seq, tail.next(), reason)
	case s.replay.hardState.Term < h.Term:
		return corrupt(end, tail.bytes, "term %d was durable, but the log ends in term %d", h.Term, s.replay.hardState.Term)
	}
	return nil
}
