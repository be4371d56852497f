// Package devcluster runs a cluster of real redoubt processes on this machine:
// for trying things out, for a tour, and for breaking them on purpose.
//
//	c, err := devcluster.New(devcluster.Config{Program: path, Nodes: 3, Links: true})
//	defer c.Close()
//	err = c.Start(ctx)              // all nodes, until each is ready
//	leader, err := c.AwaitLeader(ctx)
//	leader.Kill()                   // SIGKILL, and wait for the end
//	err = leader.Start()            // the same node, with its data
//	err = leader.AwaitReady(ctx)
//	c.Link("n1", "n2").Set(devcluster.LinkState{Stalled: true})
//	c.Heal()
//	n, err := c.Add()               // one more, which joins when it is started
//	err = c.Forget(leader)          // one that has left by REDOUBT MEMBER REMOVE
//
// # Where things are
//
// Everything lies in one directory: DIR/n1 is the data of node n1, DIR/n1.log
// what it printed, over all its starts. Without Config.Dir it is a temporary one,
// which Close removes unless KeepDir was called.
//
// With Config.Port P, clients reach node i at P+i-1, HTTP at 1000 above, the other
// nodes at 10000 above, and, with Links, its proxy at 20000 above; so a directory that is
// kept can be started again, at the same port, which is in DIR/port. All of them have to
// be free. Without a port all are free ones, below the range that the system takes for
// outgoing connections: such a port could be gone when its node starts again.
//
// # Processes
//
// Each node is `Program serve` (or Config.Command) with the flags that make it a
// member, then Config.Args, then Node.Args. Its output goes straight to its file.
// Processes are in groups of their own, so Ctrl-C at a terminal reaches only the
// parent, which decides. Close kills them; on Linux the kernel kills them when the
// parent dies in any other way.
//
// A Node belongs to one goroutine at a time, except for Running, Status and the
// addresses. So does the list of them, which Add and Forget change.
//
// # Members
//
// Add and Forget say which processes there are; who is a member the nodes decide.
// A node that is added starts with --join instead of --cluster. Names count on and
// are never used again. What a forgotten node had goes back: ports, namespace and data;
// its log stays. A directory in which the members have changed cannot be taken up again by New.
//
// # Links
//
// With Links, every node announces the address of a proxy instead of its own: the
// same --cluster list everywhere, as the product demands, and --peer-addr is where the
// proxy delivers. The first frame on a connection between nodes, RAFT.HELLO, names
// who dials, so one proxy for each node knows all the links that lead to it. It
// reads nothing else but the borders of frames. No right of the superuser is needed.
//
// Link(a, b) is all that flows from a to b, whoever dialled:
//
//	Cut      connections that a has dialled break, new ones are refused.
//	         b's own messages to a go on, over the connections that b has dialled.
//	Stalled  nothing arrives, nothing breaks: a half-open connection. What was
//	         sent waits, and arrives after healing, late.
//	Delay    everything arrives so much later, in order.
//	Loss     this share of the messages is dropped, the rest arrives. Handshakes
//	         and snapshots, which have no repetition of their own, are spared.
//
// Lost or late bytes are what TCP makes of a bad network; a proxy cannot reorder
// or duplicate what it carries. The simulator, raft/sim, does.
//
// # Namespaces
//
// With Namespaces, nodes have a network namespace and an address each, on a bridge
// to which this process is connected, and dial each other directly. Links are
// packet filters at the receiver, so it is the kernels' own TCP that meets them:
//
//	Stalled  packets from a to b vanish. What b sends arrives at a, but b never
//	         learns that: both retransmit until they give up.
//	Cut      b answers packets from a with a reset; then it is the same with
//	         connections that b has dialled.
//	Loss     this share of the packets vanishes.
//	Delay    is refused.
//
// Close takes namespaces and bridge away. After a SIGKILL of the parent they stay:
// `ip netns list` and `ip link` show them as redoubt… .
package devcluster
