package server

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"redoubt/raft"
	"redoubt/raft/replica"
	"redoubt/wal"
)

// newcomer starts a node that knows nobody and waits to be added.
func newcomer(t *testing.T, id string) (in *instance, announced string) {
	t.Helper()
	clients, peers := listen(t), listen(t)
	_, bus, _ := strings.Cut(peers.Addr().String(), ":")
	in = startInstance(t, wal.Identity{
		ClusterID: strings.Repeat("0", 32), NodeID: raft.NodeID(id), Incarnation: 77,
	}, clients, peers, nil, func(*replica.Config) {})
	return in, clients.Addr().String() + "@" + bus
}

// describe tells the members of a page as "n1 n4:joining".
func describe(s *StatusPage) string {
	var parts []string
	for _, m := range s.Members {
		text := string(m.ID)
		if m.Role != "voter" {
			text += ":" + m.Role
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " ")
}

func TestMembersChange(t *testing.T) {
	cluster := startCluster(t, 3, nil)
	at := dial(t, "tcp", cluster[0].addr)
	at.want(t, "SET k v", "+OK\r\n")
	fourth, addr := newcomer(t, "n4")
	at.want(t, "REDOUBT MEMBER ADD n4 "+addr+" LEARNER", "+OK\r\n")
	awaitStatus(t, fourth, func(s *StatusPage) bool { return s.Ready && describe(s) == "n1 n2 n3 n4:learner" })
	if s := statusOf(t, fourth); s.Role != "learner" {
		t.Errorf("n4 says that it is a %s", s.Role)
	}
	at.want(t, "REDOUBT MEMBER PROMOTE n4", "+OK\r\n")
	awaitStatus(t, fourth, func(s *StatusPage) bool { return describe(s) == "n1 n2 n3 n4" })

	// Any node takes it, the new one too.
	w := dial(t, "tcp", fourth.addr)
	w.want(t, "GET k", "$1\r\nv\r\n")
	w.want(t, "REDOUBT MEMBER DEMOTE n3", "+OK\r\n")
	awaitStatus(t, fourth, func(s *StatusPage) bool { return describe(s) == "n1 n2 n3:learner n4" })
	if got := w.do(t, "REDOUBT MEMBER LIST"); !strings.HasPrefix(got, "*4\r\n*12\r\n$2\r\nid\r\n$2\r\nn1\r\n$4\r\nrole\r\n$5\r\nvoter\r\n$4\r\naddr\r\n") ||
		!strings.Contains(got, "$7\r\nlearner\r\n") || strings.Count(got, "$6\r\nleader\r\n:1\r\n") != 1 {
		t.Errorf("REDOUBT MEMBER LIST replied %q", got)
	}
	if got := w.do(t, "INFO raft"); !strings.Contains(got, "raft_voters:3\r\n") || !strings.Contains(got, "\r\nraft_member2:id=n3,role=learner,addr="+cluster[2].addr+"\r\n") {
		t.Errorf("INFO raft replied %q", got)
	}
	w.want(t, "REDOUBT MEMBER REMOVE n3", "+OK\r\n")
	s := awaitStatus(t, fourth, func(s *StatusPage) bool { return describe(s) == "n1 n2 n4" && slices.Contains(s.Removed, "n3") })
	if i := slices.IndexFunc(s.Members, func(m MemberStatus) bool { return m.ID == "n4" }); s.Members[i].Incarnation != "000000000000004d" {
		t.Errorf("the incarnation of n4: %+v", s.Members[i])
	}
	<-cluster[2].replica.Done() // so that its Close has nothing more to say
	cluster[2].refused = true
}

func TestMemberIsReplaced(t *testing.T) {
	cluster := startCluster(t, 3, nil)
	fourth, addr := newcomer(t, "n4")
	dial(t, "tcp", cluster[1].addr).want(t, "REDOUBT MEMBER REPLACE n1 n4 "+addr, "+OK\r\n")
	awaitStatus(t, fourth, func(s *StatusPage) bool { return describe(s) == "n2 n3 n4" })
	<-cluster[0].replica.Done()
	cluster[0].refused = true
}

func TestMemberRefusals(t *testing.T) {
	cluster := startCluster(t, 3, nil)
	w := dial(t, "tcp", cluster[1].addr)
	for _, tt := range []struct{ line, reply string }{
		{"ADD n4", "-ERR wrong number of arguments for 'redoubt|member|add' command"},
		{"ADD n4 127.0.0.1:1 SPECTATOR", "-ERR wrong number of arguments for 'redoubt|member|add' command"},
		{"ADD n4 nowhere", `-ERR "nowhere" is not of the form HOST:PORT`},
		{"ADD n4 0.0.0.0:6379", `-ERR "0.0.0.0:6379": other nodes need a host they can reach`},
		{"ADD n/4 127.0.0.1:6379", "-ERR the name of a node has letters, digits, '-', '_' and '.', at most 64"},
		{"ADD n1 127.0.0.1:6379", "-ERR there is a member of this id"},
		{"REMOVE n9", "-ERR no member of this id"},
		{"REPLACE n9 n4 127.0.0.1:6379", "-ERR no member of this id"},
		{"PROMOTE n9", "-ERR no member of this id"},
		{"PROMOTE n1 NOW", "-ERR wrong number of arguments for 'redoubt|member|promote' command"},
		{"LIST all", "-ERR unknown subcommand or wrong number of arguments for 'LIST'. Try REDOUBT HELP."},
		{"FIRE n1", "-ERR unknown subcommand or wrong number of arguments for 'FIRE'. Try REDOUBT HELP."},
	} {
		w.want(t, "REDOUBT MEMBER "+tt.line, tt.reply+"\r\n")
	}
	w.want(t, "REDOUBT MEMBER", "-ERR wrong number of arguments for 'redoubt|member' command\r\n")
}

func TestLastVoterStays(t *testing.T) {
	in := start(t, nil)
	dial(t, "tcp", in.addr).want(t, "REDOUBT MEMBER REMOVE n1", "-ERR no voter would be left\r\n")
}

// What a change has come to is answered honestly.
func TestOutcomesOfChanges(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{nil, `^\+OK\r\n$`},
		{replica.ErrNoLeader, "^-CLUSTERDOWN .*not executed"},
		{raft.ErrChanging, "^-TRYAGAIN .*not executed"},
		{raft.ErrTransferring, "^-TRYAGAIN .*not executed"},
		{raft.ErrNoQuorum, "^-ERR too few .*nothing was changed"},
		{raft.ErrRemoved, "^-ERR this id was removed and is not used again"},
		{fmt.Errorf("%w: cut short", replica.ErrUnclear), "^-UNCERTAIN .*may or may not"},
		{fmt.Errorf("something new"), "^-UNCERTAIN "},
	} {
		if got := string(appendOutcome(nil, tt.err)); !regexp.MustCompile(tt.want).MatchString(got) {
			t.Errorf("%v: %q, want %s", tt.err, got, tt.want)
		}
	}
}
