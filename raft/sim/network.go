package sim

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"

	"redoubt/raft"
	"redoubt/raft/replica"
	"redoubt/wal"
)

// network joins the nodes. Like the streams of package peer it has two lanes per
// direction, in each of which messages keep their order; but where the plan
// says so it also doubles, mixes up and repeats them, which the core has to bear.
type network struct {
	w     *World
	links [][]link // from, to
	spare []*envelope
}

// link is one direction between two nodes.
type link struct {
	rng          *rand.Rand
	cuts         int // faults that cut it
	lossPermille int64
	slowUs       int64
	lanes        [2]int64 // when the newest message of a lane arrives
	sent         []raft.Message
}

const replayKept = 16 // messages of a link that may come again

func (net *network) link(from, to *node) *link { return &net.links[from.index][to.index] }

func (net *network) init(w *World) {
	net.w = w
	net.links = make([][]link, len(w.nodes))
	for i := range net.links {
		net.links[i] = make([]link, len(w.nodes))
		for j := range net.links[i] {
			net.links[i][j].rng = w.plan.stream(streamLink, i, j)
		}
	}
}

func (w *World) node(id raft.NodeID) *node {
	for _, n := range w.nodes {
		if n.id == id {
			return n
		}
	}
	return nil
}

// delayUs draws how long something takes on the way.
func (l *link) delayUs(k *Knobs) int64 {
	return k.NetFloorUs + exponential(l.rng, k.NetUs) + l.slowUs
}

// lost says whether the next thing on the link gets lost.
func (l *link) lost(k *Knobs) bool {
	return l.cuts > 0 || l.rng.Int64N(1000) < k.LossPermille+l.lossPermille
}

// send puts a message on its way. It returns false when the sender notices that
// it did not: the link was down, or the queue full.
func (net *network) send(from *node, msg raft.Message) bool {
	w, k := net.w, &net.w.plan.Knobs
	to := w.node(msg.To)
	msg.From, msg.Incarnation = from.id, from.identity.Incarnation
	w.Stats.Messages++
	w.markIf(msg.Type == raft.MsgRemoved, MarkRemovedTold)
	l := net.link(from, to)
	if l.lost(k) {
		return l.rng.IntN(2) == 0
	}
	lane := 0
	if msg.Type == raft.MsgAppend || len(msg.Entries) > 0 {
		lane = 1
	}
	at := w.nowUs + l.delayUs(k)
	if !k.Reorder {
		at = max(at, l.lanes[lane])
	}
	l.lanes[lane] = at
	net.deliver(to, l, msg, at)
	if k.DuplicatePermille > 0 && l.rng.Int64N(1000) < k.DuplicatePermille {
		w.mark(MarkDuplicate)
		net.deliver(to, l, msg, at+l.delayUs(k))
	}
	if k.ReplayPermille > 0 {
		if len(l.sent) < replayKept {
			l.sent = append(l.sent, msg)
		} else {
			l.sent[l.rng.IntN(replayKept)] = msg
		}
		if l.rng.Int64N(1000) < k.ReplayPermille {
			w.mark(MarkReplay)
			net.deliver(to, l, l.sent[l.rng.IntN(len(l.sent))], at+exponential(l.rng, 1_000_000))
		}
	}
	return true
}

func (net *network) deliver(to *node, l *link, msg raft.Message, atUs int64) {
	w := net.w
	var e *envelope
	if k := len(net.spare); k > 0 {
		e, net.spare = net.spare[k-1], net.spare[:k-1]
	} else {
		e = &envelope{net: net}
		e.run = e.arrive
	}
	e.to, e.link, e.msg, e.incarnation = to, l, msg, to.identity.Incarnation
	w.after(atUs-w.nowUs, e.run)
}

// envelope is a message on its way. There are many of them, so they are used
// again.
type envelope struct {
	net  *network
	to   *node
	link *link
	msg  raft.Message
	run  func()
	// incarnation is that of the receiver with whom the connection was made.
	incarnation uint64
}

func (e *envelope) arrive() {
	if e.link.cuts == 0 && e.to.up() && e.to.identity.Incarnation == e.incarnation {
		e.to.receive(&e.msg)
	}
	e.msg = raft.Message{}
	e.net.spare = append(e.net.spare, e)
}

// refuses says that the handshake with a peer fails: it is known with another
// incarnation.
func (n *node) refuses(id raft.NodeID, incarnation uint64) bool {
	m, known := n.machine.Core.Member(id)
	return known && m.Incarnation != 0 && m.Incarnation != incarnation
}

