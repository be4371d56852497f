package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"redoubt/raft"
	"redoubt/resp/server"
)

const memberUsage = `Show the members of a cluster, and change them while clients work.

Usage: redoubt member list [--json]
       redoubt member add ID ADDRESS [--learner]
       redoubt member remove ID [--force]
       redoubt member replace OLD-ID NEW-ID ADDRESS
       redoubt member promote ID
       redoubt member demote ID
       redoubt member address ID ADDRESS
       redoubt member transfer [ID]

ADDRESS is HOST:PORT[@[BUSHOST:]BUSPORT], as other nodes and clients reach it. Any
node takes a change and carries it to the leader. The command waits until the
change is complete and says how far it is. It asks the other members when the node
at --addr does not answer, or is the one that leaves.

  add        have ID join: first as a learner, then, when it has caught up, as a
             voter. A node started with --join does this itself
  remove     have ID leave for good; its process ends with exit code 3
  replace    have NEW-ID join, and OLD-ID leave in the same moment: for a dead node.
             Start the new one with --join
  promote    make a learner a voter
  demote     make a voter a learner
  address    give ID other addresses
  transfer   have ID lead, or whoever is most up to date

  --learner           let the new member stay a learner: it has the data and no vote
  --force             remove even if too few voters would be left that are up
  --no-wait           return when the change is begun
  --json              print the list as JSON
  --addr HOST:PORT    any member, or several, separated by commas
                      (default: REDOUBT_ADDR of the environment, else
                      127.0.0.1:6379)
  --password TEXT     password of the nodes (default: REDOUBT_PASSWORD or
                      REDOUBT_REQUIREPASS of the environment)
  --timeout DURATION  how long to wait for the change to be complete (default 2m0s)

Exit code 0: the change is complete, also if it was so before. 1: it was refused, or
no node took it, or it is not complete yet, or its outcome is not known; the last
line says which. A change that was begun goes on, and asking for it again does no
harm. 2: wrong usage.
`

// memberCommand is one call of redoubt member.
type memberCommand struct {
	target
	verb    string
	args    []string
	learner bool
	force   bool
	noWait  bool
	asJSON  bool
	out     io.Writer

	cluster string   // whose members are asked; "": no node has said
	named   []string // addresses of members that are not in --addr
	unclear bool     // a question that was asked may have begun the change
}

// memberVerbs are the verbs, with how many operands each takes at least and at
// most.
func memberVerbs() map[string][2]int {
	return map[string][2]int{
		"list": {0, 0}, "add": {2, 2}, "remove": {1, 1}, "replace": {3, 3}, "promote": {1, 1}, "demote": {1, 1}, "address": {2, 2}, "transfer": {0, 1},
	}
}

func runMember(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	m := &memberCommand{out: stdout}
	if err := m.parse(args); err == flag.ErrHelp {
		io.WriteString(stdout, memberUsage)
		return exitOK
	} else if err != nil {
		return usageError(stderr, err, "redoubt help member")
	}
	var err error
	if m.verb == "list" {
		err = m.list(ctx)
	} else {
		err = m.change(ctx)
	}
	if err != nil {
		fmt.Fprintf(stderr, "redoubt: %v\n", err)
		return exitError
	}
	return exitOK
}

