package main

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"redoubt/raft"
)

var pair = raft.Configuration{Members: []raft.Member{
	{ID: "n3", Role: raft.Voter, Addr: "h3:1", PeerAddr: "h3:2"}, {ID: "n4", Role: raft.Voter, Addr: "h4:1", PeerAddr: "h4:2"},
}}

// Root recovers, and the node that is started afterwards may read it all.
func TestRecoverAsRootLeavesTheOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("giving files to another user needs root")
	}
	const user, group = 61234, 61235
	dir := dirOf(t, "n3", pair, 1, 3, nil)
	owners := func(path string, visit func(path string, owner *syscall.Stat_t)) {
		err := filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err == nil {
				visit(path, info.Sys().(*syscall.Stat_t))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	owners(dir, func(path string, _ *syscall.Stat_t) {
		if err := os.Lchown(path, user, group); err != nil {
			t.Fatal(err)
		}
	})
	var out, errs bytes.Buffer
	if code := runRecover(t.Context(), []string{"--data-dir", dir, "--id", "n3", "--yes"}, &out, &errs); code != exitOK {
		t.Fatalf("exit code %d: %s", code, &errs)
	}
	owners(dir, func(path string, owner *syscall.Stat_t) {
		if owner.Uid != user || owner.Gid != group {
			t.Errorf("%s is now of user %d, group %d", path, owner.Uid, owner.Gid)
		}
	})
}

// The commands of docs/OPERATIONS.md, with the directory where systemd puts that of
// a unit with DynamicUser=: at the end of a link.
func TestBackupOfALinkedDirectory(t *testing.T) {
	commands := regexp.MustCompile(`(?m)^.*cp -a .*$`).FindAllString(readFile(t, "../../docs/OPERATIONS.md"), -1)
	if len(commands) != 2 {
		t.Fatalf("a backup and a restore should be %q", commands)
	}
	root := t.TempDir()
	for _, dir := range []string{"var/lib/private", "backup"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	original := filepath.Join(root, "var/lib/private/redoubt")
	if err := os.Rename(dirOf(t, "n3", pair, 1, 3, nil), original); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("private/redoubt", filepath.Join(root, "var/lib/redoubt")); err != nil {
		t.Fatal(err)
	}
	before := tree(t, original)

	here := strings.NewReplacer("/var/lib/", root+"/var/lib/", "/backup/", root+"/backup/")
	for _, command := range commands {
		if out, err := exec.Command("sh", "-c", here.Replace(command)).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
	restored := filepath.Join(root, "var/lib/redoubt-restored")
	if copied := tree(t, restored); len(copied) != len(before) {
		t.Errorf("the copy has %d files, the original %d", len(copied), len(before))
	}
	var out, errs bytes.Buffer
	if code := runRecover(t.Context(), []string{"--data-dir", restored, "--id", "n3", "--yes"}, &out, &errs); code != exitOK {
		t.Errorf("exit code %d: %s", code, &errs)
	}
	if !maps.Equal(tree(t, original), before) {
		t.Error("recovering the copy has changed the original")
	}
}
