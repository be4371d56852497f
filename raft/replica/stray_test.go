package replica

import (
	"net"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"redoubt/metrics"
	"redoubt/raft"
	"redoubt/wal"
)

// countedListener tells of each connection that is accepted.
type countedListener struct {
	net.Listener
	accepted chan struct{}
}

func (l countedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.accepted <- struct{}{}
	}
	return c, err
}

// Another cluster gets the address of a member that is down. The others go on; only
// when one of them is alone, and nobody leads it, may it be the stray one.
func TestAddressOfAMemberIsGivenToAnotherCluster(t *testing.T) {
	g := newGroup(t, 3, nil)
	g.want(0, "+OK\r\n", "SET a 1")
	g.close(2)
	addr := g.config.Members[2].PeerAddr
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan struct{}, 1000)
	dir := newDir(t)
	id := wal.Identity{
		ClusterID: strings.Repeat("f", 32), NodeID: "n3", Incarnation: 77,
		Bootstrap: raft.Configuration{Members: []raft.Member{{ID: "n3", Role: raft.Voter, Addr: "127.0.0.1:1", PeerAddr: addr}}},
	}
	if err := dir.CreateIdentity(id); err != nil {
		t.Fatal(err)
	}
	config := g.nodes[0].config
	config.DataDir, config.Identity, config.PeerListener, config.PeerAddr = dir, id, countedListener{l, accepted}, addr
	config.Metrics = metrics.New(prometheus.NewRegistry())
	other, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for range 20 {
		<-accepted
	}
	g.want(0, "+OK\r\n", "SET a 2")
	g.want(1, "$1\r\n2\r\n", "GET a")

	g.close(1)
	g.stoppedWith(0, ErrRefused, "another cluster")
}
