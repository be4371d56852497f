package fsm

import "slices"

func genericCommands() []*Spec {
	rows := slices.Concat(keyCommands(), keyspaceCommands(), expiryWrites(), expiryReads(), objectCommands())
	for _, s := range rows {
		if !s.Container() {
			s.Categories |= CategoryKeyspace
		}
		for _, sub := range s.Subcommands {
			sub.Categories |= CategoryKeyspace
		}
	}
	return append(rows, waitCommands()...)
}

var sumOverShards = []string{"request_policy:multi_shard", "response_policy:agg_sum"}

func keyCommands() []*Spec {
	return []*Spec{
		{
			Name: "copy", Arity: -3, Flags: FlagWrite | FlagDenyOOM, run: copyKey,
			KeySpecs: slices.Concat(keyAt(1, "RO access"), keyAt(2, "OW update")),
			Since:    "6.2.0", Complexity: "O(1) for strings", Syntax: "source:key destination:key [DB destination-db:integer] [REPLACE]",
			Summary: "Copies a key with its expiration.",
		},
		{
			Name: "del", Arity: -2, Flags: FlagWrite, KeySpecs: keysEvery(1, "RM delete"), run: del,
			Since: "1.0.0", Complexity: "O(N), N being the number of keys", Syntax: "key ...",
			Tips:    sumOverShards,
			Summary: "Deletes keys.",
		},
		{
			Name: "exists", Arity: -2, Flags: fastRead, KeySpecs: keysEvery(1, "RO"), run: exists,
			Since: "1.0.0", Complexity: "O(N), N being the number of keys", Syntax: "key ...",
			Tips:    sumOverShards,
			Summary: "Counts how many of the keys exist; a repeated key counts as often.",
		},
		{
			Name: "move", Arity: 3, Flags: FlagWrite | FlagFast, KeySpecs: oneKey("RW access update"), run: move,
			Since: "1.0.0", Complexity: "O(1)", Syntax: "key db:integer",
			Summary: "Moves a key to another database.",
		},
		{
			Name: "rename", Arity: 3, Flags: FlagWrite, run: rename,
			KeySpecs: slices.Concat(keyAt(1, "RW access delete"), keyAt(2, "OW update")),
			Since:    "1.0.0", Complexity: "O(1)", Syntax: "key newkey:key",
			Summary: "Renames a key, replacing one of the new name.",
		},
		{
			Name: "renamenx", Arity: 3, Flags: FlagWrite | FlagFast, run: renameNX,
			KeySpecs: slices.Concat(keyAt(1, "RW access delete"), keyAt(2, "OW insert")),
			Since:    "1.0.0", Complexity: "O(1)", Syntax: "key newkey:key",
			Summary: "Renames a key unless the new name exists.",
		},
		{
			Name: "touch", Arity: -2, Flags: fastRead, KeySpecs: keysEvery(1, "RO"), run: touch,
			Since: "3.2.1", Complexity: "O(N), N being the number of keys", Syntax: "key ...",
			Tips:        sumOverShards,
			Summary:     "Counts how many of the keys exist.",
			Differences: "Access times are not kept, so nothing is altered.",
		},
		{
			Name: "type", Arity: 2, Flags: fastRead, KeySpecs: oneKey("RO"), run: typeOf,
			Since: "1.0.0", Complexity: "O(1)", Syntax: "key",
			Summary: "Names the type of the value at a key.",
		},
		{
			Name: "unlink", Arity: -2, Flags: FlagWrite | FlagFast, KeySpecs: keysEvery(1, "RM delete"), run: unlink,
			Since: "4.0.0", Complexity: "O(N), N being the number of keys", Syntax: "key ...",
			Tips:    sumOverShards,
			Summary: "Deletes keys, like DEL.",
		},
	}
}

func keyspaceCommands() []*Spec {
	return []*Spec{
		{
			Name: "keys", Arity: 2, Flags: FlagReadonly, Categories: CategoryDangerous, run: keys,
			Since: "1.0.0", Complexity: "O(N), N being the number of keys in the database", Syntax: "pattern:pattern",
			Tips:        []string{"request_policy:all_shards", "nondeterministic_output_order"},
			Summary:     "Lists the keys whose names match a glob pattern.",
			Differences: "The order is the same on every node.",
		},
		{
			Name: "randomkey", Arity: 1, Flags: FlagReadonly, run: randomKey,
			Since: "1.0.0", Complexity: "O(1)",
			Tips:    []string{"request_policy:all_shards", "nondeterministic_output"},
			Summary: "Returns the name of a random key of the database.",
		},
		{
			Name: "scan", Arity: -2, Flags: FlagReadonly, run: scan,
			Since: "2.8.0", Complexity: "O(1) for every call, O(N) for a complete iteration, N being the number of keys",
			Syntax:      "cursor:integer [MATCH pattern:pattern] [COUNT count:integer] [TYPE type]",
			Tips:        []string{"nondeterministic_output", "request_policy:special"},
			Summary:     "Iterates over the names of the keys in steps.",
			Differences: "A cursor is valid on every node, also after a change of leader.",
		},
	}
}

const expireSyntax = " [NX | XX | GT | LT]"

