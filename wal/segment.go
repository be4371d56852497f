package wal

import (
	"fmt"
	"os"
	"time"
)

// zeroAheadBytes is the step in which a segment is filled with zeros ahead of its
// frames. A frame that overwrites zeros changes neither the file's size nor its
// blocks, and its sync takes half the time of one that appends: the file system
// has nothing to note in its journal.
const zeroAheadBytes = 512 << 10

// segmentFile is the file of the newest segment.
type segmentFile struct {
	File
	filled int64  // frames and zeros reach to here
	zeros  []byte // one step, or a whole segment that is smaller
	limit  int64  // no zeros from here on
	isNew  bool   // its name may not be durable
}

// writeFrame writes the frame that was built behind the others, one write and
// one sync.
func (l *Log) writeFrame(st *AppendStats) error {
	start := time.Now()
	tail := l.segments.tail()
	if err := l.file.write(l.frame, tail.bytes); err != nil {
		return fmt.Errorf("write of frame %d: %w", l.seq+1, err)
	}
	wrote := time.Now()
	st.WriteSeconds += wrote.Sub(start).Seconds()
	l.seq++
	tail.frames++
	tail.bytes += int64(len(l.frame))
	st.Bytes += int64(len(l.frame))
	if l.o.NoSync && !l.file.isNew {
		return nil
	}
	if err := l.file.Datasync(); err != nil {
		return fmt.Errorf("fdatasync of frame %d: %w", l.seq, err)
	}
	if l.file.isNew {
		st.Rotated = true
		if err := l.nameSegment(); err != nil {
			return fmt.Errorf("segment %d: %w", tail.first, err)
		}
	}
	st.SyncSeconds += time.Since(wrote).Seconds()
	return nil
}

// write puts the frame at the offset, and zeros behind it when it reaches beyond
// those that are there. One sync is enough for both: if the zeros get lost, the
// file ends earlier.
func (f *segmentFile) write(frame []byte, offset int64) error {
	if _, err := f.WriteAt(frame, offset); err != nil {
		return err
	}
	end := offset + int64(len(frame))
	if end <= f.filled {
		return nil
	}
	step := int64(len(f.zeros))
	f.filled = max(end, min((end/step+1)*step, f.limit))
	if f.filled == end {
		return nil
	}
	_, err := f.WriteAt(f.zeros[:f.filled-end], end)
	return err
}

// open opens the file of s for writing; flag may say that it is to be created.
func (f *segmentFile) open(d Dir, s segment, flag int) error {
	file, err := d.FS.OpenFile(d.path(segmentsName, s.name()), os.O_WRONLY|flag, filePerm)
	if err == nil {
		f.File = file
	}
	return err
}

// beginSegment creates the file for the next frame. All frames of the full one
// are durable; with NoSync, from here on.
func (l *Log) beginSegment() error {
	if l.o.NoSync {
		if err := l.file.Datasync(); err != nil {
			return fmt.Errorf("fdatasync of frame %d: %w", l.seq, err)
		}
	}
	if err := l.file.Close(); err != nil {
		return err
	}
	s := segment{first: l.seq + 1}
	if err := l.file.open(l.dir, s, os.O_CREATE|os.O_EXCL); err != nil {
		return err
	}
	l.file.filled, l.file.isNew = 0, true
	l.segments = append(l.segments, s)
	return nil
}

// nameSegment makes the name of a new segment durable, whose first frame is.
func (l *Log) nameSegment() error {
	if err := l.dir.FS.SyncDir(l.dir.path(segmentsName)); err != nil {
		return err
	}
	l.file.isNew = false
	return l.storeHighWater(false)
}
