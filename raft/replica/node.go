package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"redoubt/fsm"
	"redoubt/metrics"
	"redoubt/raft"
	"redoubt/resp/peer"
	"redoubt/wal"
)

// Config says how a node runs. All fields are required unless they say
// otherwise.
type Config struct {
	DataDir  wal.Dir
	Identity wal.Identity // of DataDir
	Version  string       // of the software, shown to peers
	Seed     uint64       // for timeouts and the seeds of entries; random in production

	// PeerListener takes the connections of the other members; the node closes
	// it.
	PeerListener  net.Listener
	PeerAddr      string // optional: where other nodes reach PeerListener
	ClusterSecret string // optional

	Tick                          time.Duration
	ElectionTicks, HeartbeatTicks int

	CommandTimeout   time.Duration // every batch is answered within it
	SnapshotBytes    int           // log bytes that make a snapshot due
	SnapshotInterval time.Duration // optional: the greatest age of the newest snapshot
	MinFreeBytes     uint64        // optional: below it clients' writes are refused
	NoSync           bool          // do not fsync the log: acknowledged writes may be lost
	LocalReads       bool          // serve reads from the local state, however old it is

	Store   fsm.Config
	Metrics *metrics.Metrics
	Log     *slog.Logger
}

// Limits on what is in flight, sized for commands of up to a few megabytes on a
// LAN.
const (
	maxAppendBytes      = 1 << 20
	maxInflightBytes    = 16 << 20
	maxUncommittedBytes = 256 << 20
	diskStallTicks      = 100
)

// Node is a running member. Its methods may be called from any goroutine.
type Node struct {
	config  Config
	log     *slog.Logger
	metrics *metrics.Metrics

	machine   *Machine // of the loop
	wal       *wal.Log // of the logger
	inbox     *queue[event]
	writes    *queue[logItem]
	applies   *queue[ApplyItem]
	transport *peer.Transport
	waiters   []waiter     // of the loop
	running   *snapshotRun // of the applier's goroutine
	pauses    snapshotPauses
	leader    leaderHint
	led       leaderHint // the latest that was known
	contact   uint64     // tick at which the leader or, on it, a majority was heard

	// Of the loop, for measure.go.
	now                        time.Time // of this turn
	began                      time.Time // this life; reads the monotonic clock
	probes                     map[raft.NodeID]*probe
	leaderReads, followerReads interface{ Observe(float64) }

	newest  atomic.Pointer[snapshotFile] // nil: there is none
	told    atomic.Pointer[Applied]      // by the applier, when it was last asked
	members atomic.Pointer[membership]
	recent  atomic.Pointer[Status]
	memory  atomic.Int64
	disk    atomic.Uint64 // free bytes

	wg      sync.WaitGroup
	quit    chan struct{} // closed: goroutines end
	stop    sync.Once
	dead    chan struct{} // closed: no batch will be answered any more
	failure atomic.Pointer[error]
}

// event is anything that happens to the machine.
type event struct {
	kind    eventKind
	batch   *Batch
	msg     raft.Message
	peer    raft.NodeID
	seq     uint64 // evWrote
	applied Applied
	run     uint64 // evSnapshotDone, evSnapshotSent
	meta    raft.SnapshotMeta
	file    wal.SnapshotFile
	ok      bool
	free    uint64 // evDisk
	waiter  waiter
	status  chan<- Status
	result  chan<- error
	request *Membership
	reason  string // evStranger
}

type eventKind uint8

const (
	evBatch eventKind = iota + 1
	evMessage
	evLinkDown
	evWrote
	evApplied
	evSnapshotDone
	evSnapshotSent
	evSnapshotWanted
	evDisk
	evWaiter
	evStatus
	evTransfer
	evMembership
	evStranger
)