// receive takes a message from a peer, which package peer would have decoded
// from bytes of its own.
func (n *node) receive(msg *raft.Message) {
	w := n.w
	w.trace.mix(uint64(msg.Type), uint64(n.index), msg.Term, msg.Index, msg.LogIndex, uint64(len(msg.Entries)))
	from := w.node(msg.From)
	if n.refuses(from.id, msg.Incarnation) { // and so the peer stops for good
		w.mark(MarkRefusedIncarnation)
		if from.identity.Incarnation == msg.Incarnation && from.up() {
			from.lost = true
			from.end("refused by the cluster")
			from.disk.release()
		}
		return
	}
	if msg.Type == raft.MsgForward || msg.Type == raft.MsgChange {
		entries := make([]raft.Entry, len(msg.Entries))
		for i, e := range msg.Entries {
			entries[i] = raft.Entry{Data: bytes.Clone(e.Data)}
		}
		msg.Entries = entries
	}
	if w.tracing() && msg.Type != raft.MsgHeartbeat && msg.Type != raft.MsgHeartbeatReply {
		w.tracef("%s -> %s %s", msg.From, n.id, describe(msg))
	}
	n.postItem(inboxItem{msg: *msg})
}

// processEnded has the peers notice that a process has gone: its sockets are
// closed by the kernel, unless the network is cut or the whole machine is gone.
func (net *network) processEnded(gone *node) {
	for _, n := range net.w.nodes {
		if n == gone {
			continue
		}
		l := net.link(gone, n)
		if l.cuts > 0 || l.rng.IntN(4) == 0 {
			continue
		}
		net.w.after(l.delayUs(&net.w.plan.Knobs), func() {
			if n.up() {
				n.post(func(m *replica.Machine) { m.Core.PeerDown(gone.id) })
			}
		})
	}
}

// transfer is a snapshot file on its way to a follower.
type transfer struct {
	from, to         *node
	fromLife, toLife uint64
	run              uint64 // of the sender's machine
	msg              raft.Message
	file             wal.SnapshotFile
	raw              []byte
	receiver         *wal.SnapshotReceiver
	tries            int  // in a row that brought nothing forward
	over             bool // finished, or given up for a newer one to the same node
}

const transferTries = 5

// sendSnapshot streams the newest snapshot file to a follower, as the replica
// and package peer do.
func (n *node) sendSnapshot(id raft.NodeID, run uint64) {
	_, term := n.machine.Core.Leader()
	t := &transfer{from: n, to: n.w.node(id), fromLife: n.life, run: run}
	ok := n.onDisk(func() error {
		file, exists, err := n.dir.LatestSnapshot()
		if err != nil || !exists {
			return err
		}
		f, err := file.OpenRaw()
		if err != nil {
			return err
		}
		defer f.Close()
		t.file = file
		t.raw, err = io.ReadAll(f)
		return err
	})
	if !ok {
		return
	}
	t.msg = raft.Message{Type: raft.MsgSnapshot, From: n.id, To: id, Term: term, Incarnation: n.identity.Incarnation, Snapshot: &t.file.Meta}
	if t.raw == nil {
		t.finish(false)
		return
	}
	n.w.mark(MarkSnapshotSent)
	if older := n.sending[t.to.index]; older != nil {
		older.release()
		older.finish(false)
	}
	n.sending[t.to.index] = t
	n.w.tracef("%s sends %s the snapshot of entry %d", n.id, id, t.file.Meta.Index)
	t.dial()
}

// finish tells the sender how it went.
func (t *transfer) finish(ok bool) {
	if t.over {
		return
	}
	t.over = true
	n := t.from
	n.w.tracef("the snapshot from %s to %s has ended, complete: %v", n.id, t.to.id, ok)
	if n.up() && n.life == t.fromLife {
		n.after(0, func() { n.post(func(m *replica.Machine) { m.SnapshotSent(t.msg.To, t.run, ok) }) })
	}
}

// hop takes the next step on the other side, or breaks the connection.
func (t *transfer) hop(from, to *node, step func()) {
	w := from.w
	l := w.net.link(from, to)
	w.after(l.delayUs(&w.plan.Knobs)+exponential(l.rng, w.plan.Knobs.PieceUs), func() {
		if t.over {
			t.release()
			return
		}
		alive := t.from.up() && t.from.life == t.fromLife && t.to.up() && (t.toLife == 0 || t.to.life == t.toLife)
		if !alive || l.lost(&w.plan.Knobs) || t.to.paused() {
			t.broken()
			return
		}
		step()
	})
}

