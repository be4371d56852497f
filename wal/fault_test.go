package wal

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"redoubt/raft"
)

// state is what Open may find.
type state struct {
	hard    raft.HardState
	snap    uint64
	entries []raft.Entry // after snap
}

func (s state) matches(rec Recovered) bool {
	return rec.HardState == s.hard && rec.Snapshot.Index == s.snap && slices.EqualFunc(rec.Entries, s.entries, func(a, b raft.Entry) bool {
		return a.Index == b.Index && a.Term == b.Term && string(a.Data) == string(b.Data)
	})
}

// life is a node's use of its data directory, up to the first error.
type life struct {
	dir    Dir
	spared bool         // operations do not fail for now
	source SnapshotFile // another node's
	raw    []byte
	log    *Log
	now    state
	// found are the states that Open may find: the one that was acknowledged
	// last, and those that were on their way when the error came.
	found []state
}

// step does what leads to the state next.
func (l *life) step(next state, do func() error) error {
	l.found = append(l.found, next)
	if err := do(); err != nil {
		return err
	}
	l.now, l.found = next, []state{next}
	return nil
}

func (l *life) append(h raft.HardState, es ...raft.Entry) error {
	next := state{h, l.now.snap, slices.Concat(l.now.entries, es)}
	return l.step(next, func() error {
		_, err := l.log.Append([]raft.Write{write(h, es...)})
		if err != nil && !errors.Is(err, ErrPoisoned) {
			return fmt.Errorf("not poisoned: %w", err)
		}
		return err
	})
}

func (l *life) open() error {
	log, rec, err := Open(l.dir, testIdentity, Options{SegmentBytes: 400, BallastBytes: 4096})
	if err != nil {
		return err
	}
	l.log = log
	if !slices.ContainsFunc(l.found, func(s state) bool { return s.matches(rec) }) {
		return fmt.Errorf("wrongly recovered: %+v", rec)
	}
	return nil
}

// run takes every kind of step that writes. It ends with a closed log.
func (l *life) run() error {
	if err := l.dir.CreateIdentity(testIdentity); err != nil {
		return err
	}
	if err := l.open(); err != nil {
		return err
	}
	h := raft.HardState{Term: 1, Vote: "n1"}
	for i := uint64(1); i <= 14; i++ {
		if i > 3 {
			h.Commit = i - 3
		}
		if err := l.append(h, entries(i, i, 1)...); err != nil {
			return err
		}
	}
	if err := l.ownSnapshot(11); err != nil {
		return err
	}
	h = raft.HardState{Term: 2, Vote: "n2", Commit: 11}
	if err := l.append(h); err != nil {
		return err
	}
	if err := l.receivedSnapshot(); err != nil {
		return err
	}
	h = raft.HardState{Term: 4, Commit: 50}
	if err := l.append(h, entries(51, 53, 4)...); err != nil {
		return err
	}
	h.Commit = 52
	next := l.now
	next.hard = h
	err := l.step(next, func() error {
		_, err := l.log.Append([]raft.Write{{HardState: h}})
		return errors.Join(err, l.log.Close())
	})
	if err != nil {
		return err
	}
	if err := l.open(); err != nil {
		return err
	}
	return l.log.Close()
}

func (l *life) ownSnapshot(index uint64) error {
	next := state{l.now.hard, index, l.now.entries[index:]}
	err := l.step(next, func() error {
		w, err := l.dir.CreateSnapshot(meta(index, 1), 1)
		if err != nil {
			return err
		}
		if err := w.Write(randomBytes(1000)); err != nil {
			w.Abort()
			return err
		}
		_, err = w.Commit()
		return err
	})
	if err != nil {
		return err
	}
	if err := l.log.Compact(index); err != nil {
		return err
	}
	return l.dir.RemoveOldSnapshots(math.MaxUint64, 1)
}

func (l *life) receivedSnapshot() error {
	meta := l.source.Meta
	next := state{raft.HardState{Term: 3, Commit: l.now.hard.Commit}, meta.Index, nil}
	err := l.step(next, func() error {
		r, _, err := l.dir.ReceiveSnapshot(l.source.ID, meta, l.source.Size)
		if err != nil {
			return err
		}
		defer r.Close()
		if err := r.Append(l.raw, 0); err != nil {
			return err
		}
		_, err = r.Commit()
		return err
	})
	if err != nil {
		return err
	}
	h := raft.HardState{Term: 3, Vote: "n3", Commit: meta.Index}
	return l.step(state{h, meta.Index, nil}, func() error {
		_, err := l.log.Append([]raft.Write{{HardState: h, Snapshot: &meta, MustSync: true}})
		return err
	})
}

// essential are the operations without which nothing is durable. Others may be
// got around: a ballast, a file that was only looked at.
var essential = []string{"write", "truncate", "fsync", "fdatasync", "rename", "syncdir", "mkdir", "lock"}

