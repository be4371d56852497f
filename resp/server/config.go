package server

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"redoubt/resp"
)

// parameter is one that CONFIG SET can change.
type parameter struct {
	name string
	get  func(v *Values) string
	set  func(v *Values, text string) (why string) // why not; "" when it is set
}

// parameters are sorted by name.
func parameters() []parameter {
	return []parameter{
		{"client-output-buffer-limit", getOutputLimit, setOutputLimit},
		bytesParameter("client-query-buffer-limit", 16<<10, func(v *Values) *int { return &v.MaxQueryBytes }),
		intParameter("maxclients", 1, 1<<32-1, func(v *Values) *int { return &v.MaxClients }),
		{
			"maxmemory",
			func(v *Values) string { return strconv.FormatInt(v.MaxMemoryBytes, 10) },
			func(v *Values, text string) string {
				n, ok := parseMemory(text)
				if !ok {
					return whyMemory
				}
				v.MaxMemoryBytes = n
				return ""
			},
		},
		bytesParameter("proto-max-bulk-len", 1<<10, func(v *Values) *int { return &v.MaxBulkBytes }),
		{
			"protected-mode",
			func(v *Values) string {
				if v.ProtectedMode {
					return "yes"
				}
				return "no"
			},
			func(v *Values, text string) string {
				v.ProtectedMode = strings.EqualFold(text, "yes")
				if !v.ProtectedMode && !strings.EqualFold(text, "no") {
					return "argument must be 'yes' or 'no'"
				}
				return ""
			},
		},
		{
			"requirepass",
			func(v *Values) string { return v.RequirePass },
			func(v *Values, text string) string { v.RequirePass = text; return "" },
		},
		intParameter("tcp-keepalive", 0, 1<<31-1, func(v *Values) *int { return &v.KeepAliveSeconds }),
		intParameter("timeout", 0, 1<<31-1, func(v *Values) *int { return &v.TimeoutSeconds }),
	}
}

// fixed are parameters that tools look for and that are what they are.
func fixed() []Parameter {
	return []Parameter{
		{"appendonly", "yes"},
		{"cluster-enabled", "no"},
		{"latency-monitor-threshold", "0"},
		{"maxmemory-policy", "noeviction"},
		{"notify-keyspace-events", ""},
		{"save", ""},
		{"slowlog-log-slower-than", "-1"},
		{"slowlog-max-len", "0"},
	}
}

func intParameter(name string, low, high int64, field func(v *Values) *int) parameter {
	return parameter{
		name,
		func(v *Values) string { return strconv.Itoa(*field(v)) },
		func(v *Values, text string) string {
			n, ok := parseInt([]byte(text))
			switch {
			case !ok:
				return "argument couldn't be parsed into an integer"
			case n < low || n > high:
				return fmt.Sprintf("argument must be between %d and %d inclusive", low, high)
			}
			*field(v) = int(n)
			return ""
		},
	}
}

// bytesParameter is a limit of what a client may send.
func bytesParameter(name string, low int64, field func(v *Values) *int) parameter {
	const high = maxQueryBytes
	return parameter{
		name,
		func(v *Values) string { return strconv.Itoa(*field(v)) },
		func(v *Values, text string) string {
			n, ok := parseMemory(text)
			switch {
			case !ok:
				return whyMemory
			case n < low || n > high:
				return fmt.Sprintf("argument must be between %d and %d inclusive", low, int64(high))
			}
			*field(v) = int(n)
			return ""
		},
	}
}

// maxQueryBytes is the longest command: it has to fit into an entry of the log.
const maxQueryBytes = 48 << 20

const (
	whyMemory    = "argument must be a memory value"
	whyImmutable = "can't set immutable config"
)

