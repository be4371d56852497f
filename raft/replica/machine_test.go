package replica

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"redoubt/fsm"
	"redoubt/raft"
)

// members are the voters n1, n2, … of that many, with incarnations 1, 2, …
func members(size int) raft.Configuration {
	var config raft.Configuration
	for i := 1; i <= size; i++ {
		config.Members = append(config.Members, raft.Member{ID: raft.NodeID(fmt.Sprint("n", i)), Role: raft.Voter, Incarnation: uint64(i)})
	}
	return config
}

// machineOf is n1 as it starts with what its disk has.
func machineOf(disk raft.State) *Machine {
	core := raft.New(raft.Config{
		ID: "n1", Incarnation: 1, ElectionTicks: 10, HeartbeatTicks: 2,
		MaxAppendBytes: 1 << 20, MaxInflightBytes: 1 << 20, MaxUncommittedBytes: 1 << 20, Rand: rand.New(rand.NewPCG(1, 1)),
	}, disk)
	return NewMachine(core, disk.Snapshot, 1, 1000, rand.New(rand.NewPCG(1, 2)), Limits{Databases: 1, TimeoutMs: 1000, SnapshotBytes: 64 << 20})
}

// rest flushes m until nothing more comes, with a disk that is done at once, and
// returns all effects.
func rest(m *Machine) Effects {
	var all Effects
	for {
		fx := m.Flush()
		all.Writes = append(all.Writes, fx.Writes...)
		all.Sends = append(all.Sends, fx.Sends...)
		all.Apply = append(all.Apply, fx.Apply...)
		all.SnapshotTo = append(all.SnapshotTo, fx.SnapshotTo...)
		if len(fx.Writes)+len(fx.Sends)+len(fx.Apply) == 0 {
			return all
		}
		for _, w := range fx.Writes {
			m.Wrote(w.Seq)
		}
	}
}

// hear is a message from a member of the term.
func hear(m *Machine, from raft.NodeID, term uint64, msg raft.Message) {
	msg.From, msg.Term = from, term
	for _, member := range members(3).Members {
		if member.ID == from {
			msg.Incarnation = member.Incarnation
		}
	}
	m.Receive(msg)
}

// tick moves m's clock on by one and has n2, whose log is empty, answer all that
// m has to say. It returns the snapshots that are to be sent.
func tick(m *Machine) (sends []SnapshotSend) {
	m.Tick()
	for fx := rest(m); len(fx.Sends)+len(fx.SnapshotTo) > 0; fx = rest(m) {
		sends = append(sends, fx.SnapshotTo...)
		for _, msg := range fx.Sends {
			if reply := emptyNode(msg); reply.Type != 0 {
				m.Receive(reply)
			}
		}
	}
	return sends
}

// lead makes n1 the leader, with the vote of n2.
func lead(t *testing.T, m *Machine) {
	t.Helper()
	for range 100 {
		tick(m)
		if leader, _ := m.Core.Leader(); leader == "n1" {
			return
		}
	}
	t.Fatal("n1 does not lead")
}

// emptyNode answers as n2 would with an empty log; no type: it does not.
func emptyNode(msg raft.Message) raft.Message {
	reply := raft.Message{From: "n2", Incarnation: 2, Term: msg.Term, Round: msg.Round}
	if msg.To != "n2" {
		return raft.Message{}
	}
	switch msg.Type {
	case raft.MsgPreVote:
		reply.Type = raft.MsgPreVoteReply
	case raft.MsgVote:
		reply.Type = raft.MsgVoteReply
	case raft.MsgHeartbeat:
		reply.Type = raft.MsgHeartbeatReply
	case raft.MsgAppend:
		// It takes what begins the log, and has forgotten it the next time.
		reply.Type, reply.Index, reply.Reject = raft.MsgAppendReply, msg.LogIndex, msg.LogIndex > 0
		if !reply.Reject {
			reply.Index = uint64(len(msg.Entries))
		}
	}
	return reply
}

// batchOf is a batch of commands that is ready to be submitted.
func batchOf(lines ...string) *Batch {
	b := NewBatch()
	for _, line := range lines {
		var args [][]byte
		for _, word := range strings.Fields(line) {
			args = append(args, []byte(word))
		}
		spec, text := fsm.Resolve(args)
		if text != "" {
			panic(text)
		}
		b.Commands = append(b.Commands, fsm.Command{Proto: 2, Spec: spec, Args: args})
	}
	b.Prepare()
	return b
}

// alone is a cluster of one: a machine and the keyspace behind it.
type alone struct {
	*Machine
	t       *testing.T
	applier *Applier
}

func newAlone(t *testing.T) *alone {
	n := &alone{Machine: machineOf(raft.State{Snapshot: raft.SnapshotMeta{Config: members(1)}}), t: t}
	n.applier = NewApplier(fsm.New(fsm.Config{Databases: 1}), 0, ApplierHooks{Applied: n.AppliedTo, Answered: func(*Batch) {}})
	for leader := raft.NodeID(""); leader == ""; leader, _ = n.Core.Leader() {
		n.Tick()
		n.rest()
	}
	return n
}

// rest has everything written and applied that is there.
func (n *alone) rest() {
	n.t.Helper()
	for fx := rest(n.Machine); len(fx.Apply) > 0; fx = rest(n.Machine) {
		if err := n.applier.Round(fx.Apply); err != nil {
			n.t.Fatal(err)
		}
	}
}

func (n *alone) want(line, reply string) {
	n.t.Helper()
	b := batchOf(line)
	n.Submit(b)
	n.rest()
	if !b.Answered() || string(b.Reply) != reply {
		n.t.Errorf("%s replied %q, want %q", line, b.Reply, reply)
	}
}
