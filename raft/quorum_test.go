package raft

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// randomConfig has up to seven members, of which some do not vote and some are
// not recorded.
func randomConfig(rng *rand.Rand) Configuration {
	config := bootstrapConfig(rng.IntN(8), 0)
	for i := range config.Members {
		m := &config.Members[i]
		if i > 0 && rng.IntN(4) == 0 {
			m.Role = Learner
		}
		if rng.IntN(4) > 0 {
			m.Incarnation = rng.Uint64()
		}
	}
	if joint := rng.IntN(2) == 0; joint {
		for i := range config.Members {
			m := &config.Members[i]
			if m.Outgoing = rng.IntN(2) == 0; m.Outgoing && i > 0 && rng.IntN(3) == 0 {
				m.Role = Leaving
			}
		}
	}
	return config
}

// electorates returns the sets of members whose majorities decide: one, or two.
func electorates(config Configuration) [][]Member {
	var voters, before []Member
	for _, m := range config.Members {
		if m.Role == Voter {
			voters = append(voters, m)
		}
		if m.Outgoing {
			before = append(before, m)
		}
	}
	if len(before) == 0 {
		return [][]Member{voters}
	}
	return [][]Member{voters, before}
}

// majorities calls f with every set of voters that is a majority.
func majorities(voters []Member, f func(set []Member)) {
	for bits := range 1 << len(voters) {
		var set []Member
		for i, m := range voters {
			if bits>>i&1 == 1 {
				set = append(set, m)
			}
		}
		if 2*len(set) > len(voters) {
			f(set)
		}
	}
}

// TestQuorumValue compares with the definition: the highest value that all of
// some majority have reached.
func TestQuorumValue(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 3000 {
		config := randomConfig(rng)
		values := map[NodeID]uint64{}
		for _, m := range config.Members {
			values[m.ID] = rng.Uint64N(5)
		}
		want := uint64(1 << 60)
		for _, voters := range electorates(config) {
			best := uint64(0)
			majorities(voters, func(set []Member) {
				least := uint64(1 << 60)
				for _, m := range set {
					value := values[m.ID]
					if m.Incarnation == 0 {
						value = 0
					}
					least = min(least, value)
				}
				best = max(best, least)
			})
			want = min(want, best)
		}
		if got := config.quorumValue(func(id NodeID) uint64 { return values[id] }); got != want {
			t.Fatalf("%+v %v: %d, want %d", config, values, got, want)
		}
	}
}

// TestElectionOutcome compares with the definition, and lost with trying out all
// that may still come.
func TestElectionOutcome(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	wins := func(config Configuration, votes map[NodeID]bool) bool {
		wonAll := true
		for _, voters := range electorates(config) {
			won := false
			majorities(voters, func(set []Member) {
				granted, recorded := true, true
				for _, m := range set {
					granted = granted && votes[m.ID]
					recorded = recorded && m.Incarnation != 0
				}
				won = won || granted && (recorded || len(set) == len(voters))
			})
			wonAll = wonAll && won
		}
		return wonAll
	}
	for range 3000 {
		config := randomConfig(rng)
		votes, best := map[NodeID]bool{}, map[NodeID]bool{}
		for _, m := range config.Members {
			best[m.ID] = true
			if n := rng.IntN(3); n < 2 {
				votes[m.ID], best[m.ID] = n == 0, n == 0
			}
		}
		want := undecided
		switch {
		case wins(config, votes):
			want = won
		case !wins(config, best):
			want = lost
		}
		if got := config.election(votes); got != want {
			t.Fatalf("%+v %v: %d, want %d", config, votes, got, want)
		}
	}
}

func TestConfigurationCodec(t *testing.T) {
	config := recorded(3)
	config.Members[1].Role = Learner
	config.Members[0].Addr, config.Members[0].PeerAddr = "a:1", "a:2"
	config.Removed = []NodeID{"4", "5"}
	joint := config.clone()
	joint.Members[0].Outgoing = true
	joint.Members[1].Role, joint.Members[1].Outgoing = Leaving, true
	joint.Members = append(joint.Members, Member{ID: "6", Role: Joining, Replaces: "1"})
	for _, want := range []Configuration{config, joint, {}} {
		b := want.Append([]byte("prefix"))[6:]
		got, err := DecodeConfiguration(b)
		if err != nil || !slices.Equal(got.Members, want.Members) || !slices.Equal(got.Removed, want.Removed) {
			t.Errorf("%+v, %v", got, err)
		}
		for n := range b {
			if _, err := DecodeConfiguration(b[:n]); err == nil {
				t.Errorf("%d of %d bytes are enough", n, len(b))
			}
		}
		if _, err := DecodeConfiguration(append(b, 0)); err == nil {
			t.Error("a byte too many is accepted")
		}
	}
	for name, spoil := range map[string]func(*Configuration){
		"twice":    func(c *Configuration) { c.Members[1] = c.Members[0] },
		"order":    func(c *Configuration) { slices.Reverse(c.Members) },
		"role":     func(c *Configuration) { c.Members[0].Role = 5 },
		"no role":  func(c *Configuration) { c.Members[0].Role = 0 },
		"left":     func(c *Configuration) { c.Members[0].Role = Leaving },
		"elector":  func(c *Configuration) { c.Members[0].Role, c.Members[0].Outgoing = Joining, true },
		"replaces": func(c *Configuration) { c.Members[0].Replaces = "2" },
		"no voter": func(c *Configuration) { c.Members = c.Members[1:2] },
		"ghost":    func(c *Configuration) { c.Removed[0] = c.Members[0].ID },
		"no name":  func(c *Configuration) { c.Members[0].ID = "" },
		"removed":  func(c *Configuration) { c.Removed[1] = c.Removed[0] },
		"nobody":   func(c *Configuration) { c.Removed[0] = "" },
	} {
		c := config.clone()
		spoil(&c)
		if _, err := DecodeConfiguration(c.Append(nil)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Version 1 had neither joint configurations nor replacements.
func TestConfigurationOfTheFirstVersion(t *testing.T) {
	b := []byte("\x01" + // version
		"\x02" + "\x011\x01\x01a\x01b\x07\x00\x00\x00\x00\x00\x00\x00" + "\x012\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x01" + "\x013")
	want := Configuration{
		Members: []Member{{ID: "1", Role: Voter, Addr: "a", PeerAddr: "b", Incarnation: 7}, {ID: "2", Role: Learner}},
		Removed: []NodeID{"3"},
	}
	got, err := DecodeConfiguration(b)
	if err != nil || !slices.Equal(got.Members, want.Members) || !slices.Equal(got.Removed, want.Removed) {
		t.Errorf("%+v, %v", got, err)
	}
	b[0] = 3
	if _, err := DecodeConfiguration(b); err == nil {
		t.Error("a version that is not known is read")
	}
}

func FuzzDecodeConfiguration(f *testing.F) {
	f.Add(recorded(3).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		config, err := DecodeConfiguration(b)
		if err != nil {
			return
		}
		again, err := DecodeConfiguration(config.Append(nil))
		if err != nil || !slices.Equal(again.Members, config.Members) || !slices.Equal(again.Removed, config.Removed) {
			t.Fatalf("%+v became %+v, %v", config, again, err)
		}
	})
}
