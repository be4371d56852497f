package metrics

import "github.com/prometheus/client_golang/prometheus"

// Values of the reason label of redoubt_rejected_connections_total.
const (
	RejectedMaxClients = "max_clients" // the limit of --maxclients was reached
	RejectedAuth       = "auth"        // refused by protected mode
)

// Values of the class label of redoubt_command_latency_seconds.
const (
	ClassRead  = "read"
	ClassWrite = "write"
	ClassAdmin = "admin"
)

// Server counts what the RESP front end does. All its methods may be called
// from any goroutine.
type Server struct {
	ConnectionsReceived prometheus.Counter
	NetInputBytes       prometheus.Counter
	NetOutputBytes      prometheus.Counter

	rejected           *prometheus.CounterVec
	calls              *prometheus.CounterVec
	seconds            *prometheus.CounterVec
	failed             *prometheus.CounterVec
	errors             *prometheus.CounterVec
	read, write, admin prometheus.Observer
}

func newServer(b *builder) *Server {
	s := &Server{
		ConnectionsReceived: b.counter("redoubt_connections_received_total", "Accepted client connections."),
		rejected: b.counterVec("redoubt_rejected_connections_total", "Refused client connections.",
			"reason", RejectedMaxClients, RejectedAuth),
		calls:   b.counterVec("redoubt_commands_total", "Commands executed, by command.", "cmd"),
		seconds: b.counterVec("redoubt_commands_duration_seconds_total", "Time spent serving commands, by command.", "cmd"),
		failed:  b.counterVec("redoubt_commands_failed_total", "Commands that replied with an error, by command.", "cmd"),
		errors:  b.counterVec("redoubt_errors_total", "Error replies by RESP error code.", "code"),
	}
	latency := b.histogramVec("redoubt_command_latency_seconds", "Server-side latency from parsed command to reply queued.",
		fastSeconds(), "class", ClassRead, ClassWrite, ClassAdmin)
	s.read = latency.WithLabelValues(ClassRead)
	s.write = latency.WithLabelValues(ClassWrite)
	s.admin = latency.WithLabelValues(ClassAdmin)
	s.NetInputBytes = b.counter("redoubt_net_input_bytes_total", "Bytes read from clients.")
	s.NetOutputBytes = b.counter("redoubt_net_output_bytes_total", "Bytes written to clients.")
	return s
}

// Command is the counters of one command.
type Command struct {
	Calls   prometheus.Counter
	Seconds prometheus.Counter
	Failed  prometheus.Counter // replies that are errors; part of Calls
}

// Command returns the counters of the command of that name, in lower case and
// out of the command table, never as a client sent it. It looks three series
// up: callers keep the result.
func (s *Server) Command(name string) *Command {
	return &Command{
		Calls:   s.calls.WithLabelValues(name),
		Seconds: s.seconds.WithLabelValues(name),
		Failed:  s.failed.WithLabelValues(name),
	}
}

// Observe notes the latency of one command of ClassRead, ClassWrite or, any
// other word, ClassAdmin.
func (s *Server) Observe(class string, seconds float64) {
	switch class {
	case ClassRead:
		s.read.Observe(seconds)
	case ClassWrite:
		s.write.Observe(seconds)
	default:
		s.admin.Observe(seconds)
	}
}

// Errors returns the counter of error replies that begin with code.
func (s *Server) Errors(code string) prometheus.Counter { return s.errors.WithLabelValues(code) }

// RejectedConnections returns the counter of one reason to refuse a connection.
func (s *Server) RejectedConnections(reason string) prometheus.Counter {
	return s.rejected.WithLabelValues(reason)
}
