package devcluster

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// place adds a node at these ports, its proxy and its links.
func (c *Cluster) place(p nodePorts) (n *Node, err error) {
	id := nodeID(c.placed)
	n = &Node{
		ID: id, Addr: loopback(p.client), PeerAddr: loopback(p.peer), HTTPAddr: loopback(p.http),
		DataDir: filepath.Join(c.Dir, id), LogFile: filepath.Join(c.Dir, id+".log"),
		cluster: c, announced: loopback(p.peer),
	}
	if c.config.Links {
		n.announced = loopback(p.link)
		if n.proxy, err = listen(n, c.link); err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, other := range c.Nodes {
		if c.config.Links {
			c.links[[2]string{id, other.ID}] = newLink(id, other.ID)
			c.links[[2]string{other.ID, id}] = newLink(other.ID, id)
		}
	}
	c.Nodes = append(c.Nodes, n)
	c.placed++
	return n, nil
}

// Add lays out one more node. When it is started it joins those that there are,
// which shall run: they are asked to let it in, and their ports are not free.
func (c *Cluster) Add() (*Node, error) {
	first := c.config.Port
	if first != 0 {
		first += c.placed
	}
	ports, err := c.claimPorts(first, 1)
	if err != nil {
		return nil, err
	}
	var seeds []string
	for _, n := range c.Nodes {
		seeds = append(seeds, n.Addr)
	}
	n, err := c.place(ports[0])
	if err != nil {
		return nil, err
	}
	n.join = strings.Join(seeds, ",")
	return n, nil
}

// Forget ends a node that is no member any more, and its links. Its files stay
// until Close.
func (c *Cluster) Forget(n *Node) {
	n.Kill()
	c.mu.Lock()
	// Follow may still go through the old list.
	c.Nodes = slices.DeleteFunc(slices.Clone(c.Nodes), func(other *Node) bool { return other == n })
	maps.DeleteFunc(c.links, func(ends [2]string, _ *Link) bool { return slices.Contains(ends[:], n.ID) })
	c.mu.Unlock()
	if n.proxy != nil {
		n.proxy.close()
	}
}
