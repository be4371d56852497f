package fsm

// Tips that several rows share.
var (
	allShardsSum       = []string{"request_policy:all_shards", "response_policy:agg_sum"}
	allShardsSucceeded = []string{"request_policy:all_shards", "response_policy:all_succeeded"}
	allNodesSucceeded  = []string{"request_policy:all_nodes", "response_policy:all_succeeded"}
)

func transactionCommands() []*Spec {
	rows := []*Spec{
		{
			Name: "discard", Arity: 1, Flags: sessionFlags | FlagFast | FlagAllowBusy,
			Since: "2.0.0", Complexity: "O(N), N being the number of queued commands",
			Summary: "Drops the commands queued since MULTI.",
		},
		{
			Name: "exec", Arity: 1, Flags: sessionFlags | FlagSkipSlowlog,
			Since: "1.2.0", Complexity: "That of the queued commands",
			Summary: "Executes the commands queued since MULTI, unless a watched key has changed.",
		},
		{
			Name: "multi", Arity: 1, Flags: sessionFlags | FlagFast | FlagAllowBusy,
			Since: "1.2.0", Complexity: "O(1)",
			Summary: "Starts a transaction: commands are queued until EXEC.",
		},
		{
			Name: "unwatch", Arity: 1, Flags: sessionFlags | FlagFast | FlagAllowBusy,
			Since: "2.2.0", Complexity: "O(1)",
			Summary: "Forgets all watched keys.",
		},
		{
			Name: "watch", Arity: -2, Flags: sessionFlags | FlagFast | FlagAllowBusy, KeySpecs: keysEvery(1, "RO"), run: watch,
			Since: "2.2.0", Complexity: "O(N), N being the number of keys", Syntax: "key ...",
			Summary: "Makes the next EXEC depend on that the keys do not change.",
		},
	}
	for _, s := range rows {
		s.Categories |= CategoryTransaction
	}
	return rows
}

// serverCommands are those of Redis's server group that act on the keyspace.
func serverCommands() []*Spec {
	return []*Spec{
		{
			Name: "dbsize", Arity: 1, Flags: fastRead, Categories: CategoryKeyspace, run: dbSize,
			Since: "1.0.0", Complexity: "O(1)", Tips: allShardsSum,
			Summary: "Counts the keys of the database.",
		},
		{
			Name: "flushall", Arity: -1, Flags: FlagWrite, Categories: CategoryKeyspace | CategoryDangerous, run: flushAll,
			Since: "1.0.0", Complexity: "O(N), N being the number of keys in all databases", Syntax: "[ASYNC | SYNC]",
			Tips: allShardsSucceeded, Summary: "Deletes all keys of all databases.",
		},
		{
			Name: "flushdb", Arity: -1, Flags: FlagWrite, Categories: CategoryKeyspace | CategoryDangerous, run: flushDB,
			Since: "1.0.0", Complexity: "O(N), N being the number of keys in the database", Syntax: "[ASYNC | SYNC]",
			Tips: allShardsSucceeded, Summary: "Deletes all keys of the database.",
		},
		{
			Name: "swapdb", Arity: 3, Flags: FlagWrite | FlagFast, Categories: CategoryKeyspace | CategoryDangerous, run: swapDB,
			Since: "4.0.0", Complexity: "O(1)", Syntax: "index1:integer index2:integer",
			Summary: "Exchanges two databases.",
		},
	}
}

