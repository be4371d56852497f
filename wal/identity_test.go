package wal

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestIdentityIsChecked(t *testing.T) {
	dir := newDir(t)
	if err := dir.CreateIdentity(testIdentity); !errors.Is(err, ErrIdentity) {
		t.Errorf("second CreateIdentity: %v", err)
	}
	for _, change := range []func(*Identity){
		func(id *Identity) { id.ClusterID = strings.Repeat("f", 32) },
		func(id *Identity) { id.NodeID = "n2" },
		func(id *Identity) { id.Incarnation++ },
	} {
		id := testIdentity
		change(&id)
		if _, _, err := Open(dir, id, small); !errors.Is(err, ErrIdentity) {
			t.Errorf("Open as %+v: %v", id, err)
		}
	}
	if _, _, err := Open(dataDir(t.TempDir()), testIdentity, small); !errors.Is(err, ErrIdentity) {
		t.Errorf("Open of an empty directory: %v", err)
	}
	got, ok, err := dir.LoadIdentity()
	want := testIdentity
	want.FormatVersion = FormatVersion
	if err != nil || !ok || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("LoadIdentity: %+v, %v, %v", got, ok, err)
	}
	for _, d := range []Dir{{Path: t.TempDir(), FS: OS()}, dataDir(t.TempDir())} {
		if _, ok, err := d.LoadIdentity(); ok || err != nil {
			t.Errorf("LoadIdentity of nothing: %v, %v", ok, err)
		}
	}
}

// A directory that cannot be looked into is not taken for a new one.
func TestUnreadableDirectory(t *testing.T) {
	for _, name := range []string{identityName, segmentsName, highWaterName, snapshotsName} {
		dir := dataDir(t.TempDir())
		dir.FS = watchedFS{OS(), func(op, path string) error {
			if path == dir.path(name) {
				return unix.EIO
			}
			return nil
		}}
		if _, _, err := dir.LoadIdentity(); !errors.Is(err, unix.EIO) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCreateIdentityRefusesNonsense(t *testing.T) {
	for _, change := range []func(*Identity){
		func(id *Identity) { id.ClusterID = "c1" },
		func(id *Identity) { id.ClusterID = strings.Repeat("x", 32) },
		func(id *Identity) { id.NodeID = "" },
		func(id *Identity) { id.Incarnation = 0 },
	} {
		id := testIdentity
		change(&id)
		if err := dataDir(t.TempDir()).CreateIdentity(id); !errors.Is(err, ErrIdentity) {
			t.Errorf("CreateIdentity of %+v: %v", id, err)
		}
	}
}

func TestOtherFormatVersionIsRefused(t *testing.T) {
	dir := newDir(t)
	id := testIdentity
	id.FormatVersion = FormatVersion + 1
	data, err := seal(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeFile(dir.FS, dir.path(identityName), data); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(dir, testIdentity, small); !errors.Is(err, ErrIdentity) || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("Open: %v", err)
	}
}

func TestEveryByteOfTheIdentityIsChecked(t *testing.T) {
	dir := newDir(t)
	path := dir.path(identityName)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range data {
		b := slices.Clone(data)
		b[at] ^= 4
		if err := os.WriteFile(path, b, filePerm); err != nil {
			t.Fatal(err)
		}
		_, _, err := dir.LoadIdentity()
		wantCorrupt(t, err)
		if err := os.WriteFile(path, data[:at], filePerm); err != nil {
			t.Fatal(err)
		}
		_, _, err = dir.LoadIdentity()
		wantCorrupt(t, err)
	}
}
