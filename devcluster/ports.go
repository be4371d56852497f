package devcluster

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Distances from the port of the clients, the first two as `redoubt serve` has them.
const (
	httpPortOffset = 1000
	peerPortOffset = 10000
	linkPortOffset = 20000
)

// nodePorts are the ports of one node; link is used with Config.Links only.
type nodePorts struct{ client, http, peer, link int }

// choosePorts returns the ports of count nodes: those that follow from first, all
// of which have to be free, or free ones when first is 0.
//
// claim, if not nil, keeps free ones from other clusters until it is closed.
func choosePorts(first, count int, links bool) (all []nodePorts, claim net.Listener, err error) {
	all = make([]nodePorts, count)
	if first == 0 {
		ports, claim, err := FreePorts(4 * count)
		if err != nil {
			return nil, nil, err
		}
		for i := range all {
			all[i] = nodePorts{ports[4*i], ports[4*i+1], ports[4*i+2], ports[4*i+3]}
		}
		return all, claim, nil
	}
	if count > httpPortOffset {
		return nil, nil, fmt.Errorf("%d nodes from one port on", count)
	}
	highest := first + count - 1 + peerPortOffset
	if links {
		highest = first + count - 1 + linkPortOffset
	}
	if first < 1 || highest > 65535 {
		return nil, nil, fmt.Errorf("port %d leaves no room for the others above it", first)
	}
	for i := range all {
		p := first + i
		all[i] = nodePorts{p, p + httpPortOffset, p + peerPortOffset, p + linkPortOffset}
		if err := all[i].free(links); err != nil {
			return nil, nil, fmt.Errorf("the ports of the nodes are not free, is another cluster running there? %w", err)
		}
	}
	return all, nil, nil
}

// free listens on each port once. A node that cannot would end, and whoever waits
// for it would find another cluster's node at its address.
func (p nodePorts) free(links bool) error {
	ports := []int{p.client, p.http, p.peer}
	if links {
		ports = append(ports, p.link)
	}
	for _, port := range ports {
		l, err := net.Listen("tcp", loopback(port))
		if err != nil {
			return err
		}
		l.Close()
	}
	return nil
}

// Free ports are looked for below those that systems hand out to outgoing
// connections: 32768 and up on Linux, 49152 and up elsewhere.
const (
	firstFreePort = 20000
	lastFreePort  = 32767
)

// blockPorts is how many ports belong to whoever listens on the first of them.
const blockPorts = 64

// FreePorts returns ports of this machine that are free now. It takes them from a
// block whose first port it goes on listening on, so that other programs which do
// the same keep away from ports that are not in use yet. Closing claim gives the
// block back.
func FreePorts(count int) (ports []int, claim net.Listener, err error) {
	if count >= blockPorts {
		return nil, nil, fmt.Errorf("%d free ports", count)
	}
	blocks := (lastFreePort - firstFreePort + 1) / blockPorts
	for range 10 * blocks {
		port := firstFreePort + blockPorts*rand.IntN(blocks)
		claim, err := net.Listen("tcp", loopback(port))
		if err != nil {
			continue
		}
		if ports = freeAmong(port+1, port+blockPorts, count); ports != nil {
			return ports, claim, nil
		}
		claim.Close()
	}
	return nil, nil, errors.New("no free ports")
}

// freeAmong returns so many free ports from first on, before end, or nil.
func freeAmong(first, end, count int) (ports []int) {
	for port := first; port < end && len(ports) < count; port++ {
		if l, err := net.Listen("tcp", loopback(port)); err == nil {
			l.Close()
			ports = append(ports, port)
		}
	}
	if len(ports) < count {
		return nil
	}
	return ports
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
