package fsm

// session are the flags of most commands that concern the connection alone.
const (
	sessionFlags     = FlagNoScript | FlagLoading | FlagStale
	sessionFastFlags = FlagLoading | FlagStale | FlagFast
	preAuthFlags     = sessionFlags | FlagFast | FlagNoAuth | FlagAllowBusy
)

func connectionCommands() []*Spec {
	rows := append(plainConnectionCommands(), clientCommand())
	for _, s := range rows {
		if !s.Container() {
			s.Categories |= CategoryConnection
		}
		for _, sub := range s.Subcommands {
			sub.Categories |= CategoryConnection
		}
	}
	return rows
}

func plainConnectionCommands() []*Spec {
	return []*Spec{
		{
			Name: "auth", Arity: -2, Flags: preAuthFlags,
			Since: "1.0.0", Complexity: "O(1)", Syntax: "[username] password",
			Summary: "Authenticates the connection.",
		},
		{
			Name: "echo", Arity: 2, Flags: sessionFastFlags,
			Since: "1.0.0", Complexity: "O(1)", Syntax: "message",
			Summary: "Returns the given string.",
		},
		{
			Name: "hello", Arity: -1, Flags: preAuthFlags,
			Since: "6.0.0", Complexity: "O(1)", Syntax: "[protover:integer [AUTH username password] [SETNAME clientname]]",
			Summary: "Chooses the protocol version, authenticates, names the connection and describes the server.",
		},
		{
			Name: "ping", Arity: -1, Flags: FlagFast,
			Since: "1.0.0", Complexity: "O(1)", Syntax: "[message]",
			Tips:    []string{"request_policy:all_shards", "response_policy:all_succeeded"},
			Summary: "Returns PONG or the given string.",
		},
		{
			Name: "quit", Arity: -1, Flags: preAuthFlags,
			Since: "1.0.0", Complexity: "O(1)",
			Summary: "Closes the connection.",
		},
		{
			Name: "reset", Arity: 1, Flags: preAuthFlags,
			Since: "6.2.0", Complexity: "O(1)",
			Summary: "Returns the connection to the state in which it was opened.",
		},
		{
			Name: "select", Arity: 2, Flags: sessionFastFlags,
			Since: "1.0.0", Complexity: "O(1)", Syntax: "index:integer",
			Summary: "Chooses the database of the connection.",
		},
	}
}

func clientCommand() *Spec {
	s := &Spec{
		Name: "client", Arity: -2, Since: "2.4.0", Complexity: "Depends on the subcommand",
		Summary: "Groups the commands on connections.",
	}
	s.Subcommands = append(clientSelfCommands(), clientAdminCommands()...)
	s.Subcommands = append(s.Subcommands, clientTrackingCommands()...)
	s.Subcommands = append(s.Subcommands, helpCommand("5.0.0"))
	return s
}

// clientSelfCommands concern the connection that sends them.
func clientSelfCommands() []*Spec {
	return []*Spec{
		{
			Name: "getname", Arity: 2, Flags: sessionFlags,
			Since: "2.6.9", Complexity: "O(1)",
			Summary: "Returns the name of the connection.",
		},
		{
			Name: "id", Arity: 2, Flags: sessionFlags,
			Since: "5.0.0", Complexity: "O(1)",
			Summary: "Returns the id of the connection.",
		},
		{
			Name: "info", Arity: 2, Flags: sessionFlags,
			Since: "6.2.0", Complexity: "O(1)",
			Tips:    []string{"nondeterministic_output"},
			Summary: "Describes the connection.",
		},
		{
			Name: "no-evict", Arity: 3, Flags: sessionFlags | FlagAdmin,
			Since: "7.0.0", Complexity: "O(1)", Syntax: "<ON | OFF>",
			Summary: "Exempts the connection from being closed to save memory.",
		},
		{
			Name: "no-touch", Arity: 3, Flags: sessionFlags,
			Since: "7.2.0", Complexity: "O(1)", Syntax: "<ON | OFF>",
			Summary:     "Exempts the connection's commands from changing access times.",
			Differences: "Access times are not kept, so it has no effect.",
		},
		{
			Name: "reply", Arity: 3, Flags: sessionFlags,
			Since: "3.2.0", Complexity: "O(1)", Syntax: "<ON | OFF | SKIP>",
			Summary: "Turns replies on or off.",
		},
		{
			Name: "setinfo", Arity: 4, Flags: sessionFlags,
			Since: "7.2.0", Complexity: "O(1)", Syntax: "<LIB-NAME libname | LIB-VER libver>",
			Summary: "Records the name or version of the client library.",
		},
		{
			Name: "setname", Arity: 3, Flags: sessionFlags,
			Since: "2.6.9", Complexity: "O(1)", Syntax: "connection-name",
			Summary: "Names the connection.",
		},
	}
}

