package sim

import (
	"fmt"
	"io"
	"runtime/debug"

	"redoubt/raft"
)

// scene is a script that is being played: a world in which nothing goes wrong
// but what the script says. All oracles watch.
type scene struct {
	*World
	script  *script
	actors  map[string]*actor
	absent  map[*node]bool // taken down by the script, not by themselves
	diskLaw map[*node][]*diskRule
	held    map[*link]*hold
	ending  bool // without recovery

	elections int // before the last lead
	messages  uint64
}

// patienceUs bounds what a step waits for.
const patienceUs = 60_000_000

// play carries out a script with a seed, and says in which line it went wrong.
func (s *script) play(seed uint64, fronts []*frontEnd, out io.Writer) (w *World, err error) {
	plan := s.plan
	plan.Seed = seed
	sc := &scene{
		World: newWorld(&plan, fronts, &trace{out: out}), script: s, actors: map[string]*actor{}, absent: map[*node]bool{},
		diskLaw: map[*node][]*diskRule{}, held: map[*link]*hold{},
	}
	sc.oracle.undisturbed = false
	line := 0
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("line %d: %v\n%s", line, v, debug.Stack())
		}
		sc.dismiss()
	}()
	sc.watchMessages()
	for _, n := range sc.nodes {
		n.start()
	}
	for _, st := range s.steps {
		line = st.line
		sc.tracef("%s:%d: %s", s.name, st.line, st.text)
		err := st.verb.run(sc, st.args)
		if sc.failure != nil {
			err = sc.failure
		}
		if err != nil {
			return sc.World, fmt.Errorf("line %d: %s: %w%s", st.line, st.text, err, sc.standing())
		}
	}
	line++
	return sc.World, sc.end()
}

// end heals the cluster, which has to recover; and once more from what its disks
// have then.
func (s *scene) end() error {
	for _, name := range sortedKeys(s.actors) {
		s.actors[name].stop = true
	}
	if !s.ending {
		s.mend()
	}
	if !s.ending && s.failure == nil {
		for _, n := range s.nodes {
			n.kill()
		}
		s.mend()
	}
	if s.failure == nil {
		s.history()
	}
	if s.failure != nil {
		return fmt.Errorf("in the end: %w", s.failure)
	}
	return nil
}

func (s *scene) mend() {
	s.healLinks()
	s.heal()
	s.recover()
}

// await lets time pass until something is the case.
func (s *scene) await(limitUs int64, is func() bool) bool {
	end := s.nowUs + limitUs
	for !is() {
		s.watchMessages()
		if !s.step(end) && s.nowUs >= end || s.failure != nil {
			return s.failure == nil && is()
		}
	}
	return true
}

func (s *scene) node(id string) *node { return s.World.node(raft.NodeID(id)) }

// named returns nodes by their names, separated by spaces, or all.
func (s *scene) named(ids string) []*node {
	if ids == "all" {
		return s.nodes
	}
	var nodes []*node
	for i := 0; i < len(ids); i += 3 {
		nodes = append(nodes, s.node(ids[i:i+2]))
	}
	return nodes
}
