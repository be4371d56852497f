package replica

import (
	"bytes"
	"math/rand/v2"
	"slices"

	"redoubt/fsm"
	"redoubt/raft"
	"redoubt/resp"
)

// effects is what one turn of the machine asks its runtime to do.
type effects struct {
	writes     []raft.Write
	sends      []raft.Message
	apply      []applyItem
	snapshotTo []raft.NodeID
	compact    uint64 // the log may drop entries up to here
}

// applyItem is one step of the applier. Exactly one of the first five is set.
type applyItem struct {
	entry    raft.Entry         // Index 0: not an entry
	reads    []*Batch           // serve them now
	snapshot *raft.SnapshotMeta // begin a snapshot of the state as it is now
	install  *raft.SnapshotMeta // replace the state by this snapshot
	ask      chan<- applied     // tell the state
	batch    *Batch             // with entry: the batch that it came from, to be answered
	run      uint64             // with snapshot: the number of the attempt
}

// limits are the machine's settings.
type limits struct {
	databases     int
	localReads    bool  // serve reads at once, from the state as it is here
	timeoutMs     int64 // a batch is answered within this time, come what may
	snapshotBytes int   // log bytes that make a new snapshot due
	snapshotAgeMs int64 // or the age of the newest one, 0 = no limit
}

// machine holds the rules of the replica. It is driven by one event at a time,
// then flushed; it has no clock of its own: nowMs is set before each turn.
type machine struct {
	core   *raft.Core
	limits limits
	boot   uint64 // names this process life in the origin of entries
	rng    *rand.Rand
	nowMs  int64 // wall clock

	seq     uint64
	pending map[uint64]*Batch // by seq: the entry may have been appended
	waiting []*Batch          // surely not appended; proposed again when a leader is there

	forwards forwards
	seen     seen

	reads      reads
	held       []raft.Send // wait for a write
	persisted  uint64      // newest durable write
	handed     uint64      // newest entry handed to the applier
	handedTerm uint64      // its term

	stamp    clockStamp
	applied  uint64
	expiryMs int64 // when the next key falls due, as the applier last said; 0 = none
	ticks    uint64
	heard    map[raft.NodeID]uint64 // tick of the newest message of each peer
	claimed  uint64                 // index of the newest checkpoint that this node put into the log

	snapshot   snapshotState
	diskFull   bool // clients' writes are refused
	diskClosed bool // commands from the leader are refused too; elections still work, so reads do
	fx         effects
}

// forwards are this turn's proposals for the leader of term.
type forwards struct {
	leader  raft.NodeID
	term    uint64
	entries []raft.Entry
}

// seen is what a leader has taken from followers in its term: by the boot
// number of the follower's process, the newest sequence number. A proposal that
// comes twice must not be appended twice, nor be refused after it was appended.
type seen struct {
	term uint64
	seq  map[uint64]uint64
}

// clockStamp is the newest time that this leader put into the log.
type clockStamp struct {
	term  uint64
	ms    int64
	index uint64
}

// newMachine starts from the newest snapshot, which the keyspace was restored
// from; its meta is empty when there is none.
func newMachine(core *raft.Core, newest raft.SnapshotMeta, boot uint64, rng *rand.Rand, l limits) *machine {
	return &machine{
		core: core, limits: l, boot: boot, rng: rng,
		pending:    map[uint64]*Batch{},
		heard:      map[raft.NodeID]uint64{},
		seen:       seen{seq: map[uint64]uint64{}},
		reads:      reads{asked: map[uint64]*readGroup{}},
		snapshot:   snapshotState{meta: newest, feeding: map[raft.NodeID]uint64{}},
		handed:     newest.Index,
		handedTerm: newest.Term,
		applied:    newest.Index,
	}
}

// submit takes a batch from a connection.
func (m *machine) submit(b *Batch) {
	b.deadlineMs = m.nowMs + m.limits.timeoutMs
	m.start(b)
}

// start sets a batch on its way, for the first time or again.
func (m *machine) start(b *Batch) {
	if b.entry == nil && m.limits.localReads {
		m.fx.apply = append(m.fx.apply, applyItem{reads: []*Batch{b}})
		return
	}
	if b.entry == nil {
		m.reads.queue = append(m.reads.queue, b)
		return
	}
	switch {
	case len(b.entry) > maxEntryBytes:
		b.fail(resp.ErrEntryTooLarge)
	case m.diskFull:
		b.fail(resp.ErrMisconf)
	default:
		m.propose(b)
	}
}

