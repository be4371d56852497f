package demo

import (
	"context"
	"fmt"
	"net"
	"strings"
)

// Step is a part of the story. Its acts happen one after the other.
type Step struct {
	Title string
	Acts  []Act
	After string // what else there is to say
}

// Act is something that happens when the user wants it to.
type Act struct {
	Text   string // what will happen, what to look at, and why
	Button string // what Enter does
	// do makes it happen and says what was measured. It ends with ctx.
	do func(s *Stage, ctx context.Context) (result string, err error)
}

// Story is the tour. Its last act can be repeated.
func (s *Stage) Story() []Step {
	nodes := s.Cluster.Nodes
	n := len(nodes)
	minority := (n - 1) / 2
	return []Step{
		{"Any node will do", []Act{
			{fmt.Sprintf("%s processes hold one keyspace. One leads and puts the writes in order, the others follow. "+
				"You may talk to any of them, with any Redis client. In another terminal you could type:\n%s",
				inWords(n), strings.Join(s.commands(), "\n")),
				"do it here", (*Stage).useAnyNode},
		}, "In the table, term counts the elections; first and last are the ends of a node's log; commit is what a majority has on disk, " +
			"applied what the keyspace of the node has seen, lag what is missing there. Below it, the writes of one client for each node, and their curve."},
		{"The leader dies", []Act{
			{"Every write passes through the leader. Now its process is killed with SIGKILL: it can save nothing and say nothing. " +
				"Watch the roles and the curve of the writes while the others elect one of them in a new term.",
				"kill the leader", (*Stage).killLeader},
			{"The dead node still has its disk. Started again, it finds a newer term, follows the new leader, and takes from it what it has missed.",
				"start it again", (*Stage).revive},
		}, ""},
		{"A follower misses a lot", []Act{
			{fmt.Sprintf("A write needs a majority, %d of %d, so one dead follower costs nobody anything. "+
				"One is killed now, and many clients more than usual write while it is away.", n/2+1, n),
				"kill a follower, write a lot", (*Stage).killFollower},
			{"Watch its lag: the committed entries that it has still to apply. It shrinks to nothing while the clients go on writing.",
				"start it again", (*Stage).catchUp},
		}, ""},
		{"The network splits", []Act{
			{fmt.Sprintf("The leader%s is cut off from the other %d nodes: nothing arrives any more, and nothing breaks. "+
				"That takes longer to notice than a death. That side must refuse, for the other one may decide without it; the majority elects a leader and goes on.", alsoCut(minority), n-minority),
				"split the network", (*Stage).split},
			{"When the two sides can hear each other again, the old leader meets a higher term and follows. What the majority wrote is then on every node.",
				"heal the network", (*Stage).reunite},
		}, ""},
		{"A log that does not grow for ever", []Act{
			{"A snapshot holds the whole keyspace, so the log before it can go. A follower is killed, and the others are told BGSAVE. " +
				"Watch the column \"first\": the oldest entry that a node still has.",
				"kill a follower, BGSAVE on the others", (*Stage).compact},
			{"Entries that the dead node lacks are nowhere any more. Started again, it is sent the leader's snapshot, and what came after it.",
				"start it again", (*Stage).install},
		}, ""},
		{"Nodes come and go", []Act{
			{"A new process is started with an empty disk and, after --join, the addresses of the others, which have not heard of it. " +
				"It comes as a learner without a vote and takes over the data. When it has caught up it gets a vote, all by itself. That is soon done: the events below tell how.",
				"have one more join", (*Stage).grow},
			{"Now the node that leads shall leave for good: one command, to any node. Its client goes first. The others write on, and no request of theirs may fail.",
				"remove the leader", (*Stage).removeLeader},
		}, "So machines are replaced while everybody works. The name of the node that has left is never used again."},
		{"The proof", []Act{
			{"The clients rest. Every write that any of them made is looked for through every node: what was acknowledged must be there, what was refused must not. " +
				"And a hash of the whole state must be the same everywhere.",
				"prove it", (*Stage).prove},
		}, ""},
	}
}

// commands are what one could type, each with the node that it goes to.
func (s *Stage) commands() []string {
	nodes := s.Cluster.Nodes
	first, second, last := nodes[0], nodes[1], nodes[len(nodes)-1]
	var lines []string
	for _, c := range []struct{ node, addr, command string }{
		{first.ID, first.Addr, "set greeting hello"},
		{last.ID, last.Addr, "get greeting"},
		{second.ID, second.Addr, "incr visits"},
	} {
		_, port, _ := net.SplitHostPort(c.addr)
		lines = append(lines, fmt.Sprintf("  %-40s %s", fmt.Sprintf("redis-cli -p %s %s", port, c.command), "through "+c.node))
	}
	return lines
}

func alsoCut(minority int) string {
	switch minority {
	case 1:
		return ""
	case 2:
		return ", together with one follower,"
	}
	return fmt.Sprintf(", together with %d followers,", minority-1)
}

// farewell is said when the story is over.
const farewell = "The cluster is yours now: kill nodes, cut them off, freeze them, while the clients write. Enter puts everything in order and proves it again."

func inWords(n int) string {
	words := []string{"No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"}
	if n < len(words) {
		return words[n]
	}
	return fmt.Sprint(n)
}
