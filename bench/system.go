package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"redoubt/devcluster"
	"redoubt/resp"
)

// system is one that the suite measures.
type system struct {
	name     string
	promise  string   // what an answered write is worth, and what a read returns
	commands []string // that start it, as one would type them

	// addrs says where its clients connect, now: leaders change.
	addrs func(ctx context.Context) ([]string, error)
	pid   func() int // of the first node
	stop  func() error
}

// Names of the systems, by which ratios refer to them.
const (
	redoubtOne   = "redoubt (1 node)"
	redoubtThree = "redoubt (3 nodes)"
	redoubtAny   = "redoubt (3 nodes, any)"
	redisOne     = "redis (1 node)"
	redisThree   = "redis (2 replicas)"
)

const startTimeout = time.Minute

// startRedoubt starts a cluster of real processes in dir. Of three nodes there
// are two systems: clients at the leader, and clients spread over all nodes.
func startRedoubt(ctx context.Context, program, dir string, nodes int) ([]*system, error) {
	c, err := devcluster.New(devcluster.Config{Program: program, Nodes: nodes, Dir: dir})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := c.Start(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	s := &system{
		name: redoubtOne, promise: "answered writes are fsynced; reads are linearizable",
		commands: []string{"redoubt serve --data-dir DIR"}, stop: c.Close, pid: c.Nodes[0].Pid,
		addrs: func(ctx context.Context) ([]string, error) {
			leader, err := c.AwaitLeader(ctx)
			if err != nil {
				return nil, err
			}
			return []string{leader.Addr}, nil
		},
	}
	if nodes == 1 {
		return []*system{s}, nil
	}
	s.name, s.promise = redoubtThree, "answered writes are fsynced on two of three nodes; reads are linearizable. Clients connect to the leader"
	s.commands = []string{"redoubt serve --id n1 --data-dir DIR/n1 --cluster n1=HOST:PORT,n2=HOST:PORT,n3=HOST:PORT   # n2 and n3 likewise"}
	spread := &system{
		name: redoubtAny, promise: "the same nodes; clients are spread over all three, and followers forward. One client alone is at a follower",
		pid: c.Nodes[0].Pid, stop: func() error { return nil },
		addrs: func(ctx context.Context) ([]string, error) {
			leader, err := c.AwaitLeader(ctx)
			if err != nil {
				return nil, err
			}
			var all []string
			for _, n := range c.Nodes {
				if n != leader {
					all = append(all, n.Addr)
				}
			}
			return append(all, leader.Addr), nil // last: a client alone is not there
		},
	}
	return []*system{s, spread}, nil
}

// redisFlags make Redis as durable as it can be. Snapshots are off: the log has
// everything, and they would only be a burden.
var redisFlags = [...]string{"--appendonly", "yes", "--appendfsync", "always", "--save", ""}

// startRedis starts a Redis in dir, with asynchronous replicas.
func startRedis(ctx context.Context, program, dir string, replicas int) (*system, error) {
	var running []*process
	stop := func() error {
		for _, p := range running {
			p.kill()
		}
		return nil
	}
	start := func(name string, more ...string) (addr string, err error) {
		port, err := freePort()
		if err != nil {
			return "", err
		}
		args := append([]string{"--port", strconv.Itoa(port), "--bind", "127.0.0.1"}, redisFlags[:]...)
		p, err := startProcess(program, filepath.Join(dir, name), append(args, more...)...)
		if err != nil {
			return "", err
		}
		running = append(running, p)
		return fmt.Sprintf("127.0.0.1:%d", port), nil
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	primary, err := start("primary")
	if err == nil {
		err = awaitInfo(ctx, running[0], primary, "role:master")
	}
	_, port, _ := strings.Cut(primary, ":")
	for i := 0; i < replicas && err == nil; i++ {
		var addr string
		if addr, err = start(fmt.Sprintf("replica%d", i+1), "--replicaof", "127.0.0.1", port); err == nil {
			err = awaitInfo(ctx, running[i+1], addr, "master_link_status:up")
		}
	}
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	s := &system{
		name: redisOne, promise: "answered writes are fsynced; reads see the last write of this one node",
		pid: func() int { return running[0].cmd.Process.Pid }, stop: stop,
		commands: []string{`redis-server --appendonly yes --appendfsync always --save ""`},
		addrs:    func(context.Context) ([]string, error) { return []string{primary}, nil },
	}
	if replicas > 0 {
		s.name = redisThree
		s.promise = "answered writes are fsynced on the primary and copied later: a failover loses some; reads see the last write of the primary"
		s.commands = append(s.commands, `redis-server --appendonly yes --appendfsync always --save "" --replicaof HOST PORT   # twice`)
	}
	return s, nil
}

// awaitInfo waits until INFO replication of addr has the line.
func awaitInfo(ctx context.Context, p *process, addr, line string) error {
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		if c, err := resp.Dial(addr, time.Second); err == nil {
			v, err := c.Do("INFO", "replication")
			c.Close()
			if err == nil && strings.Contains(v.Str, line+"\r\n") {
				return nil
			}
		}
		select {
		case <-p.exited:
			return fmt.Errorf("redis-server exited at once; it said: %s", p.lastLine())
		case <-ctx.Done():
			return fmt.Errorf("waited for %s of redis-server: %w", line, context.Cause(ctx))
		case <-poll.C:
		}
	}
}
