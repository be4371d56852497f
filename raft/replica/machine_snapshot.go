package replica

import "redoubt/raft"

// entryOverheadBytes is what an entry weighs in the log besides its data.
const entryOverheadBytes = 64

// A follower that is behind keeps the log from being cut, but not for ever: a
// dead one would fill the disk. One that is just being fed by snapshot gets
// more, or it would need the next snapshot as soon as it has this one.
const (
	laggingKeepFactor = 2 // × snapshotBytes
	feedingKeepFactor = 8
)

const (
	expireEveryTicks  = 5
	compactEveryTicks = 100
)

// snapshotState is what the machine knows of snapshots.
type snapshotState struct {
	meta       raft.SnapshotMeta // newest durable one
	fileBytes  int64
	madeMs     int64  // UpMs when it was made, or last tried; below 0 before this process began
	run        uint64 // numbers the attempts
	running    bool
	wanted     bool // someone asked for one
	bytesSince int  // log bytes handed to the applier since the last began
	// feeding has the index of the snapshot that a follower is being sent, or was,
	// until it has caught up with the newest one.
	feeding map[raft.NodeID]uint64
	sends   uint64                 // numbers the transfers
	sending map[raft.NodeID]uint64 // the newest to each member
}

// Tick is called once for each Tick of the core.
func (m *Machine) Tick() {
	m.Core.Tick()
	m.ticks++
	m.waiting = append(m.waiting, m.refused...)
	m.refused = nil
	if m.ticks%expireEveryTicks == 0 {
		m.expire()
	}
	if m.ticks%compactEveryTicks == 0 {
		m.compactLog()
	}
	m.expireKeys()
	m.tickMembership()
}

// expireKeys has the leader move the log's time on when a key is due. Entries
// remove a bounded number of due keys each, so one tick may not be enough.
func (m *Machine) expireKeys() {
	leader, term := m.Core.Leader()
	if leader != m.Core.ID() || m.expiryMs == 0 || m.expiryMs > m.NowMs {
		return
	}
	if m.stamp.term != term || m.stamp.ms < m.expiryMs || m.applied >= m.stamp.index {
		m.tickClock()
	}
}

// AppliedTo is told how far the applier has come and when the next key is due.
func (m *Machine) AppliedTo(a Applied) {
	m.applied = a.Index
	m.expiryMs = a.ExpiryMs
	m.Core.Applied(a.Index)
	m.claim(a.Newest)
}

// closedFraction of the space that should be free is where a follower refuses
// commands from the leader too. It is far below: who refuses them falls behind
// and cannot serve linearizable reads, so the leader's own disk, or an operator,
// should have stopped the writes long before.
const closedFraction = 16

// Disk is told how much space is free and how much should be. Below it clients'
// writes are refused, and a snapshot is made so that the log can be cut.
func (m *Machine) Disk(free, minFree uint64) {
	full := free < minFree
	if full && !m.diskFull {
		m.snapshot.wanted = true
	}
	m.diskFull, m.diskClosed = full, free < minFree/closedFraction
}

// snapshotIfDue asks the applier for a snapshot of everything handed over.
func (m *Machine) snapshotIfDue() {
	s := &m.snapshot
	if s.running || m.handed <= s.meta.Index {
		return
	}
	old := m.limits.SnapshotAgeMs > 0 && m.UpMs-s.madeMs >= m.limits.SnapshotAgeMs
	if !s.wanted && !old && s.bytesSince < m.limits.SnapshotBytes {
		return
	}
	s.running, s.wanted, s.bytesSince = true, false, 0
	s.run++
	meta := raft.SnapshotMeta{Index: m.handed, Term: m.handedTerm, Config: m.Core.ConfigAt(m.handed)}
	m.fx.Apply = append(m.fx.Apply, ApplyItem{Snapshot: &meta, Run: s.run})
}

// feed notes which snapshot the follower is about to get.
func (m *Machine) feed(to []raft.NodeID) {
	for _, id := range to {
		m.snapshot.feeding[id] = m.snapshot.meta.Index
	}
	for _, id := range to {
		m.snapshot.sends++
		m.snapshot.sending[id] = m.snapshot.sends
		m.fx.SnapshotTo = append(m.fx.SnapshotTo, SnapshotSend{To: id, Run: m.snapshot.sends})
	}
}

// SnapshotSent is told how a transfer ended. That of one which a newer one has
// replaced says nothing about the newer one: the core would have that replaced
// too, and so on for ever.
func (m *Machine) SnapshotSent(to raft.NodeID, run uint64, ok bool) {
	if m.snapshot.sending[to] == run {
		m.Core.SnapshotSent(to, ok)
	}
}

// SnapshotDone is told that attempt run has ended; ok: its file is durable.
func (m *Machine) SnapshotDone(run uint64, meta raft.SnapshotMeta, fileBytes int64, ok bool) {
	s := &m.snapshot
	if run != s.run {
		return // overtaken by an installed snapshot
	}
	s.running = false
	s.madeMs = m.UpMs
	if !ok {
		return
	}
	s.meta, s.fileBytes = meta, fileBytes
	m.compactLog()
}

// compactLog cuts the log behind the newest snapshot, but not under a follower
// that still needs it.
func (m *Machine) compactLog() {
	snap := m.snapshot.meta
	if snap.Index == 0 {
		return
	}
	upTo := snap.Index
	logBytes := m.Core.LogBytes()
	for _, p := range m.Core.Status().Peers {
		if p.State == raft.StateReplicate && p.Match >= snap.Index {
			delete(m.snapshot.feeding, p.ID)
		}
		fed := m.snapshot.feeding[p.ID] // until it is past what was written meanwhile
		switch {
		case (p.State == raft.StateSnapshot || fed > 0 && p.Active) && logBytes < feedingKeepFactor*m.limits.SnapshotBytes:
			upTo = min(upTo, max(p.Match, fed))
		case p.State != raft.StateSnapshot && p.Active && logBytes < laggingKeepFactor*m.limits.SnapshotBytes:
			upTo = min(upTo, p.Match)
		}
	}
	if cut := m.Core.Compact(snap, upTo); cut > m.fx.Compact {
		m.fx.Compact = cut
	}
}

// install replaces the state by a snapshot from the leader. Whether the entries
// it jumps over held batches of ours cannot be told.
func (m *Machine) install(meta raft.SnapshotMeta) {
	for _, seq := range sortedKeys(m.pending) {
		m.pending[seq].uncertain("the node was brought up to date by a snapshot")
	}
	clear(m.pending)
	m.handed, m.handedTerm = meta.Index, meta.Term
	s := &m.snapshot
	s.run++
	s.running, s.meta, s.madeMs, s.bytesSince = false, meta, m.UpMs, 0
	m.fx.Apply = append(m.fx.Apply, ApplyItem{Install: &meta})
}
