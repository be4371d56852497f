package wal

import (
	"math"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"redoubt/raft"
)

// model is the log as a slice: what Open must find.
type model struct {
	dir     Dir
	log     *Log
	hard    raft.HardState
	durable raft.HardState // without a commit index that only waits to ride along
	snap    raft.SnapshotMeta
	entries []raft.Entry // after snap.Index
}

func (m *model) last() uint64 { return m.snap.Index + uint64(len(m.entries)) }

func (m *model) termAt(index uint64) uint64 {
	if index == m.snap.Index {
		return m.snap.Term
	}
	return m.entries[index-m.snap.Index-1].Term
}

func (m *model) append(t *rapid.T, ws ...raft.Write) {
	if _, err := m.log.Append(ws); err != nil {
		t.Fatal(err)
	}
	m.durable = m.hard
}

// nextWrite draws what a follower or leader may be asked to write next: a new
// term or not, and entries that follow the log or override an uncommitted suffix.
func (m *model) nextWrite(t *rapid.T) raft.Write {
	if rapid.Bool().Draw(t, "new term") {
		m.hard.Term++
		m.hard.Vote = raft.NodeID(rapid.SampledFrom([]string{"", "n1", "n2"}).Draw(t, "vote"))
	}
	from := m.last() + 1
	if low := max(m.snap.Index, m.hard.Commit) + 1; rapid.IntRange(0, 3).Draw(t, "override") == 0 && low < from {
		from = rapid.Uint64Range(low, from).Draw(t, "from")
	}
	m.entries = slices.Clone(m.entries[:from-m.snap.Index-1])
	var es []raft.Entry
	for range rapid.IntRange(0, 6).Draw(t, "entries") {
		term := max(1, m.hard.Term)
		m.hard.Term = term
		es = append(es, entries(from, from, term)...)
		from++
	}
	if len(es) == 0 {
		// Nothing overrides a suffix but an entry.
		return m.overrideWithOne(t, from)
	}
	m.entries = append(m.entries, es...)
	m.hard.Commit = max(m.hard.Commit, rapid.Uint64Range(0, m.last()).Draw(t, "commit"))
	return raft.Write{HardState: m.hard, Entries: es, MustSync: true}
}

func (m *model) overrideWithOne(t *rapid.T, index uint64) raft.Write {
	m.hard.Term = max(1, m.hard.Term)
	es := entries(index, index, m.hard.Term)
	m.entries = append(m.entries, es...)
	return raft.Write{HardState: m.hard, Entries: es, MustSync: true}
}

func (m *model) snapshot(t *rapid.T, meta raft.SnapshotMeta) {
	w, err := m.dir.CreateSnapshot(meta, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := m.dir.RemoveOldSnapshots(math.MaxUint64, 2); err != nil {
		t.Fatal(err)
	}
}

// moveTo drops what a snapshot of this log covers.
func (m *model) moveTo(s raft.SnapshotMeta) {
	m.entries = slices.Clone(m.entries[s.Index-m.snap.Index:])
	m.snap = s
}

func (m *model) open(t *rapid.T) {
	l, rec, err := Open(m.dir, testIdentity, small)
	if err != nil {
		t.Fatal(err)
	}
	m.log = l
	if rec.HardState != m.durable {
		t.Fatalf("recovered hard state %+v, want %+v", rec.HardState, m.durable)
	}
	if rec.Snapshot.Index != m.snap.Index || rec.Snapshot.Term != m.snap.Term {
		t.Fatalf("recovered snapshot %d/%d, want %d/%d", rec.Snapshot.Index, rec.Snapshot.Term, m.snap.Index, m.snap.Term)
	}
	if !slices.EqualFunc(rec.Entries, m.entries, func(a, b raft.Entry) bool {
		return a.Index == b.Index && a.Term == b.Term && string(a.Data) == string(b.Data)
	}) {
		t.Fatalf("recovered %d entries, want %d after %d", len(rec.Entries), len(m.entries), m.snap.Index)
	}
	m.hard = rec.HardState
}

// Whatever is written, compacted, installed and interrupted in whatever order:
// Open finds what the same steps make of a slice.
func TestLogAgreesWithModel(t *testing.T) {
	root := fastDir(t)
	rapid.Check(t, func(t *rapid.T) {
		parent, err := os.MkdirTemp(root, "model")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(parent)
		m := &model{dir: dataDir(parent), snap: raft.SnapshotMeta{Config: testConfig}}
		if err := m.dir.CreateIdentity(testIdentity); err != nil {
			t.Fatal(err)
		}
		m.open(t)
		defer func() { crash(m.log) }()
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				var ws []raft.Write
				for range rapid.IntRange(1, 4).Draw(t, "writes") {
					ws = append(ws, m.nextWrite(t))
				}
				m.append(t, ws...)
			},
			"vote": func(t *rapid.T) {
				m.hard.Term++
				m.hard.Vote = "n3"
				m.append(t, raft.Write{HardState: m.hard, MustSync: true})
			},
			"commit": func(t *rapid.T) {
				m.hard.Commit = max(m.hard.Commit, rapid.Uint64Range(0, m.last()).Draw(t, "commit"))
				if _, err := m.log.Append([]raft.Write{{HardState: m.hard}}); err != nil {
					t.Fatal(err)
				}
			},
			"own snapshot": func(t *rapid.T) {
				if m.hard.Commit <= m.snap.Index {
					t.Skip("nothing committed after the snapshot")
				}
				at := rapid.Uint64Range(m.snap.Index+1, m.hard.Commit).Draw(t, "index")
				s := raft.SnapshotMeta{Index: at, Term: m.termAt(at), Config: testConfig}
				m.snapshot(t, s)
				m.moveTo(s)
				if err := m.log.Compact(rapid.Uint64Range(0, at).Draw(t, "compact")); err != nil {
					t.Fatal(err)
				}
			},
			"installed snapshot": func(t *rapid.T) {
				m.hard.Term++
				at := m.hard.Commit + rapid.Uint64Range(1, 20).Draw(t, "ahead")
				s := raft.SnapshotMeta{Index: max(at, m.snap.Index+1), Term: m.hard.Term, Config: testConfig}
				m.snapshot(t, s)
				m.snap, m.entries = s, nil
				m.hard.Vote, m.hard.Commit = "", s.Index
				m.append(t, raft.Write{HardState: m.hard, Snapshot: &s, MustSync: true}, m.nextWrite(t))
			},
			"close": func(t *rapid.T) {
				if err := m.log.Close(); err != nil {
					t.Fatal(err)
				}
				m.durable = m.hard
				m.open(t)
			},
			"crash": func(t *rapid.T) {
				crash(m.log)
				m.open(t)
			},
			"crash in a frame": func(t *rapid.T) {
				tail := m.dir.path(segmentsName, m.log.segments.tail().name())
				crash(m.log)
				f, err := os.OpenFile(tail, os.O_WRONLY, 0)
				if err != nil {
					t.Fatal(err)
				}
				f.WriteAt(rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "torn"), m.log.segments.tail().bytes)
				f.Close()
				m.open(t)
			},
		})
	})
}
