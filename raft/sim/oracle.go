package sim

import (
	"errors"
	"slices"
	"strings"

	"redoubt/fsm"
	"redoubt/raft"
	"redoubt/raft/replica"
	"redoubt/raft/sim/model"
)

// oracle knows what must hold and looks at every step. It keeps its own picture
// of every log, made only of what the nodes asked to have written.
type oracle struct {
	w             *World
	views         []view
	leaders       map[uint64]int           // by term: the node
	chains        map[entryID]uint64       // log matching: one history behind every entry
	commits       []commit                 // by index - 1
	states        []uint64                 // by index: hash of the state behind it, 0 = not known
	models        map[uint64]*model.Model  // at the snapshots, by index
	watches       map[watchID]model.Watch  // what a WATCH meant to the model
	watchTerms    map[watchID]uint64       // the term in which it was made
	origins       map[fsm.Origin]*call     // what was proposed for a client
	calls         map[*replica.Batch]*call // under way
	unknown       []*call                  // of unknown outcome
	settled       uint64                   // highest index or read index of anything that was answered
	history       history
	firstLeaderUs int64
	largestBytes  int                  // of the entries that were ever written
	recorded      uint64               // index of the entry that tells whose disks belong to the cluster
	config        raft.Configuration   // the latest that is committed
	configs       []placedConfig       // all that were ever written down
	inForce       []raft.Configuration // the bootstrap configuration, and all that were committed
	refused       []*request           // changes of the members, for good
	undisturbed   bool                 // nothing goes wrong in this run
}

type entryID struct{ index, term uint64 }

// commit is a committed entry.
type commit struct {
	term  uint64
	chain uint64
}

// view is the oracle's picture of one node.
type view struct {
	now     logView // with what is being written
	durable logView // what the node may count on
	pending []raft.Write
	term    uint64                 // leader of this term, 0 = not leading
	handed  uint64                 // newest entry handed to the applier, in this life
	votes   map[uint64]raft.NodeID // durable ever, by term
	wiped   logView                // what a lost disk had: acknowledgements of it may still count
	// unfinished snapshots that were there when this life began
	unfinished int
}

// logView is a log: its hard state, and a chain of hashes over all its entries
// from the first on.
type logView struct {
	hard  raft.HardState
	chain []uint64 // by index - 1
	terms []uint64
}

func (v *logView) last() uint64 { return uint64(len(v.chain)) }

func (v *logView) at(index uint64) uint64 {
	if index == 0 || index > v.last() {
		return 0
	}
	return v.chain[index-1]
}

func (v *logView) clone() logView {
	return logView{v.hard, slices.Clone(v.chain), slices.Clone(v.terms)}
}

// write changes the picture as a write changes the log.
func (o *oracle) write(v *logView, w *raft.Write) {
	v.hard = w.HardState
	if w.Snapshot != nil {
		o.restart(v, w.Snapshot.Index)
	}
	for i := range w.Entries {
		e := &w.Entries[i]
		v.chain, v.terms = v.chain[:e.Index-1], v.terms[:e.Index-1]
		v.chain = append(v.chain, link32(v.at(e.Index-1), e))
		v.terms = append(v.terms, e.Term)
	}
}

// restart makes the log what is committed up to an index.
func (o *oracle) restart(v *logView, index uint64) {
	if uint64(len(o.commits)) < index {
		o.w.fail("state machine safety", "a snapshot at index %d, but only %d entries are committed", index, len(o.commits))
		return
	}
	v.chain, v.terms = v.chain[:0], v.terms[:0]
	for _, c := range o.commits[:index] {
		v.chain = append(v.chain, c.chain)
		v.terms = append(v.terms, c.term)
	}
}

// link32 is the next link of the chain of hashes.
func link32(previous uint64, e *raft.Entry) uint64 {
	h := trace{hash: previous}
	h.mix(e.Index, e.Term, uint64(e.Type), uint64(len(e.Data)))
	b := e.Data
	for ; len(b) >= 8; b = b[8:] {
		h.mix(uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56)
	}
	for _, c := range b {
		h.mix(uint64(c))
	}
	return h.hash | 1
}

