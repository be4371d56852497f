// Package server is the door for clients: it accepts connections, turns what
// they send into batches for the replica, and answers in order.
//
// # One connection
//
// A connection is one goroutine and one [replica.Batch]:
//
//	guard → reader → pipeline of commands → dispatch → batch → Submit → Wait → one write
//
// The next pipeline is read when the last one is answered: what a client can
// have in flight is one batch, bounded in commands and bytes, and the kernel's
// socket buffer is the queue behind it.
//
// # Order
//
//  1. Replies leave in the order of the commands. A command that the
//     connection answers itself takes its place in the batch as a Literal.
//  2. What a session command says or changes must come after the commands
//     before it: such commands are barriers, the batch in hand is executed
//     first (the barrier column of the handlers' table). Those that cannot see
//     a difference (PING, SELECT, MULTI, …) are none.
//  3. A handler never flushes the batch: the literal under construction would
//     lose its memory.
//  4. The commands of a MULTI leave as one Exec with the watched versions and
//     are checked and run within one log entry, so a transaction means the
//     same whichever node leads when it is applied. Session commands inside it
//     are run after the Exec has succeeded, and their replies are put into the
//     places kept for them: a transaction that fails has changed nothing.
//  5. A WATCH whose versions did not come back (there was no leader) makes the
//     next EXEC fail as if a key had changed.
//
// # State
//
// The session (database, protocol, name, MULTI, watches, reply mode) belongs
// to its goroutine. Other goroutines see a copy, refreshed once per pipeline,
// for CLIENT LIST. A connection is ended from outside only by closing its
// socket or, when the server shuts down, by a read deadline in the past: what
// has been read is answered first.
//
// # Limits
//
// Before AUTH a client has ten arguments of 16 KiB, 64 KiB of output, one
// command at a time and ten seconds; unauthenticated connections are counted
// as a whole and per address, wrong passwords per address. See [Values] for
// the others. No limit of a data command is enforced by closing the connection
// in place of a reply, except output that is beyond client-output-buffer-limit or
// that the client does not take in time.
//
// # Differences from Redis
//
// HELLO and CLIENT REPLY are refused inside MULTI. Offsets in INFO and ROLE are
// log indexes, not bytes. CLIENT UNPAUSE and what is allowed before AUTH are obeyed
// during CLIENT PAUSE ALL; a pause ends when the server shuts down, and what it held
// is executed. CLIENT TRACKING is an unknown subcommand, which clients take as "not
// here". There is no slow log and no latency monitor: both answer that they are
// empty.
//
// # Another door
//
// What is no RESP connection, such as the REST door of package web, comes in
// through [Server.Execute] and [Server.Authenticate]: the rules for clients hold
// there too.
package server
