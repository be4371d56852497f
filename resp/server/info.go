package server

import (
	"bytes"
	"cmp"
	"fmt"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"time"

	"redoubt/raft/replica"
	"redoubt/resp"
)

// section is a part of INFO.
type section struct {
	name  string
	extra bool // not among the default ones
	write func(s *Server, p *page)
}

func sections() []section {
	return []section{
		{"server", false, infoServer},
		{"clients", false, infoClients},
		{"memory", false, infoMemory},
		{"persistence", false, infoPersistence},
		{"stats", false, infoStats},
		{"replication", false, infoReplication},
		{"cpu", false, infoCPU},
		{"modules", false, func(*Server, *page) {}},
		{"commandstats", true, infoCommandStats},
		{"errorstats", false, infoErrorStats},
		{"cluster", false, func(_ *Server, p *page) { p.field("cluster_enabled", 0) }},
		{"keyspace", false, infoKeyspace},
		{"raft", false, infoRaft},
	}
}

// page is INFO under construction.
type page struct {
	text   bytes.Buffer
	status replica.Status
	now    time.Time
}

func (p *page) field(name string, value any) { fmt.Fprintf(&p.text, "%s:%v\r\n", name, value) }

// info is INFO [section ...].
func info(c *conn, args [][]byte, dst []byte) []byte {
	wanted := map[string]bool{}
	for _, arg := range args[1:] {
		wanted[strings.ToLower(string(arg))] = true
	}
	all := wanted["all"] || wanted["everything"]
	usual := len(args) == 1 || wanted["default"]
	p := &page{status: c.server.node.Status(), now: time.Now()}
	for _, s := range sections() {
		if !all && !wanted[s.name] && (s.extra || !usual) {
			continue
		}
		if p.text.Len() > 0 {
			p.text.WriteString("\r\n")
		}
		fmt.Fprintf(&p.text, "# %s\r\n", title(s.name))
		s.write(c.server, p)
	}
	return resp.AppendVerbatim(dst, "txt", p.text.String(), c.proto)
}

func title(name string) string {
	if name == "cpu" {
		return "CPU"
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

func infoServer(s *Server, p *page) {
	uptime := p.now.Sub(s.started)
	p.field("redis_version", compatibleVersion)
	p.field("redoubt_version", s.version)
	p.field("redis_mode", "standalone")
	p.field("os", runtime.GOOS+" "+runtime.GOARCH)
	p.field("arch_bits", 32<<(^uint(0)>>63))
	p.field("go_version", runtime.Version())
	p.field("process_id", processID())
	p.field("run_id", s.runID)
	p.field("tcp_port", s.port())
	p.field("server_time_usec", p.now.UnixMicro())
	p.field("uptime_in_seconds", int64(uptime.Seconds()))
	p.field("uptime_in_days", int64(uptime.Hours()/24))
}

func infoClients(s *Server, p *page) {
	st := s.Stats()
	p.field("connected_clients", st.Connected)
	p.field("cluster_connections", 0)
	p.field("maxclients", st.MaxClients)
	p.field("blocked_clients", st.Blocked)
	p.field("tracking_clients", 0)
}

// infoMemory: used_memory is the estimate of the dataset, the figure that
// maxmemory is compared with; the allocator_ fields are the Go runtime's.
func infoMemory(s *Server, p *page) {
	used := uint64(s.node.MemoryBytes())
	peak := s.stats.peakMemory.Load()
	for used > peak && !s.stats.peakMemory.CompareAndSwap(peak, used) {
		peak = s.stats.peakMemory.Load()
	}
	peak = max(peak, used)
	limit := uint64(s.settings.load().MaxMemoryBytes)
	heap := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/total:bytes"},
	}
	metrics.Read(heap)
	p.bytes("used_memory", used)
	p.bytes("used_memory_rss", residentBytes())
	p.bytes("used_memory_peak", peak)
	p.field("used_memory_dataset", used)
	p.field("allocator_allocated", heap[0].Value.Uint64())
	p.field("allocator_resident", heap[1].Value.Uint64())
	p.bytes("maxmemory", limit)
	p.field("maxmemory_policy", "noeviction")
	p.field("mem_allocator", "go")
}

// bytes writes a number of bytes and, as Redis does, the same for humans.
func (p *page) bytes(name string, n uint64) {
	p.field(name, n)
	p.field(name+"_human", humanBytes(n))
}

func humanBytes(n uint64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%dB", n)
	}
	v := float64(n)
	unit := 0
	for v >= 1<<10 && unit < 5 {
		v /= 1 << 10
		unit++
	}
	return fmt.Sprintf("%.2f%c", v, " KMGTP"[unit])
}

