package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"redoubt/fsm"
	"redoubt/metrics"
	"redoubt/raft"
	"redoubt/raft/replica"
	"redoubt/wal"
)

// testTimeout is far beyond what anything here takes.
const testTimeout = 30 * time.Second

// instance is a node with its server, on real sockets and a real disk.
type instance struct {
	*Server
	replica  *replica.Node
	addr     string
	registry *prometheus.Registry
	stopped  chan struct{} // closed by the SHUTDOWN command
	refused  bool          // it was removed: it may say so when it is closed
	log      *bytes.Buffer // guarded by the handler's own lock; read it when all is closed
}

// start runs a cluster of one.
func start(t testing.TB, edit func(v *Values)) *instance {
	t.Helper()
	return startCluster(t, 1, edit)[0]
}

// startCluster runs n nodes and waits for a leader that all know.
func startCluster(t testing.TB, n int, edit func(v *Values)) []*instance {
	t.Helper()
	return startNodes(t, n, edit, func(*replica.Config) {})
}

// startNodes is startCluster with changes to what is below the servers.
func startNodes(t testing.TB, n int, edit func(v *Values), node func(c *replica.Config)) []*instance {
	t.Helper()
	var config raft.Configuration
	clients, peers := make([]net.Listener, n), make([]net.Listener, n)
	for i := range n {
		clients[i], peers[i] = listen(t), listen(t)
		config.Members = append(config.Members, raft.Member{
			ID: raft.NodeID(fmt.Sprint("n", i+1)), Role: raft.Voter,
			Addr: clients[i].Addr().String(), PeerAddr: peers[i].Addr().String(),
		})
	}
	list := make([]*instance, n)
	for i := range n {
		list[i] = startInstance(t, wal.Identity{
			ClusterID: strings.Repeat("0", 32), NodeID: config.Members[i].ID, Incarnation: uint64(i + 1), Bootstrap: config,
		}, clients[i], peers[i], edit, node)
	}
	for _, in := range list {
		in.awaitLeader(t)
	}
	return list
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func startInstance(t testing.TB, id wal.Identity, clients, peers net.Listener, edit func(v *Values), below func(c *replica.Config)) *instance {
	t.Helper()
	dir := wal.Dir{Path: t.TempDir(), FS: wal.OS()}
	if err := dir.CreateIdentity(id); err != nil {
		t.Fatal(err)
	}
	v := DefaultValues()
	if edit != nil {
		edit(&v)
	}
	in := &instance{
		addr: clients.Addr().String(), registry: prometheus.NewRegistry(),
		stopped: make(chan struct{}), log: &bytes.Buffer{},
	}
	m := metrics.New(in.registry)
	log := slog.New(slog.NewTextHandler(in.log, nil))
	c := replica.Config{
		DataDir: dir, Identity: id, Version: "test", Seed: id.Incarnation, PeerListener: peers, PeerAddr: peers.Addr().String(),
		Tick: 10 * time.Millisecond, ElectionTicks: 15, HeartbeatTicks: 3,
		CommandTimeout: testTimeout, SnapshotBytes: 64 << 20,
		Store: fsm.Config{Databases: v.Databases}, Metrics: m, Log: slog.New(slog.DiscardHandler),
	}
	below(&c)
	node, err := replica.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	in.replica = node
	in.Server = New(Config{
		Node: node, Settings: NewSettings(v), Metrics: m.Server, Log: log,
		Version: "test", Shutdown: func() { close(in.stopped) },
	})
	served := make(chan error, 1)
	go func() { served <- in.Serve(clients) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
		defer cancel()
		if err := in.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != ErrClosed {
			t.Errorf("Serve: %v", err)
		}
		if err := node.Close(); err != nil && !(in.refused && errors.Is(err, replica.ErrRefused)) {
			t.Errorf("close: %v", err)
		}
		if strings.Contains(in.log.String(), "event=panic") {
			t.Errorf("a connection panicked: %s", in.log)
		}
	})
	return in
}

// awaitLeader returns when the node can serve a read.
func (in *instance) awaitLeader(t testing.TB) {
	t.Helper()
	args := [][]byte{[]byte("DBSIZE")}
	b := replica.NewBatch()
	b.Commands = append(b.Commands, fsm.Command{Proto: 2, Spec: fsm.Lookup(args[0]), Args: args})
	if err := in.node.Execute(b); err != nil || string(b.Reply) != ":0\r\n" {
		t.Fatalf("no leader: %q, %v", b.Reply, err)
	}
}

// wire is a client without a client library: what it sends and gets are bytes.
type wire struct {
	net.Conn
	r *bufio.Reader
}

func dial(t testing.TB, network, addr string) *wire {
	t.Helper()
	nc, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(testTimeout))
	return &wire{nc, bufio.NewReaderSize(nc, 1<<16)}
}

func (w *wire) send(t testing.TB, text string) {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatalf("sending %.80q: %v", text, err)
	}
}

// reply reads the bytes of one reply.
func (w *wire) reply(t testing.TB) string {
	t.Helper()
	raw, err := w.readReply(nil)
	if err != nil {
		t.Fatalf("reading a reply: %v (so far %q)", err, raw)
	}
	return string(raw)
}

func (w *wire) readReply(dst []byte) ([]byte, error) {
	for open := 1; open > 0; open-- {
		line, err := w.r.ReadBytes('\n')
		dst = append(dst, line...)
		if err != nil {
			return dst, err
		}
		n, _ := strconv.Atoi(strings.TrimSpace(string(line[1:]))) // 0 where there is no number
		switch line[0] {
		case '$', '=':
			if n >= 0 {
				body := make([]byte, n+2)
				if _, err := io.ReadFull(w.r, body); err != nil {
					return dst, err
				}
				dst = append(dst, body...)
			}
		case '*', '~', '>':
			open += max(n, 0)
		case '%':
			open += 2 * n
		}
	}
	return dst, nil
}

// do sends inline commands in one write and returns all replies.
func (w *wire) do(t testing.TB, lines ...string) string {
	t.Helper()
	w.send(t, strings.Join(lines, "\r\n")+"\r\n")
	var out string
	for range lines {
		out += w.reply(t)
	}
	return out
}

func (w *wire) want(t testing.TB, line, reply string) {
	t.Helper()
	if got := w.do(t, line); got != reply {
		t.Fatalf("%s replied %q, want %q", line, got, reply)
	}
}

// rest reads to the end of the connection.
func (w *wire) rest(t testing.TB) string {
	t.Helper()
	b, err := io.ReadAll(w.r)
	if err != nil {
		t.Fatalf("reading to the end: %v (so far %.80q)", err, b)
	}
	return string(b)
}

// closed reads until the server hangs up, however it does.
func (w *wire) closed(t testing.TB) string {
	t.Helper()
	b, err := io.ReadAll(w.r)
	if e, ok := err.(net.Error); ok && e.Timeout() {
		t.Fatalf("the connection is still open (so far %.80q)", b)
	}
	return string(b)
}
