package server

import (
	"bytes"
	"sync"
	"sync/atomic"
	"time"

	"redoubt/fsm"
	"redoubt/metrics"
)

// Stats is what the server counts, for the metrics endpoint and /status.
type Stats struct {
	Connected      int
	MaxClients     int
	Blocked        int
	Connections    uint64 // accepted
	Rejected       uint64
	Commands       uint64
	NetInputBytes  uint64
	NetOutputBytes uint64
	MaxMemoryBytes int64
}

// Stats returns the counts of now.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	connected := len(s.conns)
	s.mu.Unlock()
	v := s.settings.load()
	return Stats{
		Connected:      connected,
		MaxClients:     v.MaxClients,
		Blocked:        int(s.stats.blocked.Load()),
		Connections:    s.stats.connections.Load(),
		Rejected:       s.stats.rejected.Load(),
		Commands:       s.stats.commands.Load(),
		NetInputBytes:  s.stats.netInput.Load(),
		NetOutputBytes: s.stats.netOutput.Load(),
		MaxMemoryBytes: v.MaxMemoryBytes,
	}
}

type stats struct {
	metrics *metrics.Server

	connections, rejected atomic.Uint64
	commands              atomic.Uint64
	netInput, netOutput   atomic.Uint64
	blocked               atomic.Int64
	peakMemory            atomic.Uint64
	// What the keyspace had counted when the counters were set to zero.
	hits, misses, expired atomic.Uint64
	errors                errorStats
	rate                  rate
	latency               latency
}

func (s *stats) init(m *metrics.Server) {
	s.metrics = m
	s.errors.byCode = map[string]*errorStat{}
}

func (s *stats) read(n int) {
	s.netInput.Add(uint64(n))
	s.metrics.NetInputBytes.Add(float64(n))
}

func (s *stats) wrote(n int) {
	s.netOutput.Add(uint64(n))
	s.metrics.NetOutputBytes.Add(float64(n))
}

// reset is CONFIG RESETSTAT. The Prometheus counters go on: a scraper would
// take a fall for a restart.
func (s *stats) reset(store fsm.Stats) {
	s.hits.Store(store.KeyspaceHits)
	s.misses.Store(store.KeyspaceMisses)
	s.expired.Store(store.ExpiredKeys)
	for _, c := range []*atomic.Uint64{&s.connections, &s.rejected, &s.commands, &s.netInput, &s.netOutput} {
		c.Store(0)
	}
	s.errors.reset()
	s.rate.reset()
}

// since is what a counter of the keyspace has counted since a reset. A keyspace that
// a snapshot has replaced counts from zero.
func since(base *atomic.Uint64, count uint64) uint64 {
	if b := base.Load(); b <= count {
		return count - b
	}
	return count
}

// rate is how fast a counter has grown since it was last asked for, over a
// second at least.
type rate struct {
	mu     sync.Mutex
	at     time.Time
	count  uint64
	perSec float64
}

func (r *rate) update(now time.Time, count uint64) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if elapsed := now.Sub(r.at); elapsed >= time.Second {
		if !r.at.IsZero() && count >= r.count {
			r.perSec = float64(count-r.count) / elapsed.Seconds()
		}
		r.at, r.count = now, count
	}
	return r.perSec
}

func (r *rate) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at, r.count, r.perSec = time.Time{}, 0, 0
}

// latency is how long reads and writes have taken since it was last asked for,
// over latencyWindow at least.
type latency struct {
	mu       sync.Mutex
	at       time.Time
	seen     metrics.Latencies
	p50, p99 time.Duration
}

// latencyWindow is a little less than a second: who asks every second is told of
// that second.
const latencyWindow = 900 * time.Millisecond

func (l *latency) update(now time.Time, total metrics.Latencies) (p50, p99 time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.at) >= latencyWindow {
		recent := total.Since(l.seen)
		l.p50, l.p99 = recent.Quantile(0.5), recent.Quantile(0.99)
		l.at, l.seen = now, total
	}
	return l.p50, l.p99
}

