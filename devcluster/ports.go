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

// nodePorts are the ports of one node.
type nodePorts struct{ client, http, peer, link int }

// choosePorts returns the ports of count nodes: those that follow from first, or
// free ones when first is 0.
func choosePorts(first, count int) ([]nodePorts, error) {
	all := make([]nodePorts, count)
	if first == 0 {
		return all, takeFree(all)
	}
	if count > httpPortOffset {
		return nil, fmt.Errorf("%d nodes from one port on", count)
	}
	if first < 1 || first+count-1+linkPortOffset > 65535 {
		return nil, fmt.Errorf("port %d leaves no room for the others above it", first)
	}
	for i := range all {
		p := first + i
		all[i] = nodePorts{p, p + httpPortOffset, p + peerPortOffset, p + linkPortOffset}
	}
	return all, nil
}

// Free ports are looked for below those that systems hand out to outgoing
// connections: 32768 and up on Linux, 49152 and up elsewhere.
const (
	firstFreePort = 20000
	lastFreePort  = 32767
)

// takeFree fills in ports that are free now, at random, so that clusters that
// start at the same time rarely want the same.
func takeFree(all []nodePorts) error {
	var taken []net.Listener
	defer func() {
		for _, l := range taken {
			l.Close()
		}
	}()
	next := func() int {
		for range 1000 {
			port := firstFreePort + rand.IntN(lastFreePort-firstFreePort+1)
			if l, err := net.Listen("tcp", loopback(port)); err == nil {
				taken = append(taken, l) // no port is found twice
				return port
			}
		}
		return 0
	}
	for i := range all {
		all[i] = nodePorts{next(), next(), next(), next()}
		if all[i].link == 0 {
			return errors.New("no free ports")
		}
	}
	return nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
