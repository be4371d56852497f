package devcluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// AwaitEqualState waits until all nodes have applied what was acknowledged before
// the call, and had the same state at the same index. It returns a *DivergedError
// when two of them differ. The nodes may go on: when keys fall due a leader that
// nobody asks anything appends entries, too.
func (c *Cluster) AwaitEqualState(ctx context.Context) error {
	a := newAgreement(len(c.Nodes))
	err := await(ctx, "equal states", func() (bool, error) {
		c.ask(a.answers)
		return a.reached()
	})
	var diverged *DivergedError
	if err != nil && !errors.As(err, &diverged) {
		err = fmt.Errorf("%w; %s", err, a)
	}
	return err
}

// statePatience is beyond what a node waits for its own applier. Whoever waits for
// equal states has no node paused.
const statePatience = 5 * time.Second

// ask asks all nodes at the same time. An answer of before stays beside an error.
func (c *Cluster) ask(answers []answer) {
	var wg sync.WaitGroup
	for i, n := range c.Nodes {
		wg.Go(func() {
			s, err := n.status(statePatience)
			if answers[i].err = err; err == nil {
				answers[i].status = s
			}
			answers[i].node = n.ID
		})
	}
	wg.Wait()
}

// answer is what a node said last.
type answer struct {
	node   string
	status Status // zero: nothing yet
	err    error  // why there was none this time
}

func (a answer) String() string {
	s := &a.status
	figures := fmt.Sprintf("%s in term %d, leader %q, last %d, persisted %d, commit %d, applied %d, hash %s at %d, %d pending",
		s.Role, s.Term, s.Leader, s.LastIndex, s.PersistedIndex, s.CommitIndex, s.AppliedIndex, s.StateHash, s.StateHashIndex, s.Pending)
	switch {
	case a.err == nil:
		return a.node + ": " + figures
	case s.Node == "":
		return fmt.Sprintf("%s: %v", a.node, a.err)
	}
	return fmt.Sprintf("%s: %v; before that %s", a.node, a.err, figures)
}

// agreement compares nodes that cannot be asked at the same moment.
type agreement struct {
	answers []answer
	// All that was acknowledged before the first look is in the log of the leader
	// of the highest term, so at goal at most (Leader Completeness). What that leader
	// has not committed may vanish with its term.
	term, goal uint64
	hashes     map[uint64]map[string]string // by index and node
}

func newAgreement(nodes int) *agreement {
	return &agreement{answers: make([]answer, nodes), hashes: map[uint64]map[string]string{}}
}

// reached takes in the answers.
func (a *agreement) reached() (bool, error) {
	a.setGoal()
	for i := range a.answers {
		if a.answers[i].err != nil {
			continue
		}
		s := &a.answers[i].status
		if a.hashes[s.StateHashIndex] == nil {
			a.hashes[s.StateHashIndex] = map[string]string{}
		}
		at := a.hashes[s.StateHashIndex]
		at[s.Node] = s.StateHash
		for node, hash := range at {
			if hash != s.StateHash {
				return false, &DivergedError{Index: s.StateHashIndex, Nodes: [2]string{node, s.Node}, Hashes: [2]string{hash, s.StateHash}}
			}
		}
	}
	if a.goal == 0 {
		return false, nil
	}
	for index, at := range a.hashes {
		if index >= a.goal && len(at) == len(a.answers) {
			return true, nil
		}
	}
	return false, nil
}

// setGoal needs all answers: a leader that was deposed is known by the term of others.
func (a *agreement) setGoal() {
	var leader, highest Status
	for _, n := range a.answers {
		if n.err != nil {
			return
		}
		if n.status.Term > highest.Term {
			highest = n.status
		}
		if n.status.Role == "leader" && n.status.Term > leader.Term {
			leader = n.status
		}
	}
	if leader.Term == highest.Term && leader.Term > a.term {
		a.term, a.goal = leader.Term, leader.LastIndex
	}
}

func (a *agreement) String() string {
	var lines []string
	for _, n := range a.answers {
		lines = append(lines, n.String())
	}
	return strings.Join(lines, "; ")
}

// DivergedError: two nodes have applied the same entries and differ.
type DivergedError struct {
	Index         uint64
	Nodes, Hashes [2]string
}

func (e *DivergedError) Error() string {
	return fmt.Sprintf("states differ at index %d: %s on %s, %s on %s", e.Index, e.Hashes[0], e.Nodes[0], e.Hashes[1], e.Nodes[1])
}
