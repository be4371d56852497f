package fsm

// redoubtCommand groups what Redis has no command for: the cluster and its
// nodes. Their Since is a release of redoubt.
func redoubtCommand() *Spec {
	return &Spec{
		Name: "redoubt", Arity: -2, Since: "redoubt 0.1.0", Complexity: "Depends on the subcommand",
		Summary: "Groups the commands on the cluster and its nodes that Redis does not have.",
		Subcommands: []*Spec{
			{
				Name: "status", Arity: 2, Flags: FlagAdmin | FlagLoading | FlagStale,
				Since: "redoubt 0.1.0", Complexity: "O(N), N being the number of members",
				Tips:    []string{"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"},
				Summary: "Returns what the node knows of itself and of the members, as JSON; /status has the same.",
			},
			{
				Name: "member", Arity: -3, Flags: FlagAdmin | FlagLoading | FlagStale | FlagNoMulti,
				Since: "redoubt 0.1.0", Complexity: "O(N), N being the number of members",
				Syntax:  "<LIST | ADD id address [LEARNER] | REMOVE id [FORCE] | REPLACE old-id id address | PROMOTE id | DEMOTE id | ADDRESS id address>",
				Tips:    []string{"nondeterministic_output", "request_policy:special", "response_policy:special"},
				Summary: "Lists the members, or has the leader change them: any node takes it. A new member becomes a voter by itself when it has caught up.",
			},
			{
				Name: "transfer", Arity: -2, Flags: FlagAdmin | FlagLoading | FlagStale | FlagNoMulti,
				Since: "redoubt 0.1.0", Complexity: "O(1)", Syntax: "[node-id]",
				Tips:    []string{"request_policy:special", "response_policy:special"},
				Summary: "Has the leader, wherever it is, hand over to a voter, the one most up to date unless it is named, and waits for it.",
			},
			helpCommand("redoubt 0.1.0"),
		},
	}
}
