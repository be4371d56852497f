package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"redoubt/raft"
	"redoubt/wal"
)

func newDir(t *testing.T) wal.Dir { return wal.Dir{Path: t.TempDir(), FS: wal.OS()} }

// makeSnapshot writes a snapshot of size random bytes.
func makeSnapshot(t *testing.T, size int) (wal.SnapshotFile, []byte) {
	t.Helper()
	payload := make([]byte, size)
	rand.NewChaCha8([32]byte{1}).Read(payload)
	w, err := newDir(t).CreateSnapshot(raft.SnapshotMeta{Index: 100, Term: 3, Config: testConfiguration()}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(payload); err != nil {
		t.Fatal(err)
	}
	f, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	return f, payload
}

func snapshotMessage(to raft.NodeID, f wal.SnapshotFile) raft.Message {
	return raft.Message{Type: raft.MsgSnapshot, To: to, Term: 4, Snapshot: &f.Meta}
}

func expectSnapshot(t *testing.T, n *node, payload []byte) {
	t.Helper()
	f, ok, err := n.config.DataDir.LatestSnapshot()
	if err != nil || !ok {
		t.Fatalf("no snapshot: %v", err)
	}
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, payload) {
		t.Errorf("%d bytes, %v; want %d", len(got), err, len(payload))
	}
}

// proxy sits before a node's port and can break or damage the snapshot
// connections that pass.
type proxy struct {
	listener net.Listener
	target   string
	// confirmed is called for each ":offset" that the receiver sends; first tells
	// that it is the one that answers the offer. false breaks the connection.
	confirmed func(offset int64, first bool) bool
	// pass sees, and may change, what the sender sends.
	pass func(b []byte)
	mu   sync.Mutex      // held while either is called
	ctx  context.Context // ends with the test
	stop context.CancelFunc
	wg   sync.WaitGroup
}

func startProxy(t *testing.T, target *node) *proxy {
	p := &proxy{listener: listen(t, "127.0.0.1:0"), target: target.addr,
		confirmed: func(int64, bool) bool { return true }, pass: func([]byte) {}}
	p.ctx, p.stop = context.WithCancel(context.Background())
	p.wg.Go(func() {
		for {
			conn, err := p.listener.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.forward(conn) })
		}
	})
	t.Cleanup(func() {
		p.listener.Close()
		p.stop()
		p.wg.Wait()
	})
	return p
}

func (p *proxy) member(id raft.NodeID) []raft.Member {
	return []raft.Member{{ID: id, PeerAddr: p.listener.Addr().String()}}
}

func (p *proxy) forward(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	defer context.AfterFunc(p.ctx, func() {
		client.Close()
		server.Close()
	})()
	p.wg.Go(func() {
		defer server.Close()
		defer client.Close()
		buf, snap := make([]byte, 64<<10), false
		for {
			n, err := client.Read(buf)
			if err != nil {
				return
			}
			if snap = snap || bytes.Contains(buf[:n], []byte("\r\nsnap\r\n")); snap {
				p.mu.Lock()
				p.pass(buf[:n])
				p.mu.Unlock()
			}
			if _, err := server.Write(buf[:n]); err != nil {
				return
			}
		}
	})
	f, first := newFrameReader(server, 4096), true
	for {
		line, err := f.line()
		if err != nil {
			return
		}
		if digits, ok := strings.CutPrefix(string(line), ":"); ok {
			offset, err := strconv.ParseInt(digits, 10, 64)
			p.mu.Lock()
			ok := err == nil && p.confirmed(offset, first)
			p.mu.Unlock()
			if !ok {
				return
			}
			first = false
		}
		if _, err := client.Write(append(line, "\r\n"...)); err != nil {
			return
		}
	}
}

func TestSnapshotTransfer(t *testing.T) {
	n1, n2 := start(t, "n1", "", nil), start(t, "n2", "", nil)
	n1.dials(t, n2)
	f, payload := makeSnapshot(t, 5<<20)
	for range 2 { // the second time it is there already
		done := make(chan error, 1)
		n1.SendSnapshot(snapshotMessage("n2", f), f, func(err error) { done <- err })
		if err := receive(t, done); err != nil {
			t.Fatal(err)
		}
		m := receive(t, n2.messages)
		if m.Type != raft.MsgSnapshot || m.From != "n1" || m.To != "n2" || m.Incarnation != incarnationOf("n1") || m.Term != 4 {
			t.Errorf("got %+v", m)
		}
		if m.Snapshot.Index != 100 || m.Snapshot.Term != 3 || len(m.Snapshot.Config.Members) != 2 {
			t.Errorf("got %+v", *m.Snapshot)
		}
		expectSnapshot(t, n2, payload)
	}
	if s := n1.Peers()[0]; s.BytesOut < 5<<20 || s.BytesOut > 6<<20 || s.SnapshotSize != 0 {
		t.Errorf("%+v", s)
	}
}

