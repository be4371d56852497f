package raft

import "slices"

// The names of progress states in PeerStatus.
const (
	StateProbe     = "probe"
	StateReplicate = "replicate"
	StateSnapshot  = "snapshot"
)

// progress is what a leader knows of one other member.
//
//	probe:     where the logs agree is not known; one message at a time
//	replicate: it is; entries are streamed within a window of bytes
//	snapshot:  what the member lacks is gone from the log; entries wait
type progress struct {
	state string
	match uint64 // highest entry known to be durable there
	next  uint64 // first entry to send; match < next

	probing   bool   // a probe is under way
	probeTick uint64 // when it left

	window      []inflight // unacknowledged appends, oldest first
	windowBytes int

	// A window whose messages were lost shows as a match that stands still from
	// one heartbeat to the next; an empty append then finds out.
	beatMatch uint64
	beatTick  uint64
	verify    bool

	told   uint64 // highest commit index that a message has carried there
	notify uint64 // its commit is to be told at once when it gets here

	round     uint64 // highest read round echoed
	roundSent uint64

	heardTick uint64
	down      bool // its link broke, and nothing has come since

	// A Joining member's round of catching up: the entries up to goal are to be
	// there within an election timeout of goalTick.
	goal     uint64
	goalTick uint64
}

type inflight struct {
	last  uint64
	bytes int
}

func newProgress(next, now uint64) *progress {
	return &progress{state: StateProbe, next: next, heardTick: now, beatTick: now}
}

func (p *progress) probe(next uint64) {
	p.state = StateProbe
	p.next = max(next, p.match+1)
	p.probing = false
	p.verify = false
	p.window, p.windowBytes = nil, 0
}

// waitForContact holds the probe back until the member is heard from.
func (p *progress) waitForContact(now uint64) {
	p.probing, p.probeTick = true, now
}

func (p *progress) replicate() {
	p.probe(p.match + 1)
	p.state = StateReplicate
}

func (p *progress) feedSnapshot() {
	p.probe(p.match + 1)
	p.state = StateSnapshot
}

func (p *progress) sent(last uint64, bytes int) {
	p.next = last + 1
	p.window = append(p.window, inflight{last, bytes})
	p.windowBytes += bytes
}

// acked takes in that the member has everything up to index. Old or repeated
// news changes nothing.
func (p *progress) acked(index, base uint64) {
	if index < p.match {
		return
	}
	p.match = index
	p.next = max(p.next, index+1)
	n := 0
	for n < len(p.window) && p.window[n].last <= index {
		p.windowBytes -= p.window[n].bytes
		n++
	}
	p.window = slices.Delete(p.window, 0, n)
	if p.state == StateProbe || p.state == StateSnapshot && p.match >= base {
		p.replicate()
	}
}

// refused takes in that the member does not have (rejected, its term); next is
// where to try instead. Answers to anything but the latest try are stale.
func (p *progress) refused(rejected, next uint64) {
	switch p.state {
	case StateProbe:
		if rejected != p.next-1 {
			return
		}
		if rejected <= p.match {
			// It has lost what it had acknowledged: without fsync a crash does
			// that. To count less than there is harms nothing.
			p.match = 0
		}
		p.probe(min(next, rejected))
	case StateReplicate:
		if rejected > p.match {
			p.probe(p.match + 1)
		}
	}
}

// heartbeat takes in a sign of life that says nothing about the log.
func (p *progress) heartbeat(now uint64, everyTicks int) {
	if now-p.probeTick >= uint64(everyTicks) {
		p.probing = false
	}
	if now-p.beatTick < uint64(everyTicks) {
		return
	}
	p.verify = p.state == StateReplicate && p.match+1 < p.next && p.match == p.beatMatch
	p.beatMatch, p.beatTick = p.match, now
}

func (p *progress) heard(now uint64, round uint64) {
	p.heardTick, p.down = now, false
	p.round = max(p.round, round)
}

func (p *progress) active(now uint64, withinTicks int) bool {
	return now-p.heardTick < uint64(withinTicks)
}

// up says that the member is there, as far as one can know. A broken link speaks
// against it at once, but not for the quorum of the leader: that only time takes
// away.
func (p *progress) up(now uint64, withinTicks int) bool { return !p.down && p.active(now, withinTicks) }

// keepsUp says that the member gets entries as they come. One that has all there
// are may still be probed, after its link was down, and is when there are more.
func (p *progress) keepsUp(last uint64) bool { return p.state == StateReplicate || p.match == last }

// caughtUp says that what was in the log when a round began has reached the
// member within an election timeout: it has no more than that to catch up with,
// so it can vote without holding up commits for long (thesis §4.2.1). Otherwise
// the next round begins.
func (p *progress) caughtUp(last, now uint64, withinTicks int) bool {
	if p.goal > 0 && p.match < p.goal || !p.keepsUp(last) {
		return false
	}
	inTime := p.goal > 0 && now-p.goalTick < uint64(withinTicks)
	p.goal, p.goalTick = last, now
	return inTime
}
