package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"redoubt/raft"
)

// busPortOffset is Redis Cluster's distance between the port of the clients and
// that of the nodes.
const busPortOffset = 10000

// httpPortOffset is the distance between the port of the clients and that of
// the HTTP endpoints.
const httpPortOffset = 1000

var validID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

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
	if !validID.MatchString(id) {
		return raft.Member{}, fmt.Errorf("%q is not a name for a node", id)
	}
	addr, peerAddr, err := parseAnnounced(announced)
	if err != nil {
		return raft.Member{}, fmt.Errorf("%s: %w", id, err)
	}
	return raft.Member{ID: raft.NodeID(id), Role: raft.Voter, Addr: addr, PeerAddr: peerAddr}, nil
}

// parseAnnounced reads HOST:PORT[@[BUSHOST:]BUSPORT], the addresses that others
// will dial: clients before the @, nodes behind it. Nodes may know each other
// by other names than their clients do, as containers behind published ports.
func parseAnnounced(s string) (addr, peerAddr string, err error) {
	addr, bus, hasBus := strings.Cut(s, "@")
	host, port, err := splitAddr(addr)
	if err != nil {
		return "", "", err
	}
	if host == "" || net.ParseIP(host).IsUnspecified() {
		return "", "", fmt.Errorf("%q: other nodes need a host they can reach", s)
	}
	if port == 0 {
		return "", "", fmt.Errorf("%q: other nodes need the port itself, not 0", s)
	}
	if !hasBus {
		if peerAddr, err = offsetPort(addr, busPortOffset); err != nil {
			return "", "", fmt.Errorf("%w: write %s@BUSPORT", err, addr)
		}
		return addr, peerAddr, nil
	}
	busHost := host
	if strings.Contains(bus, ":") {
		if busHost, bus, err = net.SplitHostPort(bus); err != nil || busHost == "" || net.ParseIP(busHost).IsUnspecified() {
			return "", "", fmt.Errorf("%q: other nodes need a host they can reach behind the @", s)
		}
	}
	busPort, err := strconv.ParseUint(bus, 10, 16)
	if err != nil || busPort == 0 {
		return "", "", fmt.Errorf("%q: %q is not a port", s, bus)
	}
	if int(busPort) == port && busHost == host {
		return "", "", fmt.Errorf("%q: clients and nodes need two ports", s)
	}
	return addr, net.JoinHostPort(busHost, bus), nil
}

// announcedForm is the inverse of parseAnnounced.
func announcedForm(m raft.Member) string {
	host, _, _ := net.SplitHostPort(m.Addr)
	busHost, bus, _ := net.SplitHostPort(m.PeerAddr)
	if busHost != host {
		return m.Addr + "@" + m.PeerAddr
	}
	return m.Addr + "@" + bus
}

// splitAddr reads HOST:PORT; the port may be 0.
func splitAddr(addr string) (host string, port int, err error) {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not of the form HOST:PORT", addr)
	}
	n, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q: %q is not a port", addr, portText)
	}
	return host, int(n), nil
}

var errPortTooHigh = errors.New("the port leaves no room for another one above it")

// offsetPort moves the port of addr up. Port 0, any free one, stays 0.
func offsetPort(addr string, offset int) (string, error) {
	host, port, err := splitAddr(addr)
	if err != nil {
		return "", err
	}
	if port == 0 {
		return addr, nil
	}
	if port+offset > 65535 {
		return "", fmt.Errorf("%s + %d: %w", addr, offset, errPortTooHigh)
	}
	return net.JoinHostPort(host, strconv.Itoa(port+offset)), nil
}

// isLoopback reports whether addr can be reached from this machine only.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}
