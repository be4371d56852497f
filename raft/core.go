package raft

import (
	"errors"
	"fmt"
	"math/rand/v2"
)

// What a call to the core can be refused with. None of them has had an effect.
var (
	ErrNotLeader    = errors.New("raft: not the leader")
	ErrNoLeader     = errors.New("raft: no leader known")
	ErrBusy         = errors.New("raft: too many bytes not committed yet")
	ErrTransferring = errors.New("raft: leadership is being handed over")
	ErrNoTarget     = errors.New("raft: no such voter to hand over to")
)

// Config is what a core is made with; it never changes.
type Config struct {
	ID          NodeID
	Incarnation uint64 // not 0
	// An election timeout is drawn from [ElectionTicks, 2·ElectionTicks).
	ElectionTicks  int
	HeartbeatTicks int // < ElectionTicks
	// MaxAppendBytes bounds the entries of one MsgAppend, MaxInflightBytes those
	// on their way to one follower; either lets at least one entry pass.
	MaxAppendBytes   int
	MaxInflightBytes int
	// MaxUncommittedBytes bounds the leader's uncommitted tail.
	MaxUncommittedBytes int
	// DiskStallTicks is how old a leader's oldest write may get before it hands
	// over to a voter whose disk keeps up; 0 = never.
	DiskStallTicks int
	// Rand draws timeouts. The core is its only user.
	Rand *rand.Rand
}

// State is what recovery found on disk.
type State struct {
	HardState HardState
	// Snapshot is the newest one. With Index 0 its Config is the configuration
	// that the cluster was bootstrapped with; empty: the node has yet to join.
	Snapshot SnapshotMeta
	Entries  []Entry // those after Snapshot.Index
}

// Core is one member's Raft state machine. Calls mutate it, Flush tells what
// has to happen outside. It is for one goroutine.
type Core struct {
	cfg     Config
	log     log
	configs configHistory

	term      uint64
	vote      NodeID
	role      Role
	leader    NodeID // "" = unknown
	seenRound uint64 // highest read round heard in this term
	lead      *leadership

	dismissed bool // a member has told us that this node was removed

	votes map[NodeID]bool   // of the running election
	heard map[NodeID]uint64 // incarnations that the log does not record yet

	ticks        uint64
	elapsedTicks int // since contact with the leader, a granted vote or a loss
	timeoutTicks int // drawn

	nonce uint64 // tells this life's questions from an earlier one's
	asks  []ask  // reads on their way through the leader

	seq          uint64 // of the last Write given out
	persistedSeq uint64
	hardSeq      uint64        // the Write that makes (term, vote) durable
	writtenHard  HardState     // in the last Write
	snapshot     *SnapshotMeta // installed, not given out yet

	ack       *pendingAck
	sends     []Send
	reads     []ReadState
	failed    []uint64
	elections Elections
}

// New makes a core from what recovery found. A configuration or a state that
// cannot be is a broken invariant: it panics.
func New(cfg Config, st State) *Core {
	if err := cfg.check(); err != nil {
		panic(err)
	}
	c := &Core{
		cfg:         cfg,
		term:        st.HardState.Term,
		vote:        st.HardState.Vote,
		role:        Follower,
		writtenHard: st.HardState,
		heard:       map[NodeID]uint64{},
		nonce:       cfg.Rand.Uint64(),
	}
	snap := st.Snapshot
	if err := snap.Config.check(); err != nil {
		panic(err)
	}
	c.configs = configHistory{{snap.Index, snap.Config.clone()}}
	c.log = log{base: snap.Index, baseTerm: snap.Term, commit: snap.Index, handed: snap.Index, applied: snap.Index}
	c.log.append(st.Entries...)
	c.configs = c.configs.note(st.Entries)
	c.log.written, c.log.durable = c.log.last(), c.log.last()
	if c.log.lastTerm() > c.term || st.HardState.Commit > c.log.last() {
		panic(fmt.Sprintf("raft: recovered %+v with a log up to %d/t%d", st.HardState, c.log.last(), c.log.lastTerm()))
	}
	c.log.commitTo(st.HardState.Commit)
	c.redrawTimeout()
	return c
}

func (cfg *Config) check() error {
	switch {
	case cfg.ID == "" || cfg.Incarnation == 0 || cfg.Rand == nil:
		return errors.New("raft: Config without ID, Incarnation or Rand")
	case cfg.HeartbeatTicks < 1 || cfg.ElectionTicks <= cfg.HeartbeatTicks:
		return fmt.Errorf("raft: Config with election after %d and heartbeat after %d ticks", cfg.ElectionTicks, cfg.HeartbeatTicks)
	case cfg.MaxAppendBytes < 1 || cfg.MaxInflightBytes < 1 || cfg.MaxUncommittedBytes < 1:
		return errors.New("raft: Config without a bound on bytes")
	}
	return nil
}

// ID is this node's.
func (c *Core) ID() NodeID { return c.cfg.ID }

// Leader returns the leader of the current term ("" = unknown) and the term.
func (c *Core) Leader() (NodeID, uint64) { return c.leader, c.term }

// TermSeq is the Write that makes the current term durable; it gates every
// message that carries the term.
func (c *Core) TermSeq() uint64 { return c.hardSeq }