func TestSnapshotResumesWhereItBroke(t *testing.T) {
	n1, n2 := start(t, "n1", "", nil), start(t, "n2", "", nil)
	p := startProxy(t, n2)
	offsets := make(chan int64, 100)
	breaks := []int64{3 << 20, 8 << 20} // broken once when so much is confirmed
	p.confirmed = func(offset int64, first bool) bool {
		if first {
			offsets <- offset
		}
		if len(breaks) > 0 && offset >= breaks[0] {
			breaks = breaks[1:]
			return false
		}
		return true
	}
	n1.SetMembers(p.member("n2"))
	f, payload := makeSnapshot(t, 20<<20) // more than the second break and what is sent unconfirmed
	done := make(chan error, 1)
	n1.SendSnapshot(snapshotMessage("n2", f), f, func(err error) { done <- err })
	if err := receive(t, done); err != nil {
		t.Fatal(err)
	}
	if m := receive(t, n2.messages); m.Type != raft.MsgSnapshot {
		t.Errorf("got %+v", m)
	}
	expectSnapshot(t, n2, payload)
	// The receiver may lose the chunk that was not whole, no more.
	for i, least := range []int64{0, 2 << 20, 7 << 20} {
		if got := receive(t, offsets); got < least || i == 0 && got != 0 {
			t.Errorf("connection %d began at %d, want %d or more", i+1, got, least)
		}
	}
	expectNone(t, "a fourth connection at", offsets)
	if n2.received.Load() != 1 || n2.brokenOff.Load() != 2 {
		t.Errorf("%d snapshots are said to have come in, %d to have broken off; want 1 and 2", n2.received.Load(), n2.brokenOff.Load())
	}
}

func TestADamagedChunkIsSentAgain(t *testing.T) {
	n1, n2 := start(t, "n1", "", nil), start(t, "n2", "", nil)
	p := startProxy(t, n2)
	offsets := make(chan int64, 100)
	p.confirmed = func(offset int64, first bool) bool {
		if first {
			offsets <- offset
		}
		return true
	}
	seen := 0
	p.pass = func(b []byte) {
		if seen < 2<<20 && seen+len(b) >= 2<<20 { // inside the second chunk, once
			b[2<<20-seen-1] ^= 1
		}
		seen += len(b)
	}
	n1.SetMembers(p.member("n2"))
	f, payload := makeSnapshot(t, 4<<20)
	done := make(chan error, 1)
	n1.SendSnapshot(snapshotMessage("n2", f), f, func(err error) { done <- err })
	if err := receive(t, done); err != nil {
		t.Fatal(err)
	}
	expectSnapshot(t, n2, payload)
	if first, second := receive(t, offsets), receive(t, offsets); first != 0 || second == 0 || second > 1<<20 {
		t.Errorf("began at %d and %d", first, second)
	}
}

