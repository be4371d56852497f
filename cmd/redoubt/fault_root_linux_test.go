package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// The tests in this file mount small file systems. Without the right to do that
// they are skipped; "make faults", run as root, has them.

// onSmallDisks gives every node a file system of its own.
func (c *cluster) onSmallDisks(option string) {
	c.t.Helper()
	for _, n := range c.nodes {
		if err := os.MkdirAll(n.dir, 0o700); err != nil {
			c.t.Fatal(err)
		}
		if err := syscall.Mount("tmpfs", n.dir, "tmpfs", 0, option); errors.Is(err, syscall.EPERM) {
			c.t.Skip("mounting a file system needs root")
		} else if err != nil {
			c.t.Fatal(err)
		}
		c.t.Cleanup(func() {
			n.signal(syscall.SIGKILL)
			if err := syscall.Unmount(n.dir, syscall.MNT_DETACH); err != nil {
				c.t.Error(err)
			}
		})
	}
}

// fill takes all space but about the given number of bytes; the returned
// function gives it back.
func (n *node) fill(t *testing.T, leaveBytes int64) (free func()) {
	t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(n.dir, &st); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(n.dir, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	piece := make([]byte, 64<<10)
	for left := int64(st.Bavail)*st.Bsize - leaveBytes; left > 0; left -= int64(len(piece)) {
		if _, err := f.Write(piece[:min(left, int64(len(piece)))]); errors.Is(err, syscall.ENOSPC) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// While the disks are almost full, writes are refused with an error that says
// so, reads go on, and when there is space again writes go on by themselves.
func TestAlmostFullDisks(t *testing.T) {
	c := newCluster(t, 3, "--min-free-bytes", "16mb", "--snapshot-bytes", "1mb")
	c.onSmallDisks("size=64m")
	c.startAll()
	c.set("a", "1")
	var free []func()
	for _, n := range c.nodes {
		free = append(free, n.fill(t, 4<<20))
	}
	client := c.nodes[0].client()
	defer client.Close()
	c.await("a refusal", func() bool {
		err := client.Set(context.Background(), "b", "1", 0).Err()
		return err != nil && strings.HasPrefix(err.Error(), "MISCONF ")
	})
	for _, n := range c.nodes {
		c.wantGet(n, "a", "1")
	}
	for _, f := range free {
		f()
	}
	c.set("a", "2")
	c.awaitEqualState()
	for _, n := range c.nodes {
		if !n.running() {
			t.Errorf("%s has exited", n.id)
		}
	}
}

// A disk that is full all of a sudden ends its node, not the cluster, and what
// was acknowledged is there afterwards.
func TestDiskFullWithinAWrite(t *testing.T) {
	c := newCluster(t, 3, "--min-free-bytes", "0")
	c.onSmallDisks("size=64m")
	c.startAll()
	c.set("a", "1")
	victim := c.leader()
	client := victim.client()
	defer client.Close()
	free := victim.fill(t, 0)
	acked := map[string]string{}
	for i := 0; victim.running(); i++ {
		// The last write may be on the other two: no key is written twice.
		key, value := "k"+strconv.Itoa(i), strings.Repeat("x", 1000+i)
		if client.Set(context.Background(), key, value, 0).Err() == nil {
			acked[key] = value
		}
	}
	if code := victim.cmd.ProcessState.ExitCode(); code != exitDisk {
		t.Errorf("exit code %d, want %d", code, exitDisk)
	}
	c.set("a", "2")
	free()
	c.start(victim)
	c.awaitReady(victim)
	for key, want := range acked {
		c.wantGet(victim, key, want)
	}
	c.awaitEqualState()
}
