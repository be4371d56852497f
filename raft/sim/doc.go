// Package sim runs whole clusters in one goroutine: the replicas, logs,
// keyspaces and client sessions of production, with a clock, a network and disks
// that do what a seed tells them. The same seed gives the same run, to the bit.
//
// What is real: raft.Core, replica.Machine and replica.Applier, the log and the
// snapshot files of package wal, package fsm, and the connections of
// resp/server with their parser, sessions, MULTI and WATCH. What is stood in
// for: the loops around them (node.go), the network between nodes (network.go),
// the sockets of clients (session.go), and the file system (disk.go), which
// knows sector by sector and name by name what a power cut would leave.
//
// A seed is first turned into a Plan: how many nodes, which settings, which
// clients, which faults and when. About half of all kinds of faults are absent
// from a plan, so that they do not hide each other. The plan is then carried out
// by a World; while it runs the oracles (oracle*.go) look at every step:
//
//	election safety       one leader in a term
//	leader append-only    a leader never overrides its own entries
//	durable promises      no term, vote or acknowledgement leaves before it is
//	                      on the disk
//	durable commits       what is committed is on the disks of a majority
//	exact recovery        a restart finds what was written, no more and no less
//	state machine safety  all replicas apply the same entries in order; one history
//	                      is behind every (index, term), and a new leader has all
//	                      that is committed
//	model                 with the outcome that package model has
//	linearizable          every answer fits one order that respects time
//	session               what is executed fits what the client has said: its
//	                      database, its transaction, its watches
//	honest outcomes       refused is never executed, nothing is executed twice
//	changes of members    nor are operators told what is not so
//	liveness              after healing there is a leader, and all become equal
//
// At the end of the plan everything is healed; then the cluster has to be well
// within a bounded time.
//
// Random choices come from streams of their own per purpose (stream), so that a
// plan from which a fault was removed still behaves alike elsewhere: that is what
// lets Shrink find a small plan that still fails.
package sim
