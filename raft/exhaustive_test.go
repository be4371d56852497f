package raft

import (
	"flag"
	"testing"
)

// enoughStates is with how many each search must meet what it is for.
const enoughStates = 5_500_000

var statesFlag = flag.Int("states", defaultStates, "how many worlds TestExhaustive visits")

// TestExhaustive tries every order of events in a cluster of three, from several
// beginnings, as far as the number of states allows: messages in any order, more
// than once or never, writes that become durable late, crashes that lose what is
// not durable, timers that run out at any moment, commands, reads, handing over,
// snapshots, lost disks. The promises are checked in every state, and a broken
// one is told with the shortest way to it.
//
//	go test ./raft -run TestExhaustive -v -states 10000000
//	go test ./raft -run TestExhaustive/figure_8 -v
func TestExhaustive(t *testing.T) {
	all := append(roots(), rootsOfChanges()...)
	ran, met := 0, marks(0)
	for _, r := range all {
		t.Run(r.name, func(t *testing.T) {
			ran++
			states := *statesFlag / len(all)
			if testing.Short() {
				states /= 10
			}
			x := newExplorer(&r)
			failure := failureOf(func() { x.search(states) })
			t.Log(x.report())
			if failure != "" {
				t.Fatalf("%s\n%s", failure, x.trace(append(x.script, x.path(x.origin)...)))
			}
			if missing := r.must &^ x.met; missing != 0 && states*len(all) >= enoughStates {
				t.Errorf("not met: %s", missing)
			}
			met |= r.must
			// The search and cores that are never copied agree.
			for i := 0; i < len(x.origins); i += 1 + len(x.origins)/20 {
				x.trace(append(x.script, x.path(x.origins[i])...))
			}
		})
	}
	if missing := (1<<numMarks - 1) &^ met; ran == len(all) && missing != 0 {
		t.Errorf("no search has to meet: %s", missing)
	}
}

// root is where a search begins: three new nodes and a few events.
type root struct {
	name   string
	script func(s *script)
	limits limits
	must   marks // that the search has to meet

	joiners     int            // nodes that know nothing, behind the three
	changes     []MemberChange // that may be asked for
	isNew       bool           // no incarnation is recorded yet
	promptDisks bool           // writes are durable at once, which leaves more depth for the rest
	openTurns   bool           // several events may fall into one turn
}

func roots() []root {
	return []root{
		{
			name: "elections", script: func(s *script) {}, limits: limits{timeouts: 3, crashes: 2},
			must: markElected | markLost | markPreVoteRefused | markCrashLostTerm,
		}, {
			name: "first election", isNew: true, script: func(s *script) {}, limits: limits{timeouts: 2, crashes: 2},
			must: markElected,
		}, {
			name: "founding", isNew: true, promptDisks: true, script: func(s *script) { s.elect(1, 2, 3) },
			limits: limits{timeouts: 2, crashes: 1, wipes: 1}, must: markElected | markLeaderCrashed,
		}, {
			name: "half founded", isNew: true, promptDisks: true, script: (*script).halfFounded,
			limits: limits{timeouts: 2, crashes: 1, wipes: 1}, must: markElected | markVoteRefused,
		}, {
			name: "late vote", script: (*script).lateVote, limits: limits{timeouts: 1, crashes: 2, proposals: 1, reads: 1},
			must: markOldLeaderElected | markStaleReadAsked | markTwoLeaders,
		}, {
			name: "votes under way", promptDisks: true, script: (*script).votesUnderWay, limits: limits{timeouts: 2, crashes: 1},
			must: markElected,
		}, {
			name: "replication", script: (*script).started, limits: limits{timeouts: 1, ticks: 1, crashes: 2, proposals: 2},
			must: markCommitted | markCrashLostEntry | markLeaderCrashed | markWithoutOwnDisk,
		}, {
			name: "lagging", promptDisks: true, script: (*script).lagging, limits: limits{timeouts: 2, crashes: 1, wipes: 1},
			must: markVoteRefused | markElected,
		}, {
			name: "conflict", script: (*script).replaced, limits: limits{timeouts: 1, ticks: 1, crashes: 2, proposals: 1},
			must: markOverridden | markLateReport | markUnseated,
		}, {
			name: "deep conflict", promptDisks: true, script: (*script).replaced,
			limits: limits{timeouts: 2, ticks: 1, crashes: 2, proposals: 1}, must: markOverridden | markAppendRefused | markFigure8,
		}, {
			name: "open turns", openTurns: true, script: (*script).replaced, limits: limits{timeouts: 1, crashes: 1, proposals: 1},
			must: markOverridden | markLateReport,
		}, {
			name: "figure 8", promptDisks: true, script: (*script).figure8, limits: limits{timeouts: 1, crashes: 1},
			must: markFigure8 | markFigure8Undone | markVoteRefused,
		}, {
			name: "leads again", script: (*script).leadsAgain,
			limits: limits{timeouts: 1, crashes: 1, proposals: 1, reads: 2}, must: markRead | markOverridden,
		}, {
			name: "reads", promptDisks: true, script: (*script).asked,
			limits: limits{timeouts: 1, ticks: 1, crashes: 1, proposals: 1, reads: 2}, must: markRead | markFollowerRead,
		}, {
			name: "stale reads", promptDisks: true, script: (*script).confirmed, limits: limits{ticks: 2, proposals: 1, reads: 2},
			must: markStaleReadAsked | markReadFailed | markSteppedDown | markRead,
		}, {
			name: "handing over", script: (*script).started,
			limits: limits{timeouts: 1, crashes: 1, proposals: 1, reads: 1, transfers: 1}, must: markTransferred | markElected,
		}, {
			name: "late order", promptDisks: true, script: (*script).lateOrder,
			limits: limits{timeouts: 1, crashes: 1, proposals: 1, reads: 1, transfers: 1}, must: markElected | markUnseated,
		}, {
			name: "snapshots", script: (*script).snapshotNeeded, limits: limits{timeouts: 1, crashes: 2, proposals: 1, compactions: 1},
			must: markInstalled | markInstalledOverConflict | markCrashLostEntry,
		}, {
			name: "old snapshots", promptDisks: true, script: (*script).snapshotNeeded,
			limits: limits{timeouts: 1, crashes: 1, proposals: 2, compactions: 1}, must: markInstalled | markCommitted,
		},
	}
}