func infoPersistence(s *Server, p *page) {
	running := 0
	if p.status.SnapshotRunning {
		running = 1
	}
	p.field("loading", 0)
	p.field("async_loading", 0)
	p.field("rdb_bgsave_in_progress", running)
	p.field("rdb_last_save_time", s.lastSave())
	p.field("aof_enabled", 1)
	p.field("aof_rewrite_in_progress", 0)
	p.field("aof_last_write_status", "ok") // a node with another answer has stopped
	p.field("aof_current_size", p.status.WAL.Bytes)
}

func infoStats(s *Server, p *page) {
	st := s.Stats()
	s.stats.errors.mu.Lock()
	errors := s.stats.errors.total
	s.stats.errors.mu.Unlock()
	p.field("total_connections_received", st.Connections)
	p.field("total_commands_processed", st.Commands)
	p.field("instantaneous_ops_per_sec", int64(s.stats.rate.update(p.now, st.Commands)))
	p.field("total_net_input_bytes", st.NetInputBytes)
	p.field("total_net_output_bytes", st.NetOutputBytes)
	p.field("rejected_connections", st.Rejected)
	p.field("expired_keys", since(&s.stats.expired, p.status.Store.ExpiredKeys))
	p.field("evicted_keys", 0)
	p.field("keyspace_hits", since(&s.stats.hits, p.status.Store.KeyspaceHits))
	p.field("keyspace_misses", since(&s.stats.misses, p.status.Store.KeyspaceMisses))
	p.field("pubsub_channels", 0)
	p.field("pubsub_patterns", 0)
	p.field("total_error_replies", errors)
}

func infoCPU(_ *Server, p *page) {
	system, user := cpuSeconds()
	p.field("used_cpu_sys", fmt.Sprintf("%.6f", system))
	p.field("used_cpu_user", fmt.Sprintf("%.6f", user))
}

func infoCommandStats(s *Server, p *page) {
	var list []*command
	for _, c := range s.commands {
		if c.calls.Load() > 0 || c.rejected.Load() > 0 {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b *command) int { return cmp.Compare(a.spec.Name, b.spec.Name) })
	for _, c := range list {
		calls, usec := c.calls.Load(), c.nanos.Load()/1000
		p.field("cmdstat_"+c.spec.Name, fmt.Sprintf("calls=%d,usec=%d,usec_per_call=%.2f,rejected_calls=%d,failed_calls=%d",
			calls, usec, float64(usec)/float64(max(calls, 1)), c.rejected.Load(), c.failed.Load()))
	}
}

func infoErrorStats(s *Server, p *page) {
	e := &s.stats.errors
	e.mu.Lock()
	defer e.mu.Unlock()
	codes := make([]string, 0, len(e.byCode))
	for code := range e.byCode {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	for _, code := range codes {
		p.field("errorstat_"+code, fmt.Sprintf("count=%d", e.byCode[code].count))
	}
}

func infoKeyspace(_ *Server, p *page) {
	for _, d := range p.status.Store.Databases {
		p.field(fmt.Sprintf("db%d", d.DB), fmt.Sprintf("keys=%d,expires=%d,avg_ttl=%d", d.Keys, d.Expires, d.AverageTTLMs))
	}
}
