package main

import "time"

// setting is one row of the table: the flag --name, the environment variable
// REDOUBT_NAME, the key of the configuration file, a line of --help and of
// docs/OPERATIONS.md and a parameter of CONFIG GET are all made from it.
type setting struct {
	name  string
	group string
	def   string // the default, as one would type it
	// shown stands for the default in texts where def alone says too little.
	shown  string
	help   string
	value  func(c *Config) value
	server bool // the server of the clients shows it in CONFIG GET
	live   bool // and CONFIG SET may change it
	secret bool // config show hides it
}

func (s *setting) isSwitch() bool {
	_, ok := s.value(&Config{}).(switchValue)
	return ok
}

func (s *setting) placeholder() string { return s.value(&Config{}).placeholder() }

const (
	groupNode     = "Node"
	groupCluster  = "Cluster"
	groupSecurity = "Security"
	groupSafety   = "Safety"
	groupTiming   = "Timing"
	groupStorage  = "Storage"
	groupClients  = "Clients"
	groupProcess  = "Process"
)

// maxCommandBytes bounds one command: it has to fit into one log entry, and the
// log takes entries of up to 64 MB.
const maxCommandBytes = 48 << 20

// settings is the table, in the order of the help text.
func settings() []setting {
	var all []setting
	all = append(all, nodeSettings()...)
	all = append(all, safetySettings()...)
	all = append(all, storageSettings()...)
	all = append(all, clientSettings()...)
	return append(all, processSettings()...)
}

func nodeSettings() []setting {
	return []setting{
		{name: "id", group: groupNode, def: "n1",
			help:  "Name of this node, its own for ever: letters, digits, '-', '_' and '.'.",
			value: func(c *Config) value { return stringValue{&c.ID, "NAME"} }},
		{name: "addr", group: groupNode, def: "127.0.0.1:6379", shown: "own address in --cluster, else 127.0.0.1:6379",
			help:  "Where clients connect.",
			value: func(c *Config) value { return stringValue{&c.Addr, "HOST:PORT"} }},
		{name: "peer-addr", group: groupNode, shown: "host of --addr (127.0.0.1 if any, and nothing is announced), bus port in --cluster, else port + 10000",
			help:  "Where the other nodes connect.",
			value: func(c *Config) value { return stringValue{&c.PeerAddr, "HOST:PORT"} }},
		{name: "http-addr", group: groupNode, shown: "host of --addr if it is loopback, else 127.0.0.1; port + 1000",
			help:  "Where the console, the REST door, /metrics, /readyz and the rest of docs/HTTP.md are served; \"\" turns them off.",
			value: func(c *Config) value { return stringValue{&c.HTTPAddr, "HOST:PORT"} }},
		{name: "data-dir", group: groupNode, def: "./redoubt-data",
			help:  "Directory of the log and the snapshots; created when missing, locked while in use.",
			value: func(c *Config) value { return stringValue{&c.DataDir, "DIR"} }},

		{name: "cluster", group: groupCluster, shown: "this node alone",
			help: "All members, the same list on each: ID=HOST:PORT[@[BUSHOST:]BUSPORT],… An empty data directory starts with it; " +
				"afterwards the log knows the members and the list is not looked at.",
			value: func(c *Config) value { return stringValue{&c.Cluster, "LIST"} }},
		{name: "join", group: groupCluster,
			help: "Addresses of members of a running cluster, HOST:PORT,… An empty data directory asks one of them to be added and becomes a voter " +
				"by itself; together with --cluster, only if that does not list --id. Afterwards it is not looked at.",
			value: func(c *Config) value { return stringValue{&c.Join, "LIST"} }},
		{name: "announce", group: groupCluster, shown: "own address in --cluster, else --addr",
			help:  "Address of this node as others reach it, HOST:PORT[@[BUSHOST:]BUSPORT], when it differs from where it listens.",
			value: func(c *Config) value { return stringValue{&c.Announce, "ADDR"} }},
		{name: "cluster-secret", group: groupCluster, secret: true,
			help:  "Shared secret by which the nodes know each other.",
			value: func(c *Config) value { return stringValue{&c.ClusterSecret, "TEXT"} }},
		{name: "cluster-secret-file", group: groupCluster,
			help:  "File that holds the shared secret.",
			value: func(c *Config) value { return stringValue{&c.ClusterSecretFile, "FILE"} }},

		{name: "requirepass", group: groupSecurity, secret: true, server: true, live: true,
			help:  "Password that clients must give with AUTH or HELLO, or to the REST door.",
			value: func(c *Config) value { return stringValue{&c.RequirePass, "PASSWORD"} }},
		{name: "http-token", group: groupSecurity, secret: true,
			help: "Token that allows the actions of the console: hand leadership over, take a snapshot. " +
				"Without one they are possible on a loopback --http-addr only.",
			value: func(c *Config) value { return stringValue{&c.HTTPToken, "TEXT"} }},
		{name: "protected-mode", group: groupSecurity, def: "yes", server: true, live: true,
			help:  "Refuse to listen beyond this machine without --requirepass for clients and HTTP and --cluster-secret for nodes.",
			value: func(c *Config) value { return switchValue{&c.ProtectedMode} }},
	}
}

