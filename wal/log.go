package wal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"

	"redoubt/raft"
)

const (
	defaultSegmentBytes = 8 << 20
	minSegmentBytes     = 256
	maxSegmentBytes     = 512 << 20
	defaultFrameBytes   = 4 << 20
	defaultBallastBytes = 16 << 20
)

// Options of a Log. The zero value is the default.
type Options struct {
	// SegmentBytes is the size at which a segment is full; 0 means 8 MB.
	SegmentBytes int
	// FrameBytes is the most that a frame of several entries has, but for its
	// hard state, and with it the buffer that frames are built in; 0 means 4 MB.
	FrameBytes int
	// NoSync leaves it to the operating system when appended frames reach the
	// disk: a crash of the machine loses acknowledged writes, votes among them,
	// and may leave a log that Open refuses.
	NoSync bool
	// BallastBytes is the size of the file that ReleaseBallast removes; 0 means
	// 16 MB, a negative number none.
	BallastBytes int64
}

func (o Options) withDefaults() (Options, error) {
	if o.SegmentBytes == 0 {
		o.SegmentBytes = defaultSegmentBytes
	}
	if o.FrameBytes == 0 {
		o.FrameBytes = defaultFrameBytes
	}
	if o.BallastBytes == 0 {
		o.BallastBytes = defaultBallastBytes
	}
	o.BallastBytes = max(o.BallastBytes, 0)
	if o.SegmentBytes < minSegmentBytes || o.SegmentBytes > maxSegmentBytes {
		return o, fmt.Errorf("wal: segments of %d bytes: allowed are %d to %d", o.SegmentBytes, minSegmentBytes, maxSegmentBytes)
	}
	return o, nil
}

// Recovered is what Open found. HardState, Snapshot and Entries are a raft.State.
type Recovered struct {
	HardState raft.HardState
	// Snapshot is the newest snapshot's meta; without one its Index is 0 and its
	// Config the bootstrap configuration.
	Snapshot raft.SnapshotMeta
	// SnapshotFile is nil without a snapshot.
	SnapshotFile *SnapshotFile
	// Entries follow Snapshot.Index without a gap. Their Data share the memory
	// of the segments that were read.
	Entries []raft.Entry
	// TornBytes is the size of the unfinished frame that a crash left, now cut
	// off; TornFile is where a copy is, "" when there was no room for one.
	TornBytes int64
	TornFile  string
	// Clean is true when the log was closed, not cut off by a crash.
	Clean bool
}

// Log is an open write-ahead log. One goroutine owns it: only Stats may be
// called from others.
type Log struct {
	dir   Dir
	o     Options
	seed  uint32
	lock  io.Closer
	file  segmentFile
	frame []byte // the frame being built; reused

	segments  segments
	seq       uint64         // of the newest frame
	hardState raft.HardState // newest given
	durable   raft.HardState // of the newest frame
	base      uint64         // snapshot that the log follows: no entry at or below it is ever overridden
	lastIndex uint64
	lastTerm  uint64

	err    error // first disk error, wrapping ErrPoisoned; or ErrClosed
	counts counts
}

// Stats is a copy of the log's gauges.
type Stats struct {
	Segments  int
	Bytes     int64  // of all frames on disk
	FirstSeq  uint64 // oldest frame on disk
	LastSeq   uint64 // newest frame
	LastIndex uint64 // last log entry
	Poisoned  bool
}

type counts struct {
	segments, bytes              atomic.Int64
	firstSeq, lastSeq, lastIndex atomic.Uint64
	poisoned                     atomic.Bool
}

// Stats may be called from any goroutine. The fields are of about the same moment.
func (l *Log) Stats() Stats {
	return Stats{
		Segments:  int(l.counts.segments.Load()),
		Bytes:     l.counts.bytes.Load(),
		FirstSeq:  l.counts.firstSeq.Load(),
		LastSeq:   l.counts.lastSeq.Load(),
		LastIndex: l.counts.lastIndex.Load(),
		Poisoned:  l.counts.poisoned.Load(),
	}
}

func (l *Log) publish() {
	var bytes int64
	for _, s := range l.segments {
		bytes += s.bytes
	}
	l.counts.segments.Store(int64(len(l.segments)))
	l.counts.bytes.Store(bytes)
	l.counts.firstSeq.Store(l.segments[0].first)
	l.counts.lastSeq.Store(l.seq)
	l.counts.lastIndex.Store(l.lastIndex)
}

// Open recovers the log of the data directory d and locks it. It repairs what
// a crash leaves behind and refuses, with a *CorruptError and before it has
// changed anything, what a crash cannot explain. Errors: ErrLocked, ErrIdentity,
// *CorruptError, or those of the file system.
func Open(d Dir, id Identity, o Options) (*Log, Recovered, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, Recovered{}, err
	}
	if _, exists, err := d.LoadIdentity(); err != nil {
		return nil, Recovered{}, err
	} else if !exists {
		return nil, Recovered{}, fmt.Errorf("%w: %s has none", ErrIdentity, d.Path)
	}
	held, err := d.lock(d.path(lockName))
	if err != nil {
		return nil, Recovered{}, err
	}
	l := &Log{dir: d, o: o, lock: held, seed: frameSeed(id.Incarnation)}
	rec, err := l.open(id)
	if err != nil {
		if l.file.File != nil {
			l.file.Close() // the error that counts is the first
		}
		held.Close()
		return nil, Recovered{}, err
	}
	return l, rec, nil
}

