package wal

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"strings"

	"redoubt/raft"
)

// FormatVersion is the version of the data directory's layout that this package
// writes. It reads no other.
const FormatVersion = 1

const (
	identityName  = "IDENTITY"
	highWaterName = "HIGHWATER"
	lockName      = "LOCK"
	ballastName   = "BALLAST"
	segmentsName  = "wal"
	snapshotsName = "snap"
	tornName      = "torn"
)

// Identity says whose data directory it is. It is written once, and once more by
// every Recover.
type Identity struct {
	ClusterID     string // 32 hexadecimal digits
	NodeID        raft.NodeID
	Incarnation   uint64 // random, never 0: which life of this node id
	FormatVersion int    // filled in by CreateIdentity
	// Databases is how many the keyspace has. It has a part in what commands
	// reply, so it is the same on all nodes and for ever.
	Databases int
	// Bootstrap is the configuration before the first entry of the log; empty
	// for a node that joins.
	Bootstrap raft.Configuration
	// Recovery is nil unless the cluster was made by Recover.
	Recovery *Recovery `json:",omitempty"`
}

func (id Identity) validate() error {
	if _, err := hex.DecodeString(id.ClusterID); err != nil || len(id.ClusterID) != 32 {
		return fmt.Errorf("%w: cluster id %q is not 32 hexadecimal digits", ErrIdentity, id.ClusterID)
	}
	if id.NodeID == "" || len(id.NodeID) > maxNodeIDBytes {
		return fmt.Errorf("%w: node id %q is empty or too long", ErrIdentity, id.NodeID)
	}
	if id.Incarnation == 0 {
		return fmt.Errorf("%w: incarnation is 0", ErrIdentity)
	}
	if r := id.Recovery; r != nil {
		if _, err := raft.DecodeConfiguration(r.Config.Append(nil)); err != nil {
			return fmt.Errorf("%w: recovery: %w", ErrIdentity, err)
		}
	}
	return nil
}

// LoadIdentity returns the identity of a data directory, and false when it has
// none yet because it is new.
func (d Dir) LoadIdentity() (Identity, bool, error) {
	path := d.path(identityName)
	data, err := readFile(d.FS, path)
	if errors.Is(err, fs.ErrNotExist) {
		for _, name := range []string{segmentsName, highWaterName, snapshotsName} {
			if _, _, err := d.FS.Stat(d.path(name)); err == nil {
				return Identity{}, false, corrupt(path, 0, "the file is missing, but %s exists", name)
			} else if !errors.Is(err, fs.ErrNotExist) {
				return Identity{}, false, fmt.Errorf("wal: %w", err)
			}
		}
		return Identity{}, false, nil
	}
	if err != nil {
		return Identity{}, false, fmt.Errorf("wal: %w", err)
	}
	var id Identity
	if err := unseal(path, data, &id); err != nil {
		return Identity{}, false, err
	}
	if id.FormatVersion != FormatVersion {
		return Identity{}, false, fmt.Errorf("%w: %s has format version %d, this program reads %d",
			ErrIdentity, path, id.FormatVersion, FormatVersion)
	}
	return id, true, id.validate()
}

// CreateIdentity makes d the data directory of id, durably. A directory that
// has an identity keeps it: ErrIdentity.
func (d Dir) CreateIdentity(id Identity) error {
	id.FormatVersion = FormatVersion
	if err := id.validate(); err != nil {
		return err
	}
	if err := makeDir(d.FS, d.Path); err != nil {
		return fmt.Errorf("wal: %w", err)
	}
	if err := syncParents(d.FS, d.Path); err != nil {
		return fmt.Errorf("wal: %w", err)
	}
	held, err := d.lock(d.path(lockName))
	if err != nil {
		return err
	}
	defer held.Close()
	if _, exists, err := d.LoadIdentity(); err != nil {
		return err
	} else if exists {
		return fmt.Errorf("%w: %s has one already", ErrIdentity, d.Path)
	}
	data, err := seal(id)
	if err != nil {
		return err
	}
	if err := writeFile(d.FS, d.path(identityName), data); err != nil {
		return fmt.Errorf("wal: %w", err)
	}
	return nil
}

// check compares what the directory says with what the caller expects.
func (id Identity) check(dir string, want Identity) error {
	if id.ClusterID != want.ClusterID || id.NodeID != want.NodeID || id.Incarnation != want.Incarnation {
		return fmt.Errorf("%w: %s belongs to node %s (incarnation %x) of cluster %s, not to node %s (incarnation %x) of cluster %s",
			ErrIdentity, dir, id.NodeID, id.Incarnation, id.ClusterID, want.NodeID, want.Incarnation, want.ClusterID)
	}
	return nil
}

const sealPrefix = "redoubt crc32c="

// seal makes the content of a small file that a human can read and a program can
// check: a line with the checksum of the rest, then JSON.
func seal(v any) ([]byte, error) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("wal: %w", err)
	}
	body = append(body, '\n')
	return append(fmt.Appendf(nil, "%s%08x\n", sealPrefix, crc32.Checksum(body, castagnoli)), body...), nil
}

func unseal(path string, data []byte, v any) error {
	head, body, _ := strings.Cut(string(data), "\n")
	if !strings.HasPrefix(head, sealPrefix) {
		return corrupt(path, 0, "the first line is not %q and a checksum", sealPrefix)
	}
	if sum := fmt.Sprintf("%08x", crc32.Checksum([]byte(body), castagnoli)); head[len(sealPrefix):] != sum {
		return corrupt(path, int64(len(sealPrefix)), "checksum failed")
	}
	if err := json.Unmarshal([]byte(body), v); err != nil {
		return corrupt(path, int64(len(head)+1), "%v", err)
	}
	return nil
}
