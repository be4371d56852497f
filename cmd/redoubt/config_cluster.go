package main

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strings"

	"redoubt/raft"
	"redoubt/resp/server"
)

// httpPortOffset is the distance between the port of the clients and that of
// the HTTP endpoints.
const httpPortOffset = 1000

// parseCluster reads ID=HOST:PORT[@[BUSHOST:]BUSPORT],… into a configuration of voters.
func parseCluster(list string) (raft.Configuration, error) {
	var conf raft.Configuration
	ids, addrs := map[raft.NodeID]bool{}, map[string]bool{}
	for _, item := range strings.Split(list, ",") {
		m, err := parseMember(strings.TrimSpace(item))
		if err != nil {
			return conf, err
		}
		if ids[m.ID] {
			return conf, fmt.Errorf("%s is in the list twice", m.ID)
		}
		ids[m.ID] = true
		for _, a := range []string{m.Addr, m.PeerAddr} {
			if addrs[a] {
				return conf, fmt.Errorf("%s is in the list twice", a)
			}
			addrs[a] = true
		}
		conf.Members = append(conf.Members, m)
	}
	slices.SortFunc(conf.Members, func(a, b raft.Member) int { return cmp.Compare(a.ID, b.ID) })
	return conf, nil
}

func parseMember(item string) (raft.Member, error) {
	id, announced, ok := strings.Cut(item, "=")
	if !ok {
		return raft.Member{}, fmt.Errorf("%q is not of the form ID=HOST:PORT[@BUSPORT]", item)
	}
	if !server.ValidID(id) {
		return raft.Member{}, fmt.Errorf("%q is not a name for a node", id)
	}
	addr, peerAddr, err := server.ParseAnnounced(announced)
	if err != nil {
		return raft.Member{}, fmt.Errorf("%s: %w", id, err)
	}
	return raft.Member{ID: raft.NodeID(id), Role: raft.Voter, Addr: addr, PeerAddr: peerAddr}, nil
}

// isLoopback reports whether addr can be reached from this machine only.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}
