package server

import (
	"context"
	"net"
	"strconv"
	"time"

	"redoubt/raft"
	"redoubt/raft/replica"
	"redoubt/resp"
)

func adminHandlers() []row {
	return []row{
		{name: "bgsave", handle: bgSave, barrier: true},
		{name: "config|get", handle: configGet},
		{name: "config|set", handle: configSet, barrier: true},
		{name: "config|resetstat", handle: configResetStat, barrier: true},
		{name: "config|rewrite", handle: configRewrite},
		{name: "config|help", handle: help("config")},
		{name: "info", handle: info, barrier: true},
		{name: "lastsave", handle: lastSave, barrier: true},
		{name: "latency|histogram", handle: emptyMap},
		{name: "latency|latest", handle: emptyArray},
		{name: "latency|reset", handle: zero},
		{name: "latency|help", handle: help("latency")},
		{name: "memory|help", handle: help("memory")},
		{name: "role", handle: role, barrier: true},
		{name: "save", handle: save, barrier: true},
		{name: "shutdown", handle: shutdown, barrier: true},
		{name: "slowlog|get", handle: slowlogGet},
		{name: "slowlog|len", handle: zero},
		{name: "slowlog|reset", handle: ok},
		{name: "slowlog|help", handle: help("slowlog")},
		{name: "time", handle: timeNow},
		{name: "wait", handle: wait, barrier: true},
		{name: "waitaof", handle: waitAOF, barrier: true},
	}
}

func emptyArray(_ *conn, _ [][]byte, dst []byte) []byte { return resp.AppendArray(dst, 0) }

func emptyMap(c *conn, _ [][]byte, dst []byte) []byte { return resp.AppendMap(dst, 0, c.proto) }

func zero(_ *conn, _ [][]byte, dst []byte) []byte { return resp.AppendInt(dst, 0) }

func slowlogGet(_ *conn, args [][]byte, dst []byte) []byte {
	if len(args) > 3 {
		return resp.AppendError(dst, resp.ErrSyntax)
	}
	if len(args) == 3 {
		if n, ok := parseInt(args[2]); !ok || n < -1 {
			return resp.AppendError(dst, resp.ErrSlowlogCount)
		}
	}
	return resp.AppendArray(dst, 0)
}

func timeNow(_ *conn, _ [][]byte, dst []byte) []byte {
	now := time.Now()
	dst = resp.AppendArray(dst, 2)
	dst = resp.AppendBulkString(dst, strconv.FormatInt(now.Unix(), 10))
	return resp.AppendBulkString(dst, strconv.Itoa(now.Nanosecond()/1000))
}

// role is ROLE; offsets are log indexes.
func role(c *conn, _ [][]byte, dst []byte) []byte {
	s := c.server.node.Status()
	if isLeader(&s.Status) {
		followers := attached(&s)
		dst = resp.AppendArray(dst, 3)
		dst = resp.AppendBulkString(dst, "master")
		dst = resp.AppendInt(dst, int64(s.Commit))
		dst = resp.AppendArray(dst, len(followers))
		for _, f := range followers {
			dst = resp.AppendArray(dst, 3)
			dst = resp.AppendBulkString(dst, f.host)
			dst = resp.AppendBulkString(dst, f.port)
			dst = resp.AppendBulkString(dst, strconv.FormatUint(f.match, 10))
		}
		return dst
	}
	host, port := leaderAddr(&s)
	link := "connected"
	switch {
	case s.Leader == "":
		link = "connect"
	case !s.Ready:
		link = "sync"
	}
	dst = resp.AppendArray(dst, 5)
	dst = resp.AppendBulkString(dst, "slave")
	dst = resp.AppendBulkString(dst, host)
	dst = resp.AppendInt(dst, int64(port))
	dst = resp.AppendBulkString(dst, link)
	return resp.AppendInt(dst, int64(s.Applied))
}

// follower is another member as the leader sees it.
type follower struct {
	host, port string
	match      uint64
	state      string // as in INFO
}

// attached lists the other members that the leader hears from.
func attached(s *replica.Status) []follower {
	var list []follower
	for _, p := range s.Peers {
		if !p.Active {
			continue
		}
		f := follower{match: p.Match, state: "online"}
		if p.State == "snapshot" {
			f.state = "send_bulk"
		}
		f.host, f.port = splitAddr(memberAddr(s, p.ID))
		list = append(list, f)
	}
	return list
}

func memberAddr(s *replica.Status, id raft.NodeID) string {
	for _, m := range s.Config.Members {
		if m.ID == id {
			return m.Addr
		}
	}
	return ""
}

func leaderAddr(s *replica.Status) (host string, port int) {
	host, text := splitAddr(memberAddr(s, s.Leader))
	port, _ = strconv.Atoi(text) // "" when there is no leader
	return host, port
}

func splitAddr(addr string) (host, port string) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr, ""
	}
	return host, port
}

func lastSave(c *conn, _ [][]byte, dst []byte) []byte {
	return resp.AppendInt(dst, c.server.lastSave())
}

// lastSave is when the newest snapshot was made, or else the start, as in Redis.
func (s *Server) lastSave() int64 {
	if t := s.node.Status().LastSnapshot; !t.IsZero() {
		return t.Unix()
	}
	return s.started.Unix()
}

func save(c *conn, _ [][]byte, dst []byte) []byte {
	if err := c.server.snapshot(); err != nil {
		return resp.AppendError(dst, "ERR snapshot failed: "+err.Error())
	}
	return resp.AppendOK(dst)
}

func bgSave(c *conn, args [][]byte, dst []byte) []byte {
	scheduled := len(args) == 2 && isWord(args[1], "schedule")
	if len(args) > 1 && !scheduled {
		return resp.AppendError(dst, resp.ErrSyntax)
	}
	s := c.server
	running := s.node.Status().SnapshotRunning
	if running && !scheduled {
		return resp.AppendError(dst, "ERR Background save already in progress")
	}
	// The connection holds s.work above zero, so Shutdown has not ended.
	s.work.Go(func() {
		if err := s.snapshot(); err != nil {
			s.log.Warn("snapshot failed", "event", "snapshot", "err", err)
		}
	})
	if running {
		return resp.AppendSimple(dst, "Background saving scheduled")
	}
	return resp.AppendSimple(dst, "Background saving started")
}

// snapshot makes one and gives up when the server shuts down.
func (s *Server) snapshot() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-s.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	return s.node.TakeSnapshot(ctx)
}

// shutdown is SHUTDOWN. There is nothing to save: whatever was acknowledged is
// on disk. On success the client sees the connection close, as in Redis.
func shutdown(c *conn, args [][]byte, dst []byte) []byte {
	seen := map[string]bool{}
	for _, arg := range args[1:] {
		known := false
		for _, word := range []string{"save", "nosave", "now", "force", "abort"} {
			if isWord(arg, word) {
				seen[word], known = true, true
			}
		}
		if !known {
			return resp.AppendError(dst, resp.ErrSyntax)
		}
	}
	switch {
	case seen["save"] && seen["nosave"], seen["abort"] && len(args) > 2:
		return resp.AppendError(dst, resp.ErrSyntax)
	case seen["abort"]:
		return resp.AppendError(dst, resp.ErrNoShutdown)
	case c.server.stop == nil:
		return resp.AppendError(dst, "ERR SHUTDOWN is not available here")
	}
	c.server.log.Info("shutdown requested", "event", "shutdown", "client", c.nc.RemoteAddr().String())
	c.closing = true
	c.server.stop()
	return dst
}