// broken takes the connection up again, where it stopped.
func (t *transfer) broken() {
	t.release()
	t.tries++
	if t.tries > transferTries {
		t.finish(false)
		return
	}
	t.from.w.mark(MarkTransferBroken)
	t.from.w.tracef("the stream of the snapshot from %s to %s breaks", t.from.id, t.to.id)
	t.from.w.after(100_000, t.dial)
}

// release lets go of the receiver's file.
func (t *transfer) release() {
	if t.receiver != nil && t.to.up() && t.to.life == t.toLife {
		t.receiver.Close()
		if t.to.receipt == t {
			t.to.receipt = nil
		}
	}
	t.receiver = nil
}

func (t *transfer) dial() {
	if t.over {
		return
	}
	t.toLife = 0
	t.hop(t.from, t.to, func() {
		to := t.to
		if t.from.refuses(to.id, to.identity.Incarnation) || to.refuses(t.from.id, t.from.identity.Incarnation) {
			t.finish(false)
			return
		}
		t.toLife = to.life
		if other := to.receipt; other != nil && other != t {
			if other.from != t.from && t.msg.Term <= other.msg.Term {
				t.finish(false)
				return
			}
			other.release()
		}
		var offset int64
		ok := to.onDisk(func() (err error) {
			t.receiver, offset, err = to.dir.ReceiveSnapshot(t.file.ID, t.file.Meta, t.file.Size)
			return t.received(err)
		})
		if !ok || t.receiver == nil {
			t.finish(false)
			return
		}
		to.receipt = t
		if offset > 0 {
			to.w.mark(MarkTransferResumed)
		}
		t.hop(to, t.from, func() { t.chunk(offset) })
	})
}

// replay has the receiver hear of the snapshot again, as after an answer that was lost.
func (t *transfer) replay() {
	w := t.from.w
	rng := w.net.link(t.from, t.to).rng
	if rng.Int64N(1000) >= 10*w.plan.Knobs.ReplayPermille {
		return
	}
	t.to.after(exponential(rng, 1_000_000), func() {
		w.mark(MarkSnapshotReplayed)
		t.to.receive(&t.msg)
	})
}

// misplace sends a piece of the file that is out of place, before the next one that
// is not.
func (t *transfer) misplace(offset int64) {
	w := t.from.w
	rng := w.net.link(t.from, t.to).rng
	if rng.Int64N(1000) >= w.plan.Knobs.DuplicatePermille {
		return
	}
	at := rng.Int64N(t.file.Size)
	if at == offset {
		return
	}
	w.mark(MarkChunkMisplaced)
	if err := t.receiver.Append(t.raw[at:min(t.file.Size, at+int64(w.plan.Knobs.ChunkBytes))], at); !errors.Is(err, wal.ErrSnapshotOffset) {
		w.fail("order of chunks", "%s takes bytes at %d of a snapshot behind those up to %d: %v", t.to.id, at, offset, err)
	}
}

// received tells a failing disk, which ends the process, from a refusal.
func (t *transfer) received(err error) error {
	if err == nil || isDiskFailure(err) {
		return err
	}
	if t.receiver != nil {
		t.receiver.Close()
		t.receiver = nil
	}
	return nil
}

func (t *transfer) chunk(offset int64) {
	size := min(int64(t.from.w.plan.Knobs.ChunkBytes), t.file.Size-offset)
	t.hop(t.from, t.to, func() {
		to := t.to
		if to.receipt != t {
			t.broken()
			return
		}
		done := false
		ok := to.onDisk(func() error {
			if size > 0 {
				t.misplace(offset)
				if err := t.receiver.Append(t.raw[offset:offset+size], offset); err != nil {
					return t.received(err)
				}
			}
			if done = offset+size == t.file.Size; done {
				_, err := t.receiver.Commit()
				return t.received(err)
			}
			return nil
		})
		switch {
		case !ok:
			t.broken()
		case t.receiver == nil:
			to.receipt = nil
			t.finish(false)
		case done:
			to.receipt = nil
			t.receiver = nil
			to.w.mark(MarkSnapshotReceived)
			leads, _ := t.from.leads()
			to.w.markIf(!leads, MarkTransferAcrossLeaders)
			if to.w.gotSnapshot(to); !to.up() {
				t.broken()
				return
			}
			to.receive(&t.msg)
			t.replay()
			t.hop(to, t.from, func() { t.finish(true) })
		default:
			t.tries = 0
			t.hop(to, t.from, func() { t.chunk(offset + size) })
		}
	})
}
