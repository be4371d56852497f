//go:build !linux

package wal

import (
	"os/exec"
	"testing"
)

func fullDiskCommand(t *testing.T) *exec.Cmd {
	t.Skip("a file system of its own takes Linux namespaces")
	return nil
}

func childFullDisk(Dir) {}