// parseMemory reads a number of bytes with Redis's units: k is 1000, kb 1024.
func parseMemory(text string) (bytes int64, ok bool) {
	digits := strings.TrimRight(strings.ToLower(text), "bgkm")
	unit, known := map[string]int64{
		"": 1, "b": 1, "k": 1e3, "kb": 1 << 10, "m": 1e6, "mb": 1 << 20, "g": 1e9, "gb": 1 << 30,
	}[strings.ToLower(text)[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !known || n < 0 || n > (1<<63-1)/unit {
		return 0, false
	}
	return n * unit, true
}

// getOutputLimit shows the limit in Redis's form. There are no replicas and no
// subscribers on this port.
func getOutputLimit(v *Values) string {
	return fmt.Sprintf("normal %d 0 0", v.MaxOutputBytes)
}

func setOutputLimit(v *Values, text string) (why string) {
	words := strings.Fields(text)
	if len(words) == 0 || len(words)%4 != 0 {
		return "Wrong number of arguments in buffer limit configuration."
	}
	for ; len(words) > 0; words = words[4:] {
		switch strings.ToLower(words[0]) {
		case "normal":
		case "slave", "replica", "pubsub":
			continue
		default:
			return "Invalid client class specified in buffer limit configuration."
		}
		hard, ok := parseMemory(words[1])
		if !ok {
			return "Error in hard, soft or soft_seconds setting in buffer limit configuration."
		}
		v.MaxOutputBytes = int(hard)
	}
	return ""
}

func configGet(c *conn, args [][]byte, dst []byte) []byte {
	v := c.server.settings.Values()
	all := slices.Concat(fixed(), v.Shown, []Parameter{{"databases", strconv.Itoa(v.Databases)}})
	for _, p := range parameters() {
		all = append(all, Parameter{p.name, p.get(&v)})
	}
	seen := map[string]bool{}
	var found []Parameter
	for i := len(all) - 1; i >= 0; i-- { // the last of a name is the one that counts
		if p := all[i]; !seen[p.Name] && matchesAny(args[2:], p.Name) {
			seen[p.Name] = true
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b Parameter) int { return cmp.Compare(a.Name, b.Name) })
	dst = resp.AppendMap(dst, len(found), c.proto)
	for _, p := range found {
		dst = resp.AppendBulkString(dst, p.Name)
		dst = resp.AppendBulkString(dst, p.Value)
	}
	return dst
}

func matchesAny(patterns [][]byte, name string) bool {
	for _, p := range patterns {
		if ok, err := path.Match(strings.ToLower(string(p)), name); ok && err == nil {
			return true
		}
	}
	return false
}

// configSet changes all of the given parameters or none.
func configSet(c *conn, args [][]byte, dst []byte) []byte {
	if len(args)%2 != 0 {
		return resp.AppendError(dst, resp.ErrSyntax)
	}
	errText := ""
	c.server.settings.update(func(v *Values) bool {
		errText = setAll(v, args[2:])
		return errText == ""
	})
	if errText != "" {
		return resp.AppendError(dst, errText)
	}
	c.server.applyTimeout()
	return resp.AppendOK(dst)
}

// setAll sets names to values, which follow each other in pairs.
func setAll(v *Values, pairs [][]byte) (errText string) {
	table := parameters()
	seen := map[string]bool{}
	for i := 0; i < len(pairs); i += 2 {
		name := strings.ToLower(string(pairs[i]))
		at := slices.IndexFunc(table, func(p parameter) bool { return p.name == name })
		why := ""
		switch {
		case at < 0 && !isFixed(v, name):
			return resp.ConfigUnknown(pairs[i])
		case at < 0:
			why = whyImmutable
		case seen[name]:
			why = "duplicate parameter"
		default:
			why = table[at].set(v, string(pairs[i+1]))
		}
		if why != "" {
			return resp.ConfigFailed(name, why)
		}
		seen[name] = true
	}
	return ""
}

func isFixed(v *Values, name string) bool {
	is := func(p Parameter) bool { return p.Name == name }
	return name == "databases" || slices.ContainsFunc(fixed(), is) || slices.ContainsFunc(v.Shown, is)
}

// applyTimeout gives connections that wait for input the idle timeout of now.
func (s *Server) applyTimeout() {
	var deadline time.Time
	if t := s.settings.load().TimeoutSeconds; t > 0 {
		deadline = time.Now().Add(time.Duration(t) * time.Second)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosing() {
		return
	}
	for _, c := range s.conns {
		c.setIdleDeadline(deadline)
	}
}

// setIdleDeadline leaves alone those that have a shorter time: strangers and
// those that are about to be closed.
func (c *conn) setIdleDeadline(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen.authenticated && !c.ending {
		_ = c.nc.SetReadDeadline(t)
	}
}

func configResetStat(c *conn, _ [][]byte, dst []byte) []byte {
	c.server.stats.reset(c.server.node.Status().Store)
	for _, cmd := range c.server.commands {
		cmd.counters.reset()
	}
	return resp.AppendOK(dst)
}

func configRewrite(_ *conn, _ [][]byte, dst []byte) []byte {
	return resp.AppendError(dst, "ERR The server is running without a config file")
}
