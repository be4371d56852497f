package web

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"redoubt/raft"
	"redoubt/resp"
	"redoubt/resp/server"
)

// listen has the node's clients' port on a socket and returns its address.
func (p *port) listen() string {
	p.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- p.clients.Serve(l) }()
	p.t.Cleanup(func() {
		_ = l.Close()
		<-served
	})
	return l.Addr().String()
}

func TestMembersAreAsked(t *testing.T) {
	const secret = "geheim"
	p := start(t, options{values: func(v *server.Values) { v.RequirePass = secret }})
	addr := p.listen()
	id := p.node.Recent().ClusterID
	stranger := start(t, options{})
	for _, tt := range []struct {
		name string
		m    *member
		by   *port
		want string // in the error; "": an answer
	}{
		{"itself", &member{id: "n1", clusterID: id, addrs: []string{addr}}, p, ""},
		{"without the password", &member{id: "n1", clusterID: id, addrs: []string{addr}}, stranger, "NOAUTH"},
		{"somebody else is there", &member{id: "n2", clusterID: id, addrs: []string{addr}}, p, "answers n1 of cluster"},
		{"somebody of another cluster", &member{id: "n1", clusterID: "other", addrs: []string{addr}}, p, "answers n1 of cluster"},
		{"at another address", &member{id: "n1", clusterID: id, addrs: []string{"127.0.0.1:1", addr}}, p, ""},
		{"nobody", &member{id: "n1", clusterID: id, addrs: []string{"127.0.0.1:1"}}, p, "connection refused"},
	} {
		page, err := tt.m.askOther(tt.by.clients)
		switch {
		case tt.want == "" && (err != nil || page.Node != "n1"):
			t.Errorf("%s: %v, %v", tt.name, page, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v, want …%s…", tt.name, err, tt.want)
		case err != nil && tt.m.client != nil:
			t.Errorf("%s: the connection is kept", tt.name)
		}
		tt.m.hangUp()
	}
}

func TestRatesLeaveOurQuestionsOut(t *testing.T) {
	m := &member{}
	began := time.Now()
	answer := func(after time.Duration, runID string, commands uint64) {
		m.answered(&server.StatusPage{RunID: runID, CommandsTotal: commands}, nil, began.Add(after))
	}
	want := func(what string, ops float64) {
		t.Helper()
		switch {
		case ops < 0 && m.ops != nil:
			t.Errorf("%s: %v, want none", what, *m.ops)
		case ops >= 0 && (m.ops == nil || *m.ops != ops):
			t.Errorf("%s: %v, want %v", what, m.ops, ops)
		}
	}
	answer(0, "a", 100)
	want("a first answer", -1)
	answer(time.Second, "a", 150)
	want("a second later", 50)
	answer(1100*time.Millisecond, "a", 151)
	want("too soon for another", 50)
	answer(3*time.Second, "a", 170)
	want("over two seconds", 10)
	answer(4*time.Second, "a", 10)
	want("set back", 0)
	answer(5*time.Second, "b", 500)
	want("started again", -1)
	m.client = &resp.Client{} // from now on each answer was a command
	answer(5500*time.Millisecond, "b", 501)
	answer(6*time.Second, "b", 532)
	want("32 commands of which two were ours", 30)
	answer(60*time.Second, "b", 501)
	want("after a long silence", -1)
}

func TestAddressesOfAMember(t *testing.T) {
	for _, tt := range []struct{ addr, peerAddr, port, want string }{
		{"10.0.0.1:6379", "10.0.0.1:16379", "6379", "10.0.0.1:6379"},
		{"127.0.0.1:7002", "n2:16379", "6379", "127.0.0.1:7002 n2:6379"}, // published ports
		{"127.0.0.1:7002", "n2:16379", "", "127.0.0.1:7002"},
		{"[::1]:7002", "[fd00::2]:1", "6379", "[::1]:7002 [fd00::2]:6379"},
		{"nonsense", "n2:1", "6379", "nonsense"},
	} {
		if got := strings.Join(addressesOf(raft.Member{Addr: tt.addr, PeerAddr: tt.peerAddr}, tt.port), " "); got != tt.want {
			t.Errorf("%s, nodes at %s: %s, want %s", tt.addr, tt.peerAddr, got, tt.want)
		}
	}
}

// A member that is dropped while it is being asked is hung up on afterwards.
func TestMemberIsDroppedDuringAQuestion(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := newCluster(Config{})
	m := &member{id: "n2"}
	c.members[m.id] = m
	asked, answer := make(chan struct{}), make(chan struct{})
	c.mu.Lock()
	done := c.ask(m, func(*server.Server) (*server.StatusPage, error) {
		m.client, err = resp.Dial(l.Addr().String(), patience)
		close(asked)
		<-answer
		return nil, err
	})
	c.mu.Unlock()
	<-asked
	c.mu.Lock()
	c.forget(nil)
	c.mu.Unlock()
	close(answer)
	if <-done; m.err != nil || m.client != nil {
		t.Errorf("%v; the connection is there: %t", m.err, m.client != nil)
	}
}

// The port closes while its handlers look at the cluster.
func TestLookAtAClosedCluster(t *testing.T) {
	p := start(t, options{absent: 2})
	looked := make(chan struct{}, 1)
	var looks sync.WaitGroup
	for range 2 {
		looks.Go(func() {
			for range 3 {
				p.cluster.look(t.Context(), true)
				select {
				case looked <- struct{}{}:
				default:
				}
			}
		})
	}
	<-looked
	p.cluster.close()
	looks.Wait()
	if page := p.cluster.look(t.Context(), true); len(page.Members) != 3 || page.Members[1].Answers != notAsked || len(p.cluster.members) != 0 {
		t.Errorf("a closed cluster has %d members and says %+v", len(p.cluster.members), page.Members)
	}
}
