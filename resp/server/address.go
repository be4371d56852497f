package server

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"

	"redoubt/raft"
)

// PeerPortOffset is Redis Cluster's distance between the port of the clients and
// that of the nodes.
const PeerPortOffset = 10000

var validID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// ValidID says whether id is a name for a node: letters, digits, '-', '_' and
// '.', at most 64.
func ValidID(id string) bool { return validID.MatchString(id) }

// ParseAnnounced reads HOST:PORT[@[BUSHOST:]BUSPORT], the addresses that others
// will dial: clients before the @, nodes behind it. Nodes may know each other
// by other names than their clients do, as containers behind published ports.
func ParseAnnounced(s string) (addr, peerAddr string, err error) {
	addr, bus, hasBus := strings.Cut(s, "@")
	host, port, err := SplitAddr(addr)
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
		if peerAddr, err = OffsetPort(addr, PeerPortOffset); err != nil {
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

// AnnouncedForm is the inverse of ParseAnnounced.
func AnnouncedForm(m raft.Member) string {
	host, _, _ := net.SplitHostPort(m.Addr)
	busHost, bus, _ := net.SplitHostPort(m.PeerAddr)
	if busHost != host {
		return m.Addr + "@" + m.PeerAddr
	}
	return m.Addr + "@" + bus
}

// SplitAddr reads HOST:PORT; the port may be 0.
func SplitAddr(addr string) (host string, port int, err error) {
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

// OffsetPort moves the port of addr up. Port 0, any free one, stays 0.
func OffsetPort(addr string, offset int) (string, error) {
	host, port, err := SplitAddr(addr)
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
