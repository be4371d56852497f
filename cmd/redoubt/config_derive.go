package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"redoubt/raft"
	"redoubt/resp/server"
)

// derive fills in what was left open and follows from the rest.
func (c *Config) derive() error {
	if !server.ValidID(c.ID) {
		return fmt.Errorf("--id: %q is not a name for a node: letters, digits, '-', '_' and '.', at most 64", c.ID)
	}
	if err := c.readSecret(); err != nil {
		return err
	}
	own, err := c.deriveCluster()
	if err != nil {
		return err
	}
	if err := c.deriveListeners(own); err != nil {
		return err
	}
	if err := c.deriveAnnounce(own); err != nil {
		return err
	}
	if c.Join != "" && own == nil {
		return c.deriveJoin()
	}
	return nil
}

// deriveJoin: the node starts without members, and has to be one that the members
// can tell from others and reach.
func (c *Config) deriveJoin() error {
	c.Bootstrap = raft.Configuration{}
	if !c.given("id") {
		return errors.New("--join needs --id: a name that no other node has or had")
	}
	if _, _, err := server.ParseAnnounced(c.Announce); err != nil {
		return fmt.Errorf("--join needs --announce, the address of this node as others reach it: %w", err)
	}
	for _, addr := range c.seeds() {
		switch _, port, err := server.SplitAddr(addr); {
		case err != nil:
			return fmt.Errorf("--join: %w", err)
		case port == 0:
			return fmt.Errorf("--join: %s has no port", addr)
		case isLoopback(c.Self.PeerAddr) && !isLoopback(addr):
			return fmt.Errorf("--join %s: the nodes there cannot reach this one at %s: set --announce and --peer-addr", addr, c.Self.PeerAddr)
		}
	}
	return nil
}

// seeds are the addresses of --join.
func (c *Config) seeds() []string {
	list := strings.Split(c.Join, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// joins says that an empty data directory has to be let into a running cluster.
func (c *Config) joins() bool { return len(c.Bootstrap.Members) == 0 }

func (c *Config) readSecret() error {
	if c.ClusterSecretFile == "" {
		return nil
	}
	if c.ClusterSecret != "" {
		return errors.New("--cluster-secret and --cluster-secret-file cannot both be set")
	}
	text, err := os.ReadFile(c.ClusterSecretFile)
	if err != nil {
		return fmt.Errorf("--cluster-secret-file: %w", err)
	}
	c.ClusterSecret = strings.TrimRight(string(text), "\r\n")
	if c.ClusterSecret == "" {
		return fmt.Errorf("--cluster-secret-file: %s holds no secret", c.ClusterSecretFile)
	}
	c.origins["cluster-secret"] = "file " + c.ClusterSecretFile
	return nil
}

// deriveCluster reads --cluster and returns this node's own entry, if any.
func (c *Config) deriveCluster() (*raft.Member, error) {
	if c.Cluster == "" {
		return nil, nil
	}
	conf, err := parseCluster(c.Cluster)
	if err != nil {
		return nil, fmt.Errorf("--cluster: %w", err)
	}
	c.Bootstrap = conf
	var ids []string
	var own *raft.Member
	for i, m := range conf.Members {
		ids = append(ids, string(m.ID))
		if string(m.ID) == c.ID {
			own = &conf.Members[i]
		}
	}
	if !c.given("id") && len(ids) > 1 {
		// The default would make the same node of every one of them.
		return nil, fmt.Errorf("--cluster needs --id, which of the members this node is: %s", strings.Join(ids, ", "))
	}
	if own != nil {
		return own, nil
	}
	if c.Join != "" {
		return nil, nil
	}
	return nil, fmt.Errorf("--id %s is not in --cluster, which has %s; --join adds it to a running cluster", c.ID, strings.Join(ids, ", "))
}

func (c *Config) deriveListeners(own *raft.Member) error {
	if own != nil && !c.given("addr") {
		c.Addr, c.origins["addr"] = own.Addr, originDerived
	}
	host, _, err := server.SplitAddr(c.Addr)
	if err != nil {
		return fmt.Errorf("--addr: %w", err)
	}
	if !c.given("peer-addr") {
		c.origins["peer-addr"] = originDerived
		if own != nil {
			_, bus, _ := net.SplitHostPort(own.PeerAddr)
			c.PeerAddr = net.JoinHostPort(host, bus)
		} else if c.PeerAddr, err = server.OffsetPort(c.alone(c.Addr), server.PeerPortOffset); err != nil {
			return fmt.Errorf("--peer-addr has to be set: %w", err)
		}
	}
	if !c.given("http-addr") {
		c.origins["http-addr"] = originDerived
		if c.HTTPAddr, err = server.OffsetPort(c.Addr, httpPortOffset); err != nil {
			return fmt.Errorf("--http-addr has to be set: %w", err)
		}
		if !isLoopback(c.HTTPAddr) {
			_, port, _ := net.SplitHostPort(c.HTTPAddr)
			c.HTTPAddr = net.JoinHostPort("127.0.0.1", port)
		}
	}
	if _, _, err := server.SplitAddr(c.PeerAddr); err != nil {
		return fmt.Errorf("--peer-addr: %w", err)
	}
	if c.HTTPAddr != "" {
		if _, _, err := server.SplitAddr(c.HTTPAddr); err != nil {
			return fmt.Errorf("--http-addr: %w", err)
		}
	}
	return nil
}

// alone keeps the port for nodes to this machine as long as no node elsewhere
// has been told of an address that leads here.
func (c *Config) alone(addr string) string {
	if c.given("announce") {
		return addr
	}
	return reachable(addr)
}

// deriveAnnounce settles the address of this node as others reach it, and the
// configuration of a node that starts alone.
func (c *Config) deriveAnnounce(own *raft.Member) error {
	if own != nil {
		form := server.AnnouncedForm(*own)
		if c.given("announce") && c.Announce != form && c.Announce != own.Addr {
			return fmt.Errorf("--announce %s differs from this node's own address in --cluster, %s", c.Announce, form)
		}
		c.Announce, c.Self = form, *own
		if !c.given("announce") {
			c.origins["announce"] = originDerived
		}
		return nil
	}
	m := raft.Member{ID: raft.NodeID(c.ID), Role: raft.Voter, Addr: reachable(c.Addr), PeerAddr: reachable(c.PeerAddr)}
	if c.given("announce") {
		var err error
		if m.Addr, m.PeerAddr, err = server.ParseAnnounced(c.Announce); err != nil {
			return fmt.Errorf("--announce: %w", err)
		}
	} else {
		c.origins["announce"] = originDerived
	}
	c.Announce, c.Self = server.AnnouncedForm(m), m
	c.Bootstrap = raft.Configuration{Members: []raft.Member{m}}
	return nil
}

// reachable turns "any address" into one that can be dialled at least from
// here.
func reachable(addr string) string {
	host, port, err := server.SplitAddr(addr)
	if err == nil && (host == "" || net.ParseIP(host).IsUnspecified()) {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	return addr
}
