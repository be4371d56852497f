package chaos

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"redoubt/wal"
)

func newTestDisk(t *testing.T) (disk wal.FS, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return NewDisk(dir), dir
}

func create(t *testing.T, d wal.FS, path string) wal.File {
	t.Helper()
	f, err := d.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// wantOnDisk says what a power cut would leave.
func wantOnDisk(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s would hold %q, %v; want %q", filepath.Base(path), got, err, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestUnsyncedBytesAreInTheProcessOnly(t *testing.T) {
	d, dir := newTestDisk(t)
	path := filepath.Join(dir, "f")
	f := create(t, d, path)
	for _, step := range []struct {
		do   func() error
		want string
	}{
		{func() error { _, err := io.WriteString(f, "ab"); return err }, ""},
		{f.Datasync, "ab"},
		{func() error { _, err := io.WriteString(f, "cd"); return err }, "ab"},
		{func() error { _, err := f.WriteAt([]byte("A"), 0); return err }, "ab"},
		{f.Sync, "Abcd"},
		{func() error { return f.Truncate(1) }, "Abcd"},
		{f.Sync, "A"},
	} {
		must(t, step.do())
		wantOnDisk(t, path, step.want)
	}
}

// The caller's buffer is its own again after Write.
func TestWriteCopies(t *testing.T) {
	d, dir := newTestDisk(t)
	path := filepath.Join(dir, "f")
	f := create(t, d, path)
	buf := []byte("before")
	_, err := f.Write(buf)
	must(t, err)
	copy(buf, "after!")
	must(t, f.Sync())
	wantOnDisk(t, path, "before")
}

func TestUnsyncedBytesCanBeRead(t *testing.T) {
	d, dir := newTestDisk(t)
	path := filepath.Join(dir, "f")
	f := create(t, d, path)
	_, err := f.Write([]byte("abc"))
	must(t, err)
	other, err := d.OpenFile(path, os.O_RDONLY, 0)
	must(t, err)
	text, err := io.ReadAll(other)
	if err != nil || string(text) != "abc" {
		t.Errorf("through another handle: %q, %v", text, err)
	}
	_, err = f.Write([]byte("def"))
	must(t, err)
	buf := make([]byte, 6)
	if n, err := f.ReadAt(buf, 0); err != nil || string(buf[:n]) != "abcdef" {
		t.Errorf("through the same handle: %q, %v", buf[:n], err)
	}
}

// A name that comes before the bytes is a file without them.
func TestRenameOfAnUnsyncedFile(t *testing.T) {
	d, dir := newTestDisk(t)
	path := filepath.Join(dir, "new")
	f := create(t, d, filepath.Join(dir, "old"))
	_, err := f.Write([]byte("abc"))
	must(t, err)
	must(t, d.Rename(filepath.Join(dir, "old"), path))
	wantOnDisk(t, path, "")
	must(t, f.Sync())
	wantOnDisk(t, path, "abc")
	must(t, f.Close())
}

// Bytes of a sync that is under way are not safe yet.
func TestSlowSync(t *testing.T) {
	d, dir := newTestDisk(t)
	path := filepath.Join(dir, "f")
	f := create(t, d, path)
	must(t, DiskSlow.begin(dir))
	_, err := f.Write([]byte("abc"))
	must(t, err)
	began := time.Now()
	must(t, f.Sync())
	if took := time.Since(began); took < slowSync {
		t.Errorf("it took %v", took)
	}
	wantOnDisk(t, path, "abc")
}

func TestDiskTrouble(t *testing.T) {
	d, dir := newTestDisk(t)
	f := create(t, d, filepath.Join(dir, "f"))
	if free, err := d.FreeBytes(dir); err != nil || free == 0 {
		t.Errorf("%d bytes free, %v", free, err)
	}
	must(t, DiskLow.begin(dir))
	if free, err := d.FreeBytes(dir); err != nil || free != 0 {
		t.Errorf("low: %d bytes free, %v", free, err)
	}
	_, err := f.Write([]byte("a"))
	must(t, err)
	must(t, DiskFull.begin(dir))
	if _, err := f.Write([]byte("a")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("full: %v", err)
	}
	if _, err := d.OpenFile(filepath.Join(dir, "g"), os.O_CREATE|os.O_WRONLY, 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("full: %v", err)
	}
	must(t, DiskFull.end(dir))
	must(t, DiskFull.end(dir)) // it does not suffer
	_, err = f.Write([]byte("a"))
	must(t, err)
}
