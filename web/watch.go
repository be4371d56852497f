package web

import (
	"context"
	"fmt"
	"time"

	"redoubt/raft"
	"redoubt/raft/replica"
)

const (
	// lookEvery is how often the node is looked at for events, tellEvery how often
	// readers are told the state.
	lookEvery = 100 * time.Millisecond
	tellEvery = time.Second
)

// event is something that happened, as this node saw it.
type event struct {
	At     time.Time   `json:"at"`
	Node   raft.NodeID `json:"node"` // that saw it
	Kind   string      `json:"kind"` // start, leader, election, member, snapshot, disk, health, link
	Level  string      `json:"level"`
	Term   uint64      `json:"term"`
	Leader raft.NodeID `json:"leader"` // afterwards; "" when none is known
	Text   string      `json:"text"`
}

const (
	levelInfo = "info"
	levelGood = "good"
	levelWarn = "warn"
)

// watch is the goroutine behind /events.
func (s *Server) watch(ctx context.Context) {
	defer s.cluster.close()
	old := s.config.Node.Recent()
	s.note(old, event{Kind: "start", Level: levelInfo, Text: fmt.Sprintf("%s is up", old.ID)})
	if old.Leader != "" {
		s.note(old, leaderEvent(old))
	}
	for _, text := range s.config.Warnings {
		s.note(old, event{Kind: "start", Level: levelWarn, Text: text})
	}
	links, quiet := map[raft.NodeID]bool{}, elections{}
	look, tell := time.NewTicker(lookEvery), time.NewTicker(tellEvery)
	defer look.Stop()
	defer tell.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		case <-tell.C:
			page := s.cluster.look(ctx, s.hub.watched())
			page.Actions = s.actions()
			for _, e := range linkEvents(links, page) {
				s.note(old, e)
			}
			s.hub.tell(page, sampleOf(page))
		}
		now := s.config.Node.Recent()
		for _, e := range quiet.filter(changes(old, now), now.Leader != "", time.Now()) {
			s.note(now, e)
		}
		old = now
	}
}

// note completes an event and sends it.
func (s *Server) note(st *replica.Status, e event) {
	e.At, e.Node, e.Term, e.Leader = time.Now().UTC(), st.ID, st.Term, st.Leader
	s.hub.event(e)
}

// elections keeps a time without a leader from filling the log: each thing that
// happens again and again in it is told once, and how long it was at its end.
type elections struct {
	since time.Time // zero: there is a leader
	told  map[string]bool
}

func (q *elections) filter(events []event, led bool, now time.Time) []event {
	kept := events[:0]
	for _, e := range events {
		if e.Kind == "election" && q.told[e.Text] {
			continue
		}
		if e.Kind == "election" && !q.since.IsZero() {
			q.told[e.Text] = true
		}
		if e.Kind == "leader" && led && !q.since.IsZero() {
			e.Text += fmt.Sprintf(", after %.1f s without a leader", now.Sub(q.since).Seconds())
		}
		kept = append(kept, e)
	}
	switch {
	case led:
		*q = elections{}
	case q.since.IsZero():
		*q = elections{since: now, told: map[string]bool{}}
	}
	return kept
}

