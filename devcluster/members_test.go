package devcluster

import (
	"errors"
	"strings"
	"testing"
	"time"

	"redoubt/resp"
)

// ask has a node execute a command until its reply is that one.
func ask(t *testing.T, n *Node, want string, args ...string) {
	t.Helper()
	reply := ""
	err := await(patience(t), strings.Join(args, " ")+" on "+n.ID+" to reply "+want, func() (bool, error) {
		conn, err := resp.Dial(n.Addr, 5*time.Second)
		if err != nil {
			return false, nil
		}
		defer conn.Close()
		v, err := conn.Do(args...)
		reply = v.String()
		return err == nil && reply == want, nil
	})
	if err != nil {
		t.Fatalf("%v; the last was %s", err, reply)
	}
}

// A node joins over links of its own, and one leaves: what is left is a cluster like
// any other.
func TestNodesJoinAndLeave(t *testing.T) {
	for name, config := range map[string]Config{
		"without links":  {Nodes: 3},
		"behind proxies": {Nodes: 3, Links: true},
		"in namespaces":  {Nodes: 3, Namespaces: true},
	} {
		t.Run(name, func(t *testing.T) { joinAndLeave(t, config) })
	}
}

func joinAndLeave(t *testing.T, config Config) {
	c := start(t, config)
	n1, n2 := c.Nodes[0], c.Nodes[1]
	heard := make(chan string, 10000)
	c.Follow(t.Context(), func(r Record) { heard <- r.Node })
	n4, err := c.Add()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(patience(t)); err != nil {
		t.Fatal(err)
	}
	ask(t, n4, "OK", "SET", "k", "v")
	for heard := range heard {
		if heard == n4.ID {
			break
		}
	}
	if config.Links || config.Namespaces {
		err := errors.Join(c.Link("n4", "n2").Set(LinkState{Cut: true}), c.Heal())
		if err != nil || c.Link("n4", "n2").State().Cut || c.Link("n1", "n4").From != "n1" {
			t.Errorf("the links of n4 are not like the others: %v", err)
		}
	}

	ask(t, n2, "OK", "REDOUBT", "MEMBER", "REMOVE", "n1")
	if err := n1.AwaitExit(patience(t)); err != nil || n1.ExitCode() != 3 {
		t.Fatalf("n1: %v, exit code %d", err, n1.ExitCode())
	}
	c.Forget(n1)
	if c.Node("n1") != nil || c.link("n1", "n2") != nil || c.link("n4", "n1") != nil {
		t.Error("n1 is still known")
	}
	if err := n4.Restart(patience(t)); err != nil {
		t.Fatal(err)
	}
	if err := c.AwaitEqualState(patience(t)); err != nil {
		t.Fatal(err)
	}
	n5, err := c.Add()
	if err != nil || n5.ID != "n5" {
		t.Errorf("the next is %s, %v", n5.ID, err)
	}
}