// Open recovers the node from its data directory and starts it.
func Open(c Config) (*Node, error) {
	log, rec, err := wal.Open(c.DataDir, c.Identity, wal.Options{NoSync: c.NoSync})
	if err != nil {
		return nil, err
	}
	if rec.TornBytes > 0 {
		c.Log.Warn("torn tail cut off the log; it was never acknowledged", "event", "repair", "file", rec.TornFile, "bytes", rec.TornBytes)
		c.Metrics.WAL.TornRecords.Inc()
	}
	if rec.Snapshot.Index == 0 {
		rec.Snapshot.Config = c.Identity.Bootstrap
	}
	store := fsm.New(c.Store)
	if rec.Snapshot.Index > 0 {
		began := time.Now()
		store, err = LoadSnapshot(c.DataDir, rec.Snapshot, c.Store)
		c.Metrics.Snapshot.Observe(metrics.SnapshotRestore, time.Since(began).Seconds(), err)
		if err != nil {
			return nil, errors.Join(err, log.Close())
		}
	}
	n := &Node{
		config: c, log: c.Log, metrics: c.Metrics, wal: log,
		inbox: newQueue[event](), writes: newQueue[logItem](), applies: newQueue[ApplyItem](),
		quit: make(chan struct{}), dead: make(chan struct{}), began: time.Now(),
		probes: map[raft.NodeID]*probe{}, pauses: snapshotPauses{last: map[raft.NodeID]time.Duration{}},
		leaderReads: c.Metrics.Raft.ReadIndexSeconds(metrics.ReadQuorum), followerReads: c.Metrics.Raft.ReadIndexSeconds(metrics.ReadFollower),
	}
	if rec.SnapshotFile != nil {
		n.noteSnapshot(rec.SnapshotFile)
	}
	n.told.Store(&Applied{Index: rec.Snapshot.Index, Hash: store.Hash(), stats: store.Stats()})
	n.machine = n.newMachine(rec)
	n.publish()
	n.start(store)
	return n, nil
}

func (n *Node) newMachine(rec wal.Recovered) *Machine {
	c := n.config
	rng := newRand(c.Seed)
	state := raft.State{HardState: rec.HardState, Snapshot: rec.Snapshot, Entries: rec.Entries}
	core := raft.New(raft.Config{
		ID: c.Identity.NodeID, Incarnation: c.Identity.Incarnation,
		ElectionTicks: c.ElectionTicks, HeartbeatTicks: c.HeartbeatTicks,
		MaxAppendBytes: maxAppendBytes, MaxInflightBytes: maxInflightBytes, MaxUncommittedBytes: maxUncommittedBytes,
		DiskStallTicks: diskStallTicks, Rand: newRand(rng.Uint64()),
	}, state)
	m := NewMachine(core, rec.Snapshot, rng.Uint64(), time.Now().UnixMilli(), rng, Limits{
		TimeoutMs: c.CommandTimeout.Milliseconds(), LocalReads: c.LocalReads, Databases: c.Store.Databases,
		SnapshotBytes: c.SnapshotBytes, SnapshotAgeMs: c.SnapshotInterval.Milliseconds(),
	})
	m.reads.former.index, m.reads.former.term = state.Last()
	if f := n.newest.Load(); f != nil {
		m.snapshot.madeMs = -max(0, time.Since(f.at).Milliseconds())
	}
	return m
}

func (n *Node) start(store *fsm.Store) {
	c := n.config
	n.transport = peer.New(peer.Config{
		Self: peer.Identity{
			ClusterID: c.Identity.ClusterID, NodeID: c.Identity.NodeID,
			Incarnation: c.Identity.Incarnation, Addr: c.PeerAddr, Version: c.Version,
		},
		Secret: c.ClusterSecret, Listener: c.PeerListener, DataDir: c.DataDir, Log: n.log,
		Handler: peer.Handler{
			Message:  func(m raft.Message) { n.inbox.push(event{kind: evMessage, msg: m}) },
			LinkDown: func(id raft.NodeID) { n.inbox.push(event{kind: evLinkDown, peer: id}) },
			Verify:   n.verify,
			Refused: func(by raft.NodeID, reason string) {
				n.fence(fmt.Errorf("%w: %s says: %s", ErrRefused, by, reason))
			},
			Stranger: func(id raft.NodeID, reason string) {
				n.inbox.push(event{kind: evStranger, peer: id, reason: reason})
			},
			DiskFailed: n.fence,
			SnapshotReceived: func(took time.Duration, err error) {
				n.metrics.Snapshot.Observe(metrics.SnapshotReceive, took.Seconds(), err)
			},
		},
	})
	n.transport.SetMembers(n.others())
	n.transport.Start()
	a := n.newApplier(store)
	n.wg.Go(func() { n.runApplier(a) })
	n.wg.Go(n.runLogger)
	n.wg.Go(n.watchDisk)
	n.wg.Go(n.run)
}