func (l *Log) open(want Identity) (Recovered, error) {
	id, _, err := l.dir.LoadIdentity()
	if err != nil {
		return Recovered{}, err
	}
	if err := id.check(l.dir.Path, want); err != nil {
		return Recovered{}, err
	}
	s, rec, needMark, err := l.read(id)
	if err != nil {
		return Recovered{}, err
	}
	// Nothing was changed so far; from here on the directory is known to be sound.
	if err := l.repair(s, &rec); err != nil {
		return Recovered{}, fmt.Errorf("wal: repair: %w", err)
	}
	if err := l.start(s); err != nil {
		return Recovered{}, err
	}
	if needMark {
		w := raft.Write{HardState: s.replay.hardState, Snapshot: &rec.Snapshot, MustSync: true}
		if _, err := l.Append([]raft.Write{w}); err != nil {
			return Recovered{}, err
		}
	}
	if w := s.replay.recover(&id); w != nil {
		if _, err := l.Append([]raft.Write{*w}); err != nil {
			return Recovered{}, err
		}
	}
	if err := l.dir.layBallast(l.o.BallastBytes); err != nil {
		return Recovered{}, err
	}
	rec.HardState, rec.Entries = s.replay.hardState, s.replay.entries
	return rec, nil
}

// read reads the directory of id and changes nothing. NeedMark: see reconcile.
func (l *Log) read(id Identity) (s *scan, rec Recovered, needMark bool, err error) {
	rec.Snapshot.Config = id.Bootstrap
	file, exists, err := l.dir.LatestSnapshot()
	if err != nil {
		return nil, rec, false, err
	}
	if exists {
		rec.Snapshot, rec.SnapshotFile = file.Meta, &file
	}
	s, needMark, err = l.scan(rec.Snapshot)
	return s, rec, needMark, err
}

// scan reads the log, compares it with the snapshot and the high-water file and
// sets what follows from it. NeedMark: see reconcile.
func (l *Log) scan(snap raft.SnapshotMeta) (s *scan, needMark bool, err error) {
	high, exists, err := loadHighWater(l.dir)
	if err != nil {
		return nil, false, err
	}
	s, err = scanSegments(l.dir, l.seed)
	if err != nil {
		return nil, false, err
	}
	if err := high.check(l.dir, exists, s); err != nil {
		return nil, false, err
	}
	firstSeq := uint64(1)
	if len(s.segments) > 0 {
		firstSeq = s.segments[0].first
	} else {
		s.replay.baseKnown = true
	}
	s.durable = s.replay.hardState
	needMark, reason := s.replay.reconcile(snap, firstSeq)
	if reason != "" {
		return nil, false, corrupt(filepath.Join(s.dir, segment{first: firstSeq}.name()), 0, "%s", reason)
	}
	s.clean = high.Clean && s.torn == nil && s.segments.tail().next() == high.Seq+1
	return s, needMark, nil
}

// start opens the repaired log for appending.
func (l *Log) start(s *scan) error {
	l.segments = s.segments
	flag := 0
	if len(l.segments) == 0 {
		l.segments, flag = segments{{first: 1}}, os.O_CREATE|os.O_EXCL
	}
	tail := l.segments.tail()
	l.file.zeros = make([]byte, min(zeroAheadBytes, l.o.SegmentBytes))
	l.file.limit, l.file.filled = int64(l.o.SegmentBytes), s.filled
	l.seq = tail.next() - 1
	l.hardState, l.durable = s.replay.hardState, s.durable
	l.base, l.lastIndex, l.lastTerm = s.replay.base, s.replay.last(), s.replay.lastTerm()
	l.publish()
	if err := l.file.open(l.dir, *tail, flag); err != nil {
		return fmt.Errorf("wal: %w", err)
	}
	if err := l.dir.withBallast(l.syncNames); err != nil {
		return fmt.Errorf("wal: %w", err)
	}
	return nil
}

// syncNames makes durable what was recovered, and lets HIGHWATER say so: the
// process before may have ended between giving a name and syncing it, and Compact
// relies on the snapshot.
func (l *Log) syncNames() error {
	for _, name := range []string{segmentsName, snapshotsName} {
		if err := l.dir.FS.SyncDir(l.dir.path(name)); err != nil {
			return err
		}
	}
	return l.storeHighWater(false)
}

func (l *Log) storeHighWater(clean bool) error {
	h := highWater{Seq: l.seq, Term: l.durable.Term, Vote: l.durable.Vote, Clean: clean}
	return h.store(l.dir)
}

// Close writes what only waited to ride along, marks the log as cleanly closed
// and releases the directory. Of a poisoned log it marks nothing and returns the
// error that poisoned it.
func (l *Log) Close() error {
	if errors.Is(l.err, ErrClosed) {
		return nil
	}
	err := l.err
	if err == nil && l.hardState != l.durable {
		if err = l.beginFrame(); err == nil {
			err = l.endFrame(&AppendStats{})
		}
	}
	if err == nil && l.o.NoSync {
		err = l.file.Datasync()
	}
	err = errors.Join(err, l.file.Close())
	if err == nil {
		err = l.dir.withBallast(func() error { return l.storeHighWater(true) })
	}
	l.err = ErrClosed
	return errors.Join(err, l.lock.Close())
}

// poison makes err the answer to every later call: after a failed fsync a second
// one that succeeds proves nothing. Only a restart knows what is on the disk.
func (l *Log) poison(err error) error {
	l.err = fmt.Errorf("%w: %w", ErrPoisoned, err)
	l.counts.poisoned.Store(true)
	return l.err
}
