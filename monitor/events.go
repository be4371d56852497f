package monitor

import (
	"fmt"
	"strings"
	"time"
)

// Event is something that happened between two snapshots, in words.
type Event struct {
	At    time.Time `json:"at"`
	Level Level     `json:"level"`
	Text  string    `json:"text"`
}

// differ collects what two snapshots differ in.
type differ struct {
	prev, next *Snapshot
	events     []Event
}

func (d *differ) say(level Level, format string, args ...any) {
	d.events = append(d.events, Event{At: d.next.At, Level: level, Text: fmt.Sprintf(format, args...)})
}

// diff says what happened from prev to next; prev is nil for the first snapshot.
// Both have been through History.Add, which says since when a member is silent.
func diff(prev, next *Snapshot) []Event {
	d := differ{prev: prev, next: next}
	if prev == nil || prev.ClusterID == "" { // nothing was known before
		if prev == nil || next.ClusterID != "" {
			d.first()
		}
		return d.events
	}
	d.membership()
	for i := range next.Members {
		m := &next.Members[i]
		if before := prev.member(m.ID); before != nil {
			d.reachability(before, m)
			if before.Figures != nil && m.Figures != nil {
				d.node(before.Figures, m.Figures)
			}
		}
	}
	d.leadership()
	d.quorum()
	d.states()
	return d.events
}

// first describes what there is.
func (d *differ) first() {
	s := d.next
	if s.MembersUp == 0 {
		for _, m := range s.Members {
			d.say(LevelError, "no answer from %s: %s", m.Addr, m.Error)
		}
		return
	}
	leads := ""
	if s.Leader != "" {
		leads = s.Leader + " leads, "
	}
	level, verdict := s.Verdict()
	d.say(level, "watching %s: %sterm %d, %s", count(len(s.Members), "member"), leads, s.Term, verdict)
}

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

func (d *differ) membership() {
	for _, m := range d.next.Members {
		before := d.prev.member(m.ID)
		switch {
		case before == nil && m.Voter:
			d.say(LevelInfo, "%s is a new member", m.name())
		case before == nil && m.Kind == "joining":
			d.say(LevelInfo, "%s joins", m.name())
		case before == nil:
			d.say(LevelInfo, "%s is a new member, a learner", m.name())
		case m.Kind == "leaving" && before.Kind != "leaving":
			d.say(LevelInfo, "%s leaves", m.ID)
		case m.Voter && !before.Voter:
			d.say(LevelInfo, "%s votes from now on", m.ID)
		case !m.Voter && before.Voter:
			d.say(LevelInfo, "%s votes no more, it is a learner", m.ID)
		}
	}
	for _, m := range d.prev.Members {
		if m.ID != "" && d.next.member(m.ID) == nil {
			d.say(LevelWarn, "%s is no member any more", m.ID)
		}
	}
}

func (d *differ) reachability(before, m *Member) {
	switch {
	case before.Figures != nil && m.Figures == nil:
		d.say(LevelError, "%s does not answer: %s", m.ID, m.Error)
	case before.Figures == nil && m.Figures != nil:
		gap, restarted := d.next.At.Sub(*before.Since), ""
		if time.Duration(m.UptimeSeconds)*time.Second < gap {
			restarted = ", restarted"
		}
		d.say(LevelInfo, "%s answers again after %s%s, as %s", m.ID, duration(gap), restarted, m.Role)
	}
}

// node compares what a node said of itself.
func (d *differ) node(before, m *Figures) {
	id := m.Node
	switch {
	case before.RunID != m.RunID && before.Version != m.Version:
		d.say(LevelInfo, "%s was restarted with version %s, before it was %s", id, m.Version, before.Version)
	case before.RunID != m.RunID:
		d.say(LevelWarn, "%s was restarted", id)
	}
	if before.Snapshot < m.Snapshot { // its own, or the leader's: the page does not say
		d.say(LevelInfo, "%s has a snapshot up to index %s, %s", id, whole(m.Snapshot), size(m.SnapshotBytes))
	}
	if m.StatusPage.Role == RoleCandidate && before.StatusPage.Role != RoleCandidate {
		d.say(LevelWarn, "%s hears no leader and stands for election", id)
	}
	// Without a leader nobody is ready: the election says it once for all.
	if before.Ready != m.Ready && d.next.Leader != "" && d.prev.Leader != "" {
		if m.Ready {
			d.say(LevelInfo, "%s is ready", id)
		} else {
			d.say(LevelWarn, "%s is not ready: %s", id, strings.Join(m.NotReady, ", "))
		}
	}
}

func (d *differ) leadership() {
	was, is := d.prev.Leader, d.next.Leader
	switch {
	case d.next.MembersUp == 0: // said by quorum
	case is == "" && was != "":
		d.say(LevelWarn, "%s leads no more: election, term %d", was, d.next.Term)
	case is == "" && d.next.Term > d.prev.Term:
		d.say(LevelWarn, "the election goes on, term %d", d.next.Term)
	case is == "":
	case was == "":
		d.say(LevelInfo, "%s leads, elected in term %d", is, d.next.Term)
	case is != was:
		d.say(LevelInfo, "%s leads instead of %s, elected in term %d", is, was, d.next.Term)
	case d.next.Term > d.prev.Term:
		d.say(LevelInfo, "%s leads again, elected in term %d", is, d.next.Term)
	}
}

func (d *differ) quorum() {
	all, up := d.next.voters()
	switch {
	case d.next.MembersUp == 0 && d.prev.MembersUp > 0:
		d.say(LevelError, "no member answers any more")
	case d.prev.Quorum && !d.next.Quorum && d.next.MembersUp > 0:
		d.say(LevelError, "quorum lost: %d of %d voters answer", up, all)
	case !d.prev.Quorum && d.next.Quorum:
		d.say(LevelInfo, "quorum again: %d of %d voters answer", up, all)
	}
}

// states compares the hashes of members that have applied the same entries.
func (d *differ) states() {
	if differing(d.prev) != "" {
		return // said before
	}
	if who := differing(d.next); who != "" {
		d.say(LevelError, "%s", who)
	}
}

func differing(s *Snapshot) string {
	for i, a := range s.Members {
		for _, b := range s.Members[i+1:] {
			if a.Figures != nil && b.Figures != nil && a.StateHashAt == b.StateHashAt && a.StateHash != b.StateHash {
				return fmt.Sprintf("the states of %s and %s differ at index %d", a.ID, b.ID, a.StateHashAt)
			}
		}
	}
	return ""
}
