package sim

import (
	"fmt"
	"strconv"
	"strings"

	"redoubt/raft"
	"redoubt/raft/replica"
)

// verb is a kind of step.
type verb struct {
	syntax, meaning string
	run             func(s *scene, a []string) error
	commands        int // which argument, from 1, has commands of clients
}

func (v *verb) pattern() pattern { return pattern(v.syntax) }

func done(do func(s *scene, a []string)) func(*scene, []string) error {
	return func(s *scene, a []string) error {
		do(s, a)
		return nil
	}
}

// eachNode does something to all nodes that the first argument names.
func eachNode(do func(s *scene, n *node)) func(*scene, []string) error {
	return func(s *scene, a []string) error {
		for _, n := range s.named(a[0]) {
			do(s, n)
		}
		return nil
	}
}

// verbs is the language.
var verbs = []verb{
	{syntax: "run TIME", meaning: "let so much time pass", run: done(func(s *scene, a []string) {
		s.await(microseconds(a[0]), func() bool { return false })
	})},
	{syntax: "await CONDITION [within TIME]", meaning: "let time pass until it is so; it fails after a minute", run: func(s *scene, a []string) error {
		limitUs := int64(patienceUs)
		if a[1] != "" {
			limitUs = microseconds(a[1])
		}
		is, err := s.condition(a[0])
		if err == nil && !s.await(limitUs, is) {
			err = fmt.Errorf("it does not come to that")
		}
		return err
	}},
	{syntax: "expect CONDITION", meaning: "it is so now", run: func(s *scene, a []string) error {
		is, err := s.condition(a[0])
		if err == nil && !is() {
			err = fmt.Errorf("it is not so")
		}
		return err
	}},
	{syntax: "end without recovery", meaning: "more is broken than heals: do not ask for it in the end", run: done(func(s *scene, _ []string) {
		s.ending = true
	})},

	{syntax: "client NAME at NODE: NUMBER x COMMANDS -> REPLIES", meaning: "the same so many times, one after the other; `$i` counts", commands: 4, run: func(s *scene, a []string) error {
		n, err := strconv.Atoi(a[2])
		for i := 1; i <= n && err == nil; i++ {
			number := func(text string) string { return strings.ReplaceAll(text, "$i", strconv.Itoa(i)) }
			err = s.clientSends(a[0], a[1], number(a[3]), number(a[4]))
		}
		return err
	}},
	{syntax: "client NAME at NODE: COMMANDS -> REPLIES", meaning: "send a pipeline (`SET a 1; INCR a`) and compare the replies (`OK, 2`); alternatives with `or`; " +
		"`nil`, `any`, `lost` (the connection broke), `-CODE` of an error; `pending`: do not wait. `x*1000` is a thousand times x",
		commands: 3, run: func(s *scene, a []string) error { return s.clientSends(a[0], a[1], a[2], a[3]) }},
	{syntax: "client NAME gets REPLIES", meaning: "wait for the replies that were pending", run: func(s *scene, a []string) error {
		return s.actor(a[0]).replies(a[1])
	}},
	{syntax: "client NAME hangs up", meaning: "close its connection", run: done(func(s *scene, a []string) { s.actor(a[0]).user.hangUp() })},
	{syntax: "crowd NAME of NUMBER at NODE: COMMANDS", meaning: "so many clients, each on a connection of its own, send this and do not wait", commands: 4, run: func(s *scene, a []string) error {
		n, err := strconv.Atoi(a[1])
		for i := range n {
			if err == nil {
				err = s.clientSends(crowded(a[0], i), a[2], a[3], "pending")
			}
		}
		return err
	}},
	{syntax: "crowd NAME gets REPLIES", meaning: "each of them gets one of these", run: func(s *scene, a []string) (err error) {
		for i := 0; s.actors[crowded(a[0], i)] != nil && err == nil; i++ {
			err = s.actor(crowded(a[0], i)).replies(a[1])
		}
		return err
	}},
	{syntax: "writer NAME at NODE every TIME: COMMANDS", meaning: "from now on send this again and again, `$i` counting, in the background", commands: 4, run: done(func(s *scene, a []string) {
		w := s.actor(a[0])
		w.node, w.everyUs, w.command, w.stop = s.node(a[1]), microseconds(a[2]), a[3], false
		w.writes()
	})},
	{syntax: "writer NAME stops", meaning: "and waits for its last reply", run: func(s *scene, a []string) error {
		w := s.actor(a[0])
		w.stop = true
		if !s.await(patienceUs, w.settled) {
			return fmt.Errorf("its last command is not answered")
		}
		return nil
	}},

	{syntax: "lead NODE", meaning: "make it the leader of a cluster that is well", run: func(s *scene, a []string) error { return s.makeLeader(s.node(a[0])) }},
	{syntax: "transfer NODE -> NODE", meaning: "the first, who leads, hands over to the second", run: done(func(s *scene, a []string) {
		s.node(a[0]).post(func(m *replica.Machine) { _ = m.Core.TransferLeadership(raft.NodeID(a[1])) })
	})},
	{syntax: "join NODES", meaning: "start these nodes, which know nobody and wait to be added (see `joiners`)", run: eachNode(func(_ *scene, n *node) {
		n.joins = false
		n.start()
	})},
	{syntax: "members NODE: CHANGE -> OUTCOME", meaning: "ask it for a change of the members: `add n4`, `add n4 learner`, `replace n3 n4`, `promote n4`, `demote n2`, " +
		"`remove n1`, `transfer n2`, each with `force` behind it or not. The outcome is `done`, `pending` (do not wait) or a word of the refusal", run: func(s *scene, a []string) error {
		return s.changeMembers(s.node(a[0]), strings.Fields(a[1]), a[2])
	}},
	{syntax: "snapshot NODE", meaning: "it is asked for a snapshot", run: done(func(s *scene, a []string) {
		s.node(a[0]).post(func(m *replica.Machine) { // a full disk, which is empty again at once, asks for one
			m.Disk(0, minFreeBytes)
			m.Disk(1<<40, minFreeBytes)
		})
	})},
	{syntax: "timer NODE runs out", meaning: "its timer leaps until it stands for election", run: done(func(s *scene, a []string) {
		s.node(a[0]).post(func(m *replica.Machine) {
			for range 2 * s.plan.Knobs.ElectionTicks {
				if m.Core.Status().Role == raft.Follower {
					m.Tick()
				}
			}
		})
	})},
	{syntax: "timer NODE PERCENT", meaning: "its timer runs at this speed", run: func(s *scene, a []string) (err error) {
		s.node(a[0]).faults.tickPercent, err = strconv.ParseInt(strings.TrimSuffix(a[1], "%"), 10, 64)
		return err
	}},
	{syntax: "clock NODE SHIFT", meaning: "its wall clock jumps", run: done(func(s *scene, a []string) {
		s.node(a[0]).faults.clockMs += microseconds(a[1]) / 1000
	})},
	{syntax: "apply NODE takes TIME", meaning: "its state machine takes so much longer for each round", run: done(func(s *scene, a []string) {
		s.node(a[0]).faults.slowApplyUs = microseconds(a[1])
	})},
}

func crowded(name string, i int) string { return fmt.Sprint(name, " ", i) }

func (s *scene) clientSends(name, at, commands, replies string) error {
	a := s.actor(name)
	if !a.send(s.node(at), commands) {
		if isReply(replies, "lost") {
			return nil
		}
		return fmt.Errorf("%s takes no connections", at)
	}
	return a.replies(replies)
}

// makeLeader has a node lead all that are up, with one log.
func (s *scene) makeLeader(n *node) error {
	leads := func() bool {
		leads, _ := n.leads()
		return leads && s.count(func(m *node) bool {
			if !m.up() {
				return false
			}
			leader, _ := m.machine.Core.Leader()
			return leader != n.id || m.applier.Index() != n.machine.Core.Status().LastIndex
		}) == 0
	}
	for range 30 {
		for _, m := range s.nodes {
			if leads, _ := m.leads(); leads && m != n {
				m.post(func(m *replica.Machine) { _ = m.Core.TransferLeadership(n.id) })
			}
		}
		if s.await(2_000_000, leads) {
			s.elections, s.messages = s.Stats.Elections, s.Stats.Messages
			return nil
		}
	}
	return fmt.Errorf("it does not become the leader")
}