// maxEntryBytes bounds an entry so that the log and the streams can take it. A
// pipeline is cut long before; only a transaction of large commands gets here.
const maxEntryBytes = 60 << 20

// maxForwardBytes bounds the entries of one MsgForward; one always goes.
const maxForwardBytes = 1 << 20

// propose gives the batch's entry to the leader, this node or another.
func (m *machine) propose(b *Batch) {
	leader, term := m.core.Leader()
	if leader == "" {
		m.waiting = append(m.waiting, b)
		return
	}
	if b.proposed {
		// The bytes of the first attempt may still be in a log or on their way.
		b.entry = bytes.Clone(b.entry)
	}
	m.seq++
	fsm.SetOrigin(b.entry, fsm.Origin{Boot: m.boot, Seq: m.seq})
	if leader == m.core.ID() {
		if _, err := m.append(b.entry); err != nil {
			m.waiting = append(m.waiting, b)
			return
		}
	} else {
		if m.forwards.leader != leader || m.forwards.term != term {
			// What was pinned to an earlier leader is never sent; the entries of
			// the new term settle it.
			m.forwards = forwards{leader: leader, term: term}
		}
		m.forwards.entries = append(m.forwards.entries, raft.Entry{Data: b.entry})
	}
	b.seq, b.term, b.proposed = m.seq, term, true
	m.pending[b.seq] = b
}

// append stamps an entry with the leader's time and seed and puts it into the
// log.
func (m *machine) append(entry []byte) (uint64, error) {
	_, term := m.core.Leader()
	now := m.nowMs
	if m.stamp.term == term {
		now = max(now, m.stamp.ms)
	}
	fsm.Stamp(entry, now, m.rng.Uint64())
	index, err := m.core.Propose(entry)
	if err == nil {
		m.stamp = clockStamp{term: term, ms: now, index: index}
	}
	return index, err
}

// receive takes a message from a peer.
func (m *machine) receive(msg raft.Message) {
	m.heard[msg.From] = m.ticks
	switch msg.Type {
	case raft.MsgForward:
		m.forwarded(msg)
		return
	case raft.MsgForwardReply:
		if b := m.pending[msg.ID]; b != nil { // every attempt has its own number
			delete(m.pending, msg.ID)
			m.waiting = append(m.waiting, b)
		}
		return
	case raft.MsgReadIndex:
		if leader, term := m.core.Leader(); leader == m.core.ID() && term == msg.Term {
			msg.Index = max(msg.Index, m.clockIndex(msg.Force))
		}
	case raft.MsgAppend:
		if m.diskClosed && slices.ContainsFunc(msg.Entries, isCommand) {
			return // as if lost; the leader will send it again
		}
	}
	m.core.Receive(msg)
}

func isCommand(e raft.Entry) bool { return e.Type == raft.EntryCommand }

// forwarded appends what a follower's clients want written, or says that it
// surely was not appended. It keeps silent where it cannot know: then the
// entries of a later term settle the proposal at the follower.
func (m *machine) forwarded(msg raft.Message) {
	leader, term := m.core.Leader()
	if msg.Term != term {
		return
	}
	if m.seen.term != term {
		m.seen.term = term
		clear(m.seen.seq)
	}
	appended := false
	for _, e := range msg.Entries {
		o, ok := fsm.EntryOrigin(e.Data)
		if !ok || o.Seq <= m.seen.seq[o.Boot] {
			continue
		}
		m.seen.seq[o.Boot] = o.Seq
		if leader == m.core.ID() && !m.diskFull && fsm.CheckEntry(e.Data, m.limits.databases) == nil {
			if _, err := m.append(e.Data); err == nil {
				appended = true
				continue
			}
		}
		m.fx.sends = append(m.fx.sends, raft.Message{
			Type: raft.MsgForwardReply, From: m.core.ID(), To: msg.From, ID: o.Seq, Reject: true,
		})
	}
	if appended {
		m.core.NotifyCommit(msg.From)
	}
}

// wrote is told that write seq and all before it are durable.
func (m *machine) wrote(seq uint64) {
	m.persisted = max(m.persisted, seq)
	m.core.Persisted(seq)
	kept := m.held[:0]
	for _, s := range m.held {
		if s.After > m.persisted {
			kept = append(kept, s)
			continue
		}
		m.fx.sends = append(m.fx.sends, s.Msg)
	}
	clear(m.held[len(kept):])
	m.held = kept
}

