package sim

import (
	"bytes"
	"slices"
	"strings"
	"syscall"

	"redoubt/raft"
	"redoubt/wal"
)

// mayLose: a disk may be lost when the cluster has noted whose disks they are,
// and only as many as it can bear.
func (w *World) mayLose(n *node) bool {
	config := w.oracle.config
	if slices.ContainsFunc(w.asked, func(r *request) bool { return r.open }) {
		return false // it was prudent before
	}
	lost := 0
	for _, m := range config.Members {
		o := w.node(m.ID)
		if m.Role == raft.Voter && o != n && (o.lost || o.damaged) {
			lost++
		}
	}
	for _, o := range w.nodes {
		if o.up() && !slices.Equal(o.machine.Core.Status().Config.Members, config.Members) {
			return false // a change is under way
		}
	}
	if slices.ContainsFunc(w.oracle.configs, func(p placedConfig) bool { return p.index > uint64(len(w.oracle.commits)) }) {
		return false // or may go on, when those who know of it are up again
	}
	me, _ := member(&config, n.id)
	return me.Role == raft.Voter && !config.Joint() && lost < (voters(&config)-1)/2 && w.oracle.recordedEverywhere()
}

// diskFault makes the disk slow, full or failing. A process that stopped over
// it is started again in the end.
func (w *World) diskFault(f Fault, n *node) func() {
	switch f.Kind {
	case FaultDiskStall:
		n.faults.stalls++
		return func() { n.faults.stalls--; n.thaw() }
	case FaultDiskSlow:
		n.faults.slowDisk = f.Arg
		return func() { n.faults.slowDisk = 0 }
	case FaultDiskFull:
		n.disk.capacity = n.disk.used + f.Arg
		return func() { n.disk.capacity = 0; n.start() }
	}
	ops := map[FaultKind][]diskOp{
		FaultReadError: {opRead}, FaultWriteError: {opWrite}, FaultSyncError: {opSync, opSyncDir}, FaultMetaError: {opMeta, opRename},
	}[f.Kind]
	left := f.Arg
	n.disk.failOp = func(o diskOp, _ string) error {
		if !slices.Contains(ops, o) {
			return nil
		}
		if left--; left != 0 {
			return nil
		}
		w.mark(MarkDiskErrorInjected)
		w.markIf(o == opRename, MarkDiskErrorAtRename)
		w.markIf(o == opSyncDir, MarkDiskErrorAtSyncDir)
		return injected{syscall.EIO}
	}
	return func() { n.disk.failOp = nil; n.start() }
}

// damage changes what is on the disk of a node that is down.
func (w *World) damage(f Fault, n *node) func() {
	rng := w.plan.stream(streamDisk, n.index, int(f.AtMs)+1)
	n.powerOff("before damage")
	if f.Kind == FaultWipe {
		w.wipe(n)
		return n.start
	}
	n.damaged = true
	files := n.disk.files("/data/")
	files = slices.DeleteFunc(files, func(name string) bool {
		return len(n.disk.names[name].data) == 0 || strings.HasSuffix(name, "LOCK")
	})
	if len(files) == 0 {
		return n.start
	}
	name := files[rng.IntN(len(files))]
	target := n.disk.names[name]
	w.tracef("%s: %s in %s of %d bytes", n.id, f.Kind, name, len(target.data))
	// The very last frame after an unclean stop looks like one that was never
	// finished (wal/doc.go, "Not seen"); nobody can tell, so it is left alone.
	limit := len(target.data)
	segments := n.disk.files(dataDir + "/wal/")
	newest := len(segments) > 0 && name == segments[len(segments)-1]
	if newest {
		limit = max(0, bytes.LastIndex(target.data, []byte{0xa5, 0xb3, 0xd2, 0x9f}))
	}
	switch f.Kind {
	case FaultRot:
		if limit == 0 {
			return n.start
		}
		target.data[rng.IntN(limit)] ^= byte(1 + rng.IntN(255))
		target.durable = slices.Clone(target.data)
	case FaultLoseFile:
		if newest { // it leaves no gap either
			return n.start
		}
		delete(n.disk.names, name)
		delete(n.disk.durable, name)
	case FaultMisdirect:
		from := n.disk.names[files[rng.IntN(len(files))]].data
		sector := rng.IntN((len(from)+sectorBytes-1)/sectorBytes) * sectorBytes
		to := rng.IntN((len(target.data)+sectorBytes-1)/sectorBytes) * sectorBytes
		if to+sectorBytes > limit && limit < len(target.data) {
			return n.start
		}
		copy(target.data[to:], slices.Clone(from[sector:min(sector+sectorBytes, len(from))]))
		target.durable = slices.Clone(target.data)
	}
	return n.start
}

// wipe gives a node an empty disk and so another incarnation.
func (w *World) wipe(n *node) {
	n.disk = newDisk(n.disk.rng)
	n.dir = wal.Dir{Path: "/data", FS: n.disk}
	n.identity.Incarnation += 1000
	for i := range w.net.links {
		w.net.links[i][n.index].sent = nil // went to another node
	}
	n.damaged = true
	w.oracle.wiped(n)
}
