package sim

import (
	"bytes"

	"redoubt/fsm"
	"redoubt/raft"
	"redoubt/raft/replica"
	"redoubt/raft/sim/model"
)

// watchID names what a WATCH has seen as fsm puts it.
type watchID struct {
	db      int
	key     string
	version uint64
}

// modelAt is the naive model of the state at a snapshot.
func (o *oracle) modelAt(n *node, index uint64) *model.Model {
	if index == 0 {
		return model.New(databases)
	}
	m := o.models[index]
	if m == nil {
		o.w.fail("state machine safety", "%s starts from a snapshot at index %d that nobody has made", n.id, index)
		return model.New(databases)
	}
	return m.Clone()
}

// snapshotBegins keeps what the snapshot has to hold.
func (o *oracle) snapshotBegins(n *node, index uint64) {
	if o.models[index] == nil {
		o.models[index] = n.model.Clone()
	}
	o.snapshotMarks(n)
}

// applied compares what the applier has done with the model and with the other
// nodes.
func (o *oracle) applied(n *node, it *replica.ApplyItem) {
	store := n.applier.Store()
	switch {
	case it.Entry.Index != 0:
		o.appliedEntry(n, store, &it.Entry, it.Batch)
	case it.Reads != nil:
		for _, b := range it.Reads {
			if o.w.tracing() {
				o.w.tracef("%s reads at index %d:%s -> %.100q", n.id, store.Index(), describeCommands(b.Commands), b.Reply)
			}
			o.replayed(n, b, o.replay(n, readTime, b.Commands, b.Reply), store.Index())
		}
	case it.Install != nil:
		o.w.mark(MarkSnapshotInstalled)
		n.model = o.modelAt(n, it.Install.Index)
		o.sameState(n, it.Install.Index, store)
	}
}

func (o *oracle) appliedEntry(n *node, store *fsm.Store, e *raft.Entry, b *replica.Batch) {
	if o.w.tracing() && (e.Index >= uint64(len(o.states)) || o.states[e.Index] == 0) {
		_, commands, _ := fsm.DecodeEntry(e.Data, databases)
		o.w.tracef("%s is the first to apply entry %d of term %d:%s", n.id, e.Index, e.Term, describeCommands(commands))
	}
	switch {
	case e.Type != raft.EntryCommand:
	case store.Index() != e.Index:
		o.w.mark(MarkCheckpointCompared)
	default:
		if b != nil {
			o.replayed(n, b, o.replay(n, store.Now(), b.Commands, b.Reply), e.Index)
		} else {
			timeMs, commands, err := fsm.DecodeEntry(e.Data, databases)
			if err != nil {
				o.w.fail("state machine safety", "entry %d cannot be decoded: %v", e.Index, err)
				return
			}
			real := n.applier.Reply()
			if got := o.replay(n, timeMs, commands, real); !bytes.Equal(got, real) {
				o.w.fail("model", "%s entry %d %s: replies %.200q, the model says %.200q", n.id, e.Index, describeCommands(commands), real, got)
			}
		}
	}
	o.sameState(n, e.Index, store)
}

// sameState: the same log gives the same state.
func (o *oracle) sameState(n *node, index uint64, store *fsm.Store) {
	for uint64(len(o.states)) <= index {
		o.states = append(o.states, 0)
	}
	hash := store.Hash() | 1
	if known := o.states[index]; known == 0 {
		o.states[index] = hash
	} else if known != hash {
		o.w.fail("equal states", "%s has another state at index %d", n.id, index)
	}
}

// readTime stands for the time of what is not in the log: that of the state.
const readTime = -1

// replay runs commands through the node's model and returns the replies.
func (o *oracle) replay(n *node, nowMs int64, commands []fsm.Command, real []byte) []byte {
	groups := make([]model.Group, len(commands))
	seen := map[*[]fsm.Watch]int{} // watches of these commands, by list
	for i := range commands {
		if w := commands[i].Watched; w != nil {
			seen[w] += len(commands[i].Args) - 1
		}
	}
	collected := make([][]model.Watch, len(commands))
	for i := range commands {
		groups[i] = o.group(&commands[i])
		if commands[i].Watched != nil {
			groups[i].Commands[0].Watched = &collected[i]
		}
	}
	var replies []byte
	if nowMs == readTime {
		replies = n.model.Read(groups, real, nil)
	} else {
		replies = n.model.Entry(nowMs, groups, real, nil)
	}
	for i := range commands {
		list := commands[i].Watched
		if list == nil {
			continue
		}
		start := len(*list) - seen[list]
		for j, w := range (*list)[start : start+len(collected[i])] {
			id := watchID{w.DB, string(w.Key), w.Version}
			if _, known := o.watches[id]; !known {
				o.watches[id] = collected[i][j]
				_, o.watchTerms[id] = n.machine.Core.Leader()
			}
		}
		seen[list] -= len(collected[i])
	}
	return replies
}

// group puts a command the way the model wants it.
func (o *oracle) group(c *fsm.Command) model.Group {
	g := model.Group{Proto: c.Proto}
	if c.Exec == nil {
		g.Commands = []model.Command{{DB: c.DB, Args: c.Args, Literal: c.Literal}}
		return g
	}
	g.Multi = true
	for i := range c.Exec.Commands {
		q := &c.Exec.Commands[i]
		g.Commands = append(g.Commands, model.Command{DB: q.DB, Args: q.Args, Literal: q.Literal})
	}
	for _, w := range c.Exec.Watches {
		seen, ok := o.watches[watchID{w.DB, string(w.Key), w.Version}]
		if !ok {
			o.w.fail("model", "EXEC with a watch on %q that nobody has made", w.Key)
		}
		g.Watches = append(g.Watches, seen)
	}
	return g
}

// replayed compares the replies of a client's batch with the model's.
func (o *oracle) replayed(n *node, b *replica.Batch, want []byte, index uint64) {
	if !bytes.Equal(b.Reply, want) {
		o.w.fail("model", "%s at index %d %s: replies %.200q, the model says %.200q", n.id, index, describeCommands(b.Commands), b.Reply, want)
	}
	if c := o.calls[b]; c != nil {
		c.point = index
	}
}
