package peer

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"redoubt/raft"
	"redoubt/wal"
)

// Identity is what a node proves about itself when a connection opens.
type Identity struct {
	ClusterID   string
	NodeID      raft.NodeID
	Incarnation uint64
	Addr        string // where the node accepts, for those that do not know it yet
	Version     string // of the software; for logs only
}

// Handler is the node behind the transport. All are required. They are called
// from many goroutines, for one connection in order, and must not block for
// long: while they do, that connection reads nothing.
type Handler struct {
	// Message takes over m and all that it points to. From, To and Incarnation
	// are what the connection has proven.
	Message func(m raft.Message)
	// LinkDown tells that the peer broke its control connection to this node:
	// most likely its process died.
	LinkDown func(id raft.NodeID)
	// Verify answers whether a node may take part: nil, ErrRemoved or
	// ErrIncarnation (may be wrapped). It is asked when a connection opens, in
	// either direction, and for open inbound ones at each SetMembers.
	Verify func(id raft.NodeID, incarnation uint64) error
	// Refused tells that a peer refused this node for good: it was removed, or its
	// disk is another. The reason starts with the word of the refusal.
	Refused func(by raft.NodeID, reason string)
	// Stranger tells, at each attempt, that what answers at the address of a peer
	// belongs to another cluster: it is in the wrong place, or this node is.
	Stranger func(id raft.NodeID, reason string)
	// DiskFailed tells that the disk did not take a snapshot that came in, or has
	// damaged or cannot read the one that is sent, for another reason than being
	// full (wal.IsPassing). The node has to stop.
	DiskFailed func(err error)
	// SnapshotReceived tells how long a snapshot took to come in or, with an
	// error, to break off; what is there by then is not sent again.
	SnapshotReceived func(took time.Duration, err error)
}

// Config: the zero value of a limit means its default.
type Config struct {
	Self     Identity
	Secret   string // shared by all nodes of the cluster; "" proves nothing and nobody
	Listener net.Listener
	Handler  Handler
	DataDir  wal.Dir // where received snapshots go
	Log      *slog.Logger

	QueueMessages    int           // per peer and lane; 4096
	QueueBytes       int           // per peer and lane; 64 MB. A larger single message passes an empty queue.
	MaxMessageBytes  int           // sent or received; 65 MB
	DialTimeout      time.Duration // 1 s
	HandshakeTimeout time.Duration // 5 s
	WriteTimeout     time.Duration // for data that nobody takes; 3 s
	SnapshotTimeout  time.Duration // for one chunk of a snapshot; 30 s
}

func (c Config) withDefaults() Config {
	c.QueueMessages = cmp.Or(c.QueueMessages, 4096)
	c.QueueBytes = cmp.Or(c.QueueBytes, 64<<20)
	c.MaxMessageBytes = cmp.Or(c.MaxMessageBytes, 65<<20)
	c.DialTimeout = cmp.Or(c.DialTimeout, time.Second)
	c.HandshakeTimeout = cmp.Or(c.HandshakeTimeout, 5*time.Second)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, 3*time.Second)
	c.SnapshotTimeout = cmp.Or(c.SnapshotTimeout, 30*time.Second)
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	return c
}

// Transport keeps the streams to and from all other members. Its methods may be
// called from any goroutine and do not block, Close excepted.
type Transport struct {
	config Config
	ctx    context.Context // ends with Close; every connection hangs on it
	cancel context.CancelFunc
	wg     sync.WaitGroup

	// membership counts SetMembers calls: a reader that finds it changed asks
	// Verify again before it delivers the next message.
	membership atomic.Uint64

	mu       sync.Mutex
	closed   bool
	peers    map[raft.NodeID]*peer
	traffic  map[raft.NodeID]*traffic // outlives a peer's change of address
	inbound  map[inboundKey]*inbound
	receipt  *receipt // the snapshot that is coming in
	refusals map[refusalKey]time.Time
}

// peer is a member that this node dials.
type peer struct {
	t       *Transport
	id      raft.NodeID
	addr    string
	ctx     context.Context // ends when the member leaves or moves
	cancel  context.CancelFunc
	streams [2]*stream // by lane
	traffic *traffic
	// guest, under Transport.mu: no member, but it has called. It is dialled for as
	// long as it holds a connection, so that it can be answered.
	guest bool

	mu       sync.Mutex
	snapshot *snapshotSend // the one that is going out
}

// traffic counts what went to and came from one peer.
type traffic struct {
	bytesOut, bytesIn       atomic.Uint64
	messagesOut, messagesIn atomic.Uint64
	drops, reconnects       atomic.Uint64
}

// PeerState is a copy of what the transport knows about one peer. Counters run
// since the start of the process.
type PeerState struct {
	ID            raft.NodeID
	Addr          string
	Up            bool    // both streams to the peer are open
	RTTSeconds    float64 // of the control stream as the kernel has smoothed it; 0 when down or unknown
	QueueMessages int
	QueueBytes    int
	BytesOut      uint64
	BytesIn       uint64
	MessagesOut   uint64
	MessagesIn    uint64
	Drops         uint64 // messages not sent: queue full, link down or broken
	Reconnects    uint64 // streams opened, the first ones not counted
	SnapshotSent  int64  // bytes of the running snapshot that the peer has confirmed
	SnapshotSize  int64  // 0: none is running
}

