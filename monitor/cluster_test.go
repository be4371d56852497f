package monitor

import (
	"errors"
	"fmt"
	"time"

	"redoubt/raft"
	"redoubt/resp/server"
)

// start is the time of the first snapshot of every test.
var start = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// world is a cluster as tests write it down; its fields may be changed from one
// snapshot to the next.
type world struct {
	at    time.Time
	nodes []*node
}

type node struct {
	server.StatusPage
	addr    string
	learner bool
	err     error    // it does not answer
	hears   []string // ids of the nodes it is connected to
}

// three is a healthy cluster led by n1.
func three() *world {
	w := &world{at: start}
	for i := 1; i <= 3; i++ {
		w.nodes = append(w.nodes, newNode(i))
	}
	w.nodes[0].Role = "leader"
	return w
}

func newNode(i int) *node {
	n := &node{addr: fmt.Sprintf("10.0.0.%d:6379", i), hears: []string{"n1", "n2", "n3"}}
	n.StatusPage = server.StatusPage{
		Version: "0.1.0", ClusterID: "63c577dcbc7bee42daada938ee368be8", Node: raft.NodeID(fmt.Sprint("n", i)),
		RunID: fmt.Sprint("run ", i), UptimeSeconds: int64(i) * 4000,
		Role: "follower", Leader: "n1", Term: 7, Commit: 1234, Applied: 1234, Last: 1234, Ready: true,
		StateHash: "00000000000000aa", StateHashAt: 1234, DiskUsedBytes: 3 << 20, DiskFreeBytes: 80 << 30,
		Keys: 1204, MemoryUsedBytes: 3 << 20, ConnectedClients: 2, CommandsTotal: 100, LatencyP50Us: 400, LatencyP99Us: 1200,
	}
	return n
}

// snapshot is what a collector would have brought.
func (w *world) snapshot() Snapshot {
	var members []server.MemberStatus
	for _, n := range w.nodes {
		role := "voter"
		if n.learner {
			role = "learner"
		}
		members = append(members, server.MemberStatus{ID: n.Node, Role: role, Addr: n.addr})
	}
	var answers []answer
	for _, n := range w.nodes {
		a := answer{addr: n.addr, at: w.at, err: n.err}
		if n.err == nil {
			page := n.StatusPage
			for _, id := range n.hears {
				page.Members = append(page.Members, server.MemberStatus{ID: raft.NodeID(id), Up: true})
			}
			a.page = &page
		}
		answers = append(answers, a)
	}
	s := assemble(w.at, members, answers)
	s.ClusterID = w.nodes[0].ClusterID
	return s
}

// second lets time go by; every node runs commands meanwhile.
func (w *world) second(commands uint64) {
	w.at = w.at.Add(time.Second)
	for _, n := range w.nodes {
		n.CommandsTotal += commands + 1 // and the question
		n.UptimeSeconds++
	}
}

var errRefused = errors.New("connection refused")

// node finds a node by its number.
func (w *world) node(i int) *node { return w.nodes[i-1] }

// dies cuts a node off from everybody.
func (w *world) dies(i int) {
	w.node(i).err = errRefused
	for _, n := range w.nodes {
		var hears []string
		for _, id := range n.hears {
			if id != string(w.node(i).Node) {
				hears = append(hears, id)
			}
		}
		n.hears = hears
	}
}

// leads gives the cluster a leader in a term; 0 is nobody.
func (w *world) leads(i int, term uint64) {
	for j, n := range w.nodes {
		n.Term, n.Role, n.Leader, n.Ready, n.NotReady = term, "follower", "", true, nil
		switch {
		case i == 0:
			n.Ready, n.NotReady = false, []string{"leader: none known"}
		case i == j+1:
			n.Role = "leader"
			fallthrough
		default:
			n.Leader = w.node(i).Node
		}
	}
}