// introspectionCommands are those of Redis's server group that concern the
// node.
func introspectionCommands() []*Spec {
	return []*Spec{
		commandCommand(),
		configCommand(),
		latencyCommand(),
		memoryCommand(),
		redoubtCommand(),
		slowlogCommand(),
		{
			Name: "info", Arity: -1, Flags: FlagLoading | FlagStale, Categories: CategoryDangerous,
			Since: "1.0.0", Complexity: "O(1)", Syntax: "[section ...]",
			Tips:        []string{"nondeterministic_output", "request_policy:all_shards", "response_policy:special"},
			Summary:     "Describes the node and its figures.",
			Differences: "Has a Raft section; fields that make no sense here are left out.",
		},
		{
			Name: "bgsave", Arity: -1, Flags: FlagAdmin | FlagNoScript | FlagNoAsyncLoading,
			Since: "1.0.0", Complexity: "O(1)", Syntax: "[SCHEDULE]",
			Summary:     "Starts a snapshot and does not wait for it.",
			Differences: "Writes a snapshot of the node that is asked, not an RDB file; nothing depends on it being done.",
		},
		{
			Name: "lastsave", Arity: 1, Flags: sessionFastFlags, Categories: CategoryAdmin | CategoryDangerous,
			Since: "1.0.0", Complexity: "O(1)",
			Tips:    []string{"nondeterministic_output"},
			Summary: "Returns the Unix time of the last snapshot.",
		},
		{
			Name: "role", Arity: 1, Flags: sessionFlags | FlagFast, Categories: CategoryAdmin | CategoryDangerous,
			Since: "2.8.12", Complexity: "O(1)",
			Summary: "Tells whether the node leads, and whom.",
		},
		{
			Name: "save", Arity: 1, Flags: FlagAdmin | FlagNoScript | FlagNoAsyncLoading | FlagNoMulti,
			Since: "1.0.0", Complexity: "O(N), N being the number of keys in all databases",
			Summary:     "Makes a snapshot and waits for it.",
			Differences: "Writes a snapshot of the node that is asked, not an RDB file. Other connections do not wait.",
		},
		{
			Name: "shutdown", Arity: -1, Flags: sessionFlags | FlagAdmin | FlagNoMulti | FlagAllowBusy,
			Since: "1.0.0", Complexity: "O(1)", Syntax: "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
			Summary:     "Stops the node after handing over leadership.",
			Differences: "Every acknowledged write is stored in any case.",
		},
		{
			Name: "time", Arity: 1, Flags: sessionFastFlags,
			Since: "2.6.0", Complexity: "O(1)",
			Tips:    []string{"nondeterministic_output"},
			Summary: "Returns the time of the node's clock.",
		},
	}
}

func configCommand() *Spec {
	return &Spec{
		Name: "config", Arity: -2, Since: "2.0.0", Complexity: "Depends on the subcommand",
		Summary: "Groups the commands on the node's configuration.",
		Subcommands: []*Spec{
			{
				Name: "get", Arity: -3, Flags: sessionFlags | FlagAdmin,
				Since: "2.0.0", Complexity: "O(N), N being the number of parameters", Syntax: "parameter ...",
				Summary: "Returns the parameters that match glob patterns.",
			},
			{
				Name: "resetstat", Arity: 2, Flags: sessionFlags | FlagAdmin,
				Since: "2.0.0", Complexity: "O(1)",
				Summary: "Sets counters of INFO to zero.",
			},
			{
				Name: "rewrite", Arity: 2, Flags: sessionFlags | FlagAdmin,
				Since: "2.8.0", Complexity: "O(1)",
				Summary: "Writes the configuration in force to the configuration file.",
			},
			{
				Name: "set", Arity: -4, Flags: sessionFlags | FlagAdmin, Tips: allNodesSucceeded,
				Since: "2.0.0", Complexity: "O(N), N being the number of parameters", Syntax: "<parameter value> ...",
				Summary: "Changes parameters of the running node.",
			},
			helpCommand("5.0.0"),
		},
	}
}

func latencyCommand() *Spec {
	tips := []string{"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"}
	return &Spec{
		Name: "latency", Arity: -2, Since: "2.8.13", Complexity: "Depends on the subcommand",
		Summary: "Groups the commands on latencies.",
		Subcommands: []*Spec{
			{
				Name: "histogram", Arity: -2, Flags: sessionFlags | FlagAdmin, Tips: tips,
				Since: "7.0.0", Complexity: "O(N), N being the number of commands", Syntax: "[command ...]",
				Summary: "Returns the distribution of the latencies of commands.",
			},
			{
				Name: "latest", Arity: 2, Flags: sessionFlags | FlagAdmin, Tips: tips,
				Since: "2.8.13", Complexity: "O(1)",
				Summary: "Returns the newest latency of each kind of event.",
			},
			{
				Name: "reset", Arity: -2, Flags: sessionFlags | FlagAdmin, Tips: allNodesSucceeded,
				Since: "2.8.13", Complexity: "O(1)", Syntax: "[event ...]",
				Summary: "Forgets the recorded latencies.",
			},
			helpCommand("2.8.13"),
		},
	}
}

