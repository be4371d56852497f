// Package demo is a guided tour of a cluster of real processes: it tells a story in
// steps, makes happen what it tells, and shows what comes of it.
//
//	story.go    the steps: what they say, and which act belongs to each
//	acts.go     the acts: a leader dies, the network splits, … and what was measured
//	members.go  more acts: a node joins, the leader leaves
//	stage.go    the cluster, its clients and what is known of both
//	load.go     the clients that write all the time, and their ledger
//	proof.go    is everything that was acknowledged there, on every node?
//	frame.go    one screen of it; table.go has the rows of the nodes
//	program.go  the terminal program: keys, and the screen several times a second
//	keys.go     what the keys do to the selected node
//	play.go     the same story as plain text, without a terminal and without keys
//
// # Nothing is staged
//
// The nodes are processes of the same binary with a disk each; they die by SIGKILL
// and are cut off by devcluster's links. Every figure is measured while it is told.
// A step that finds something else than it tells says so and ends with an error.
//
// # Writes
//
// One client for each node writes to it, from when the node can until it leaves, one
// key after the other, never twice the same, and never repeats a write. A write is
// acknowledged, or refused with an error that promises that it was not executed, or
// its outcome is unknown. The proof looks at all of them: the first are there, the
// second are not, the third may be.
//
// # Who owns what
//
// Acts and keys change the cluster one after the other, never two at a time: a
// devcluster.Node belongs to one goroutine. Stage and Load may be read from any.
// Close ends all processes and removes all files, and every way out leads there but
// a SIGKILL to this process: then the kernel ends the nodes, and the files stay.
package demo
