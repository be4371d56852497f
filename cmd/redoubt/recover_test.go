package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"redoubt/raft"
	"redoubt/wal"
)

// A majority of the disks is lost. The node that is left becomes a cluster of its
// own with everything that was acknowledged and on its disk; what comes back of
// the old cluster is refused.
func TestRecoverAfterALostMajority(t *testing.T) {
	c := newCluster(t, 3, "--snapshot-bytes", "64kb")
	c.startAll()
	for i := range 100 {
		c.set(fmt.Sprintf("key:%d", i), strings.Repeat("x", 1000)+fmt.Sprint(i))
	}
	c.awaitEqualState()
	left, stale, lost := c.nodes[2], c.nodes[1], c.nodes[0]
	refusedBy(t, left, exitError, "in use")
	for _, n := range c.nodes {
		n.signal(syscall.SIGKILL)
	}
	if err := os.RemoveAll(lost.dir); err != nil {
		t.Fatal(err)
	}

	before := tree(t, left.dir)
	refusedBy(t, left, exitError, "are a majority of the voters", "--compare", stale.dir)
	text := mustRecover(t, left, "--dry-run")
	for _, want := range []string{"Node n3 of cluster", "What may be lost", "What may appear", "n1 " + lost.addr, "snapshot", "dry run"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q:\n%s", want, text)
		}
	}
	refusedBy(t, left, exitError, "nothing was changed") // standard input is empty
	if !maps.Equal(tree(t, left.dir), before) {
		t.Fatal("the directory was changed without being asked to")
	}

	text = mustRecover(t, left, "--yes")
	if want := "redoubt serve --id n3 --data-dir " + left.dir + " --addr " + left.addr + " --peer-addr " + left.peer; !strings.Contains(text, want) {
		t.Errorf("no %q in:\n%s", want, text)
	}
	refusedBy(t, left, exitError, "nothing to recover")
	c.start(left)
	c.awaitReady(left)
	for i := range 100 {
		c.wantGet(left, fmt.Sprintf("key:%d", i), strings.Repeat("x", 1000)+fmt.Sprint(i))
	}
	client := left.client()
	defer client.Close()
	if err := client.Set(background(t), "after", "1", 0).Err(); err != nil {
		t.Error(err)
	}

	// The old cluster's node has its data, and a new one its list of members.
	for _, n := range []*node{stale, lost} {
		c.start(n)
		if code := c.awaitExit(n); code != exitRefused || !strings.Contains(n.logText(), "another cluster") {
			t.Errorf("%s of the old cluster: exit code %d", n.id, code)
		}
	}
	c.wantGet(left, "after", "1")
	if s, ok := left.status(); !ok || s.Role != "leader" || len(s.Members) != 1 {
		t.Errorf("status: %+v", s)
	}
	if res, err := http.Get("http://" + left.web + "/readyz"); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("readyz: %v, %v", res, err)
	}
}

