package monitor

import (
	"bufio"
	"encoding/json"
	"net"
	"strings"
	"testing"
	"time"

	"redoubt/resp"
	"redoubt/resp/server"
)

// stub answers every REDOUBT STATUS at an address with what reply returns; "" is
// silence.
type stub struct {
	net.Listener
	conns chan net.Conn // accepted so far
}

func listen(t *testing.T, reply func() string) *stub {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stub{l, make(chan net.Conn, 100)}
	t.Cleanup(func() { l.Close(); s.hangUp() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.conns <- conn
			go func() {
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					if lines.Text() == "STATUS" {
						_, _ = conn.Write([]byte(reply()))
					}
				}
			}()
		}
	}()
	return s
}

func (s *stub) addr() string { return s.Addr().String() }

// hangUp breaks all connections.
func (s *stub) hangUp() {
	for {
		select {
		case conn := <-s.conns:
			conn.Close()
		default:
			return
		}
	}
}

// pageOf is the reply of a node.
func pageOf(n *node, members ...server.MemberStatus) string {
	page := n.StatusPage
	page.Members = members
	text, err := json.Marshal(page)
	if err != nil {
		panic(err)
	}
	return string(resp.AppendBulk(nil, text))
}

// TestCollectFindsTheOthers: one address is enough, and where a seed answers is
// where its node is asked, whatever address the cluster knows it by.
func TestCollectFindsTheOthers(t *testing.T) {
	w := three()
	var members []server.MemberStatus
	var first, second *stub
	first = listen(t, func() string { return pageOf(w.node(1), members...) })
	second = listen(t, func() string { return pageOf(w.node(2), members...) })
	dead := listen(t, nil)
	dead.Close()
	members = []server.MemberStatus{
		{ID: "n1", Role: "voter", Addr: "192.0.2.1:6379"}, // nobody is there
		{ID: "n2", Role: "voter", Addr: second.addr()},
		{ID: "n3", Role: "voter", Addr: dead.addr()},
	}
	c := Collector{Seeds: []string{first.addr()}, Timeout: 10 * time.Second}
	defer c.Close()
	check := func(when string) {
		t.Helper()
		s := c.Collect()
		if s.MembersUp != 2 || s.Leader != "n1" || len(s.Members) != 3 || s.member("n1").Addr != first.addr() ||
			s.member("n3").Role != RoleUnreachable || s.member("n3").Error != "connection refused" {
			t.Errorf("%s: %+v", when, s)
		}
	}
	check("at first")
	check("again")
	first.hangUp()
	second.hangUp()
	check("over new connections")

	first.Close()
	first.hangUp()
	if s := c.Collect(); s.MembersUp != 1 || s.member("n2").Figures == nil || s.ClusterID == "" {
		t.Errorf("without the seed: %+v", s)
	}
}

// TestCollectStaysInOneCluster: of two the first one counts.
func TestCollectStaysInOneCluster(t *testing.T) {
	stranger := newNode(1)
	stranger.ClusterID, stranger.Applied = "another", 1e9
	w := three()
	var members []server.MemberStatus
	first := listen(t, func() string { return pageOf(w.node(1), members...) })
	second := listen(t, func() string { return pageOf(stranger, members...) })
	members = []server.MemberStatus{{ID: "n1", Role: "voter", Addr: first.addr()}}
	c := Collector{Seeds: []string{first.addr(), second.addr()}, Timeout: 10 * time.Second}
	defer c.Close()
	if s := c.Collect(); len(s.Members) != 1 || s.ClusterID != w.node(1).ClusterID || s.Members[0].Addr != first.addr() {
		t.Errorf("%+v", s)
	}
}

// TestCollectAsksOnce: two members may have one address for a while, when a node
// is replaced by another at its place.
func TestCollectAsksOnce(t *testing.T) {
	w := three()
	var members []server.MemberStatus
	first := listen(t, func() string { return pageOf(w.node(1), members...) })
	second := listen(t, func() string { return pageOf(w.node(3), members...) })
	members = []server.MemberStatus{
		{ID: "n1", Role: "voter", Addr: first.addr()},
		{ID: "n2", Role: "voter", Addr: second.addr()},
		{ID: "n3", Role: "joining", Addr: second.addr()},
	}
	c := Collector{Seeds: []string{first.addr()}, Timeout: 10 * time.Second}
	defer c.Close()
	for range 3 {
		if s := c.Collect(); s.MembersUp != 2 || s.member("n3").Figures == nil || s.member("n2").Error != "node n3 answers there" {
			t.Fatalf("%+v", s)
		}
		if n := len(second.conns); n != 1 {
			t.Fatalf("%d connections to one address", n)
		}
	}
	second.Close()
	second.hangUp()
	s := c.Collect()
	for _, id := range []string{"n2", "n3"} {
		if m := s.member(id); m.Figures != nil || m.Error != "connection refused" {
			t.Errorf("nobody is there: %+v", m)
		}
	}
}

func TestCollectRefuses(t *testing.T) {
	w := three()
	stranger := newNode(2)
	stranger.ClusterID = "another"
	moved := newNode(3)
	evil := newNode(2)
	evil.Version = "\x1b[2J"
	tests := []struct {
		name, reply, want string
	}{
		{"another cluster", pageOf(stranger), "node n2 of another cluster answers there"},
		{"another member", pageOf(moved), "node n3 answers there"},
		{"silence", "", "timed out"},
		{"another server", "-ERR unknown command 'REDOUBT', with args beginning with: 'STATUS' \r\n", "it is not a redoubt, or one without REDOUBT STATUS"},
		{"no password", "-" + resp.ErrNoAuth + "\r\n", "it wants a password: set REDOUBT_PASSWORD or give --password"},
		{"no JSON", "+OK\r\n", `no status page in the reply: "OK"`},
		{"JSON of something else", "$2\r\n{}\r\n", `no status page in the reply: "{}"`},
		{"a page that plays with the terminal", pageOf(evil), "no status page in the reply"},
		{"an error that plays with the terminal", "-ERR \x1b[2J\r\n", `"ERR \x1b[2J"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			second := listen(t, func() string { return tt.reply })
			members := []server.MemberStatus{{ID: "n1", Role: "voter"}, {ID: "n2", Role: "voter", Addr: second.addr()}}
			first := listen(t, func() string { return pageOf(w.node(1), members...) })
			members[0].Addr = first.addr()
			c := Collector{Seeds: []string{first.addr()}, Timeout: time.Second}
			defer c.Close()
			for range 2 {
				s := c.Collect()
				m := s.member("n2")
				if m == nil || m.Figures != nil || !strings.HasPrefix(m.Error, tt.want) || s.member("n1").Figures == nil {
					t.Fatalf("%+v, want n2 to be unreachable: %s", s, tt.want)
				}
			}
		})
	}
}
