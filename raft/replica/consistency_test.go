package replica

import (
	"strings"
	"testing"
	"time"

	"redoubt/fsm"
	"redoubt/raft"
)

// A batch that says how fresh its reads have to be gets just that, whatever the
// node is configured to.
func TestReadsAreAsFreshAsTheirBatchSays(t *testing.T) {
	for _, local := range []bool{false, true} {
		g := newGroup(t, 3, func(c *Config) {
			c.CommandTimeout = 500 * time.Millisecond
			c.LocalReads = local
		})
		g.want(0, "+OK\r\n", "SET a 1")
		last := g.leader()
		g.close((last + 1) % 3)
		g.close((last + 2) % 3)
		for _, tt := range []struct {
			reads Consistency
			want  string
		}{
			{ReadsLocal, "$1\r\n1\r\n"},
			{ReadsLinearizable, "-CLUSTERDOWN "},
			{ReadsAsConfigured, map[bool]string{true: "$1\r\n1\r\n", false: "-CLUSTERDOWN "}[local]},
		} {
			args := [][]byte{[]byte("GET"), []byte("a")}
			spec, _ := fsm.Resolve(args)
			b := NewBatch()
			b.Reads, b.Commands = tt.reads, []fsm.Command{{Proto: 2, Spec: spec, Args: args}}
			if err := g.nodes[last].Execute(b); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(b.Reply), tt.want) {
				t.Errorf("LocalReads %v, the batch asks for %d: replied %q, want %q", local, tt.reads, b.Reply, tt.want)
			}
		}
	}
}

// A node that is stopped in good order remembers all that it has shown, so its local
// reads need nobody when it is back.
func TestLocalReadsDoNotGoBackOverARestart(t *testing.T) {
	g := newGroup(t, 1, func(c *Config) { c.LocalReads = true })
	for range 20 {
		g.want(0, "+OK\r\n:1\r\n", "SET a 0", "INCR a")
	}
	g.want(0, "$1\r\n1\r\n", "GET a")
	g.close(0)
	_, rec, err := g.dirs[0].Inspect()
	if err != nil {
		t.Fatal(err)
	}
	if last := rec.Entries[len(rec.Entries)-1].Index; rec.HardState.Commit != last {
		t.Errorf("it remembers entries up to %d as committed, they are up to %d", rec.HardState.Commit, last)
	}
	g.open(0)
	g.want(0, "$1\r\n1\r\n", "GET a")
}

// After a crash it may have shown any entry of its log. It shows nothing before it
// has them, or knows that they were none that it could have shown.
func TestLocalReadsWaitForWhatAFormerLifeHasShown(t *testing.T) {
	entry := func(index, term uint64) raft.Entry {
		return raft.Entry{Index: index, Term: term, Type: raft.EntryCommand, Data: fsm.AppendEntry(nil, nil)}
	}
	beat := func(term, commit uint64) raft.Message {
		return raft.Message{Type: raft.MsgHeartbeat, Term: term, Commit: commit, LogTerm: term}
	}
	for _, tt := range []struct {
		name   string
		commit uint64 // as the disk has it
		hears  []raft.Message
		served bool
	}{
		{"all is known as committed", 13, nil, true},
		{"nobody is heard", 12, nil, false},
		{"not all is committed", 11, []raft.Message{beat(2, 12)}, false},
		{"all is committed", 11, []raft.Message{beat(2, 13)}, true},
		{"the end was replaced", 11, []raft.Message{{Type: raft.MsgAppend, Term: 3, LogIndex: 11, LogTerm: 2, Commit: 12, Entries: []raft.Entry{entry(12, 3)}}}, true},
		{"the end is replaced", 11, []raft.Message{{Type: raft.MsgAppend, Term: 3, LogIndex: 11, LogTerm: 2, Commit: 11, Entries: []raft.Entry{entry(12, 3)}}}, false},
		{"a snapshot comes in", 11, []raft.Message{{Type: raft.MsgSnapshot, Term: 3, Snapshot: &raft.SnapshotMeta{Index: 20, Term: 3, Config: members(3)}}}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			disk := raft.State{
				HardState: raft.HardState{Term: 2, Commit: tt.commit},
				Snapshot:  raft.SnapshotMeta{Index: 10, Term: 2, Config: members(3)},
				Entries:   []raft.Entry{entry(11, 2), entry(12, 2), entry(13, 2)},
			}
			m := machineOf(disk)
			m.reads.former.index, m.reads.former.term = disk.Last()
			b := batchOf("GET a")
			b.Reads = ReadsLocal
			m.Submit(b)
			served, handed := false, uint64(10)
			look := func() {
				for _, item := range rest(m).Apply {
					if item.Install != nil {
						handed = item.Install.Index
					}
					handed = max(handed, item.Entry.Index)
					served = served || item.Reads != nil
				}
			}
			look()
			for _, msg := range tt.hears {
				hear(m, "n2", msg.Term, msg)
				look()
			}
			if served != tt.served {
				t.Errorf("with entries up to %d it is served: %v, want %v", handed, served, tt.served)
			}
			m.UpMs += 1000
			m.expire()
			if expired := strings.HasPrefix(string(b.Reply), "-CLUSTERDOWN "); expired == tt.served {
				t.Errorf("when its time is up it is answered %q", b.Reply)
			}
		})
	}
}
