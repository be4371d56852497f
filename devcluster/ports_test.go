package devcluster

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

// Clusters are laid out before their nodes listen, and their processes know nothing
// of each other: what keeps them apart are the claims.
func TestClaimedPortsAreNobodyElses(t *testing.T) {
	owner := map[int]int{}
	for cluster := range 60 {
		ports, claim, err := choosePorts(0, 5, true)
		if err != nil {
			t.Fatal(err)
		}
		defer claim.Close()
		for _, p := range ports {
			for _, port := range []int{p.client, p.http, p.peer, p.link} {
				if other, taken := owner[port]; taken {
					t.Fatalf("port %d is given to cluster %d and to %d", port, other, cluster)
				}
				owner[port] = cluster
			}
		}
	}
}

// Where somebody listens already, a cluster would look at somebody else's nodes.
func TestPortsThatFollowHaveToBeFree(t *testing.T) {
	first := portWithOthersAbove(t, 2)
	for _, tt := range []struct {
		what  string
		taken int
		links bool
		free  bool
	}{
		{"clients of n1", first, false, false},
		{"HTTP of n2", first + 1 + httpPortOffset, false, false},
		{"peers of n2", first + 1 + peerPortOffset, false, false},
		{"a proxy", first + linkPortOffset, true, false},
		{"a proxy that nobody needs", first + linkPortOffset, false, true},
	} {
		l, err := net.Listen("tcp", loopback(tt.taken))
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = choosePorts(first, 2, tt.links)
		l.Close()
		switch want := fmt.Sprint(tt.taken); {
		case tt.free && err != nil, !tt.free && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s at %s: %v", tt.what, want, err)
		}
	}
}

func TestRoomAboveTheFirstPort(t *testing.T) {
	for _, tt := range []struct {
		first, count int
		links, room  bool
	}{
		{65535 - peerPortOffset + 1, 1, false, false},
		{65535 - peerPortOffset, 2, false, false},
		{65535 - linkPortOffset + 1, 1, true, false},
		{-1, 1, false, false},
		{65535 - linkPortOffset + 1, 1, false, true},
	} {
		_, _, err := choosePorts(tt.first, tt.count, tt.links)
		if refused := err != nil && strings.Contains(err.Error(), "no room"); refused == tt.room {
			t.Errorf("%d nodes from %d on, links %v: %v", tt.count, tt.first, tt.links, err)
		}
	}
}