// flush ends a turn: it lets the core speak and gives out all effects.
func (m *machine) flush() effects {
	m.retry()
	m.startReads()
	m.sendForwards()
	out := m.core.Flush()
	if out.Write != nil {
		m.fx.writes = append(m.fx.writes, *out.Write)
	}
	for _, s := range out.Sends {
		if s.Msg.Type == raft.MsgReadIndex {
			s.Msg.Force = m.reads.wantClock(s.Msg.ID)
		}
		m.send(s)
	}
	if out.Install != nil {
		m.install(*out.Install)
	}
	m.handOver(out.Committed)
	m.confirmed(out.Reads, out.FailedReads)
	m.snapshotIfDue()
	m.feed(out.SnapshotTo)
	fx := m.fx
	m.fx = effects{}
	return fx
}

func (m *machine) send(s raft.Send) {
	if s.After > m.persisted {
		m.held = append(m.held, s)
		return
	}
	m.fx.sends = append(m.fx.sends, s.Msg)
}

// retry proposes again what waits, once a leader is known.
func (m *machine) retry() {
	if leader, _ := m.core.Leader(); len(m.waiting) == 0 || leader == "" {
		return
	}
	waiting := m.waiting
	m.waiting = nil
	for _, b := range waiting {
		m.start(b)
	}
}

func (m *machine) sendForwards() {
	f := m.forwards
	m.forwards = forwards{}
	if leader, term := m.core.Leader(); len(f.entries) == 0 || leader != f.leader || term != f.term {
		return
	}
	for rest := f.entries; len(rest) > 0; {
		n, size := 1, len(rest[0].Data)
		for n < len(rest) && size+len(rest[n].Data) <= maxForwardBytes {
			size += len(rest[n].Data)
			n++
		}
		m.send(raft.Send{
			After: m.core.TermSeq(),
			Msg:   raft.Message{Type: raft.MsgForward, From: m.core.ID(), To: f.leader, Term: f.term, Entries: rest[:n:n]},
		})
		rest = rest[n:]
	}
}

// handOver gives committed entries to the applier, each with the batch it came
// from, and settles the proposals that a new term has overtaken.
func (m *machine) handOver(committed []raft.Entry) {
	for _, e := range committed {
		item := applyItem{entry: e}
		if e.Type == raft.EntryCommand {
			if o, ok := fsm.EntryOrigin(e.Data); ok && o.Boot == m.boot {
				item.batch = m.pending[o.Seq]
				delete(m.pending, o.Seq)
			}
		}
		m.fx.apply = append(m.fx.apply, item)
		m.handed = e.Index
		m.snapshot.bytesSince += len(e.Data) + entryOverheadBytes
		if e.Term > m.handedTerm {
			m.handedTerm = e.Term
			m.overtaken(e.Term)
		}
	}
}

// overtaken: an entry of this term is committed, so what was proposed in an
// earlier one and is not committed by now never will be.
func (m *machine) overtaken(term uint64) {
	for _, seq := range sortedKeys(m.pending) {
		if b := m.pending[seq]; b.term < term {
			delete(m.pending, seq)
			m.waiting = append(m.waiting, b)
		}
	}
}

// expire answers every batch whose time is up.
func (m *machine) expire() {
	kept := m.waiting[:0]
	for _, b := range m.waiting {
		if m.nowMs < b.deadlineMs {
			kept = append(kept, b)
			continue
		}
		b.fail(resp.ErrClusterDown)
	}
	clear(m.waiting[len(kept):])
	m.waiting = kept
	for _, seq := range sortedKeys(m.pending) {
		if b := m.pending[seq]; m.nowMs >= b.deadlineMs {
			delete(m.pending, seq)
			b.uncertain("no majority confirmed the write in time")
		}
	}
	m.reads.expire(m.nowMs)
}

// stop answers everything that is still open; the node ends.
func (m *machine) stop() {
	for _, seq := range sortedKeys(m.pending) {
		m.pending[seq].uncertain("the node is stopping")
	}
	clear(m.pending)
	for _, b := range m.waiting {
		b.fail(resp.ErrClusterDown)
	}
	m.waiting = nil
	m.reads.expire(1<<63 - 1)
}

// contactTicks is the time since this node last heard from the leader or, on
// the leader, from a majority.
func (m *machine) contactTicks() uint64 {
	leader, _ := m.core.Leader()
	if leader != m.core.ID() {
		return m.ticks - m.heard[leader] // without a leader: since the start
	}
	var ages []uint64
	for _, p := range m.core.Status().Peers {
		ages = append(ages, m.ticks-m.heard[p.ID])
	}
	if len(ages) == 0 {
		return 0
	}
	slices.Sort(ages)
	// The leader itself is the first of the majority.
	return ages[(len(ages)+1)/2-1]
}