// Every operation of what run does fails, one at a time or all from there on, in
// several ways. It ends with an error, unless there is a way around it; and what
// was acknowledged is there when the directory is opened anew.
func failEveryOperation(t *testing.T, prepared files, found []state, run func(*life) error) {
	file, raw := source(t, 1000)
	full := fmt.Errorf("%w: %w", errShort, unix.ENOSPC)
	for _, fault := range []struct {
		name string
		err  error
		more bool // and all later operations
	}{
		{"EIO", unix.EIO, false}, {"EIO for ever", unix.EIO, true},
		{"full", full, false}, {"full for ever", full, true}, {"short", errShort, false},
	} {
		t.Run(fault.name, func(t *testing.T) {
			dir := dataDir(fastDir(t))
			for nth := 1; ; nth++ {
				prepared.write(t, dir)
				l := &life{source: file, raw: raw, found: slices.Clone(found)}
				n, failed, where := 0, "", ""
				before := func(op, path string) error {
					if l.spared {
						return nil
					}
					if n++; n < nth || n > nth && !fault.more {
						if n > nth && !IsFull(fault.err) && slices.Contains(essential, failed) && op == "rename" && strings.HasSuffix(path, highWaterName) {
							t.Errorf("HIGHWATER promises something after operation %d, %s, has failed", nth, where)
						}
						return nil
					}
					if where == "" {
						failed, where = op, op+" "+strings.TrimPrefix(path, dir.Path)
					}
					return fault.err
				}
				l.dir = Dir{dir.Path, watchedFS{OS(), before}}
				err := run(l)
				if where == "" {
					if err != nil {
						t.Fatal(err)
					}
					if nth < 5 {
						t.Errorf("only %d operations", n)
					}
					return
				}
				where = fmt.Sprintf("operation %d, %s: %v", nth, where, err)
				if err == nil && !IsFull(fault.err) && slices.Contains(essential, failed) {
					t.Error(where)
				}
				l.wantUsable(t, where, err, fault.err)
				if t.Failed() {
					return
				}
			}
		})
	}
}

func TestEveryOperationFails(t *testing.T) {
	failEveryOperation(t, nil, []state{{}}, (*life).run)
}

// Open has everything to repair that a crash can leave: a torn frame, one more
// than can be kept, unfinished files, a received snapshot without its mark.
func TestEveryOperationOfARepairFails(t *testing.T) {
	dir := newDir(t)
	l, _ := mustOpen(t, dir, small)
	h := raft.HardState{Term: 3, Vote: "n1", Commit: 2}
	mustAppend(t, l, write(h, entries(1, 9, 3)...))
	mustAppend(t, l, write(h, entries(10, 12, 3)...))
	tail := filepath.Join(segmentsName, l.segments.tail().name())
	end := l.segments.tail().bytes
	crash(l)
	writeSnapshot(t, dir, meta(20, 4), []byte("state"))
	left := readFiles(t, dir.Path)
	left[tail] = left[tail][:end] + "torn"
	for _, name := range []string{tail, highWaterName, "snap/x.snap"} {
		left[name+tempSuffix] = "unfinished"
	}
	left["snap/"+snapshotID(19, 3, 1)+receivedSuffix] = "overtaken"
	for i := range maxTornFiles + 1 {
		left[filepath.Join(tornName, fmt.Sprintf("%020d-%012d.torn", i+1, 0))] = "torn earlier"
	}
	found := []state{{hard: raft.HardState{Term: 4, Commit: 2}, snap: 20}}
	failEveryOperation(t, left, found, func(l *life) error {
		if err := l.open(); err != nil {
			return err
		}
		return l.log.Close()
	})
}

// An Append that is split may leave any number of its frames.
func TestEveryOperationOfASplitAppendFails(t *testing.T) {
	es := []raft.Entry{big(1, defaultFrameBytes/2), big(2, defaultFrameBytes/2), big(3, defaultFrameBytes/2)}
	var found []state
	for n := range len(es) + 1 {
		found = append(found, state{hard: raft.HardState{Term: min(1, uint64(n)), Commit: min(2, uint64(n))}, entries: es[:n]})
	}
	failEveryOperation(t, readFiles(t, newDir(t).Path), found, func(l *life) error {
		l.spared = true
		log, _, err := Open(l.dir, testIdentity, Options{SegmentBytes: 1 << 20, BallastBytes: -1, NoSync: true})
		if err != nil {
			return err
		}
		l.log, l.spared = log, false
		if _, err := log.Append([]raft.Write{write(raft.HardState{Term: 1, Commit: 2}, es...)}); err != nil {
			return err
		}
		l.found = found[len(es):]
		return log.Close()
	})
}

// wantUsable checks the life's error and goes on with its directory.
func (l *life) wantUsable(t *testing.T, what string, err, cause error) {
	t.Helper()
	switch {
	case err == nil, errors.Is(err, ErrNoSpace):
	case !errors.Is(err, cause) || strings.Contains(err.Error(), "wrongly") || strings.Contains(err.Error(), "not poisoned"):
		t.Errorf("%s", what)
	case errors.Is(err, ErrPoisoned) && l.log != nil: // not in Open
		if _, err := l.log.Append(nil); !errors.Is(err, ErrPoisoned) && !errors.Is(err, ErrClosed) {
			t.Errorf("%s, then Append: %v", what, err)
		}
	}
	if l.log != nil {
		crash(l.log)
	}
	l.dir.FS = OS()
	if _, exists, err := l.dir.LoadIdentity(); err != nil {
		t.Fatalf("%s, then LoadIdentity: %v", what, err)
	} else if !exists {
		if err := l.dir.CreateIdentity(testIdentity); err != nil {
			t.Fatalf("%s, then CreateIdentity: %v", what, err)
		}
	}
	if err := l.open(); err != nil {
		t.Fatalf("%s, then Open: %v", what, err)
	}
	last := l.log.lastIndex
	h := raft.HardState{Term: 9, Vote: "n1"}
	if _, err := l.log.Append([]raft.Write{write(h, entries(last+1, last+2, 9)...)}); err != nil {
		t.Fatalf("%s, then Append: %v", what, err)
	}
	if err := l.log.Close(); err != nil {
		t.Fatalf("%s, then Close: %v", what, err)
	}
}