// run is the loop.
func (n *Node) run() {
	ticker := time.NewTicker(n.config.Tick)
	defer ticker.Stop()
	for {
		ticked := false
		select {
		case <-n.quit:
			n.setTime()
			if n.Err() == nil {
				n.handle(n.inbox.take())
				n.machine.Stop()
			}
			close(n.dead)
			return
		case <-ticker.C:
			ticked = true
		case <-n.inbox.ready:
		}
		events := n.inbox.take()
		n.setTime()
		n.handle(events)
		if ticked {
			n.machine.Tick()
		}
		n.perform(n.machine.Flush())
		n.afterTurn(ticked)
	}
}

func (n *Node) setTime() {
	n.now = time.Now()
	n.machine.NowMs, n.machine.UpMs = n.now.UnixMilli(), n.now.Sub(n.began).Milliseconds()
}

func (n *Node) handle(events []event) {
	m := n.machine
	for i := range events {
		switch e := &events[i]; e.kind {
		case evBatch:
			m.Submit(e.batch)
		case evMessage:
			n.received(&e.msg)
			m.Receive(e.msg)
		case evLinkDown:
			n.dropProbe(e.peer)
			m.Core.PeerDown(e.peer)
		case evWrote:
			m.Wrote(e.seq)
		case evApplied:
			m.AppliedTo(e.applied)
		case evSnapshotDone:
			m.SnapshotDone(e.run, e.meta, e.file.Size, e.ok)
		case evSnapshotSent:
			m.SnapshotSent(e.peer, e.run, e.ok)
		case evSnapshotWanted:
			m.snapshot.wanted = true
		case evDisk:
			m.Disk(e.free, n.config.MinFreeBytes)
		case evWaiter:
			n.waiters = append(n.waiters, e.waiter)
		case evStatus:
			e.status <- n.status()
		case evTransfer:
			e.result <- m.Core.TransferLeadership(e.peer)
		case evMembership:
			m.RequestMembership(e.request)
		case evStranger:
			n.fenceIfAstray(e.peer, e.reason)
		}
	}
}

// perform hands the effects of a turn to those who carry them out. Nothing here
// waits.
func (n *Node) perform(fx Effects) {
	for i := range fx.Sends {
		n.sending(&fx.Sends[i])
		if !n.transport.Send(fx.Sends[i]) {
			n.machine.Unsent(fx.Sends[i])
		}
	}
	for i := range fx.Writes {
		n.writes.push(logItem{write: fx.Writes[i]})
	}
	if fx.Compact > 0 {
		n.writes.push(logItem{compact: fx.Compact})
	}
	for i := range fx.Apply {
		n.handing(&fx.Apply[i])
	}
	if len(fx.Apply) > 0 {
		n.applies.push(fx.Apply...)
	}
	for _, s := range fx.SnapshotTo {
		n.sendSnapshot(s.To, s.Run)
	}
}

// afterTurn tells the world what has changed.
func (n *Node) afterTurn(ticked bool) {
	core := n.machine.Core
	id, term := core.Leader()
	changed := n.leader != leaderHint{id, term}
	if changed {
		if id != "" {
			if n.led != (leaderHint{id, term}) { // or it was only lost from sight
				n.led = leaderHint{id, term}
				n.metrics.Raft.LeaderChanges.Inc()
			}
			n.log.Info("leader", "event", "leader", "leader", id, "term", term)
		} else {
			n.log.Info("no leader", "event", "leader", "term", term)
		}
		n.leader = leaderHint{id, term}
		clear(n.probes)
	}
	if ticked && id != "" {
		n.contact = n.machine.ticks - n.machine.contactTicks()
	}
	if ticked || changed {
		n.publish()
		n.fenceIfRefused()
	}
	if ticked && term == 0 && n.machine.ticks%firstElectionEveryTicks == 0 {
		if len(n.Members().Members) == 0 {
			n.log.Warn("waiting to be added to the cluster", "event", "members")
		} else {
			n.log.Warn("a new cluster elects its first leader when all its members are there", "event", "leader", "missing", n.missing())
		}
	}
	n.wakeWaiters()
}

