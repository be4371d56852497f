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
	return config
}

// subsets calls f with every set of voters that is a majority.
func majorities(config Configuration, f func(set []Member)) {
	var voters []Member
	for _, m := range config.Members {
		if m.Role == Voter {
			voters = append(voters, m)
		}
	}
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
		want := uint64(0)
		majorities(config, func(set []Member) {
			least := uint64(1 << 60)
			for _, m := range set {
				value := values[m.ID]
				if m.Incarnation == 0 {
					value = 0
				}
				least = min(least, value)
			}
			want = max(want, least)
		})
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
		won := false
		majorities(config, func(set []Member) {
			granted, recorded := true, true
			for _, m := range set {
				granted = granted && votes[m.ID]
				recorded = recorded && m.Incarnation != 0
			}
			won = won || granted && (recorded || len(set) == config.voters())
		})
		return won
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
	for _, want := range []Configuration{config, {}} {
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
		"role":     func(c *Configuration) { c.Members[0].Role = 3 },
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