func (o *oracle) init(w *World) {
	*o = oracle{
		w: w, views: make([]view, len(w.nodes)), leaders: map[uint64]int{}, chains: map[entryID]uint64{},
		models: map[uint64]*model.Model{}, watches: map[watchID]model.Watch{}, watchTerms: map[watchID]uint64{}, origins: map[fsm.Origin]*call{}, calls: map[*replica.Batch]*call{},
	}
	k := &w.plan.Knobs
	o.undisturbed = len(w.plan.Faults) == 0 && !k.Reorder && k.LossPermille == 0 && k.LoopUs <= 1000 && k.NetUs <= 2000 && k.DiskUs <= 300
	o.history.w = w
	o.config = w.config
	o.inForce = append(o.inForce, w.config)
	for i := range o.views {
		o.views[i].votes = map[uint64]raft.NodeID{}
	}
}

// turned looks at the effects of a turn before they take place.
func (o *oracle) turned(n *node, fx *replica.Effects) {
	v := &o.views[n.index]
	for _, c := range n.calls {
		o.proposed(c)
	}
	leader, term := n.machine.Core.Leader()
	for i := range fx.Writes {
		o.written(n, v, &fx.Writes[i], leader == n.id)
		if leader == n.id {
			o.took(n, &fx.Writes[i], term)
		}
	}
	if leader != n.id {
		if v.term != 0 {
			o.steppedDown(v, term)
		}
		v.term = 0
	} else if v.term != term {
		v.term = term
		o.elected(n, v, term)
	}
	for i := range fx.Sends {
		o.sent(n, v, &fx.Sends[i])
		o.sentMarks(&fx.Sends[i])
	}
	o.turnedMarks(n, v, fx)
	for i := range fx.Apply {
		if e := &fx.Apply[i].Entry; e.Index != 0 {
			o.committed(n, v, e)
		}
		if m := fx.Apply[i].Install; m != nil {
			v.handed = m.Index
		}
	}
}

// written: terms and commits go up, one history behind every entry, and a leader
// only appends.
func (o *oracle) written(n *node, v *view, w *raft.Write, leads bool) {
	old := v.now.hard
	switch {
	case w.HardState.Term < old.Term:
		o.w.fail("monotone", "%s goes from term %d back to %d", n.id, old.Term, w.HardState.Term)
	case w.HardState.Commit < old.Commit:
		o.w.fail("monotone", "%s goes from commit index %d back to %d", n.id, old.Commit, w.HardState.Commit)
	case w.HardState.Term == old.Term && old.Vote != "" && w.HardState.Vote != old.Vote:
		o.w.fail("one vote per term", "%s votes for %q and %q in term %d", n.id, old.Vote, w.HardState.Vote, old.Term)
	}
	if len(w.Entries) > 0 {
		first, last := w.Entries[0].Index, v.now.last()
		if w.Snapshot != nil {
			last = w.Snapshot.Index // it comes before them
		}
		switch {
		case first > last+1:
			o.w.fail("state machine safety", "log matching: %s writes entry %d after %d", n.id, first, last)
			return
		case leads && v.term == w.HardState.Term && first <= v.now.last():
			o.w.fail("leader append-only", "%s leads term %d and overrides entry %d of %d", n.id, v.term, first, v.now.last())
		case first <= v.now.last():
			o.overridden(v, first)
		}
	}
	o.write(&v.now, w)
	for i := range w.Entries {
		e := &w.Entries[i]
		o.match(n, entryID{e.Index, e.Term}, v.now.at(e.Index))
		o.largestBytes = max(o.largestBytes, len(e.Data)+entryOverheadBytes)
		o.noteConfig(e)
	}
}

// match is the Log Matching Property (§5.3).
func (o *oracle) match(n *node, id entryID, chain uint64) {
	if known, ok := o.chains[id]; !ok {
		o.chains[id] = chain
	} else if known != chain {
		o.w.fail("state machine safety", "log matching: %s has another history behind entry %d of term %d", n.id, id.index, id.term)
	}
}

// elected: there is one leader in a term (§5.2), and it has everything that is
// committed (§5.4.3): if it had not, it would have others apply something else.
func (o *oracle) elected(n *node, v *view, term uint64) {
	o.w.Stats.Elections++
	o.w.tracef("%s leads term %d, log up to %d", n.id, term, v.now.last())
	o.electedMarks(n, v, term)
	if other, ok := o.leaders[term]; ok && other != n.index {
		o.w.fail("election safety", "%s and %s lead term %d", o.w.nodes[other].id, n.id, term)
	}
	o.leaders[term] = n.index
	o.w.hunt(n)
	if o.firstLeaderUs == 0 {
		o.firstLeaderUs = o.w.nowUs
	}
	for i := len(o.commits); i > 0; i-- {
		if c := o.commits[i-1]; c.term < term {
			if v.now.at(uint64(i)) != c.chain {
				o.w.fail("state machine safety", "leader completeness: %s leads term %d without the committed entry %d of term %d", n.id, term, i, c.term)
			}
			break
		}
	}
}