// New returns a transport that dials, but does not accept before Start.
func New(c Config) *Transport {
	t := &Transport{
		config:   c.withDefaults(),
		peers:    map[raft.NodeID]*peer{},
		traffic:  map[raft.NodeID]*traffic{},
		inbound:  map[inboundKey]*inbound{},
		refusals: map[refusalKey]time.Time{},
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// Start begins to accept.
func (t *Transport) Start() { t.spawn(t.accept) }

// Close ends all connections and waits until every goroutine is gone: nothing
// of Handler and no snapshot's done is called after it.
func (t *Transport) Close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.cancel()
	t.config.Listener.Close()
	t.wg.Wait()
}

// spawn starts a goroutine that Close waits for; false after Close.
func (t *Transport) spawn(f func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.spawnLocked(f)
}

func (t *Transport) spawnLocked(f func()) bool {
	if !t.closed {
		t.wg.Go(f)
	}
	return !t.closed
}

// SetMembers says whom to dial, this node excepted: new members are dialled,
// those with another address dialled there, those not named let go with what
// was queued for them, unless they hold a connection to this node. Connections of
// those that may no longer take part are closed.
func (t *Transport) SetMembers(members []raft.Member) {
	t.expel()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	addrs := map[raft.NodeID]string{}
	for _, m := range members {
		if m.ID != t.config.Self.NodeID {
			addrs[m.ID] = m.PeerAddr
		}
	}
	for id, p := range t.peers {
		addr, ok := addrs[id]
		if p.guest = !ok && t.hasCalledLocked(id); ok && addr != p.addr || !ok && !p.guest {
			p.cancel()
			delete(t.peers, id)
		}
	}
	for id, addr := range addrs {
		if t.peers[id] == nil {
			t.peers[id] = t.newPeerLocked(id, addr)
		}
	}
	t.membership.Add(1)
}

func (t *Transport) newPeerLocked(id raft.NodeID, addr string) *peer {
	p := &peer{t: t, id: id, addr: addr, traffic: t.trafficLocked(id)}
	p.ctx, p.cancel = context.WithCancel(t.ctx)
	for l := range p.streams {
		s := newStream(p, lane(l))
		p.streams[l] = s
		t.spawnLocked(s.run)
	}
	return p
}

func (t *Transport) trafficLocked(id raft.NodeID) *traffic {
	if t.traffic[id] == nil {
		t.traffic[id] = &traffic{}
	}
	return t.traffic[id]
}

// Send queues m for m.To and takes over all that it points to. It never blocks:
// what finds its queue full, its link down or its receiver unknown is dropped
// and counted, and Send returns false: nobody will get it. What is queued may be
// lost all the same. Order is kept within a lane only.
func (t *Transport) Send(m raft.Message) bool {
	if m.Type == raft.MsgSnapshot {
		panic(fmt.Sprintf("peer: a snapshot is sent with SendSnapshot: %+v", m))
	}
	t.mu.Lock()
	p := t.peers[m.To]
	t.mu.Unlock()
	return p != nil && p.streams[laneOf(&m)].push(m)
}

// laneOf keeps everything that can be large off the control lane. An append never
// uses it, however small, nor empty: it must not overtake the one whose entries it
// is behind.
func laneOf(m *raft.Message) lane {
	if m.Type == raft.MsgAppend || len(m.Entries) > 0 {
		return laneLog
	}
	return laneCtl
}

// Peers returns the state of every dialled peer, sorted by id.
func (t *Transport) Peers() []PeerState {
	t.mu.Lock()
	peers := make([]*peer, 0, len(t.peers))
	for _, p := range t.peers {
		peers = append(peers, p)
	}
	t.mu.Unlock()
	slices.SortFunc(peers, func(a, b *peer) int { return cmp.Compare(a.id, b.id) })
	states := make([]PeerState, len(peers))
	for i, p := range peers {
		states[i] = p.state()
	}
	return states
}

func (p *peer) state() PeerState {
	s := PeerState{
		ID: p.id, Addr: p.addr, Up: true,
		BytesOut: p.traffic.bytesOut.Load(), BytesIn: p.traffic.bytesIn.Load(),
		MessagesOut: p.traffic.messagesOut.Load(), MessagesIn: p.traffic.messagesIn.Load(),
		Drops: p.traffic.drops.Load(), Reconnects: p.traffic.reconnects.Load(),
	}
	for _, st := range p.streams {
		conn, messages, bytes := st.status()
		s.Up = s.Up && conn != nil
		s.QueueMessages += messages
		s.QueueBytes += bytes
		if conn != nil && st.lane == laneCtl {
			s.RTTSeconds = roundTrip(conn).Seconds()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.snapshot != nil {
		s.SnapshotSent, s.SnapshotSize = p.snapshot.acked.Load(), p.snapshot.file.Size
	}
	return s
}
