package server

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"redoubt/resp"
)

// connections lists what is connected now, by id. One that was killed is not,
// even if its goroutine has yet to notice.
func (s *Server) connections() []*conn {
	s.mu.Lock()
	list := make([]*conn, 0, len(s.conns))
	for _, c := range s.conns {
		if !c.isDead() {
			list = append(list, c)
		}
	}
	s.mu.Unlock()
	slices.SortFunc(list, func(a, b *conn) int { return cmp.Compare(a.id, b.id) })
	return list
}

func (s *Server) connection(id int64) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns[id]
}

func clientList(c *conn, args [][]byte, dst []byte) []byte {
	var list []*conn
	switch {
	case len(args) == 2:
		list = c.server.connections()
	case len(args) == 4 && isWord(args[2], "type"):
		normal, ok := parseType(args[3])
		if !ok {
			return resp.AppendError(dst, resp.UnknownClientType(args[3]))
		}
		if normal {
			list = c.server.connections()
		}
	case len(args) > 3 && isWord(args[2], "id"):
		seen := map[int64]bool{}
		for _, arg := range args[3:] {
			id, ok := parseInt(arg)
			if !ok {
				return resp.AppendError(dst, resp.ErrClientID)
			}
			if other := c.server.connection(id); other != nil && !seen[id] {
				seen[id] = true
				list = append(list, other)
			}
		}
	default:
		return resp.AppendError(dst, resp.ErrSyntax)
	}
	c.publish(nil)
	now := time.Now()
	var text []byte
	for _, other := range list {
		text = append(other.appendInfo(text, now), '\n')
	}
	return resp.AppendVerbatim(dst, "txt", string(text), c.proto)
}

func clientInfo(c *conn, _ [][]byte, dst []byte) []byte {
	c.publish(nil)
	return resp.AppendVerbatim(dst, "txt", string(append(c.appendInfo(nil, time.Now()), '\n')), c.proto)
}

// parseType reads the type of a client. There are only normal ones.
func parseType(arg []byte) (normal, ok bool) {
	for _, word := range []string{"normal", "master", "replica", "slave", "pubsub"} {
		if isWord(arg, word) {
			return word == "normal", true
		}
	}
	return false, false
}

// appendInfo appends a line of CLIENT LIST.
func (c *conn) appendInfo(dst []byte, now time.Time) []byte {
	v := c.view()
	c.mu.Lock()
	blocked := c.blocked
	c.mu.Unlock()
	command, user := "NULL", "(none)"
	if v.command != nil {
		command = v.command.Name
	}
	if v.authenticated {
		user = defaultUser
	}
	return fmt.Appendf(dst, "id=%d addr=%s laddr=%s fd=%d name=%s age=%d idle=%d flags=%s db=%d sub=0 psub=0 ssub=0 "+
		"multi=%d watch=%d qbuf=%d qbuf-free=%d argv-mem=%d multi-mem=%d rbs=%d rbp=%d obl=0 oll=0 omem=0 tot-mem=%d "+
		"events=r cmd=%s user=%s redir=-1 resp=%d lib-name=%s lib-ver=%s",
		c.id, c.nc.RemoteAddr(), c.nc.LocalAddr(), c.fd, v.name,
		int64(now.Sub(c.began).Seconds()), int64(now.Sub(v.last).Seconds()), v.flags(blocked), v.db,
		v.multi, v.watch, v.inputBytes, 0, v.argBytes, v.multiBytes, v.outputCap, v.outputCap,
		v.inputBytes+v.argBytes+v.multiBytes+v.outputCap+connBytes,
		command, user, v.proto, v.libName, v.libVersion)
}

// connBytes is what an idle connection takes: its goroutine's stack, the first
// buffers and itself.
const connBytes = 12 << 10

