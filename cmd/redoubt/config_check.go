package main

import (
	"errors"
	"fmt"
	"time"

	"redoubt/raft"
	"redoubt/resp/server"
)

// check refuses settings that do not go together. It reports everything it
// finds, so that one start is enough to learn it.
func (c *Config) check() error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	c.checkExposure(refuse)
	c.checkPorts(refuse)
	if c.ElectionTimeout < 3*c.Heartbeat {
		refuse("--election-timeout %s is less than three times --heartbeat %s: one late heartbeat would depose the leader",
			formatDuration(c.ElectionTimeout), formatDuration(c.Heartbeat))
	}
	if c.CommandTimeout < 2*c.ElectionTimeout {
		refuse("--command-timeout %s is less than twice --election-timeout %s: no command could outlast a leader change",
			formatDuration(c.CommandTimeout), formatDuration(c.ElectionTimeout))
	}
	if c.ProtoMaxBulkBytes > c.QueryBufferBytes {
		refuse("--proto-max-bulk-len %s is more than --client-query-buffer-limit %s: such an argument could never arrive",
			formatBytes(c.ProtoMaxBulkBytes), formatBytes(c.QueryBufferBytes))
	}
	if c.DataDir == "" {
		refuse("--data-dir must not be empty")
	}
	if c.Pprof && c.HTTPAddr == "" {
		refuse("--pprof needs --http-addr")
	}
	return errors.Join(errs...)
}

// checkExposure keeps a node without a password to its own machine.
func (c *Config) checkExposure(refuse func(string, ...any)) {
	if !c.ProtectedMode {
		return
	}
	if !isLoopback(c.Addr) && c.RequirePass == "" {
		refuse("--addr %s can be reached from other machines and there is no password: set --requirepass, or --protected-mode no where the network itself is closed", c.Addr)
	}
	if !isLoopback(c.PeerAddr) && c.ClusterSecret == "" {
		refuse("--peer-addr %s can be reached from other machines and there is no secret: set --cluster-secret-file, --peer-addr on 127.0.0.1, or --protected-mode no where the network itself is closed", c.PeerAddr)
	}
	if c.HTTPAddr != "" && !isLoopback(c.HTTPAddr) && c.RequirePass == "" {
		refuse("--http-addr %s can be reached from other machines and there is no password for its REST door: set --requirepass, or --protected-mode no where the network itself is closed", c.HTTPAddr)
	}
	if c.Pprof && !isLoopback(c.HTTPAddr) && c.HTTPAddr != "" {
		refuse("--pprof on --http-addr %s would show memory contents to other machines: use a loopback address, or --protected-mode no", c.HTTPAddr)
	}
}

func (c *Config) checkPorts(refuse func(string, ...any)) {
	used := map[int]string{}
	for _, l := range []struct{ flag, addr string }{
		{"--addr", c.Addr}, {"--peer-addr", c.PeerAddr}, {"--http-addr", c.HTTPAddr},
	} {
		_, port, err := server.SplitAddr(l.addr)
		if err != nil || port == 0 {
			continue
		}
		if used[port] != "" {
			refuse("%s and %s use the same port %d", used[port], l.flag, port)
		}
		used[port] = l.flag
	}
}

// warnings names what is allowed but gives up a promise; serve logs them.
func (c *Config) warnings() []string {
	var out []string
	if !c.Fsync {
		out = append(out, "fsync is off: a power failure may lose writes that were answered")
	}
	if c.Reads == "local" {
		out = append(out, "reads are local: they may return old values")
	}
	open := !isLoopback(c.Addr) || c.HTTPAddr != "" && !isLoopback(c.HTTPAddr)
	if !c.ProtectedMode && (open && c.RequirePass == "" || !isLoopback(c.PeerAddr) && c.ClusterSecret == "") {
		out = append(out, "protected mode is off and this node takes commands from other machines without a password or secret")
	}
	if n := voters(c.Bootstrap); n > 0 && n%2 == 0 {
		out = append(out, fmt.Sprintf("%d voters survive no more failures than %d", n, n-1))
	}
	if c.Fsync && c.ElectionTimeout < 50*time.Millisecond {
		out = append(out, "the election timeout is short: one slow fsync or a busy host may cost the leader its office")
	}
	return out
}

func voters(conf raft.Configuration) int {
	n := 0
	for _, m := range conf.Members {
		if m.Role == raft.Voter {
			n++
		}
	}
	return n
}