// The receiver does not take it, and the sender finds out that its disk is to blame.
func TestASnapshotThatDoesNotVerifyIsRejected(t *testing.T) {
	failures := make(chan error, 10)
	n1, n2 := start(t, "n1", "", reportsTo(failures)), start(t, "n2", "", nil)
	n1.dials(t, n2)
	f, _ := makeSnapshot(t, 3<<20)
	b, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1 // after it was written: the chunk on the wire is right
	if err := os.WriteFile(f.Path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	n1.SendSnapshot(snapshotMessage("n2", f), f, func(err error) { done <- err })
	if err := receive(t, done); !errors.Is(err, errRejected) {
		t.Errorf("sent: %v", err)
	}
	var damage *wal.CorruptError
	if err := receive(t, failures); !errors.As(err, &damage) || damage.File != f.Path {
		t.Errorf("the sender's disk has failed with %v", err)
	}
	expectNone(t, "message", n2.messages)
	if _, ok, err := n2.config.DataDir.LatestSnapshot(); ok || err != nil {
		t.Errorf("there is a snapshot: %t, %v", ok, err)
	}
}

func TestSnapshotSendsThatEnd(t *testing.T) {
	f, _ := makeSnapshot(t, 1000)
	silent := listen(t, "127.0.0.1:0") // its backlog takes connections, nobody answers
	defer silent.Close()
	n1 := start(t, "n1", "", func(c *Config) { c.HandshakeTimeout = patience })
	done := make(chan string, 10)
	send := func(to raft.NodeID, name string) {
		n1.SendSnapshot(snapshotMessage(to, f), f, func(err error) { done <- fmt.Sprintf("%s %t", name, err == ErrGivenUp) })
	}
	send("nobody", "unknown")
	if got := receive(t, done); got != "unknown true" {
		t.Errorf("got %s", got)
	}
	n1.SetMembers([]raft.Member{{ID: "n2", PeerAddr: silent.Addr().String()}})
	send("n2", "first")
	send("n2", "second")
	if got := receive(t, done); got != "first true" { // superseded
		t.Errorf("got %s", got)
	}
	if s := n1.Peers()[0]; s.SnapshotSize != f.Size || s.SnapshotSent != 0 {
		t.Errorf("%+v", s)
	}
	expectNone(t, "done", done)
	n1.SetMembers(nil)
	if got := receive(t, done); got != "second true" { // the member is gone
		t.Errorf("got %s", got)
	}
}

func TestSnapshotOffersThatAreNotTaken(t *testing.T) {
	n := start(t, "n2", "", nil)
	f, _ := makeSnapshot(t, 1000)
	encode := func(m raft.Message) string { return string(appendMessage(nil, &m)) }
	good := encode(snapshotMessage("n2", f))
	size := strconv.FormatInt(f.Size, 10)
	for _, tt := range []struct {
		name, in, want string // want: the start of the answer; "" is none
	}{
		{"not an offer", "*1\r\n$4\r\nPING\r\n", ""},
		{"not a message", string(appendCommand(nil, "RAFT.SNAP", "x", f.ID, size)), ""},
		{"other message", string(appendCommand(nil, "RAFT.SNAP", encode(heartbeat(n, 1)), f.ID, size)), ""},
		{"bad size", string(appendCommand(nil, "RAFT.SNAP", good, f.ID, "-5")), ""},
		{"larger than the disk", string(appendCommand(nil, "RAFT.SNAP", good, f.ID, "9000000000000000000")), "-ERR "},
		{"a path for an id", string(appendCommand(nil, "RAFT.SNAP", good, "../../x", size)), "-ERR "},
		{"chunk at another offset", string(appendCommand(nil, "RAFT.SNAP", good, f.ID, size)) + chunkOf(7, "abc"), ":0\r\n"},
		{"empty chunk", string(appendCommand(nil, "RAFT.SNAP", good, f.ID, size)) + chunkOf(0, ""), ":0\r\n"},
		{"chunk over the size", string(appendCommand(nil, "RAFT.SNAP", good, f.ID, size)) + chunkOf(0, strings.Repeat("x", 5000)), ":0\r\n"},
		{"chunk over the limit", string(appendCommand(nil, "RAFT.SNAP", good, f.ID, size)) + "*2\r\n$10\r\nRAFT.CHUNK\r\n$9999999\r\n", ":0\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn := rawLink(t, n, "n1", laneSnap)
			io.WriteString(conn, tt.in)
			got := readAll(t, conn)
			if tt.want == "" && got != "" || !strings.HasPrefix(got, tt.want) || strings.Count(got, "\r\n") > 1 {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	expectNone(t, "message", n.messages)
}

func chunkOf(offset byte, data string) string {
	body := append([]byte{offset, 0, 0, 0, 0, 0, 0, 0}, data...)
	crc := appendCRC(slices.Clone(body), 0)[len(body):]
	return string(appendCommand(nil, "RAFT.CHUNK", string(crc)+string(body)))
}

func TestOneSnapshotComesInAtATime(t *testing.T) {
	n := start(t, "n2", "", nil)
	f, _ := makeSnapshot(t, 1000)
	offer := func(from raft.NodeID, term uint64) (net.Conn, string) {
		conn := rawLink(t, n, from, laneSnap)
		m := snapshotMessage("n2", f)
		m.Term = term
		conn.Write(appendCommand(nil, "RAFT.SNAP", string(appendMessage(nil, &m)), f.ID, strconv.FormatInt(f.Size, 10)))
		line, err := newFrameReader(conn, 4096).line()
		if err != nil {
			t.Fatal(err)
		}
		return conn, string(line)
	}
	running, got := offer("n1", 4)
	if got != ":0" {
		t.Fatalf("got %q", got)
	}
	if _, got := offer("n3", 3); !strings.HasPrefix(got, "-ERR ") {
		t.Errorf("an earlier leader got %q", got)
	}
	again, got := offer("n1", 4)
	if got != ":0" {
		t.Errorf("the same sender got %q", got)
	}
	readAll(t, running)
	if _, got := offer("n3", 5); got != ":0" {
		t.Errorf("a later leader got %q", got)
	}
	readAll(t, again)
}