// firstElectionEveryTicks is how often a new cluster says what it waits for.
const firstElectionEveryTicks = 500

// missing lists the members that this node has no link to.
func (n *Node) missing() (ids []raft.NodeID) {
	for _, l := range n.transport.Peers() {
		if !l.Up {
			ids = append(ids, l.ID)
		}
	}
	return ids
}

// fence stops the node for good: nothing is answered, nobody is voted for, and
// the process is to end with this error.
func (n *Node) fence(err error) {
	if n.failure.CompareAndSwap(nil, &err) {
		n.stop.Do(func() { close(n.quit) })
	}
}

// Err tells why the node stopped by itself; nil while it runs or was closed.
func (n *Node) Err() error {
	if p := n.failure.Load(); p != nil {
		return *p
	}
	return nil
}

// Done is closed when the node answers nothing any more.
func (n *Node) Done() <-chan struct{} { return n.dead }

// Close ends the node: what is in flight is answered with its honest outcome,
// the log is closed cleanly. It returns Err or what closing the log returned.
func (n *Node) Close() error {
	n.stop.Do(func() { close(n.quit) })
	n.transport.Close()
	n.wg.Wait()
	return errors.Join(n.Err(), n.wal.Close())
}

// Execute has the cluster execute a batch. Its replies are there when it returns
// nil; after an error the node has stopped without an answer, and the batch must
// not be used again.
func (n *Node) Execute(b *Batch) error {
	b.began = time.Now()
	b.Prepare()
	n.inbox.push(event{kind: evBatch, batch: b})
	select {
	case <-b.done:
		n.count(b)
		return nil
	case <-n.dead:
	}
	if b.Answered() { // it may have been the last thing that the node did
		return nil
	}
	return errStopped
}

// Transfer moves the leadership to a voter, "" meaning the one that is most up
// to date, and waits until another node leads or ctx ends. On a follower there
// is nothing to move.
func (n *Node) Transfer(ctx context.Context, to raft.NodeID) error {
	result := make(chan error, 1)
	n.inbox.push(event{kind: evTransfer, peer: to, result: result})
	select {
	case err := <-result:
		if err != nil {
			return fmt.Errorf("replica: transfer of leadership: %w", err)
		}
	case <-n.dead:
		return errStopped
	}
	self := n.config.Identity.NodeID
	return n.await(ctx, func(s *Status) bool { return s.Role != raft.Leader && s.Leader != "" && s.Leader != self })
}

// TakeSnapshot asks for a snapshot and waits until there is one that covers all
// that was applied when it was called.
func (n *Node) TakeSnapshot(ctx context.Context) error {
	now := n.Status()
	want := max(now.Applied, now.StateHashIndex) // the applier knows first
	n.inbox.push(event{kind: evSnapshotWanted})
	return n.await(ctx, func(s *Status) bool { return s.SnapshotIndex >= want })
}

var (
	errStopped  = errors.New("replica: the node has stopped")
	errReplaced = fmt.Errorf("%w: it knows this node id with another data directory", ErrRefused)
	errRemoved  = fmt.Errorf("%w: this node was removed from it", ErrRefused)
)

// What a node stops with although its disk works. Starting it again is useless.
var (
	// ErrRefused: the cluster does not take this node, because of its cluster id,
	// or because its id belongs to another data directory or was removed.
	ErrRefused = errors.New("replica: the cluster refuses this node")
	// ErrDiverged: the state differs from the leader's at the same index.
	ErrDiverged = errors.New("replica: the state diverged")
)