// sent: nothing leaves that the disk does not know yet.
func (o *oracle) sent(n *node, v *view, m *raft.Message) {
	hard := v.durable.hard
	if m.Type != raft.MsgPreVote && !(m.Type == raft.MsgPreVoteReply && !m.Reject) && m.Term > hard.Term {
		o.w.fail("durable promises", "%s sends %s of term %d, but term %d is durable", n.id, describe(m), m.Term, hard.Term)
	}
	switch m.Type {
	case raft.MsgVote:
		if m.Term == hard.Term && hard.Vote != n.id {
			o.w.fail("durable promises", "%s asks for votes in term %d, its durable vote is %q", n.id, m.Term, hard.Vote)
		}
	case raft.MsgVoteReply:
		// A vote that was overtaken by a later term before it was written needs
		// no record: the node cannot vote in its term again.
		vote := v.votes[m.Term]
		if !m.Reject && vote != m.To && (vote != "" || m.Term >= hard.Term) {
			o.w.fail("durable promises", "%s grants %s term %d, its durable vote is %q, in term %d %q", n.id, m.To, m.Term, vote, hard.Term, hard.Vote)
		}
		if !m.Reject {
			v.votes[m.Term] = m.To
		}
	case raft.MsgAppendReply:
		if m.Reject || m.Term < hard.Term {
			return // an acknowledgement of an earlier term was true then, and counts for nothing
		}
		if m.Index > v.durable.last() {
			o.w.fail("durable promises", "%s acknowledges entry %d, durable is %d", n.id, m.Index, v.durable.last())
		}
		if leader, ok := o.leaders[m.Term]; ok && m.Index > 0 {
			if l := &o.views[leader]; l.term == m.Term && l.now.at(m.Index) != v.durable.at(m.Index) {
				o.w.fail("state machine safety", "log matching: %s acknowledges entry %d, which is not the leader's", n.id, m.Index)
			}
		}
	}
}

// committed: all nodes hand the same entries to their state machines in order
// (§5.4.3), and what is committed is on the disks of a majority.
func (o *oracle) committed(n *node, v *view, e *raft.Entry) {
	if e.Index != v.handed+1 {
		o.w.fail("state machine safety", "%s applies entry %d after %d", n.id, e.Index, v.handed)
	}
	v.handed = e.Index
	chain := v.now.at(e.Index)
	if v.durable.at(e.Index) != chain {
		o.w.fail("applied is durable here", "%s applies entry %d of term %d, its disk has %d entries", n.id, e.Index, e.Term, v.durable.last())
	}
	if e.Index <= uint64(len(o.commits)) {
		if c := o.commits[e.Index-1]; c.chain != chain {
			o.w.fail("state machine safety", "%s applies entry %d of term %d, committed was one of term %d", n.id, e.Index, e.Term, c.term)
		}
		return
	}
	if e.Index != uint64(len(o.commits))+1 {
		o.w.fail("state machine safety", "%s applies entry %d, only %d are committed", n.id, e.Index, len(o.commits))
		return
	}
	o.commits = append(o.commits, commit{e.Term, chain})
	o.w.Stats.Entries++
	copies := 0
	for i := range o.views {
		if o.views[i].durable.at(e.Index) == chain && !o.w.nodes[i].lost {
			copies++
		}
	}
	if !o.onQuorum(e.Index, chain) {
		o.w.fail("durable commits", "%s applies entry %d, which is on %d disks, and these are no majority of %v", n.id, e.Index, copies, o.deciding(e.Index))
	}
	if e.Type == raft.EntryConfig {
		o.committedConfig(e)
	}
	o.committedOrigin(e)
	o.committedMarks(n, v, e, copies)
}

// writing notes what a frame will make of the disk if it gets there.
func (o *oracle) writing(n *node, batch []raft.Write) { o.views[n.index].pending = batch }

// wrote is told that it has got there.
func (o *oracle) wrote(n *node, batch []raft.Write) {
	v := &o.views[n.index]
	v.pending = nil
	for i := range batch {
		o.write(&v.durable, &batch[i])
		if h := batch[i].HardState; h.Vote != "" {
			v.votes[h.Term] = h.Vote
		}
	}
}