func safetySettings() []setting {
	return []setting{
		{name: "fsync", group: groupSafety, def: "yes",
			help:  "Force every write to disk before it is answered. With no, a power failure may lose answered writes.",
			value: func(c *Config) value { return switchValue{&c.Fsync} }},
		{name: "reads", group: groupSafety, def: "linearizable",
			help: "linearizable: a read sees every write answered before it began, on any node. " +
				"local: a read is answered from this node's own state, which may be old.",
			value: func(c *Config) value { return choiceValue{&c.Reads, []string{"linearizable", "local"}} }},

		{name: "heartbeat", group: groupTiming, def: "30ms",
			help:  "Time between two heartbeats of an idle leader.",
			value: func(c *Config) value { return durationValue{&c.Heartbeat, 3 * time.Millisecond, 10 * time.Second} }},
		{name: "election-timeout", group: groupTiming, def: "150ms",
			help: "Silence of the leader after which a follower stands for election: between this and twice this, at random. " +
				"Well above the round trip between nodes and the time of an fsync.",
			value: func(c *Config) value {
				return durationValue{&c.ElectionTimeout, 10 * time.Millisecond, 5 * time.Minute}
			}},
		{name: "command-timeout", group: groupTiming, def: "2s",
			help: "A command without an outcome for so long is answered with an error that says whether it may still happen. " +
				"Keep it below the read timeout of the clients (often 3 s): they repeat what they were not answered.",
			value: func(c *Config) value { return durationValue{&c.CommandTimeout, 10 * time.Millisecond, time.Hour} }},
		{name: "shutdown-timeout", group: groupTiming, def: "10s",
			help:  "Longest time between SIGTERM and exit: hand leadership over, answer what is in flight.",
			value: func(c *Config) value { return durationValue{&c.ShutdownTimeout, 0, time.Hour} }},
	}
}

func storageSettings() []setting {
	return []setting{
		{name: "snapshot-bytes", group: groupStorage, def: "64mb",
			help:  "Take a snapshot when the log has grown by so much since the last one.",
			value: func(c *Config) value { return bytesValue{&c.SnapshotBytes, 64 << 10, 0} }},
		{name: "snapshot-interval", group: groupStorage, def: "1h",
			help: "Take a snapshot when the last one is so old and something has been written since; 0s = by size only.",
			value: func(c *Config) value {
				return durationValue{&c.SnapshotInterval, 0, 30 * 24 * time.Hour}
			}},
		{name: "min-free-bytes", group: groupStorage, def: "128mb",
			help:  "Refuse writes, and go on reading, when the disk has less free space than this.",
			value: func(c *Config) value { return bytesValue{&c.MinFreeBytes, 0, 0} }},
		{name: "maxmemory", group: groupStorage, def: "0", server: true, live: true,
			help:  "Refuse writes that may grow the keyspace when it holds more than this; 0 = no limit. Nothing is evicted.",
			value: func(c *Config) value { return bytesValue{&c.MaxMemoryBytes, 0, 0} }},
		{name: "databases", group: groupStorage, def: "16", server: true,
			help:  "Number of databases for SELECT. The same on every node, and for ever.",
			value: func(c *Config) value { return numberValue{&c.Databases, 1, 1024, "N"} }},
	}
}

func clientSettings() []setting {
	return []setting{
		{name: "maxclients", group: groupClients, def: "10000", server: true, live: true,
			help:  "Client connections at the same time; more are refused.",
			value: func(c *Config) value { return numberValue{&c.MaxClients, 1, 1 << 20, "N"} }},
		{name: "timeout", group: groupClients, def: "0", server: true, live: true,
			help:  "Close connections that were idle for so many seconds; 0 = never.",
			value: func(c *Config) value { return numberValue{&c.TimeoutSeconds, 0, 1 << 30, "SECONDS"} }},
		{name: "tcp-keepalive", group: groupClients, def: "300", server: true, live: true,
			help:  "Seconds between TCP keepalive probes; 0 = off.",
			value: func(c *Config) value { return numberValue{&c.TCPKeepaliveSeconds, 0, 1 << 20, "SECONDS"} }},
		{name: "proto-max-bulk-len", group: groupClients, def: "32mb", server: true, live: true,
			help:  "Longest single argument of a command.",
			value: func(c *Config) value { return bytesValue{&c.ProtoMaxBulkBytes, 1 << 10, maxCommandBytes} }},
		{name: "client-query-buffer-limit", group: groupClients, def: "48mb", server: true, live: true,
			help:  "Longest command, all its arguments together; one command has to fit into one entry of the log.",
			value: func(c *Config) value { return bytesValue{&c.QueryBufferBytes, 16 << 10, maxCommandBytes} }},
		{name: "client-output-buffer-limit", group: groupClients, def: "256mb", server: true, live: true,
			help:  "Close a client that leaves more than this many bytes of replies unread; 0 = no limit.",
			value: func(c *Config) value { return outputLimitValue{bytesValue{&c.OutputBufferBytes, 0, 0}} }},
	}
}

func processSettings() []setting {
	return []setting{
		{name: "config", group: groupProcess,
			help:  "File with settings, one \"name value\" a line.",
			value: func(c *Config) value { return stringValue{&c.ConfigFile, "FILE"} }},
		{name: "log-format", group: groupProcess, def: "auto",
			help:  "auto is text on a terminal and json otherwise.",
			value: func(c *Config) value { return choiceValue{&c.LogFormat, []string{"auto", "text", "json"}} }},
		{name: "log-level", group: groupProcess, def: "info",
			help:  "Least level that is logged.",
			value: func(c *Config) value { return choiceValue{&c.LogLevel, []string{"debug", "info", "warn", "error"}} }},
		{name: "pprof", group: groupProcess, def: "no",
			help:  "Serve /debug/pprof/ on --http-addr.",
			value: func(c *Config) value { return switchValue{&c.Pprof} }},
	}
}

func lookupSetting(name string) (*setting, bool) {
	for _, s := range settings() {
		if s.name == name {
			return &s, true
		}
	}
	return nil, false
}
