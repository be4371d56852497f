package devcluster

import "testing"

// Clusters are laid out before their nodes listen, and their processes know nothing
// of each other: what keeps them apart are the claims.
func TestClaimedPortsAreNobodyElses(t *testing.T) {
	owner := map[int]int{}
	for cluster := range 60 {
		ports, claim, err := choosePorts(0, 5)
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
