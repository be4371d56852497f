package devcluster

import (
	"errors"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// place adds a node at these ports, with its links.
func (c *Cluster) place(p nodePorts) (n *Node, err error) {
	id := nodeID(c.placed)
	var ns namespace
	on := loopback
	if c.networks != nil {
		if ns, err = c.networks.add(); err != nil {
			return nil, err
		}
		on = func(port int) string { return net.JoinHostPort(ns.host, strconv.Itoa(port)) }
	}
	n = &Node{
		ID: id, Addr: on(p.client), PeerAddr: on(p.peer), HTTPAddr: on(p.http),
		DataDir: filepath.Join(c.Dir, id), LogFile: filepath.Join(c.Dir, id+".log"),
		cluster: c, announced: on(p.peer), namespace: ns,
	}
	if c.config.Links && c.networks == nil {
		n.announced = loopback(p.link)
		if n.proxy, err = listen(n, c.link); err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, other := range c.Nodes {
		if err := errors.Join(c.join(n, other), c.join(other, n)); err != nil {
			return nil, err
		}
	}
	c.Nodes = append(c.Nodes, n)
	c.placed++
	return n, nil
}

// join makes the link from one node to another, if there are links.
func (c *Cluster) join(from, to *Node) error {
	if !c.config.Links && c.networks == nil {
		return nil
	}
	l := newLink(from.ID, to.ID)
	c.links[[2]string{from.ID, to.ID}] = l
	if c.networks == nil {
		return nil
	}
	l.bend = func(s LinkState) error { return to.namespace.bend(from.namespace, s) }
	return to.namespace.listen(from.namespace)
}

// Add lays out one more node. When it is started it joins those that there are,
// which shall run: they are asked to let it in, and their ports are not free.
func (c *Cluster) Add() (*Node, error) {
	first := c.config.Port
	if first != 0 {
		first += c.placed
	}
	ports, claim, err := c.claimPorts(first, 1)
	if err != nil {
		return nil, err
	}
	var seeds []string
	for _, n := range c.Nodes {
		seeds = append(seeds, n.Addr)
	}
	n, err := c.place(ports[0])
	if err != nil {
		if claim != nil {
			claim.Close()
		}
		return nil, err
	}
	n.claim = claim
	n.join = strings.Join(seeds, ",")
	return n, nil
}

// Forget ends a node that is no member any more, with its links, its ports or its
// namespace, and its data. Its log stays.
func (c *Cluster) Forget(n *Node) error {
	n.Kill()
	c.mu.Lock()
	// Follow may still go through the old list.
	c.Nodes = slices.DeleteFunc(slices.Clone(c.Nodes), func(other *Node) bool { return other == n })
	maps.DeleteFunc(c.links, func(ends [2]string, _ *Link) bool { return slices.Contains(ends[:], n.ID) })
	c.mu.Unlock()
	n.release()
	errs := []error{os.RemoveAll(n.DataDir)}
	if c.networks != nil {
		for _, other := range c.Nodes {
			errs = append(errs, other.namespace.forget(n.namespace))
		}
		errs = append(errs, c.networks.remove(n.namespace))
	}
	return errors.Join(errs...)
}

// release gives back what the node has of this machine's ports.
func (n *Node) release() {
	if n.proxy != nil {
		n.proxy.close()
	}
	if n.claim != nil {
		n.claim.Close()
	}
}
