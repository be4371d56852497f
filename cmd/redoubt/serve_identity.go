package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"syscall"

	"github.com/charmbracelet/x/term"

	"redoubt/raft"
	"redoubt/raft/replica"
	"redoubt/wal"
)

// identity returns the identity of the data directory, and makes one when the
// directory is new: of a new cluster, or of a running one that lets the node in.
func identity(ctx context.Context, c *Config, dir wal.Dir, log *slog.Logger) (id wal.Identity, created bool, err error) {
	id, found, err := dir.LoadIdentity()
	if err != nil {
		return id, false, err
	}
	if found {
		if id.NodeID != raft.NodeID(c.ID) {
			return id, false, fmt.Errorf("%w: %s belongs to node %s, not to %s", wal.ErrIdentity, c.DataDir, id.NodeID, c.ID)
		}
		if id.Databases != c.Databases {
			return id, false, fmt.Errorf("%w: %s was made with --databases %d; that cannot be changed to %d", wal.ErrIdentity, c.DataDir, id.Databases, c.Databases)
		}
		return id, false, nil
	}
	id = wal.Identity{
		NodeID:      raft.NodeID(c.ID),
		Incarnation: randomUint64() | 1, // never 0
		Databases:   c.Databases,
		Bootstrap:   c.Bootstrap,
	}
	if !c.joins() {
		id.ClusterID = clusterID(c)
	} else if id.ClusterID, err = (&joiner{c, id, log}).join(ctx, joinPatience); err != nil {
		return id, false, err
	}
	return id, true, dir.CreateIdentity(id)
}

// clusterID is made from what all members have to be started with alike, so that
// those that were not refuse each other. A single node has a cluster of its own.
func clusterID(c *Config) string {
	if len(c.Bootstrap.Members) == 1 {
		var id [16]byte
		rand.Read(id[:])
		return hex.EncodeToString(id[:])
	}
	h := sha256.New()
	fmt.Fprintf(h, "databases=%d\n", c.Databases)
	for _, m := range c.Bootstrap.Members {
		fmt.Fprintf(h, "%s=%s@%s\n", m.ID, m.Addr, m.PeerAddr)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func randomUint64() uint64 {
	var b [8]byte
	rand.Read(b[:])
	return binary.LittleEndian.Uint64(b[:])
}

// newLogger writes text to a terminal and JSON to anything else, unless the
// settings say which.
func newLogger(c *Config, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		panic(fmt.Sprintf("log level %q was checked", c.LogLevel))
	}
	opts := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewJSONHandler(w, opts)
	if c.LogFormat == "text" || c.LogFormat == "auto" && isTerminal(w) {
		h = slog.NewTextHandler(w, opts)
	}
	return slog.New(h).With("node", c.ID)
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(f.Fd())
}

// exitCode tells a failing disk, and a node that is refused, from everything else.
func exitCode(err error) int {
	var damaged *wal.CorruptError
	if errors.As(err, &damaged) {
		return exitDisk
	}
	for _, disk := range []error{wal.ErrPoisoned, syscall.EIO, syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS} {
		if errors.Is(err, disk) {
			return exitDisk
		}
	}
	for _, refused := range []error{wal.ErrIdentity, replica.ErrRefused, replica.ErrDiverged} {
		if errors.Is(err, refused) {
			return exitRefused
		}
	}
	return exitError
}
