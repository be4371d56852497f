// Command redoubt is a Redis-protocol-compatible replicated datastore.
//
// main.go dispatches to the subcommands, of which each has a file of its own:
// serve.go runs a node, config_command.go checks and shows its settings,
// version.go names the build. The settings of serve are one table,
// config_table.go; the other config_*.go files read it from flags, environment
// and file, check it and print it.
//
// # Exit codes
//
//	 0  done, or stopped by SIGTERM or SIGINT
//	 1  failed; the last line on standard error says why. Of status and health:
//	    something is wrong with the cluster or the node, and they have printed what.
//	    Of member: the change is not complete, and the last line says how far it is
//	 2  wrong usage: unknown subcommand or setting, or settings that do not go together.
//	    With a stack trace that begins with "panic:" or "fatal error:" it is a crash;
//	    GOTRACEBACK=crash makes that the signal SIGABRT
//	 3  the cluster or the data directory refuses this node, or its state differs from
//	    the leader's; starting it again is useless
//	74  the disk failed: a write or fsync was refused, or what was read is damaged
package main