func (v *view) flags(blocked bool) string {
	var f []byte
	if v.multi >= 0 {
		f = append(f, 'x')
	}
	if blocked {
		f = append(f, 'b')
	}
	if v.noEvict {
		f = append(f, 'e')
	}
	if v.noTouch {
		f = append(f, 'T')
	}
	if len(f) == 0 {
		f = append(f, 'N')
	}
	return string(f)
}

// filter is the conditions of a CLIENT KILL.
type filter struct {
	id          int64
	addr, laddr *string // nil: any
	maxAge      int64
	none        bool // a type or a user that no connection has
	others      bool // not the one that asks
}

func clientKill(c *conn, args [][]byte, dst []byte) []byte {
	if len(args) == 3 {
		if c.killMatching(filter{addr: new(string(args[2]))}) == 0 {
			return resp.AppendError(dst, resp.ErrNoSuchClient)
		}
		return resp.AppendOK(dst)
	}
	f, errText := parseFilter(args[2:])
	if errText != "" {
		return resp.AppendError(dst, errText)
	}
	return resp.AppendInt(dst, int64(c.killMatching(f)))
}

func parseFilter(args [][]byte) (f filter, errText string) {
	f.others = true
	for ; len(args) > 0; args = args[2:] {
		if len(args) == 1 {
			return f, resp.ErrSyntax
		}
		value := args[1]
		switch {
		case isWord(args[0], "id"):
			id, ok := parseInt(value)
			if !ok || id < 1 {
				return f, resp.ErrClientIDPositive
			}
			f.id = id
		case isWord(args[0], "type"):
			normal, ok := parseType(value)
			if !ok {
				return f, resp.UnknownClientType(value)
			}
			f.none = f.none || !normal
		case isWord(args[0], "addr"):
			f.addr = new(string(value))
		case isWord(args[0], "laddr"):
			f.laddr = new(string(value))
		case isWord(args[0], "user"):
			if string(value) != defaultUser {
				return f, resp.NoSuchUser(value)
			}
		case isWord(args[0], "maxage"):
			age, ok := parseInt(value)
			if !ok || age < 1 {
				return f, resp.ErrNotInteger
			}
			f.maxAge = age
		case isWord(args[0], "skipme") && isWord(value, "yes"):
			f.others = true
		case isWord(args[0], "skipme") && isWord(value, "no"):
			f.others = false
		default:
			return f, resp.ErrSyntax
		}
	}
	return f, ""
}

// killMatching closes connections; its own after the reply.
func (c *conn) killMatching(f filter) int {
	killed := 0
	now := time.Now()
	for _, other := range c.server.connections() {
		if !f.matches(other, now) || f.others && other == c {
			continue
		}
		killed++
		if other == c {
			c.closing = true
		} else {
			other.kill()
		}
	}
	return killed
}

func (f *filter) matches(c *conn, now time.Time) bool {
	switch {
	case f.none,
		f.id != 0 && f.id != c.id,
		f.addr != nil && *f.addr != c.nc.RemoteAddr().String(),
		f.laddr != nil && *f.laddr != c.nc.LocalAddr().String(),
		f.maxAge != 0 && int64(now.Sub(c.began).Seconds()) < f.maxAge:
		return false
	}
	return true
}

func clientUnblock(c *conn, args [][]byte, dst []byte) []byte {
	if len(args) > 4 {
		return resp.AppendError(dst, resp.ErrSyntax)
	}
	withError := false
	if len(args) == 4 {
		switch {
		case isWord(args[3], "error"):
			withError = true
		case isWord(args[3], "timeout"):
		default:
			return resp.AppendError(dst, resp.ErrUnblockReason)
		}
	}
	id, ok := parseInt(args[2])
	if !ok {
		return resp.AppendError(dst, resp.ErrNotInteger)
	}
	if other := c.server.connection(id); other != nil && other.wakeBlocked(withError) {
		return resp.AppendInt(dst, 1)
	}
	return resp.AppendInt(dst, 0)
}
