package wal

import (
	"fmt"
	"path/filepath"
)

// Compact drops the oldest segment files as long as all their entries are at or
// below index, which a durable snapshot covers. It keeps the segment being
// written and one more, so that the log never is without the hard state. Same
// goroutine as Append; it takes two file system operations per segment.
//
// An index that no intact snapshot covers is refused, and nothing is dropped. An
// error of dropping a segment poisons the log; one of the ballast does not.
func (l *Log) Compact(index uint64) error {
	if l.err != nil {
		return l.err
	}
	n := 0
	for n < len(l.segments)-1 && l.segments[n].maxIndex <= index {
		n++
	}
	n-- // one segment of slack; it has frames, while the newest may be empty
	if n > 0 {
		newest, _, err := l.dir.LatestSnapshot()
		if err != nil {
			return err
		}
		if newest.Meta.Index < index {
			return fmt.Errorf("wal: compaction up to entry %d, but the newest snapshot is %d", index, newest.Meta.Index)
		}
	}
	dir := l.dir.path(segmentsName)
	for ; n > 0; n-- {
		// Durably one by one: a gap after a crash would be a missing segment.
		if err := l.dir.FS.Remove(filepath.Join(dir, l.segments[0].name())); err != nil {
			return l.poison(err)
		}
		if err := l.dir.FS.SyncDir(dir); err != nil {
			return l.poison(err)
		}
		l.segments = l.segments[1:]
		l.publish()
	}
	return l.dir.layBallast(l.o.BallastBytes)
}
