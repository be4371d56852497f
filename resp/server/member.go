package server

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"redoubt/raft"
	"redoubt/raft/replica"
	"redoubt/resp"
)

// memberVerb is one of the changes that REDOUBT MEMBER makes.
type memberVerb struct {
	name     string
	kind     raft.ChangeKind
	operands []string
	option   string // may follow the operands
}

func memberVerbs() []memberVerb {
	return []memberVerb{
		{"add", raft.AddVoter, []string{"id", "addr"}, "learner"},
		{"remove", raft.Remove, []string{"id"}, "force"},
		{"replace", raft.Replace, []string{"old", "id", "addr"}, ""},
		{"promote", raft.Promote, []string{"id"}, ""},
		{"demote", raft.Demote, []string{"id"}, ""},
		{"address", raft.Readdress, []string{"id", "addr"}, ""},
	}
}

// redoubtMember lists the members, or has the leader, wherever it is, change
// them. The replica answers within the command timeout.
func redoubtMember(c *conn, args [][]byte, dst []byte) []byte {
	verb, operands := strings.ToLower(string(args[2])), args[3:]
	if verb == "list" && len(operands) == 0 {
		return c.appendMembers(dst)
	}
	for _, v := range memberVerbs() {
		if v.name != verb {
			continue
		}
		change, problem := v.parse(operands)
		if problem != "" {
			return resp.AppendError(dst, problem)
		}
		c.server.log.Info("a change of the members is asked for", "event", "members", "client", c.nc.RemoteAddr().String(),
			"change", string(bytes.Join(args[2:], []byte(" "))))
		return appendOutcome(dst, c.server.node.ChangeMembers(context.Background(), change))
	}
	return resp.AppendError(dst, resp.SubcommandSyntax("redoubt", args[2]))
}

// parse reads what follows the verb, or says what is wrong with it.
func (v *memberVerb) parse(operands [][]byte) (ch raft.MemberChange, problem string) {
	ch.Kind = v.kind
	switch extra := len(operands) - len(v.operands); {
	case extra == 0:
	case extra == 1 && v.option != "" && strings.EqualFold(string(operands[len(v.operands)]), v.option):
		if ch.Force = v.option == "force"; v.option == "learner" {
			ch.Kind = raft.AddLearner
		}
	default:
		return ch, resp.WrongArity("redoubt|member|" + v.name)
	}
	for i, name := range v.operands {
		value := string(operands[i])
		switch name {
		case "old":
			ch.Old = raft.NodeID(value)
		case "id":
			ch.ID = raft.NodeID(value)
		case "addr":
			var err error
			if ch.Addr, ch.PeerAddr, err = ParseAnnounced(value); err != nil {
				return ch, "ERR " + err.Error()
			}
		}
		if name != "addr" && !ValidID(value) {
			return ch, "ERR the name of a node has letters, digits, '-', '_' and '.', at most 64"
		}
	}
	return ch, ""
}

// appendOutcome is the reply to what was asked of the leader.
func appendOutcome(dst []byte, err error) []byte {
	switch {
	case err == nil:
		return resp.AppendOK(dst)
	case errors.Is(err, replica.ErrNoLeader):
		return resp.AppendError(dst, resp.ErrClusterDown)
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrTransferring), errors.Is(err, raft.ErrChanging):
		return resp.AppendError(dst, resp.TryAgain(inWords(err)))
	case errors.Is(err, raft.ErrNoQuorum):
		return resp.AppendError(dst, "ERR too few of the voters that would be left are up and caught up; nothing was changed")
	case errors.Is(err, raft.ErrMember), errors.Is(err, raft.ErrNoMember), errors.Is(err, raft.ErrNotVoter),
		errors.Is(err, raft.ErrRemoved), errors.Is(err, raft.ErrLast), errors.Is(err, raft.ErrNoTarget):
		return resp.AppendError(dst, "ERR "+inWords(err))
	}
	return resp.AppendError(dst, resp.Uncertain("The change is not known to be complete and goes on if it was begun"))
}

func inWords(err error) string { return strings.TrimPrefix(err.Error(), "raft: ") }

// appendMembers replies one map for each member.
func (c *conn) appendMembers(dst []byte) []byte {
	st := c.server.node.Status()
	list := members(&st)
	dst = resp.AppendArray(dst, len(list))
	for _, m := range list {
		leads, up := 0, 0
		if m.ID == st.Leader {
			leads = 1
		}
		if m.Up {
			up = 1
		}
		dst = resp.AppendMap(dst, 6, c.proto)
		for _, field := range [][2]string{{"id", string(m.ID)}, {"role", m.Role}, {"addr", m.Addr}, {"peer-addr", m.PeerAddr}} {
			dst = resp.AppendBulkString(dst, field[0])
			dst = resp.AppendBulkString(dst, field[1])
		}
		dst = resp.AppendInt(resp.AppendBulkString(dst, "leader"), int64(leads))
		dst = resp.AppendInt(resp.AppendBulkString(dst, "up"), int64(up))
	}
	return dst
}