// maxErrorCodes bounds the series of errors: codes are ours, but one day
// scripts may make up their own.
const maxErrorCodes = 128

type errorStats struct {
	mu     sync.Mutex
	total  uint64
	byCode map[string]*errorStat
}

type errorStat struct {
	count  uint64
	metric interface{ Inc() }
}

// add counts an error reply, which begins with '-'.
func (e *errorStats) add(m *metrics.Server, reply []byte) {
	code := reply[1:]
	if i := bytes.IndexAny(code, " \r\n"); i >= 0 {
		code = code[:i]
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.total++
	st := e.byCode[string(code)]
	if st == nil {
		if len(e.byCode) >= maxErrorCodes {
			return
		}
		st = &errorStat{metric: m.Errors(string(code))}
		e.byCode[string(code)] = st
	}
	st.count++
	st.metric.Inc()
}

func (e *errorStats) reset() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.total = 0
	clear(e.byCode)
}

// counters are the statistics of one command.
type counters struct {
	calls, nanos, rejected, failed atomic.Uint64
	metric                         *metrics.Command
	class                          string
}

func (c *counters) reset() {
	for _, n := range []*atomic.Uint64{&c.calls, &c.nanos, &c.rejected, &c.failed} {
		n.Store(0)
	}
}

func classLabel(c fsm.Class) string {
	switch c {
	case fsm.Read:
		return metrics.ClassRead
	case fsm.Write:
		return metrics.ClassWrite
	}
	return metrics.ClassAdmin
}

// account counts the commands of one batch, which were answered together after
// elapsed. Each is charged its share of the time; its latency is all of it. A
// nil command was rejected: only its error counts.
func (s *stats) account(commands []*command, replies []byte, elapsed time.Duration) {
	share := elapsed / time.Duration(max(len(commands), 1))
	for i := 0; i < len(commands); {
		cmd, run, failed := commands[i], 0, 0
		for ; i < len(commands) && commands[i] == cmd; i++ {
			if len(replies) > 0 && replies[0] == '-' {
				s.errors.add(s.metrics, replies)
				failed++
			}
			replies = replies[replyLen(replies):]
			run++
		}
		if cmd != nil {
			cmd.account(s, run, failed, share, elapsed)
		}
	}
}

// account counts run calls of one command.
func (c *command) account(s *stats, run, failed int, share, elapsed time.Duration) {
	s.commands.Add(uint64(run))
	for range run {
		s.metrics.Observe(c.class, elapsed.Seconds())
	}
	c.calls.Add(uint64(run))
	c.nanos.Add(uint64(run) * uint64(share))
	c.metric.Calls.Add(float64(run))
	c.metric.Seconds.Add(float64(run) * share.Seconds())
	if failed > 0 {
		c.failed.Add(uint64(failed))
		c.metric.Failed.Add(float64(failed))
	}
}

// replyLen is the length of the first reply in b, which holds whole replies;
// 0 when b is empty.
func replyLen(b []byte) int {
	at := 0
	for open := 1; open > 0 && at < len(b); open-- {
		end := bytes.IndexByte(b[at:], '\n')
		if end < 0 {
			return len(b)
		}
		line := b[at : at+end+1]
		at += end + 1
		switch line[0] {
		case '$', '=', '!':
			if n := lineNumber(line); n >= 0 {
				at += n + 2
			}
		case '*', '~', '>':
			open += max(lineNumber(line), 0)
		case '%', '|':
			open += 2 * max(lineNumber(line), 0)
			if line[0] == '|' {
				open++ // the reply that the attribute describes
			}
		}
	}
	return min(at, len(b))
}

// lineNumber reads the number of a head such as "*3\r\n"; -1 for a null.
func lineNumber(line []byte) int {
	const most = 1 << 40 // no reply is longer
	n := 0
	for _, c := range line[1:] {
		if c < '0' || c > '9' {
			if c == '-' {
				return -1
			}
			break
		}
		n = min(n*10+int(c-'0'), most)
	}
	return n
}
