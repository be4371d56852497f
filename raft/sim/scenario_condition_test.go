package sim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"redoubt/raft"
)

// condition is what a script may wait for or expect.
type condition struct {
	syntax, meaning string
	// is returns the function that looks; it may be asked often.
	is func(s *scene, a []string) (func() bool, error)
}

func (c *condition) pattern() pattern { return pattern(c.syntax) }

func (s *scene) condition(text string) (func() bool, error) {
	if rest, ok := strings.CutPrefix(text, "not "); ok {
		is, err := s.condition(rest)
		return func() bool { return !is() }, err
	}
	for i := range conditions {
		if a, ok := conditions[i].pattern().match(text); ok {
			return conditions[i].is(s, a)
		}
	}
	return nil, fmt.Errorf("%q is no condition", text)
}

// conditions is all that can be asked.
var conditions = []condition{
	{"leader", "there is one, and a majority of the nodes knows it", func(s *scene, _ []string) (func() bool, error) {
		return func() bool {
			return s.leaderKnown() && s.count(func(n *node) bool { leads, _ := n.leads(); return leads }) == 1
		}, nil
	}},
	{"NODE leads", "it is the leader of its term", func(s *scene, a []string) (func() bool, error) {
		n := s.node(a[0])
		return func() bool { leads, _ := n.leads(); return leads }, nil
	}},
	{"NODE follows NODE", "the first knows the second as the leader", func(s *scene, a []string) (func() bool, error) {
		n, leader := s.node(a[0]), raft.NodeID(a[1])
		return func() bool {
			if !n.up() {
				return false
			}
			id, _ := n.machine.Core.Leader()
			return id == leader
		}, nil
	}},
	{"NODE knows MEMBERS", "the configuration in force there: `n1 n2:learner n3:leaving/old -n4`, `old` being a voter before a joint configuration, and `-` who has left", func(s *scene, a []string) (func() bool, error) {
		n, want := s.node(a[0]), strings.Join(strings.Fields(a[1]), " ")
		return func() bool { return n.up() && describeMembers(n.machine.Core.Status().Config) == want }, nil
	}},
	{"NODE removed", "it has been told that it left the cluster, and stopped", func(s *scene, a []string) (func() bool, error) {
		n := s.node(a[0])
		return func() bool { return n.removed && !n.up() }, nil
	}},
	{"NODE up", "its process is there", func(s *scene, a []string) (func() bool, error) {
		n := s.node(a[0])
		return n.up, nil
	}},
	{"NODE down", "its process is not there, whatever the reason", func(s *scene, a []string) (func() bool, error) {
		n := s.node(a[0])
		return func() bool { return !n.up() }, nil
	}},
	{"NODE stopped", "it has ended itself after an error of its disk", func(s *scene, a []string) (func() bool, error) {
		n := s.node(a[0])
		return func() bool { return !n.up() && !n.lost && !s.absent[n] }, nil
	}},
	{"NODE refused", "it does not start from what its disk has, or the cluster does not let it in", func(s *scene, a []string) (func() bool, error) {
		n := s.node(a[0])
		return func() bool { return n.lost && !n.up() }, nil
	}},
	{"NODE FIELD IS VALUE", "compare, with `=`, `<`, `<=`, `>` or `>=`, with a number or with another node (`n3 applied = n1 last`)", (*scene).compareField},
	{"equal", "all nodes that are up have applied the same entries and have the same state", func(s *scene, _ []string) (func() bool, error) {
		return s.equal, nil
	}},
	{"elections IS NUMBER", "so many leaders have been elected since the last `lead`", func(s *scene, a []string) (func() bool, error) {
		return compare(func() uint64 { return uint64(s.Stats.Elections - s.elections) }, a[0], a[1])
	}},
	{"messages IS NUMBER", "so many messages have been sent since the last `lead`", func(s *scene, a []string) (func() bool, error) {
		return compare(func() uint64 { return s.Stats.Messages - s.messages }, a[0], a[1])
	}},
	{"writer NAME answers IS NUMBER", "so many of its commands were answered without an error", func(s *scene, a []string) (func() bool, error) {
		w := s.actors[a[0]]
		if w == nil {
			return nil, fmt.Errorf("no writer %s", a[0])
		}
		return compare(func() uint64 { return uint64(w.answered) }, a[1], a[2])
	}},
	{"mark NUMBER x TEXT", "the simulator has seen this state so many times", func(s *scene, a []string) (func() bool, error) {
		count, err := s.marked(a[1])
		if err != nil {
			return nil, err
		}
		return compare(count, "=", a[0])
	}},
	{"mark TEXT", "the simulator has seen this state (`redoubt sim --marks` lists them)", func(s *scene, a []string) (func() bool, error) {
		count, err := s.marked(a[0])
		return func() bool { return count() > 0 }, err
	}},
}

// fields are the numbers of a node that can be compared.
var fields = map[string]func(n *node, st raft.Status) uint64{
	"term":     func(_ *node, st raft.Status) uint64 { return st.Term },
	"commit":   func(_ *node, st raft.Status) uint64 { return st.Commit },
	"applied":  func(n *node, _ raft.Status) uint64 { return n.applier.Index() },
	"first":    func(_ *node, st raft.Status) uint64 { return st.FirstIndex },
	"last":     func(_ *node, st raft.Status) uint64 { return st.LastIndex },
	"logbytes": func(_ *node, st raft.Status) uint64 { return uint64(st.LogBytes) },
	"unsaved":  func(_ *node, st raft.Status) uint64 { return st.LastIndex - st.Persisted },
}

func (s *scene) marked(text string) (func() uint64, error) {
	m := slices.Index(markNames[:], text)
	if m < 0 {
		return nil, fmt.Errorf("no such mark")
	}
	return func() uint64 { return uint64(s.Marks[m]) }, nil
}

func (s *scene) compareField(a []string) (func() bool, error) {
	left := s.field(a[0], a[1])
	if id, name, ok := strings.Cut(a[3], " "); ok {
		if fields[name] == nil {
			return nil, fmt.Errorf("no number %s", name)
		}
		right := s.field(id, name)
		return func() bool {
			is, err := compare(left, a[2], strconv.FormatUint(right(), 10))
			return err == nil && is()
		}, nil
	}
	return compare(left, a[2], a[3])
}

// field returns what reads a number of a node; it is 0 while the node is down.
func (s *scene) field(id, name string) func() uint64 {
	n := s.node(id)
	return func() uint64 {
		if !n.up() {
			return 0
		}
		return fields[name](n, n.machine.Core.Status())
	}
}

func compare(left func() uint64, is, number string) (func() bool, error) {
	right, err := strconv.ParseUint(number, 10, 64)
	return func() bool {
		switch l := left(); is {
		case "=":
			return l == right
		case "<":
			return l < right
		case "<=":
			return l <= right
		case ">":
			return l > right
		}
		return left() >= right
	}, err
}

func (s *scene) equal() bool {
	var first *node
	for _, n := range s.nodes {
		switch {
		case !n.up():
		case first == nil:
			first = n
		case n.applier.Index() != first.applier.Index() || n.applier.Store().Hash() != first.applier.Store().Hash():
			return false
		}
	}
	return first != nil
}