// changes makes events of what differs between two looks at the node.
func changes(old, now *replica.Status) []event {
	var out []event
	add := func(kind, level, format string, args ...any) {
		out = append(out, event{Kind: kind, Level: level, Text: fmt.Sprintf(format, args...)})
	}
	switch {
	case now.Elections.Lost > old.Elections.Lost:
		add("election", levelWarn, "%s lost an election", now.ID)
	case now.Elections.PreVoteLost > old.Elections.PreVoteLost:
		add("election", levelWarn, "%s asked whether it would be elected, and would not", now.ID)
	}
	standing := func(r raft.Role) bool { return r == raft.Candidate || r == raft.PreCandidate }
	if standing(now.Role) && !standing(old.Role) {
		add("election", levelInfo, "%s stands for election", now.ID)
	}
	if now.Leader != old.Leader || now.Leader != "" && now.Term != old.Term {
		out = append(out, leaderEvent(now))
	}
	if now.Transferee != "" && now.Transferee != old.Transferee {
		add("leader", levelInfo, "%s hands leadership to %s", now.ID, now.Transferee)
	}
	switch {
	case now.SnapshotIndex > old.SnapshotIndex:
		add("snapshot", levelGood, "snapshot at index %d", now.SnapshotIndex)
	case now.SnapshotRunning && !old.SnapshotRunning:
		add("snapshot", levelInfo, "a snapshot begins")
	}
	switch {
	case now.DiskFull && !old.DiskFull:
		add("disk", levelWarn, "the disk is almost full: %s refuses writes", now.ID)
	case !now.DiskFull && old.DiskFull:
		add("disk", levelGood, "the disk has room again")
	}
	switch {
	case now.Leader == "": // said already
	case now.Ready && !old.Ready && old.Leader != "":
		add("health", levelGood, "%s has caught up", now.ID)
	case !now.Ready && old.Ready:
		add("health", levelWarn, "%s has fallen behind: %d of %d entries applied", now.ID, now.Applied, now.Commit)
	}
	return append(out, memberChanges(old.Config.Members, now.Config.Members)...)
}

func leaderEvent(s *replica.Status) event {
	if s.Leader == "" {
		return event{Kind: "leader", Level: levelWarn, Text: "no leader is known"}
	}
	return event{Kind: "leader", Level: levelGood, Text: fmt.Sprintf("%s leads in term %d", s.Leader, s.Term)}
}

func memberChanges(old, now []raft.Member) []event {
	var out []event
	before := map[raft.NodeID]raft.Member{}
	for _, m := range old {
		before[m.ID] = m
	}
	for _, m := range now {
		b, known := before[m.ID]
		delete(before, m.ID)
		switch {
		case !known:
			out = append(out, event{Kind: "member", Level: levelInfo, Text: joined(m)})
		case m.Role != b.Role:
			out = append(out, event{Kind: "member", Level: levelInfo, Text: changed(m)})
		}
	}
	for _, m := range old {
		if _, gone := before[m.ID]; gone {
			out = append(out, event{Kind: "member", Level: levelInfo, Text: fmt.Sprintf("%s was removed", m.ID)})
		}
	}
	return out
}

func joined(m raft.Member) string {
	switch {
	case m.Role == raft.Joining && m.Replaces != "":
		return fmt.Sprintf("%s joins in place of %s", m.ID, m.Replaces)
	case m.Role == raft.Joining:
		return fmt.Sprintf("%s joins", m.ID)
	}
	return fmt.Sprintf("%s joins as a %s", m.ID, m.Role)
}

func changed(m raft.Member) string {
	switch m.Role {
	case raft.Joining:
		return fmt.Sprintf("%s is to be a voter", m.ID)
	case raft.Leaving:
		return fmt.Sprintf("%s leaves", m.ID)
	}
	return fmt.Sprintf("%s is a %s now", m.ID, m.Role)
}

// linkEvents compares the links with those of the last look, which it brings up
// to date. A first link is none worth a word, a missing one is.
func linkEvents(links map[raft.NodeID]bool, page *clusterPage) []event {
	var out []event
	for _, m := range page.Members {
		if m.ID == page.Node {
			continue
		}
		was, known := links[m.ID]
		links[m.ID] = m.Link
		switch {
		case known && was && !m.Link:
			out = append(out, event{Kind: "link", Level: levelWarn, Text: fmt.Sprintf("%s has lost its link to %s", page.Node, m.ID)})
		case known && !was && m.Link:
			out = append(out, event{Kind: "link", Level: levelGood, Text: fmt.Sprintf("%s is linked to %s", page.Node, m.ID)})
		}
	}
	return out
}