// Directories that no cluster has to be run for.
func TestRecoverChoosesTheBestLog(t *testing.T) {
	voters := raft.Configuration{Members: []raft.Member{
		{ID: "n1", Role: raft.Voter, Addr: "h1:1", PeerAddr: "h1:2"}, {ID: "n2", Role: raft.Voter, Addr: "h2:1", PeerAddr: "h2:2"},
		{ID: "n3", Role: raft.Voter, Addr: "h3:1", PeerAddr: "h3:2"}, {ID: "n4", Role: raft.Voter, Addr: "h4:1", PeerAddr: "h4:2"},
		{ID: "n5", Role: raft.Voter, Addr: "h5:1", PeerAddr: "h5:2"},
	}}
	removed := raft.Configuration{Members: voters.Members[1:], Removed: []raft.NodeID{"n1"}}
	config := func(c raft.Configuration) []byte { return c.Append(nil) }
	longer := dirOf(t, "n1", voters, 2, 9, nil)
	later := dirOf(t, "n2", voters, 3, 7, nil)
	other := dirOf(t, "n3", voters, 3, 7, nil)
	empty, link := t.TempDir(), filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(later, link); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"a later term is better than a longer log", []string{"--data-dir", longer, "--id", "n1", "--compare", later}, exitError, "n2 in " + later + " has the better log"},
		{"unless forced", []string{"--data-dir", longer, "--id", "n1", "--compare", later, "--force"}, exitOK, "dry run"},
		{"the best one", []string{"--data-dir", later, "--id", "n2", "--compare", longer}, exitOK, "n2   term 3, index 7"},
		{"a majority", []string{"--data-dir", later, "--id", "n2", "--compare", longer + "," + other}, exitError, "start them, and nothing is lost"},
		{"one twice", []string{"--data-dir", later, "--id", "n2", "--compare", later}, exitError, "both of node n2"},
		{"another id", []string{"--data-dir", later, "--id", "n3"}, exitError, "belongs to node n2, not to n3"},
		{"nothing in it", []string{"--data-dir", empty, "--id", "n3"}, exitError, empty + " is no data directory: there is no IDENTITY in it"},
		{"nothing there", []string{"--data-dir", "nope", "--id", "n3"}, exitError, "nope: no such file or directory"},
		{"nothing to compare with", []string{"--data-dir", later, "--id", "n2", "--compare", "nope"}, exitError, "--compare: stat nope: no such file or directory"},
		{"a link", []string{"--data-dir", link, "--id", "n2"}, exitError, link + " is a link to " + later},
		{"what a link leads to", []string{"--data-dir", link + "/", "--id", "n2"}, exitError, "say --data-dir " + later},
		{"an empty log", []string{"--data-dir", dirOf(t, "n1", voters, 0, 0, nil), "--id", "n1"}, exitError, "nothing to recover"},
		{"removed", []string{"--data-dir", dirOf(t, "n1", voters, 1, 2, config(removed)), "--id", "n1"}, exitError, "recover another node"},
		{"not a member", []string{"--data-dir", dirOf(t, "n9", voters, 1, 2, nil), "--id", "n9"}, exitError, "--announce"},
		{"not a member, with an address", []string{"--data-dir", dirOf(t, "n9", voters, 1, 2, nil), "--id", "n9", "--announce", "h9:1"}, exitOK, "dry run"},
		{"no id", []string{"--data-dir", later}, exitUsage, "--id"},
		{"no address", []string{"--data-dir", later, "--id", "n2", "--announce", ":1"}, exitUsage, "--announce"},
		{"an argument", []string{"--data-dir", later, "--id", "n2", "now"}, exitUsage, `"now"`},
	} {
		var out, errs bytes.Buffer
		code := runRecover(t.Context(), append([]string{"--dry-run"}, test.args...), &out, &errs)
		if text := out.String() + errs.String(); code != test.code || !strings.Contains(text, test.want) {
			t.Errorf("%s: exit code %d, want %d and %q:\n%s", test.name, code, test.code, test.want, text)
		}
	}
}

// A change of the voters was under way: the joint configuration decides nothing
// any more.
func TestRecoverFromAJointConfiguration(t *testing.T) {
	joint := raft.Configuration{Members: []raft.Member{
		{ID: "n1", Role: raft.Leaving, Addr: "h1:1", PeerAddr: "h1:2", Incarnation: 1, Outgoing: true},
		{ID: "n2", Role: raft.Voter, Addr: "h2:1", PeerAddr: "h2:2", Incarnation: 2, Outgoing: true},
		{ID: "n3", Role: raft.Voter, Addr: "h3:1", PeerAddr: "h3:2", Incarnation: 3},
	}, Removed: []raft.NodeID{"n0"}}
	dir := dirOf(t, "n3", joint, 4, 6, joint.Append(nil))
	var out, errs bytes.Buffer
	if code := runRecover(t.Context(), []string{"--data-dir", dir, "--id", "n3", "--announce", "new:1@2", "--yes"}, &out, &errs); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	s, err := inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := raft.Configuration{
		Members: []raft.Member{{ID: "n3", Role: raft.Voter, Addr: "new:1", PeerAddr: "new:2", Incarnation: 3}}, Removed: []raft.NodeID{"n0", "n1", "n2"},
	}
	if fmt.Sprint(s.config) != fmt.Sprint(want) || s.commit != s.index || s.index != 7 || s.term != 5 {
		t.Errorf("%+v, committed %d of %d, term %d", s.config, s.commit, s.index, s.term)
	}
}

