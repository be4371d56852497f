package replica

import (
	"encoding/binary"
	"fmt"
)

// Replicas compare their states through the log. Every checkpointEntries
// entries each node notes its rolling hash; the leader puts its own into the log
// and whoever applies that entry compares it with what it noted. A node that
// differs stops before it serves anything more.

// checkpointEntries is the distance between two checkpoints in log indexes.
const checkpointEntries = 256

// checkpointsKept bounds how late a claim may come and still be compared.
const checkpointsKept = 64

// Checkpoint is the rolling hash of the state at an index.
type Checkpoint struct {
	index, hash uint64
}

// checkVersion marks an entry that carries a checkpoint. It differs from every
// version of the state machine's entries.
const checkVersion = 0xC0

// entry encodes the checkpoint as the data of a log entry:
//
//	0   1   version, 0xC0
//	1   8   index
//	9   8   hash
func (c Checkpoint) entry() []byte {
	b := append(make([]byte, 0, 17), checkVersion)
	b = binary.LittleEndian.AppendUint64(b, c.index)
	return binary.LittleEndian.AppendUint64(b, c.hash)
}

func decodeCheckpoint(entry []byte) (c Checkpoint, ok bool) {
	if len(entry) != 17 || entry[0] != checkVersion {
		return c, false
	}
	return Checkpoint{binary.LittleEndian.Uint64(entry[1:]), binary.LittleEndian.Uint64(entry[9:])}, true
}

// checkpoints are the newest ones of a node.
type checkpoints struct {
	kept   [checkpointsKept]Checkpoint
	newest Checkpoint
}

func (c *checkpoints) note(p Checkpoint) {
	c.kept[p.index/checkpointEntries%checkpointsKept] = p
	c.newest = p
}

// compare judges the leader's claim. One that is too old, or from before this
// node started, cannot be judged.
func (c *checkpoints) compare(claim Checkpoint) error {
	own := c.kept[claim.index/checkpointEntries%checkpointsKept]
	if own.index != claim.index || own.hash == claim.hash {
		return nil
	}
	return fmt.Errorf("%w: at index %d the leader has hash %016x, this node %016x", ErrDiverged,
		claim.index, claim.hash, own.hash)
}

// claim has the leader put its newest checkpoint into the log, once.
func (m *Machine) claim(p Checkpoint) {
	if leader, _ := m.Core.Leader(); leader != m.Core.ID() || p.index <= m.claimed {
		return
	}
	if _, err := m.Core.Propose(p.entry()); err == nil {
		m.claimed = p.index
	}
}
