package replica

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"redoubt/fsm"
	"redoubt/raft"
	"redoubt/resp/peer"
	"redoubt/wal"
)

// Status is a copy of what a node knows about itself.
type Status struct {
	raft.Status
	ClusterID       string
	Incarnation     uint64
	SnapshotIndex   uint64
	SnapshotRunning bool
	LastSnapshot    time.Time // when the newest snapshot was made, or came in; zero: there is none
	SnapshotBytes   int64     // size of its file
	ContactTicks    uint64    // since a follower heard from a leader, or the leader from a majority; without one, since the start
	DiskFree        uint64
	DiskFull        bool // clients' writes are refused
	Pending         int  // batches proposed and not yet answered
	Ready           bool // knows a leader and is caught up with it

	// Set by Status only, not in Recent.
	StateHash      uint64
	StateHashIndex uint64 // the index that StateHash belongs to
	Store          fsm.Stats
	WAL            wal.Stats
	Links          []peer.PeerState
}

// readyLag is how many committed entries a node may still have to apply and
// call itself caught up.
const readyLag = 10_000

func (n *Node) status() Status {
	m := n.machine
	s := Status{
		Status:          m.Core.Status(),
		ClusterID:       n.config.Identity.ClusterID,
		Incarnation:     n.config.Identity.Incarnation,
		SnapshotIndex:   m.snapshot.meta.Index,
		SnapshotRunning: m.snapshot.running,
		ContactTicks:    m.ticks - n.contact,
		DiskFree:        n.disk.Load(),
		DiskFull:        m.diskFull,
		Pending:         len(m.pending),
	}
	if f := n.newest.Load(); f != nil {
		s.LastSnapshot, s.SnapshotBytes = f.at, f.bytes
	}
	s.Ready = s.Leader != "" && s.Applied+readyLag >= s.Commit
	return s
}

// publish refreshes what other goroutines may see without asking, and acts on a
// change of the members.
func (n *Node) publish() {
	s := n.status()
	n.recent.Store(&s)
	now := &membership{s.Config, n.machine.Core.Tombstones()}
	old := n.members.Load()
	if old != nil && slices.Equal(old.config.Members, now.config.Members) && slices.Equal(old.removed, now.removed) {
		return
	}
	n.members.Store(now)
	if old != nil {
		n.forget(old.config.Members, now.config.Members)
	}
	if n.transport != nil {
		n.transport.SetMembers(n.others())
	}
}

// fenceIfRefused stops a node that has no part in its cluster.
func (n *Node) fenceIfRefused() {
	switch s := n.recent.Load(); {
	case s.Removed:
		n.fence(errRemoved)
	case s.Replaced:
		n.fence(errReplaced)
	}
}

// astrayElections is for how many election timeouts a node has to be without a leader
// before it believes that it is the one in the wrong cluster.
const astrayElections = 20

// fenceIfAstray is told that another cluster answers at a member's address. If that
// address was given to somebody else this cluster goes on without the member; only a
// node that nobody leads is the stray one.
func (n *Node) fenceIfAstray(at raft.NodeID, reason string) {
	leader, _ := n.machine.Core.Leader()
	if leader == "" && n.machine.ticks-n.contact >= uint64(astrayElections*n.config.ElectionTicks) {
		n.fence(fmt.Errorf("%w: %s says: %s", ErrRefused, at, reason))
	}
}

// Recent returns the status as of the last tick. It costs nothing.
func (n *Node) Recent() *Status { return n.recent.Load() }

// MemoryBytes estimates what the keyspace holds.
func (n *Node) MemoryBytes() int64 { return n.memory.Load() }

// applierPatience is how long Status waits for an applier that loads a snapshot
// or runs a long command. Figures of a moment ago are better than a scrape that
// hangs just when someone wants to know why.
const applierPatience = 2 * time.Second

// Status asks the loop and the applier; it reflects everything that was
// answered before the call, unless the applier is busy for too long.
func (n *Node) Status() Status {
	s := *n.recent.Load()
	fromLoop := make(chan Status, 1)
	n.inbox.push(event{kind: evStatus, status: fromLoop})
	select {
	case s = <-fromLoop:
	case <-n.dead:
	}
	fromApplier := make(chan Applied, 1)
	n.applies.push(ApplyItem{ask: fromApplier})
	select {
	case a := <-fromApplier:
		n.told.Store(&a)
	case <-time.After(applierPatience):
	case <-n.dead:
	}
	a := n.told.Load()
	s.StateHash, s.StateHashIndex, s.Store = a.Hash, a.Index, a.stats
	s.WAL, s.Links = n.wal.Stats(), n.transport.Peers()
	return s
}

// await blocks until the status satisfies ok.
func (n *Node) await(ctx context.Context, ok func(*Status) bool) error {
	done := make(chan struct{})
	n.inbox.push(event{kind: evWaiter, waiter: waiter{ctx: ctx, ok: ok, done: done}})
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-n.dead:
		return errStopped
	}
}

// AwaitAcked blocks until the given number of other members hold everything up
// to index on their disks, or ctx ends; it returns how many do.
//
// Only the leader can count them. Elsewhere the answer is what a committed
// entry implies: a majority has it.
func (n *Node) AwaitAcked(ctx context.Context, index uint64, others int) int {
	count := 0
	_ = n.await(ctx, func(s *Status) bool { // what has been counted by then is the answer
		count = acked(s, index)
		return count >= others
	})
	if err := ctx.Err(); err != nil {
		s := n.Status()
		return acked(&s, index)
	}
	return count
}

func acked(s *Status, index uint64) int {
	if s.Role != raft.Leader {
		voters := 0
		for _, m := range s.Config.Members {
			if m.Role == raft.Voter {
				voters++
			}
		}
		if index > s.Commit {
			return 0
		}
		return voters / 2
	}
	count := 0
	for _, p := range s.Peers {
		if p.Match >= index {
			count++
		}
	}
	return count
}

// waiter is someone who waits for a status.
type waiter struct {
	ctx  context.Context
	ok   func(*Status) bool // called by the loop
	done chan struct{}
}

func (n *Node) wakeWaiters() {
	if len(n.waiters) == 0 {
		return
	}
	s := n.status()
	n.waiters = slices.DeleteFunc(n.waiters, func(w waiter) bool {
		if w.ctx.Err() != nil {
			return true
		}
		if w.ok(&s) {
			close(w.done)
			return true
		}
		return false
	})
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, seed^0x9e3779b97f4a7c15)) }