// stopped: a process ends itself only for a reason that was given to it.
func (o *oracle) stopped(n *node, err error) {
	if !n.explained(err) {
		o.w.fail("no unexplained stop", "%s stops: %v", n.id, err)
	}
	switch leads, _ := n.leads(); {
	case isCorrupt(err):
		o.w.mark(MarkCorruptionRefused)
		n.lost = true // what it has acknowledged may be gone
	case errors.Is(err, errNoSpace):
		o.w.mark(MarkDiskFullStops)
	default:
		o.w.mark(MarkDiskErrorStops)
		o.w.markIf(leads, MarkDiskErrorOnLeader)
		o.w.markIf(!n.up(), MarkDiskErrorInRecovery)
	}
}

// recordedEverywhere: the disk of every node tells whose disks belong to the
// cluster. Before that the first election needs all of them.
func (o *oracle) recordedEverywhere() bool {
	return o.recorded > 0 && !slices.ContainsFunc(o.views[:o.w.plan.Nodes], func(v view) bool { return v.durable.last() < o.recorded })
}

// wiped is told that a node has an empty disk now.
func (o *oracle) wiped(n *node) {
	v := &o.views[n.index]
	*v = view{votes: map[uint64]raft.NodeID{}, wiped: v.durable}
}

// allEqual compares the states of all nodes, key by key, when they have applied
// the same log.
func (o *oracle) allEqual() {
	var first *node
	for _, n := range o.w.nodes {
		switch {
		case !n.up() || !o.w.belongs(n):
		case first == nil:
			first = n
		default:
			a, b := first.applier.Store(), n.applier.Store()
			if a.Index() != b.Index() || a.Hash() != b.Hash() || a.Digest() != b.Digest() {
				o.w.fail("equal states", "%s and %s differ in the end: index %d and %d, digest %x and %x", first.id, n.id,
					a.Index(), b.Index(), a.Digest(), b.Digest())
			}
		}
	}
}

// bounded: what a node keeps stays within what it was told.
func (o *oracle) bounded(n *node) {
	k := &o.w.plan.Knobs
	st := n.machine.Core.Status()
	for _, p := range st.Peers {
		if p.InflightBytes > max(k.MaxInflightBytes, o.largestBytes) { // one entry always goes
			o.w.fail("bounds", "%s has %d bytes on their way to %s, allowed are %d", n.id, p.InflightBytes, p.ID, k.MaxInflightBytes)
		}
	}
	// Some snapshots may not be loaded yet; a power cut brings back unfinished ones
	// whose removal was not durable.
	snapshots, unfinished := n.snapshotFiles()
	if snapshots > keepSnapshots+3 || unfinished > max(2, o.views[n.index].unfinished+1) {
		o.w.fail("bounds", "%s has %d snapshots and %d unfinished ones: %q", n.id, snapshots, unfinished, n.disk.files(dataDir+"/snap/"))
	}
}

func (n *node) snapshotFiles() (snapshots, unfinished int) {
	for _, name := range n.disk.files(dataDir + "/snap/") {
		if strings.HasSuffix(name, ".snap") {
			snapshots++
		} else {
			unfinished++
		}
	}
	return snapshots, unfinished
}

// entryOverheadBytes is what an entry counts besides its data.
const entryOverheadBytes = 64

// took: a leader takes a command when the tail that is not committed has room
// for it, or is empty. The tail that it was elected with may be longer.
func (o *oracle) took(n *node, w *raft.Write, term uint64) {
	limit, others, commands := o.w.plan.Knobs.MaxUncommittedBytes, 0, false
	if limit >= 16<<20 { // no run comes near, and looking takes time
		return
	}
	for i := range w.Entries {
		switch e := &w.Entries[i]; {
		case e.Term != term:
		case e.Type == raft.EntryCommand:
			limit, commands = max(limit, len(e.Data)+entryOverheadBytes), true
		default:
			others += len(e.Data) + entryOverheadBytes
		}
	}
	if !commands {
		return
	}
	if st := n.machine.Core.Status(); st.Uncommitted > limit+others {
		o.w.fail("bounds", "%s has %d bytes that are not committed and takes more, allowed are %d", n.id, st.Uncommitted, limit)
	}
}

// calm: with nothing wrong at all, nobody is elected but the first leader.
func (o *oracle) calm() {
	if o.undisturbed && o.w.Stats.Elections != 1 {
		o.w.fail("no needless election", "%d leaders were elected though nothing went wrong", o.w.Stats.Elections)
	}
}

// ended is told that a process is gone.
func (o *oracle) ended(n *node, p *process) {
	v := &o.views[n.index]
	o.endedMarks(n, p, v)
	v.term = 0
}
