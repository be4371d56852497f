package monitor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"redoubt/resp/server"
)

// Roles of a Member: those of server.StatusPage, joining and leaving, and one more.
const (
	RoleLeader      = "leader"
	RoleCandidate   = "candidate"
	RoleUnreachable = "unreachable"
)

// Snapshot is what the members of a cluster said at one time.
type Snapshot struct {
	At        time.Time `json:"at"`
	ClusterID string    `json:"cluster_id"` // "" as long as no member has ever answered
	// Leader is the member that calls itself so in the highest term, or, when it
	// does not answer here, the one that the others follow; "" when there is none.
	Leader string `json:"leader"`
	Term   uint64 `json:"term"` // the highest
	// Quorum: more than half of the voters answer; while the voters change, of those
	// before the change, too. When one that answers knows a leader, those count that
	// are connected to it: they are out of reach from here only.
	Quorum    bool     `json:"quorum"`
	MembersUp int      `json:"members_up"`
	Members   []Member `json:"members"` // sorted by ID
}

// Member is one node.
type Member struct {
	ID    string `json:"id"` // "" when it never answered and nobody knows it
	Addr  string `json:"addr"`
	Role  string `json:"role"`
	Voter bool   `json:"voter"`
	// Kind is what the configuration says: voter, learner, joining, leaving.
	Kind string `json:"kind"`
	// Outgoing: a voter of before, while the voters change.
	Outgoing bool `json:"outgoing,omitempty"`
	// Error says why the member is unreachable, Since since when, SeenBy which
	// members are connected to it nevertheless.
	Error  string     `json:"error,omitempty"`
	Since  *time.Time `json:"unreachable_since,omitempty"`
	SeenBy []string   `json:"seen_by,omitempty"`

	*Figures // nil: unreachable
}

// Figures are those of a member that answered.
type Figures struct {
	AnsweredAt time.Time `json:"answered_at"`
	// Lag is how many committed entries the member has still to apply.
	Lag          uint64  `json:"lag"`
	OpsPerSecond float64 `json:"ops_per_second"`
	*server.StatusPage
}

// answer is what came back from one address: a page or an error.
type answer struct {
	addr string
	at   time.Time
	page *server.StatusPage
	err  error
}

// assemble puts the answers together. Members that nobody was asked for and
// that no page lists are unknown to it.
func assemble(at time.Time, members []server.MemberStatus, answers []answer) Snapshot {
	s := Snapshot{At: at}
	for _, m := range members {
		s.Members = append(s.Members, Member{ID: string(m.ID), Addr: m.Addr, Role: RoleUnreachable, Voter: m.Role == "voter", Kind: m.Role, Outgoing: m.Outgoing})
	}
	for _, a := range answers {
		m := s.find(a)
		if m == nil {
			s.Members = append(s.Members, Member{Addr: a.addr, Role: RoleUnreachable})
			m = &s.Members[len(s.Members)-1]
		}
		if a.page == nil {
			if m.Figures == nil {
				m.Error = a.err.Error()
			}
			continue
		}
		m.ID, m.Role, m.Error = string(a.page.Node), a.page.Role, ""
		if m.Role != RoleLeader && (m.Kind == "joining" || m.Kind == "leaving") {
			m.Role = m.Kind
		}
		m.Figures = &Figures{AnsweredAt: a.at, OpsPerSecond: a.page.OpsPerSecond, StatusPage: a.page}
	}
	for i := range s.Members { // somebody else may live where a member is thought to be
		m := &s.Members[i]
		for _, a := range answers {
			switch {
			case m.Figures != nil || m.Error != "" || m.Addr != a.addr:
			case a.page != nil:
				m.Error = fmt.Sprintf("node %s answers there", a.page.Node)
			default:
				m.Error = a.err.Error()
			}
		}
	}
	slices.SortFunc(s.Members, func(a, b Member) int { return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Addr, b.Addr)) })
	s.judge()
	return s
}

// find returns the member that an answer is about.
func (s *Snapshot) find(a answer) *Member {
	i := slices.IndexFunc(s.Members, func(m Member) bool {
		if a.page != nil && m.ID != "" {
			return m.ID == string(a.page.Node)
		}
		return m.Addr == a.addr
	})
	if i < 0 {
		return nil
	}
	return &s.Members[i]
}