// rootsOfChanges begin before or in the middle of a change of the members.
func rootsOfChanges() []root {
	add := MemberChange{Kind: AddVoter, ID: "4", Incarnation: 103}
	return []root{
		{
			name: "adding", joiners: 1, promptDisks: true, script: (*script).started, changes: []MemberChange{add},
			limits: limits{changes: 1, timeouts: 1, crashes: 1}, must: markElected,
		}, {
			name: "becoming a voter", joiners: 1, promptDisks: true, script: (*script).joined, changes: []MemberChange{add},
			limits: limits{timeouts: 2, crashes: 1}, must: markJoint | markVoterMade | markConfigTakenBack,
		}, {
			name: "removing", script: (*script).started, changes: []MemberChange{{Kind: Remove, ID: "3"}},
			promptDisks: true, limits: limits{changes: 1, timeouts: 2, crashes: 1}, must: markJoint | markJointLeft | markTold,
		}, {
			name: "removing late", script: (*script).leaving, changes: []MemberChange{{Kind: Remove, ID: "3"}},
			limits: limits{timeouts: 1, crashes: 1}, must: markJoint,
		}, {
			name: "the leader leaves", promptDisks: true, script: (*script).leaderLeaving, changes: []MemberChange{{Kind: Remove, ID: "1"}},
			limits: limits{timeouts: 1, ticks: 3, crashes: 1}, must: markJoint | markTransferred | markLeaderLeft | markStrangerLeads,
		}, {
			name: "replacing", joiners: 1, promptDisks: true, script: (*script).replacing,
			changes: []MemberChange{{Kind: Replace, ID: "4", Old: "3", Incarnation: 103}},
			limits:  limits{timeouts: 2, crashes: 1}, must: markJoint | markJointLeft,
		}, {
			name: "two leaders change", joiners: 1, promptDisks: true, script: (*script).started,
			changes: []MemberChange{add, {Kind: Remove, ID: "1"}, {Kind: Remove, ID: "3"}},
			limits:  limits{changes: 2, timeouts: 2}, must: markElected,
		},
	}
}

// maxNodes is the most that a root can have.
const maxNodes = 4

func (r *root) size() int { return 3 + r.joiners }

func (r *root) newNodes() (nodes []*node) {
	config := recorded(3)
	for i, m := range recorded(r.size()).Members {
		n := &node{id: m.ID, incarnation: m.Incarnation, disk: disk{snap: SnapshotMeta{Config: config}}}
		switch {
		case i >= 3:
			n.disk.snap.Config = Configuration{}
		case r.isNew:
			n.disk.snap.Config = bootstrapConfig(3, 0)
		}
		n.template = Config{
			ID: m.ID, Incarnation: m.Incarnation, ElectionTicks: 2, HeartbeatTicks: 1,
			MaxAppendBytes: 1, MaxInflightBytes: 3 * entryOverheadBytes, MaxUncommittedBytes: 1 << 10,
		}
		n.newLife()
		nodes = append(nodes, n)
	}
	return nodes
}