func expiryWrites() []*Spec {
	return []*Spec{
		{
			Name: "expire", Arity: -3, Flags: FlagWrite | FlagFast, KeySpecs: oneKey("RW update"), run: expire,
			Since: "1.0.0", Complexity: "O(1)", Syntax: "key seconds:integer" + expireSyntax,
			Summary: "Sets the time to live of a key in seconds.",
		},
		{
			Name: "expireat", Arity: -3, Flags: FlagWrite | FlagFast, KeySpecs: oneKey("RW update"), run: expireAt,
			Since: "1.2.0", Complexity: "O(1)", Syntax: "key unix-time-seconds:unix-time" + expireSyntax,
			Summary: "Sets the Unix time in seconds at which a key expires.",
		},
		{
			Name: "persist", Arity: 2, Flags: FlagWrite | FlagFast, KeySpecs: oneKey("RW update"), run: persist,
			Since: "2.2.0", Complexity: "O(1)", Syntax: "key",
			Summary: "Removes the expiration of a key.",
		},
		{
			Name: "pexpire", Arity: -3, Flags: FlagWrite | FlagFast, KeySpecs: oneKey("RW update"), run: pexpire,
			Since: "2.6.0", Complexity: "O(1)", Syntax: "key milliseconds:integer" + expireSyntax,
			Summary: "Sets the time to live of a key in milliseconds.",
		},
		{
			Name: "pexpireat", Arity: -3, Flags: FlagWrite | FlagFast, KeySpecs: oneKey("RW update"), run: pexpireAt,
			Since: "2.6.0", Complexity: "O(1)", Syntax: "key unix-time-milliseconds:unix-time" + expireSyntax,
			Summary: "Sets the Unix time in milliseconds at which a key expires.",
		},
	}
}

func expiryReads() []*Spec {
	return []*Spec{
		{
			Name: "expiretime", Arity: 2, Flags: fastRead, KeySpecs: oneKey("RO access"), run: expireTime,
			Since: "7.0.0", Complexity: "O(1)", Syntax: "key",
			Summary: "Returns the Unix time in seconds at which a key expires.",
		},
		{
			Name: "pexpiretime", Arity: 2, Flags: fastRead, KeySpecs: oneKey("RO access"), run: pexpireTime,
			Since: "7.0.0", Complexity: "O(1)", Syntax: "key",
			Summary: "Returns the Unix time in milliseconds at which a key expires.",
		},
		{
			Name: "pttl", Arity: 2, Flags: fastRead, KeySpecs: oneKey("RO access"), run: pttl, NeedsClock: true,
			Since: "2.6.0", Complexity: "O(1)", Syntax: "key",
			Tips:    []string{"nondeterministic_output"},
			Summary: "Returns the time to live of a key in milliseconds.",
		},
		{
			Name: "ttl", Arity: 2, Flags: fastRead, KeySpecs: oneKey("RO access"), run: ttl, NeedsClock: true,
			Since: "1.0.0", Complexity: "O(1)", Syntax: "key",
			Tips:    []string{"nondeterministic_output"},
			Summary: "Returns the time to live of a key in seconds.",
		},
	}
}

func objectCommands() []*Spec {
	inspect := func(s Spec) *Spec {
		s.Arity, s.Flags, s.KeySpecs = 3, FlagReadonly, keyAt(2, "RO")
		s.Complexity, s.Syntax, s.Tips = "O(1)", "key", []string{"nondeterministic_output"}
		return &s
	}
	return []*Spec{{
		Name: "object", Arity: -2, Since: "2.2.3", Complexity: "Depends on the subcommand",
		Summary: "Groups the commands that look into the representation of a value.",
		Subcommands: []*Spec{
			inspect(Spec{
				Name: "encoding", run: objectEncoding, Since: "2.2.3",
				Summary:     "Names the encoding that Redis would use for the value at a key.",
				Differences: "redoubt itself stores every string alike.",
			}),
			inspect(Spec{
				Name: "freq", run: objectFreq, Since: "4.0.0",
				Summary:     "Returns the access frequency of a key.",
				Differences: "Access frequencies are not kept: always the error of a server without an LFU policy.",
			}),
			inspect(Spec{
				Name: "idletime", run: objectIdleTime, Since: "2.2.3", NeedsClock: true,
				Summary:     "Returns for how many seconds a key has been idle.",
				Differences: "Counts from the last change: reads leave no trace.",
			}),
			inspect(Spec{
				Name: "refcount", run: objectRefCount, Since: "2.2.3",
				Summary:     "Returns the number of references to the value at a key.",
				Differences: "Nothing is shared: 1, or Redis's mark of a shared object for a small integer.",
			}),
			helpCommand("6.2.0"),
		},
	}}
}

// helpCommand is the row of a container's HELP, which AppendHelp answers.
func helpCommand(since string) *Spec {
	return &Spec{
		Name: "help", Arity: 2, Flags: FlagLoading | FlagStale,
		Since: since, Complexity: "O(1)",
		Summary: "Lists the subcommands.",
	}
}

func waitCommands() []*Spec {
	return []*Spec{
		{
			Name: "wait", Arity: 3, Flags: FlagNoScript, Categories: CategoryConnection,
			Since: "3.0.0", Complexity: "O(1)", Syntax: "numreplicas:integer timeout:integer",
			Tips:        []string{"request_policy:all_shards", "response_policy:agg_min"},
			Summary:     "Waits until the connection's writes are stored on a number of other nodes.",
			Differences: "A write that was answered is on a majority already, so WAIT for a majority returns at once.",
		},
		{
			Name: "waitaof", Arity: 4, Flags: FlagNoScript, Categories: CategoryConnection,
			Since: "7.2.0", Complexity: "O(1)", Syntax: "numlocal:integer numreplicas:integer timeout:integer",
			Tips:        []string{"request_policy:all_shards", "response_policy:agg_min"},
			Summary:     "Waits until the connection's writes are fsynced here and on a number of other nodes.",
			Differences: "A write is fsynced on a majority before it is answered.",
		},
	}
}