// Who presses Ctrl-C at the question wants nothing to happen, and to be told so.
func TestRecoverIsInterruptedAtItsQuestion(t *testing.T) {
	voters := raft.Configuration{Members: []raft.Member{
		{ID: "n1", Role: raft.Voter, Addr: "h1:1", PeerAddr: "h1:2"}, {ID: "n2", Role: raft.Voter, Addr: "h2:1", PeerAddr: "h2:2"},
	}}
	n := &node{id: "n1", dir: dirOf(t, "n1", voters, 1, 3, nil)}
	before := tree(t, n.dir)
	cmd := recoverCommand(t, n, nil)
	typed, err := cmd.StdinPipe() // stays open
	if err != nil {
		t.Fatal(err)
	}
	defer typed.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	context.AfterFunc(background(t), func() { cmd.Process.Kill() })
	for asked, b := "", make([]byte, 4096); !strings.Contains(asked, "Type n1 to go on"); {
		k, err := out.Read(b)
		if asked += string(b[:k]); err != nil {
			t.Fatalf("%v after:\n%s%s", err, asked, errs.String())
		}
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitError || errs.String() != "redoubt: nothing was changed\n" {
		t.Errorf("exit code %d, standard error %q", code, errs.String())
	}
	if !maps.Equal(tree(t, n.dir), before) {
		t.Error("something was changed")
	}
}

// dirOf is the data directory of a node with entries of one term, of which the
// last is the configuration if there is one. Its incarnation is the digit of its
// id.
func dirOf(t *testing.T, id raft.NodeID, bootstrap raft.Configuration, term, last uint64, config []byte) string {
	t.Helper()
	dir := wal.Dir{Path: filepath.Join(t.TempDir(), "data"), FS: wal.OS()}
	identity := wal.Identity{
		ClusterID: strings.Repeat("a", 32), NodeID: id, Incarnation: uint64(id[1] - '0'), Databases: 16, Bootstrap: bootstrap,
	}
	if err := dir.CreateIdentity(identity); err != nil {
		t.Fatal(err)
	}
	log, _, err := wal.Open(dir, identity, wal.Options{BallastBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	for i := uint64(1); i <= last; i++ {
		e := raft.Entry{Index: i, Term: term, Type: raft.EntryNoOp}
		if i == last && config != nil {
			e.Type, e.Data = raft.EntryConfig, config
		}
		w := raft.Write{HardState: raft.HardState{Term: term}, Entries: []raft.Entry{e}, MustSync: true}
		if _, err := log.Append([]raft.Write{w}); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	return dir.Path
}

// recoverCommand is redoubt recover for the node, with an empty standard input.
func recoverCommand(t *testing.T, n *node, args []string) *exec.Cmd {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command(path, append([]string{"recover", "--data-dir", n.dir, "--id", n.id}, args...)...)
}

func mustRecover(t *testing.T, n *node, args ...string) string {
	t.Helper()
	out, err := recoverCommand(t, n, args).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

func refusedBy(t *testing.T, n *node, code int, want string, args ...string) {
	t.Helper()
	cmd := recoverCommand(t, n, args)
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != code || !bytes.Contains(out, []byte(want)) {
		t.Errorf("%v: exit code %d, want %d and %q:\n%s", args, cmd.ProcessState.ExitCode(), code, want, out)
	}
}

// tree is every file of a directory with its content, and when it was written.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		files[path] = fmt.Sprint(info.ModTime(), info.Mode()) + string(data)
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, %v", dir, len(files), err)
	}
	return files
}
