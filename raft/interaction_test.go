package raft

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestInteraction replays the traces in testdata. They are made to be read;
// after a change of behaviour `go test ./raft -run TestInteraction -rewrite`
// writes them anew, and the difference is the review.
//
//	add-nodes 3 [learners=1] [max-append=1024]   a new cluster
//	elect 1 [with=(1,2)]          let 1 win an election and settle, silently
//	campaign 1 | tick 1 [n=5]     an election timeout | clock ticks
//	propose 1 x | read 1 | transfer 1 to=2 | notify 1 to=2 | peer-down 1 peer=2
//	flush 1                       a turn's end; the other commands include it
//	persist 1 [n=1]               the first n pending writes (or all) are durable
//	deliver | drop [from= to= type= n=]   what is on the network, oldest first
//	stabilize [1 2]               flush, persist and deliver until nothing moves
//	crash 1 | restart 1 | wipe 1  lose what is not durable | come back | new disk
//	snapshot 1 [keep=0]           make one, compact
//	status [1] | logs | network
func TestInteraction(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var x interaction
		datadriven.RunTest(t, path, x.run)
	})
}

type interaction struct {
	c   *cluster
	out strings.Builder
}

func (x *interaction) run(t *testing.T, d *datadriven.TestData) (result string) {
	defer func() {
		if r := recover(); r != nil {
			t.Fatalf("%s: %s: %v", d.Pos, d.Cmd, r)
		}
	}()
	x.out.Reset()
	x.command(d)
	if x.out.Len() == 0 {
		return "ok"
	}
	return x.out.String()
}

func (x *interaction) say(format string, args ...any) {
	fmt.Fprintf(&x.out, format+"\n", args...)
}

// ids are the arguments without a value.
func ids(d *datadriven.TestData) []NodeID {
	var list []NodeID
	for _, arg := range d.CmdArgs {
		if len(arg.Vals) == 0 {
			list = append(list, NodeID(arg.Key))
		}
	}
	return list
}

func option(d *datadriven.TestData, key, fallback string) string {
	for _, arg := range d.CmdArgs {
		if arg.Key == key && len(arg.Vals) > 0 {
			return arg.Vals[0]
		}
	}
	return fallback
}

func number(d *datadriven.TestData, key string, fallback int) int {
	n, err := strconv.Atoi(option(d, key, strconv.Itoa(fallback)))
	if err != nil {
		panic(err)
	}
	return n
}

func (x *interaction) command(d *datadriven.TestData) {
	switch d.Cmd {
	case "add-nodes":
		voters, _ := strconv.Atoi(d.CmdArgs[0].Key)
		x.c = newCluster(voters, number(d, "learners", 0), 1)
		x.c.log = x.say
		for _, n := range x.c.nodes {
			n.crash()
			n.template.MaxAppendBytes = number(d, "max-append", n.template.MaxAppendBytes)
			n.start()
		}
	case "stabilize":
		x.c.stabilize(ids(d)...)
	case "deliver", "drop":
		x.network(d)
	case "status":
		for _, n := range x.c.nodes {
			if want := ids(d); len(want) == 0 || slices.Contains(want, n.id) {
				x.status(n)
			}
		}
	case "logs":
		for _, n := range x.c.nodes {
			if n.core != nil {
				x.say("%s: behind %d: %s", n.id, n.core.log.base, describeEntries(n.core.log.entries))
			}
		}
	case "network":
		for _, m := range x.c.net {
			x.say("%s", describe(m))
		}
	default:
		n := x.c.node(ids(d)[0])
		x.nodeCommand(n, d)
		n.flush()
	}
}

func (x *interaction) nodeCommand(n *node, d *datadriven.TestData) {
	var err error
	switch d.Cmd {
	case "elect":
		var with []NodeID
		for _, arg := range d.CmdArgs {
			if arg.Key == "with" {
				for _, id := range arg.Vals {
					with = append(with, NodeID(id))
				}
			}
		}
		x.c.log = func(string, ...any) {}
		x.c.elect(n.id, with...)
		x.c.log = x.say
	case "campaign":
		n.core.electionTimeout()
	case "tick":
		for range number(d, "n", 1) {
			n.core.Tick()
			n.flush()
		}
	case "propose":
		_, err = n.propose(string(ids(d)[1]))
	case "read":
		_, err = n.read(uint64(number(d, "min", 0)))
	case "transfer":
		err = n.core.TransferLeadership(NodeID(option(d, "to", "")))
	case "notify":
		n.core.NotifyCommit(NodeID(option(d, "to", "")))
	case "peer-down":
		n.core.PeerDown(NodeID(option(d, "peer", "")))
	case "flush":
	case "persist":
		n.persist(min(number(d, "n", len(n.pending)), len(n.pending)))
	case "crash":
		n.crash()
	case "wipe":
		n.crash()
		n.wipe()
		n.start()
	case "restart":
		n.start()
	case "snapshot":
		n.snapshot(uint64(number(d, "keep", 0)))
	default:
		panic("unknown command")
	}
	if err != nil {
		x.say("%v", err)
	}
}

func (x *interaction) network(d *datadriven.TestData) {
	from, to, typ := option(d, "from", ""), option(d, "to", ""), option(d, "type", "")
	left := number(d, "n", 1<<30)
	pick := func(m Message) bool {
		return (from == "" || m.From == NodeID(from)) && (to == "" || m.To == NodeID(to)) &&
			(typ == "" || messageNames[m.Type] == typ)
	}
	for range len(x.c.net) {
		i := slices.IndexFunc(x.c.net, pick)
		if i < 0 || left == 0 {
			return
		}
		left--
		m := x.c.take(i)
		if d.Cmd == "drop" {
			x.say("dropped %s", describe(m))
			x.c.drop(m)
			continue
		}
		x.say("%s", describe(m))
		x.c.deliver(m)
		x.c.node(m.To).flush()
	}
}

func (x *interaction) status(n *node) {
	if n.core == nil {
		x.say("%s: down", n.id)
		return
	}
	s := n.core.Status()
	x.say("%s: %s t%d vote %q leader %q commit %d applied %d durable %d last %d", s.ID, s.Role, s.Term, s.Vote, s.Leader,
		s.Commit, s.Applied, s.Persisted, s.LastIndex)
	if s.Replaced {
		x.say("   replaced")
	}
	for _, p := range s.Peers {
		x.say("   %s: %s match %d next %d inflight %d", p.ID, p.State, p.Match, p.Next, p.InflightBytes)
	}
}
