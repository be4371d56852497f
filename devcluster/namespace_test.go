package devcluster

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// What passes between two namespaces is what the link's state says, by packets.
func TestLinkBetweenNamespaces(t *testing.T) {
	c := start(t, Config{Nodes: 3, Namespaces: true})
	n1, n2 := c.Nodes[0], c.Nodes[1]
	for name, s := range map[string]LinkState{"stalled": {Stalled: true}, "cut": {Cut: true}, "lossy": {Loss: 1}} {
		t.Run(name, func(t *testing.T) {
			if err := c.Link(n1.ID, n2.ID).Set(s); err != nil {
				t.Fatal(err)
			}
			if got := c.Link(n1.ID, n2.ID).State(); got != s {
				t.Errorf("the link is %+v, want %+v", got, s)
			}
			if err := dialBetween(n1, n2); err == nil {
				t.Error("n1 reaches n2")
			}
			if err := c.Heal(); err != nil {
				t.Fatal(err)
			}
			if err := dialBetween(n1, n2); err != nil {
				t.Errorf("after healing: %v", err)
			}
		})
	}
	if err := c.Link(n1.ID, n2.ID).Set(LinkState{Delay: time.Millisecond}); err == nil {
		t.Error("a delay is taken and does not happen")
	}
}

// dialBetween has a process in the namespace of one node connect to another node.
func dialBetween(from, to *Node) error {
	host, port, _ := net.SplitHostPort(to.Addr)
	return tool("", "ip", "netns", "exec", from.namespace.name, "timeout", "1", "bash", "-c", "</dev/tcp/"+host+"/"+port)
}

// Nothing of a cluster's networks is left behind.
func TestNamespacesAreTakenAway(t *testing.T) {
	c := start(t, Config{Nodes: 2, Namespaces: true})
	bridge := c.networks.bridge
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadDir("/run/netns")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasPrefix(name.Name(), bridge) {
			t.Errorf("the namespace %s is still there", name.Name())
		}
	}
	if _, err := net.InterfaceByName(bridge); err == nil {
		t.Error("the bridge is still there")
	}
}
