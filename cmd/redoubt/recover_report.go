package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"redoubt/fsm"
	"redoubt/raft"
	"redoubt/resp/server"
	"redoubt/wal"
)

// survivor is a data directory that is left of a cluster, and what it knows.
type survivor struct {
	dir         wal.Dir
	id          wal.Identity
	found       wal.Recovered
	config      raft.Configuration
	index, term uint64    // of the last entry
	commit      uint64    // known to be committed
	written     time.Time // to the log, last
}

func inspect(path string) (*survivor, error) {
	files, err := filesOf(path)
	if err != nil {
		return nil, err
	}
	s := &survivor{dir: wal.Dir{Path: path, FS: files}}
	if _, exists, err := s.dir.LoadIdentity(); err == nil && !exists {
		return nil, fmt.Errorf("%s is no data directory: there is no IDENTITY in it", path)
	}
	if s.id, s.found, err = s.dir.Inspect(); err != nil {
		if errors.Is(err, wal.ErrLocked) {
			err = fmt.Errorf("%w: stop the node first", err)
		}
		return nil, err
	}
	st := raft.State{HardState: s.found.HardState, Snapshot: s.found.Snapshot, Entries: s.found.Entries}
	if s.config, err = st.Config(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s.index, s.term = st.Last()
	if s.index == 0 {
		return nil, fmt.Errorf("%s: the log of %s is empty: there is nothing to recover", path, s.id.NodeID)
	}
	s.commit = max(s.found.HardState.Commit, s.found.Snapshot.Index)
	segments, err := os.ReadDir(filepath.Join(path, "wal"))
	if err != nil {
		return nil, err
	}
	for _, file := range segments {
		info, err := file.Info()
		if err != nil {
			return nil, err
		}
		if info.ModTime().After(s.written) {
			s.written = info.ModTime()
		}
	}
	return s, nil
}

// sameCluster checks that the directories are those of different nodes of one
// cluster.
func sameCluster(all []*survivor) error {
	for i, s := range all {
		if s.id.ClusterID != all[0].id.ClusterID {
			return fmt.Errorf("%s is of cluster %s, %s of cluster %s", s.dir.Path, s.id.ClusterID, all[0].dir.Path, all[0].id.ClusterID)
		}
		for _, other := range all[:i] {
			if s.id.NodeID == other.id.NodeID {
				return fmt.Errorf("%s and %s are both of node %s", other.dir.Path, s.dir.Path, s.id.NodeID)
			}
		}
	}
	return nil
}

// better compares logs as an election does (§5.4.1).
func (s *survivor) better(other *survivor) bool {
	return s.term > other.term || s.term == other.term && s.index > other.index
}

func (s *survivor) member(id raft.NodeID) (int, bool) {
	i := slices.IndexFunc(s.config.Members, func(m raft.Member) bool { return m.ID == id })
	return i, i >= 0
}

func (s *survivor) describe(w io.Writer) {
	h := s.found.HardState
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintf(w, "Node %s of cluster %s\n", s.id.NodeID, s.id.ClusterID)
	fmt.Fprintf(t, "  data\t%s\n", s.dir.Path)
	fmt.Fprintf(t, "  log written\t%s, %s ago\n", s.written.Format(time.DateTime), time.Since(s.written).Round(time.Second))
	fmt.Fprintf(t, "  term\t%d\n", h.Term)
	fmt.Fprintf(t, "  last entry\tindex %d, term %d\n", s.index, s.term)
	fmt.Fprintf(t, "  committed\tup to index %d at least\n", s.commit)
	if s.found.Snapshot.Index > 0 {
		fmt.Fprintf(t, "  snapshot\tof index %d\n", s.found.Snapshot.Index)
	} else {
		fmt.Fprintf(t, "  snapshot\tnone\n")
	}
	if s.found.TornBytes > 0 {
		fmt.Fprintf(t, "  torn tail\t%d bytes, which were never acknowledged\n", s.found.TornBytes)
	}
	for i, m := range s.config.Members {
		title := ""
		if i == 0 {
			title = "members"
		}
		role := m.Role.String()
		if m.Outgoing {
			role += ", outgoing"
		}
		fmt.Fprintf(t, "  %s\t%s %s (%s)\n", title, m.ID, server.AnnouncedForm(m), role)
	}
	t.Flush()
	fmt.Fprintln(w)
}

// describeLogs lists the logs, the best first.
func describeLogs(w io.Writer, all []*survivor) {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b *survivor) int {
		switch {
		case a.better(b):
			return -1
		case b.better(a):
			return 1
		}
		return 0
	})
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "The logs, the best first")
	for _, s := range sorted {
		fmt.Fprintf(t, "  %s\tterm %d, index %d\twritten %s\t%s\n", s.id.NodeID, s.term, s.index, s.written.Format(time.DateTime), s.dir.Path)
	}
	t.Flush()
	fmt.Fprintln(w)
}

// describeLoss says what the disk knows of that which it does not have.
func (s *survivor) describeLoss(w io.Writer) {
	fmt.Fprintf(w, `What may be lost
  Everything behind index %d. A majority without %s can have committed and answered
  any number of writes that never reached this disk, and nothing here can tell
  whether there were any. This log was last written at %s: look for
  what clients wrote after that, and before it if this node was behind.

`, s.index, s.id.NodeID, s.written.Format(time.DateTime))
	fmt.Fprintf(w, "What may appear\n")
	commands := 0
	for _, e := range s.found.Entries {
		if e.Index > s.commit && e.Type == raft.EntryCommand {
			commands++
		}
	}
	if commands == 0 {
		fmt.Fprintf(w, "  Nothing: all writes of this log are known to be committed.\n\n")
		return
	}
	fmt.Fprintf(w, `  Entries with writes behind index %d: %d. This disk does not know whether they were
  committed; all of them will be. Some may have been answered with OK. Others with
  UNCERTAIN, or not at all, and some may have been given up by the majority that is
  lost: those will have happened now.

`, s.commit, commands)
}

// describeNext says how to go on.
func describeNext(w io.Writer, id *wal.Identity, dataDir string) {
	m := id.Recovery.Config.Members[0]
	databases := ""
	if id.Databases != fsm.DefaultDatabases {
		databases = fmt.Sprintf(" --databases %d", id.Databases)
	}
	gone := make([]string, len(id.Recovery.Config.Removed))
	for i, removed := range id.Recovery.Config.Removed {
		gone[i] = string(removed)
	}
	fmt.Fprintf(w, `Node %[1]s is the only member of cluster %[2]s, in term %[3]d.
Before, it was of cluster %[4]s.

 1. No node of the old cluster may run any more (%[5]s): stop them, and move their
    data directories away. They are refused, but clients may still find them.
 2. Start this one, with the other settings as before:
      redoubt serve --id %[1]s --data-dir %[6]s --addr %[7]s --peer-addr %[8]s%[9]s
 3. Look at the data, and compare with what the clients know.
 4. Add nodes, each with an empty data directory and a name that none has had:
      redoubt serve --id NAME --data-dir DIR --addr HOST:PORT --join %[7]s%[9]s
`, m.ID, id.ClusterID, id.Recovery.Term, id.Recovery.FromClusterID, strings.Join(gone, ", "), shellWord(dataDir), m.Addr, m.PeerAddr, databases)
}

// shellWord quotes what a shell would take apart.
func shellWord(s string) string {
	if strings.ContainsAny(s, " \t\n'\"\\$`&|;<>()*?[]#~!{}") {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}