func memoryCommand() *Spec {
	return &Spec{
		Name: "memory", Arity: -2, Since: "4.0.0", Complexity: "Depends on the subcommand",
		Summary: "Groups the commands on memory.",
		Subcommands: []*Spec{
			{
				Name: "usage", Arity: -3, Flags: FlagReadonly, KeySpecs: keyAt(2, "RO"), run: memoryUsage,
				Since: "4.0.0", Complexity: "O(1)", Syntax: "key [SAMPLES count:integer]",
				Summary:     "Estimates the memory that a key takes in bytes.",
				Differences: "Another estimate than Redis's; nothing is sampled.",
			},
			helpCommand("4.0.0"),
		},
	}
}

func slowlogCommand() *Spec {
	const flags = FlagAdmin | FlagLoading | FlagStale
	return &Spec{
		Name: "slowlog", Arity: -2, Since: "2.2.12", Complexity: "Depends on the subcommand",
		Summary: "Groups the commands on the log of slow commands.",
		Subcommands: []*Spec{
			{
				Name: "get", Arity: -2, Flags: flags,
				Since: "2.2.12", Complexity: "O(N), N being the number of entries", Syntax: "[count:integer]",
				Tips:    []string{"request_policy:all_nodes", "nondeterministic_output"},
				Summary: "Returns the newest slow commands.",
			},
			{
				Name: "len", Arity: 2, Flags: flags,
				Since: "2.2.12", Complexity: "O(1)",
				Tips:    []string{"request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"},
				Summary: "Counts the recorded slow commands.",
			},
			{
				Name: "reset", Arity: 2, Flags: flags, Tips: allNodesSucceeded,
				Since: "2.2.12", Complexity: "O(N), N being the number of entries",
				Summary: "Forgets the recorded slow commands.",
			},
			helpCommand("6.2.0"),
		},
	}
}

func commandCommand() *Spec {
	const flags = FlagLoading | FlagStale
	order := []string{"nondeterministic_output_order"}
	s := &Spec{
		Name: "command", Arity: -1, Flags: flags, Tips: order,
		Since: "2.8.13", Complexity: "O(N), N being the number of commands",
		Summary: "Describes all commands for clients.",
		Subcommands: []*Spec{
			{
				Name: "count", Arity: 2, Flags: flags, Since: "2.8.13", Complexity: "O(1)",
				Summary: "Counts the commands.",
			},
			{
				Name: "docs", Arity: -2, Flags: flags, Tips: order, Syntax: "[command-name ...]",
				Since: "7.0.0", Complexity: "O(N), N being the number of commands asked for",
				Summary: "Describes commands for people.",
			},
			{
				Name: "getkeys", Arity: -4, Flags: flags, Since: "2.8.13", Syntax: "command arg ...",
				Complexity: "O(N), N being the number of arguments",
				Summary:    "Finds the keys in a command.",
			},
			{
				Name: "getkeysandflags", Arity: -4, Flags: flags, Since: "7.0.0", Syntax: "command arg ...",
				Complexity: "O(N), N being the number of arguments",
				Summary:    "Finds the keys in a command and what it does with them.",
			},
			{
				Name: "info", Arity: -2, Flags: flags, Tips: order, Syntax: "[command-name ...]",
				Since: "2.8.13", Complexity: "O(N), N being the number of commands asked for",
				Summary: "Describes commands for clients.",
			},
			{
				Name: "list", Arity: -2, Flags: flags, Tips: order,
				Since: "7.0.0", Complexity: "O(N), N being the number of commands",
				Syntax:  "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern:pattern>]",
				Summary: "Lists the names of commands.",
			},
			helpCommand("5.0.0"),
		},
	}
	s.Categories = CategoryConnection
	for _, sub := range s.Subcommands {
		sub.Categories = CategoryConnection
	}
	return s
}

// clusterCommands are accepted so that cluster clients can say them; every
// read is linearizable on every node anyway.
func clusterCommands() []*Spec {
	const atAnyNode = "Has no effect: every node serves linearizable reads."
	return []*Spec{
		{
			Name: "readonly", Arity: 1, Flags: sessionFastFlags, Categories: CategoryConnection,
			Since: "3.0.0", Complexity: "O(1)",
			Summary: "Allows reads from a node that does not lead.", Differences: atAnyNode,
		},
		{
			Name: "readwrite", Arity: 1, Flags: sessionFastFlags, Categories: CategoryConnection,
			Since: "3.0.0", Complexity: "O(1)",
			Summary: "Takes READONLY back.", Differences: atAnyNode,
		},
	}
}