// member returns the member with the id, nil when there is none.
func (s *Snapshot) member(id string) *Member {
	i := slices.IndexFunc(s.Members, func(m Member) bool { return m.ID == id })
	if i < 0 || id == "" {
		return nil
	}
	return &s.Members[i]
}

// judge fills in what follows from all pages together.
func (s *Snapshot) judge() {
	var commit uint64
	for _, m := range s.Members {
		if m.Figures != nil {
			s.ClusterID = m.ClusterID
			s.MembersUp++
			s.Term = max(s.Term, m.Term)
			commit = max(commit, m.Commit)
		}
	}
	seen := map[string][]string{}
	named := ""
	led := uint64(0) // term of the leader that was found
	for _, m := range s.Members {
		if m.Figures == nil {
			continue
		}
		m.Lag = commit - min(m.Applied, commit)
		for _, other := range m.StatusPage.Members {
			if other.Up && string(other.ID) != m.ID {
				seen[string(other.ID)] = append(seen[string(other.ID)], m.ID)
			}
		}
		if m.Role == RoleLeader && m.Term >= led {
			s.Leader, led = m.ID, m.Term
		}
		if m.Term == s.Term && m.Leader != "" {
			named = string(m.Leader)
		}
	}
	var now, before majority
	for i := range s.Members {
		m := &s.Members[i]
		if m.Figures == nil {
			m.SeenBy = seen[m.ID]
		}
		// A process that was stopped keeps its connections, but no leader.
		reached := m.Figures != nil || len(m.SeenBy) > 0 && named != ""
		if m.Voter {
			now.count(reached)
		}
		if m.Outgoing {
			before.count(reached)
		}
	}
	s.Quorum = now.holds() && (before.all == 0 || before.holds())
	if m := s.member(named); s.Leader == "" && m != nil && m.Figures == nil && len(m.SeenBy) > 0 {
		s.Leader = named
	}
}

// majority counts voters, and those of them that are reached.
type majority struct{ all, reached int }

func (m *majority) count(reached bool) {
	m.all++
	if reached {
		m.reached++
	}
}

func (m *majority) holds() bool { return 2*m.reached > m.all }

// leading returns the page of the leader, or else of the member that has
// applied most; nil when nobody answered.
func (s *Snapshot) leading() *Figures {
	if m := s.member(s.Leader); m != nil && m.Figures != nil {
		return m.Figures
	}
	var best *Figures
	for _, m := range s.Members {
		if m.Figures != nil && (best == nil || m.Applied > best.Applied) {
			best = m.Figures
		}
	}
	return best
}

// voters counts the members that vote, and those of them that answered.
func (s *Snapshot) voters() (all, up int) {
	for _, m := range s.Members {
		if m.Voter {
			all++
			if m.Figures != nil {
				up++
			}
		}
	}
	return all, up
}

// Level says how bad something is.
type Level string

const (
	LevelInfo  Level = "info"
	LevelWarn  Level = "warn"
	LevelError Level = "error"
)

// Verdict judges the cluster in a few words. Info means that nothing is wrong.
func (s *Snapshot) Verdict() (Level, string) {
	all, up := s.voters()
	switch {
	case s.MembersUp == 0:
		return LevelError, "no member answers"
	case !s.Quorum:
		return LevelError, fmt.Sprintf("no quorum: %d of %d voters answer; writes and reads are refused", up, all)
	case s.Leader == "":
		return LevelWarn, "no leader: commands wait for an election"
	}
	var silent, unready []string
	for _, m := range s.Members {
		if m.Figures == nil {
			silent = append(silent, m.name())
		} else if !m.Ready {
			unready = append(unready, m.ID+" is not ready: "+strings.Join(m.NotReady, ", "))
		}
	}
	switch {
	case len(silent) == 1:
		return LevelWarn, "degraded: " + silent[0] + " does not answer"
	case len(silent) > 1:
		return LevelWarn, "degraded: " + strings.Join(silent, " and ") + " do not answer"
	case len(unready) > 0:
		return LevelWarn, strings.Join(unready, "; ")
	}
	return LevelInfo, "healthy"
}

// name is the id, or the address of a member that never said who it is.
func (m *Member) name() string { return cmp.Or(m.ID, m.Addr) }