// parse reads the operands and the options, in any order.
func (m *memberCommand) parse(args []string) error {
	f := flag.NewFlagSet("member", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	m.flags(f, 2*time.Minute)
	f.BoolVar(&m.learner, "learner", false, "")
	f.BoolVar(&m.force, "force", false, "")
	f.BoolVar(&m.noWait, "no-wait", false, "")
	f.BoolVar(&m.asJSON, "json", false, "")
	for len(args) > 0 {
		if err := f.Parse(args); err != nil {
			return err
		}
		if args = f.Args(); len(args) > 0 {
			m.args, args = append(m.args, args[0]), args[1:]
		}
	}
	if len(m.args) == 0 {
		return errors.New("member needs a verb: list, add, remove, replace, promote, demote, address or transfer")
	}
	m.verb, m.args = m.args[0], m.args[1:]
	count, ok := memberVerbs()[m.verb]
	switch {
	case !ok:
		return fmt.Errorf("member knows no %q", m.verb)
	case len(m.args) < count[0] || len(m.args) > count[1]:
		return fmt.Errorf("wrong number of operands for member %s", m.verb)
	case m.learner && m.verb != "add", m.force && m.verb != "remove", m.asJSON && m.verb != "list":
		return errors.New("--learner is for add, --force for remove, --json for list")
	}
	return m.resolve()
}

// list prints the members as one node knows them.
func (m *memberCommand) list(ctx context.Context) error {
	page, err := m.page(ctx)
	if err != nil {
		return err
	}
	if m.asJSON {
		encoder := json.NewEncoder(m.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(struct {
			ClusterID string                `json:"cluster_id"`
			Node      raft.NodeID           `json:"node"` // who says so
			Leader    raft.NodeID           `json:"leader"`
			Members   []server.MemberStatus `json:"members"`
			Removed   []raft.NodeID         `json:"removed"`
		}{page.ClusterID, page.Node, page.Leader, page.Members, append([]raft.NodeID{}, page.Removed...)})
	}
	w := tabwriter.NewWriter(m.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tROLE\tCLIENTS\tNODES\tLINK\t")
	for _, s := range page.Members {
		link, note := "up", ""
		if !s.Up {
			link = "down"
		}
		if s.ID == page.Leader {
			note = "leader"
		}
		if s.Replaces != "" {
			note = "in place of " + string(s.Replaces)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, s.Role, s.Addr, s.PeerAddr, link, note)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(m.out, "\nThis is what %s knows; a link is up if %s is connected to that node.\n", page.Node, page.Node)
	if len(page.Removed) > 0 {
		fmt.Fprintf(m.out, "These names have left for good: %s.\n", strings.Join(names(page.Removed), ", "))
	}
	return nil
}

func names(ids []raft.NodeID) (out []string) {
	for _, id := range ids {
		out = append(out, string(id))
	}
	return out
}

// subject is the member that the change is about.
func (m *memberCommand) subject() raft.NodeID {
	switch {
	case m.verb == "replace":
		return raft.NodeID(m.args[1])
	case len(m.args) > 0:
		return raft.NodeID(m.args[0])
	}
	return ""
}

// request is the command for a node.
func (m *memberCommand) request() []string {
	args := append([]string{"REDOUBT", "MEMBER", strings.ToUpper(m.verb)}, m.args...)
	switch {
	case m.verb == "transfer":
		return append([]string{"REDOUBT", "TRANSFER"}, m.args...)
	case m.learner:
		args = append(args, "LEARNER")
	case m.force:
		args = append(args, "FORCE")
	}
	return args
}

// state says how far the change is, and whether it is complete.
func (m *memberCommand) state(page *server.StatusPage) (text string, complete bool) {
	id := m.subject()
	i := slices.IndexFunc(page.Members, func(s server.MemberStatus) bool { return s.ID == id })
	role := "no member"
	if i >= 0 {
		role = page.Members[i].Role
	}
	joint := slices.ContainsFunc(page.Members, func(s server.MemberStatus) bool { return s.Outgoing })
	switch text = fmt.Sprintf("%s is %s", id, role); m.verb {
	case "transfer":
		return fmt.Sprintf("%s leads", cmp.Or(page.Leader, "nobody")), page.Leader != "" && (id == "" || id == page.Leader)
	case "remove":
		return text, i < 0 && slices.Contains(page.Removed, id)
	case "demote":
		return text, role == "learner" && !joint
	case "address":
		return text, i >= 0
	}
	want := "voter"
	if m.learner {
		want = "learner"
	}
	if role == "joining" {
		switch s := page.Members[i]; {
		case s.Match == 0 && !s.Up:
			text += ": not connected; start it, with --join"
		case page.Node == page.Leader:
			text += fmt.Sprintf(": it has %d of %d entries", s.Match, page.Last)
		default:
			text += ": it catches up"
		}
	}
	return text, role == want && !joint
}