// clientAdminCommands concern other connections of the same node.
func clientAdminCommands() []*Spec {
	const ofThisNode = "Concerns the connections of the node that is asked."
	return []*Spec{
		{
			Name: "kill", Arity: -3, Flags: sessionFlags | FlagAdmin,
			Since: "2.4.0", Complexity: "O(N), N being the number of connections",
			Syntax:      "<ip:port | <[ID client-id:integer] | [TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB>] | [USER username] | [ADDR ip:port] | [LADDR ip:port] | [SKIPME yes/no]> ...>",
			Summary:     "Closes connections.",
			Differences: ofThisNode,
		},
		{
			Name: "list", Arity: -2, Flags: sessionFlags | FlagAdmin,
			Since: "2.4.0", Complexity: "O(N), N being the number of connections",
			Syntax:      "[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID <client-id:integer ...>]",
			Tips:        []string{"nondeterministic_output"},
			Summary:     "Describes connections.",
			Differences: ofThisNode,
		},
		{
			Name: "pause", Arity: -3, Flags: sessionFlags | FlagAdmin,
			Since: "2.9.50", Complexity: "O(1)", Syntax: "timeout:integer [WRITE | ALL]",
			Summary:     "Holds back the commands of clients for some time.",
			Differences: ofThisNode,
		},
		{
			Name: "unblock", Arity: -3, Flags: sessionFlags | FlagAdmin,
			Since: "5.0.0", Complexity: "O(1)", Syntax: "client-id:integer [TIMEOUT | ERROR]",
			Summary:     "Ends the wait of a connection in a blocking command.",
			Differences: ofThisNode,
		},
		{
			Name: "unpause", Arity: 2, Flags: sessionFlags | FlagAdmin,
			Since: "6.2.0", Complexity: "O(N), N being the number of paused connections",
			Summary:     "Lets paused clients go on.",
			Differences: ofThisNode,
		},
	}
}

// clientTrackingCommands serve client-side caching.
func clientTrackingCommands() []*Spec {
	return []*Spec{
		{
			Name: "caching", Arity: 3, Flags: sessionFlags,
			Since: "6.0.0", Complexity: "O(1)", Syntax: "<YES | NO>",
			Summary: "Says whether the keys of the next command are tracked.",
		},
		{
			Name: "getredir", Arity: 2, Flags: sessionFlags,
			Since: "6.0.0", Complexity: "O(1)",
			Summary: "Returns the id of the connection that gets this one's invalidations.",
		},
		{
			Name: "tracking", Arity: -3, Flags: sessionFlags,
			Since: "6.0.0", Complexity: "O(1), O(N) with N prefixes",
			Syntax:  "<ON | OFF> [REDIRECT client-id:integer] [PREFIX prefix ...] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]",
			Summary: "Turns the tracking of keys for client-side caching on or off.",
		},
		{
			Name: "trackinginfo", Arity: 2, Flags: sessionFlags,
			Since: "6.2.0", Complexity: "O(1)",
			Summary: "Describes the tracking of the connection.",
		},
	}
}