// LogBytes is the size of the log in memory.
func (c *Core) LogBytes() int { return c.log.bytes }

// Tick moves the core's clock on by one.
func (c *Core) Tick() {
	c.ticks++
	c.elapsedTicks++
	c.expireAsks()
	if c.role == Leader {
		c.tickLeader()
		return
	}
	if c.elapsedTicks >= c.timeoutTicks {
		c.electionTimeout()
	}
}

// Persisted reports that write seq and all before it are durable.
func (c *Core) Persisted(seq uint64) {
	if seq > c.seq {
		panic(fmt.Sprintf("raft: write %d reported durable, %d given out", seq, c.seq))
	}
	if seq <= c.persistedSeq {
		return
	}
	c.persistedSeq = seq
	c.log.persisted(seq)
	switch c.role {
	case Candidate:
		c.countOwnVote()
	case Leader:
		c.advanceCommit()
	}
}

// Applied reports that the state machine has applied everything up to index.
func (c *Core) Applied(index uint64) {
	if index > c.log.handed {
		panic(fmt.Sprintf("raft: %d reported applied, %d handed out", index, c.log.handed))
	}
	c.log.applied = max(c.log.applied, index)
}

// Compact forgets entries up to upTo, but none that the durable snapshot snap
// does not cover and none that is not applied. It returns the index of the
// entry before the log that is left.
func (c *Core) Compact(snap SnapshotMeta, upTo uint64) uint64 {
	if t, ok := c.log.term(snap.Index); ok && t != snap.Term {
		panic(fmt.Sprintf("raft: snapshot %d/t%d, log has t%d there", snap.Index, snap.Term, t))
	}
	upTo = min(upTo, snap.Index, c.log.applied)
	if upTo > c.log.base {
		c.log.compact(upTo)
		c.configs = c.configs.compact(upTo)
	}
	return c.log.base
}

// PeerDown reports a broken link. It is a hint that saves waiting for timeouts.
func (c *Core) PeerDown(id NodeID) {
	if c.role == Leader {
		if p := c.lead.progress[id]; p != nil {
			p.down = true
			if p.state == StateReplicate {
				p.probe(p.match + 1)
			}
		}
		return
	}
	if c.role != Follower || c.leader != id {
		return
	}
	// Others may be cut off from a live leader no more than we are from a dead
	// one: PreVote decides. The delay keeps followers from asking all at once.
	c.setLeader("")
	delay := c.cfg.Rand.IntN(2*c.cfg.HeartbeatTicks + 1)
	c.elapsedTicks = max(c.elapsedTicks, c.timeoutTicks-delay)
}

// setTerm moves to a later term; nothing of the old one holds on (§5.1).
func (c *Core) setTerm(term uint64, vote NodeID) {
	if term <= c.term {
		panic(fmt.Sprintf("raft: %s: term %d after %d", c.cfg.ID, term, c.term))
	}
	c.flushAck()
	c.setLeader("")
	c.term, c.vote = term, vote
	c.hardSeq = c.seq + 1
	c.seenRound = 0
	clear(c.heard)
}

// setVote is final within the term.
func (c *Core) setVote(id NodeID) {
	if c.vote == id {
		return
	}
	if c.vote != "" {
		panic(fmt.Sprintf("raft: %s: vote for %s after %s in term %d", c.cfg.ID, id, c.vote, c.term))
	}
	c.vote = id
	c.hardSeq = c.seq + 1
}

// setLeader fails the reads that wait on the one before.
func (c *Core) setLeader(id NodeID) {
	if c.leader != id {
		c.failReads()
		c.leader = id
	}
}

// becomeFollower ends whatever other role there was.
func (c *Core) becomeFollower() {
	switch c.role {
	case PreCandidate:
		c.elections.PreVoteLost++
	case Candidate:
		c.elections.Lost++
	case Leader:
		c.failReads()
		c.lead = nil
		c.leader = ""
	}
	if c.role != Follower {
		c.elapsedTicks = 0
	}
	c.role = Follower
	c.votes = nil
	c.redrawTimeout()
}

func (c *Core) redrawTimeout() {
	c.timeoutTicks = c.cfg.ElectionTicks + c.cfg.Rand.IntN(c.cfg.ElectionTicks)
}

// appendOwn appends an entry of the own term; only leaders do.
func (c *Core) appendOwn(typ EntryType, data []byte) uint64 {
	c.appendEntries([]Entry{{Index: c.log.last() + 1, Term: c.term, Type: typ, Data: data}})
	if typ == EntryConfig {
		c.trackMembers()
		// Whoever is left may be enough, and nobody may be left whose next echo would
		// say so. What is committed by now was so when the round began.
		c.confirmReads()
	}
	return c.log.last()
}

func (c *Core) appendEntries(entries []Entry) {
	c.log.append(entries...)
	c.configs = c.configs.note(entries)
}

// broken is for what no input may bring about.
func (c *Core) broken(format string, args ...any) {
	panic(fmt.Sprintf("raft: %s: %s: %+v", c.cfg.ID, fmt.Sprintf(format, args...), c.Status()))
}
