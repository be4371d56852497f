package wal

import (
	"errors"
	"fmt"
	"path/filepath"
)

const (
	maxTornFiles = 8
	maxTornBytes = 16 << 20
)

// repair removes what an interrupted life left in the data directory, after the
// scan has found nothing wrong with the rest.
func (l *Log) repair(s *scan, rec *Recovered) error {
	rec.Clean = s.clean
	snaps := l.dir.path(snapshotsName)
	for _, dir := range []string{s.dir, snaps} {
		if err := l.dir.withBallast(func() error { return makeDir(l.dir.FS, dir) }); err != nil {
			return err
		}
	}
	for _, dir := range []string{l.dir.Path, s.dir, snaps} {
		if err := removeTemps(l.dir.FS, dir); err != nil {
			return err
		}
	}
	if err := l.dir.removeOvertaken(rec.Snapshot.Index); err != nil {
		return err
	}
	if s.torn != nil {
		rec.TornBytes = int64(len(s.torn.bytes))
		var err error
		if rec.TornFile, err = l.keepTorn(s); err != nil {
			return err
		}
	}
	if s.clean || len(s.segments) == 0 {
		return nil
	}
	return l.rewriteTail(s)
}

// rewriteTail replaces the last segment by the intact frames that were read from
// it. Besides cutting off a torn frame it makes sure that those frames are on
// the disk: after a failed fsync the page cache shows bytes that the disk may
// never have got.
func (l *Log) rewriteTail(s *scan) error {
	path := filepath.Join(s.dir, s.segments.tail().name())
	s.filled = int64(len(s.tail))
	return l.dir.withBallast(func() error { return writeFile(l.dir.FS, path, s.tail) })
}

// keepTorn copies torn bytes aside for whoever wants to look at them. They were
// never acknowledged, so a full disk is no reason to fail.
func (l *Log) keepTorn(s *scan) (string, error) {
	f, dir := l.dir.FS, l.dir.path(tornName)
	path := filepath.Join(dir, fmt.Sprintf("%s-%012d.torn", s.segments.tail().name(), s.torn.offset))
	err := makeDir(f, dir)
	if err == nil {
		err = writeFile(f, path, s.torn.bytes[:min(len(s.torn.bytes), maxTornBytes)])
	}
	if err != nil {
		return "", ignoreFull(err)
	}
	names, err := f.ReadDir(dir) // in the order of frames
	if err != nil {
		return "", err
	}
	for i := 0; i+maxTornFiles < len(names); i++ {
		err = errors.Join(err, f.Remove(filepath.Join(dir, names[i])))
	}
	return path, err
}
