// Package replica runs one member of a cluster: it joins the pure core of
// package raft with the log, the keyspace and the streams to the other members.
//
// # The parts
//
//	machine   the rules: what a batch, a message, a tick, a finished write or an
//	          applied entry leads to. Pure: no clock, no I/O, no goroutine. It
//	          turns events into effects and never waits.
//	Node      four kinds of goroutines around it:
//	  loop      owns the machine. Takes everything that is queued, steps once
//	            for each event, flushes the core once, hands out the effects.
//	            Never blocks, never touches the disk, never runs a command.
//	  logger    owns the log. Takes every queued write, one frame, one fsync.
//	  applier   owns the keyspace. Applies committed entries and serves
//	            confirmed reads, in the order in which the loop hands them over.
//	  snapshot  writes the pieces of a running snapshot to its file.
//
// A slow disk or a slow command therefore never stops heartbeats.
//
// # Order
//
//  1. A message leaves when the write it is gated on is durable (raft.Send).
//  2. An entry is handed to the applier when it is committed and durable here,
//     and once only.
//  3. A read is handed to the applier behind every entry up to its read index.
//  4. A reply is written by the applier alone, or by the loop for batches that
//     the applier will never see.
//  5. A snapshot covers exactly what was handed to the applier before it was
//     asked for; the log is cut only when its file is durable.
//
// # One outcome for each batch
//
// Writes of a batch travel as one log entry. Its origin (a random number of the
// process, a sequence number of the batch) is part of the entry: the node that
// took the batch from its client recognises it when it applies the entry and
// answers, whether it is the leader or has forwarded the entry. No reply ever
// crosses the network.
//
// A proposal is pinned to the term of the leader that it was given to. Terms
// never fall along the log, so once an entry of a later term is applied and ours
// has not been, ours never will be: the batch was surely not executed, and the
// node proposes it anew to the new leader without the client noticing. The
// client hears -UNCERTAIN only when its time is up while that is still open,
// when the state was replaced by a snapshot that may contain the entry, or when
// the node stops.
//
// # Time
//
// The leader stamps its clock into every entry; the keyspace knows no other
// time. An idle leader appends an entry without commands, a tick, when a key
// falls due; a read that would see a key that is due, or whose reply shows a
// time, waits for such a tick first.
package replica
