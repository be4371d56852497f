package devcluster

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"redoubt/devcluster/testprogram"
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

// Nodes may come and go for as long as a cluster lives: what they had is there for the
// next.
func TestForgottenNodesLeaveNothingButLogs(t *testing.T) {
	for name, links := range map[string]bool{"without links": false, "behind proxies": true} {
		t.Run(name, func(t *testing.T) {
			c := layOut(t, Config{Nodes: 1, Links: links})
			for range 250 { // there are 199 blocks of ports
				n, err := c.Add()
				if err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(os.Mkdir(n.DataDir, 0o700), os.WriteFile(n.LogFile, nil, 0o600), c.Forget(n)); err != nil {
					t.Fatal(err)
				}
				if _, err := os.Stat(n.DataDir); err == nil {
					t.Fatalf("%s is still there", n.DataDir)
				}
				if _, err := os.Stat(n.LogFile); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// Addresses of namespaces go round, and a new node at an old address has links of its
// own.
func TestAddressesOfNamespacesAreUsedAgain(t *testing.T) {
	testprogram.NeedNamespaces(t)
	c := layOut(t, Config{Nodes: 2, Namespaces: true})
	for _, want := range []int{bridgeHost - 1, 3} {
		c.networks.last = want - 1
		if want == 3 {
			c.networks.last = bridgeHost - 1 // 1 and 2 are taken
		}
		for range 2 {
			n, err := c.Add()
			if err != nil {
				t.Fatal(err)
			}
			if n.namespace.host != c.networks.address(want) {
				t.Errorf("%s is at %s, want %d", n.ID, n.namespace.host, want)
			}
			if err := errors.Join(c.Link(n.ID, "n1").Set(LinkState{Loss: 0.5}), c.Forget(n)); err != nil {
				t.Fatal(err)
			}
			c.networks.last = want - 1
		}
	}
	rules, err := exec.Command("ip", "netns", "exec", c.Nodes[0].namespace.name, "iptables-save").CombinedOutput()
	if err != nil || strings.Count(string(rules), "from-") != 2 { // of n2: a chain, and the jump to it
		t.Errorf("%v, what is left in n1:\n%s", err, rules)
	}
	if len(c.networks.members) != 2 {
		t.Errorf("%d namespaces are left", len(c.networks.members))
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
	if err := c.Forget(n1); err != nil {
		t.Error(err)
	}
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
