package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"redoubt/monitor"
	"redoubt/raft"
	"redoubt/raft/replica"
	"redoubt/resp"
	"redoubt/resp/peer"
	"redoubt/resp/server"
	"redoubt/wal"
)

// joinPatience is how long a node asks to be let in; joinRetry is the time
// between two tries.
const (
	joinPatience = time.Minute
	joinRetry    = time.Second
)

// joiner gets a node with an empty data directory into a running cluster.
//
// The directory is made after the members have agreed. If the process ends in
// between, the next one finds the member that nobody has been yet, and is it.
type joiner struct {
	config *Config
	id     wal.Identity // its cluster is not known yet
	log    *slog.Logger
}

// unfit is a reason for which asking again is useless.
type unfit struct{ error }

func (u unfit) Unwrap() error { return u.error }

func unfitf(format string, args ...any) error { return unfit{fmt.Errorf(format, args...)} }

// join asks the addresses of --join, one after the other, again and again, and
// returns the cluster's id.
func (j *joiner) join(ctx context.Context, patience time.Duration) (clusterID string, err error) {
	retry := time.NewTicker(joinRetry)
	defer retry.Stop()
	for deadline := time.Now().Add(patience); ; {
		for _, addr := range j.config.seeds() {
			if clusterID, err = j.ask(ctx, addr); err == nil {
				j.log.Info("a member of the cluster", "event", "join", "by", addr, "cluster", clusterID)
				return clusterID, nil
			}
			if ctx.Err() != nil {
				return "", ctx.Err()
			}
			err = fmt.Errorf("--join %s: %w", addr, err)
			if errors.As(err, new(unfit)) {
				return "", err
			}
			j.log.Warn("not let in yet", "event", "join", "by", addr, "err", err)
		}
		if time.Now().After(deadline) {
			return "", fmt.Errorf("not let in within %s: %w", patience, err)
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// ask has one node add this one. Errors but unfit may pass, or be another node's
// trouble alone.
func (j *joiner) ask(ctx context.Context, addr string) (clusterID string, err error) {
	c := j.config
	link, err := resp.Login(addr, c.RequirePass, c.CommandTimeout+time.Second)
	if err != nil {
		return "", noAccess(err)
	}
	defer link.Close()
	defer context.AfterFunc(ctx, func() { _ = link.Close() })()
	page, err := monitor.Status(link)
	if err != nil {
		return "", noAccess(err)
	}
	if page.Leader == "" {
		return "", fmt.Errorf("%s knows no leader", page.Node)
	}
	listed, err := j.isListed(page)
	if err != nil {
		return "", err
	}
	if err := j.checkDatabases(link); err != nil {
		return "", err
	}
	if err := j.probe(addr, page); err != nil {
		return "", err
	}
	if listed {
		return page.ClusterID, nil
	}
	v, err := link.Do("REDOUBT", "MEMBER", "ADD", c.ID, server.AnnouncedForm(c.Self))
	if err == nil {
		err = v.Err()
	}
	switch {
	case replyCode(err) == "", mayPass(err):
		return page.ClusterID, err
	case strings.HasSuffix(err.Error(), strings.TrimPrefix(raft.ErrMember.Error(), "raft: ")):
		return "", err // somebody else has just added this node, or another of its name: isListed will tell
	}
	return "", unfit{monitor.InWords(err)}
}

// noAccess makes a missing or wrong password final: all nodes have the same.
func noAccess(err error) error {
	if code := replyCode(err); code == "NOAUTH" || code == "WRONGPASS" {
		return unfit{monitor.InWords(err)}
	}
	return monitor.InWords(err)
}

// isListed says that the members wait for this node already. It is unfit if its
// name or its addresses are somebody else's.
func (j *joiner) isListed(page *server.StatusPage) (listed bool, err error) {
	c, self := j.config, j.config.Self
	if slices.Contains(page.Removed, self.ID) {
		return false, unfitf("%w: %s has left the cluster for good, and no other node may have its name: choose another --id", replica.ErrRefused, c.ID)
	}
	for _, m := range page.Members {
		switch sameAddr := m.Addr == self.Addr || m.PeerAddr == self.PeerAddr; {
		case m.ID == self.ID && m.Incarnation != "":
			return false, unfitf("%w: %s is a member with a data directory of its own, at %s: choose another --id; "+
				"if that directory is lost, the new node takes its place with: redoubt member replace %s NEW-ID %s", replica.ErrRefused, c.ID, m.Addr, c.ID, c.Announce)
		case m.ID == self.ID && (m.Addr != self.Addr || m.PeerAddr != self.PeerAddr):
			return false, unfitf("the members expect %s at %s, not at %s: set --announce, or use: redoubt member address %s %s", c.ID,
				server.AnnouncedForm(raft.Member{Addr: m.Addr, PeerAddr: m.PeerAddr}), c.Announce, c.ID, c.Announce)
		case m.ID == self.ID:
			listed = true
		case sameAddr && m.Replaces != self.ID && !j.isReplacedBy(page, m.ID):
			return false, unfitf("%s is a member at %s already: set --announce to an address of this node's own", m.ID, server.AnnouncedForm(raft.Member{Addr: m.Addr, PeerAddr: m.PeerAddr}))
		}
	}
	return listed, nil
}

// isReplacedBy: this node takes the place of old, whose addresses it may have.
func (j *joiner) isReplacedBy(page *server.StatusPage, old raft.NodeID) bool {
	return slices.ContainsFunc(page.Members, func(m server.MemberStatus) bool { return m.ID == j.config.Self.ID && m.Replaces == old })
}

// checkDatabases: a keyspace of another size would answer differently.
func (j *joiner) checkDatabases(link *resp.Client) error {
	v, err := link.Do("CONFIG", "GET", "databases")
	if err == nil {
		err = v.Err()
	}
	if err != nil {
		return noAccess(err)
	}
	if want := strconv.Itoa(j.config.Databases); len(v.Array) == 2 && v.Array[1].Str != want {
		return unfitf("the cluster has --databases %s, this node %s", v.Array[1].Str, want)
	}
	return nil
}

// probe finds out whether the nodes would let this one in: they have a secret,
// which the port of the clients does not ask for.
func (j *joiner) probe(addr string, page *server.StatusPage) error {
	i := slices.IndexFunc(page.Members, func(m server.MemberStatus) bool { return m.ID == page.Node })
	if i < 0 {
		return fmt.Errorf("%s is no member", page.Node)
	}
	c := j.config
	if isLoopback(page.Members[i].PeerAddr) && !isLoopback(addr) {
		return unfitf("%s is known to other nodes as %s, which leads nowhere from here: start it so that they can reach it, then use: redoubt member address %s ADDRESS",
			page.Node, page.Members[i].PeerAddr, page.Node)
	}
	err := peer.Probe(peer.Identity{
		ClusterID: page.ClusterID, NodeID: c.Self.ID, Incarnation: j.id.Incarnation, Addr: c.Self.PeerAddr, Version: version,
	}, c.ClusterSecret, page.Node, page.Members[i].PeerAddr)
	switch {
	case errors.Is(err, peer.ErrSecret):
		return unfitf("%w: set --cluster-secret or --cluster-secret-file to that of the members", err)
	case errors.Is(err, peer.ErrRemoved), errors.Is(err, peer.ErrIncarnation):
		return unfitf("%w: %w", replica.ErrRefused, err)
	case err != nil:
		return fmt.Errorf("the port for nodes of %s, %s, does not answer as it should: %s", page.Node, page.Members[i].PeerAddr,
			strings.TrimSpace(err.Error()))
	}
	return nil
}
