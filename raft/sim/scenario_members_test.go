package sim

import (
	"fmt"
	"slices"
	"strings"

	"redoubt/raft"
	"redoubt/raft/replica"
)

// changeMembers asks a node for what words say.
func (s *scene) changeMembers(at *node, words []string, outcome string) error {
	kinds := map[string]raft.ChangeKind{
		"add": raft.AddVoter, "replace": raft.Replace, "promote": raft.Promote, "demote": raft.Demote, "remove": raft.Remove, "transfer": 0,
	}
	kind, ok := kinds[words[0]]
	if !ok || len(words) < 2 {
		return fmt.Errorf("no such change")
	}
	id := words[len(words)-1]
	ch := raft.MemberChange{Kind: kind, Force: id == "force"}
	if ch.Force {
		words = words[:len(words)-1]
	}
	if words[len(words)-1] == "learner" {
		ch.Kind, words = raft.AddLearner, words[:2]
	}
	if ch.Kind == raft.Replace {
		ch.Old = raft.NodeID(words[1])
	}
	n := s.node(words[len(words)-1])
	ch.ID = n.id
	if kind == raft.AddVoter || kind == raft.Replace {
		ch.Addr, ch.PeerAddr = fmt.Sprintf("10.0.0.%d:6379", n.index+1), fmt.Sprintf("10.0.0.%d:16379", n.index+1)
	}
	r := replica.NewMembership(ch, words[0] == "transfer")
	at.post(func(m *replica.Machine) { m.RequestMembership(r) })
	if outcome == "pending" {
		return nil
	}
	got := fmt.Errorf("no answer")
	s.await(patienceUs, func() bool {
		select {
		case got = <-r.Done():
			return true
		default:
			return false
		}
	})
	switch {
	case outcome == "done":
		return got
	case got == nil || !strings.Contains(got.Error(), outcome):
		return fmt.Errorf("the outcome is: %v", got)
	}
	return nil
}

func describeMembers(c raft.Configuration) string {
	var parts []string
	for _, m := range c.Members {
		text := string(m.ID)
		if m.Role != raft.Voter {
			text += ":" + m.Role.String()
		}
		if m.Outgoing {
			text += "/old"
		}
		parts = append(parts, text)
	}
	for _, id := range slices.Sorted(slices.Values(c.Removed)) {
		parts = append(parts, "-"+string(id))
	}
	return strings.Join(parts, " ")
}
