package peer

import (
	"bufio"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"redoubt/raft"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait for something that must happen.
const patience = 20 * time.Second

const testCluster = "0123456789abcdef0123456789abcdef"

// node is a transport on a real port, with everything it reports in channels.
type node struct {
	*Transport
	addr     string
	messages chan raft.Message
	down     chan raft.NodeID
	refused  chan string // "<by> <reason>"
	strange  chan string

	received, brokenOff atomic.Int64 // snapshots

	mu      sync.Mutex
	members map[raft.NodeID]error // what Verify answers; not named: nil
}

func (n *node) verify(id raft.NodeID, _ uint64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.members[id]
}

func (n *node) setVerify(id raft.NodeID, err error) {
	n.mu.Lock()
	n.members[id] = err
	n.mu.Unlock()
}

func listen(t *testing.T, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// start runs a node on addr ("" for any port); adjust may change its Config.
func start(t *testing.T, id raft.NodeID, addr string, adjust func(*Config)) *node {
	t.Helper()
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	n := &node{
		messages: make(chan raft.Message, 10000),
		down:     make(chan raft.NodeID, 100),
		refused:  make(chan string, 100),
		strange:  make(chan string, 1000),
		members:  map[raft.NodeID]error{},
	}
	c := Config{
		Self:     Identity{ClusterID: testCluster, NodeID: id, Incarnation: incarnationOf(id), Version: "test"},
		Secret:   "a secret",
		Listener: listen(t, addr),
		Handler: Handler{
			Message:    func(m raft.Message) { n.messages <- m },
			LinkDown:   func(id raft.NodeID) { n.down <- id },
			Verify:     n.verify,
			Refused:    func(by raft.NodeID, reason string) { n.refused <- string(by) + " " + reason },
			Stranger:   func(id raft.NodeID, reason string) { n.strange <- string(id) + " " + reason },
			DiskFailed: func(err error) { t.Errorf("disk failed: %v", err) },
			SnapshotReceived: func(_ time.Duration, err error) {
				if err != nil {
					n.brokenOff.Add(1)
					return
				}
				n.received.Add(1)
			},
		},
		DataDir: newDir(t),
	}
	if adjust != nil {
		adjust(&c)
	}
	n.addr = c.Listener.Addr().String()
	n.Transport = New(c)
	n.Start()
	t.Cleanup(n.Close)
	return n
}

func incarnationOf(id raft.NodeID) uint64 { return 1000 + uint64(id[len(id)-1]) }

func (n *node) id() raft.NodeID { return n.config.Self.NodeID }

func (n *node) inboundCount() int {
	n.Transport.mu.Lock()
	defer n.Transport.mu.Unlock()
	return len(n.inbound)
}

// dials makes n dial the others and waits until its links are up.
func (n *node) dials(t *testing.T, others ...*node) {
	t.Helper()
	n.SetMembers(membersOf(others...))
	n.awaitUp(t)
}

func (n *node) awaitUp(t *testing.T) {
	t.Helper()
	eventually(t, "links up", func() bool {
		return !slices.ContainsFunc(n.Peers(), func(p PeerState) bool { return !p.Up })
	})
}

func membersOf(nodes ...*node) (members []raft.Member) {
	for _, n := range nodes {
		members = append(members, raft.Member{ID: n.id(), Role: raft.Voter, PeerAddr: n.addr})
	}
	return members
}

// eventually polls for what has no event to wait for.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("never happened: " + what)
		}
	}
}

func receive[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatal("nothing came")
	}
	return v
}

// rawDial is a connection of somebody who is not a transport.
func rawDial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { conn.Close() })
	return conn
}

// rawLink is a connection to n that has gone through the handshake as id.
func rawLink(t *testing.T, n *node, id raft.NodeID, l lane) net.Conn {
	t.Helper()
	conn := rawDial(t, n.addr)
	caller := &Transport{config: n.config}
	caller.config.Self.NodeID, caller.config.Self.Incarnation = id, incarnationOf(id)
	if _, _, err := caller.introduce(conn, n.id(), l); err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// readAll returns what arrives until the other side closes.
func readAll(t *testing.T, conn net.Conn) string {
	t.Helper()
	b, err := io.ReadAll(bufio.NewReader(conn))
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatal("the connection was not closed")
	}
	return string(b)
}

func expectNone[T any](t *testing.T, what string, c <-chan T) {
	t.Helper()
	select {
	case v := <-c:
		t.Errorf("%s: %v", what, v)
	default:
	}
}

func heartbeat(to *node, round uint64) raft.Message {
	return raft.Message{Type: raft.MsgHeartbeat, To: to.id(), Term: 1, Round: round}
}

func appendOf(to *node, index uint64, data []byte) raft.Message {
	return raft.Message{Type: raft.MsgAppend, To: to.id(), Term: 1, LogIndex: index - 1,
		Entries: []raft.Entry{{Index: index, Term: 1, Type: raft.EntryCommand, Data: data}}}
}
