package raft

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestConfigurationAlone(t *testing.T) {
	me := Member{ID: "3", Addr: "h:1", PeerAddr: "h:2", Incarnation: 3}
	for _, test := range []struct {
		name    string
		config  Configuration
		removed []NodeID
		err     string
	}{
		{"a voter", recorded(3), []NodeID{"1", "2"}, ""},
		{"not recorded yet", Configuration{Members: []Member{{ID: "1", Role: Voter}, {ID: "3", Role: Voter}}}, []NodeID{"1"}, ""},
		{"a joint configuration", Configuration{
			Members: []Member{{ID: "1", Role: Leaving, Outgoing: true}, {ID: "3", Role: Voter, Outgoing: true}, {ID: "4", Role: Voter}},
			Removed: []NodeID{"2"},
		}, []NodeID{"1", "2", "4"}, ""},
		{"joining in place of another", Configuration{
			Members: []Member{{ID: "1", Role: Voter}, {ID: "3", Role: Joining, Replaces: "1"}},
		}, []NodeID{"1"}, ""},
		{"not known yet", Configuration{}, nil, ""},
		{"removed", Configuration{Members: []Member{{ID: "1", Role: Voter}}, Removed: []NodeID{"3"}}, nil, "was removed"},
		{"another disk", Configuration{Members: []Member{{ID: "3", Role: Voter, Incarnation: 99}}}, nil, "incarnation 63, not"},
	} {
		me := me
		if m, ok := test.config.member("3"); ok && m.Incarnation != 0 && m.Incarnation != 99 {
			me.Incarnation = m.Incarnation
		}
		got, err := test.config.Alone(me)
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		me.Role = Voter
		if want := (Configuration{Members: []Member{me}, Removed: test.removed}); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %+v, %v; want %+v", test.name, got, err, want)
		}
	}
	if _, err := (&Configuration{Removed: []NodeID{"3"}}).Alone(me); !errors.Is(err, ErrRemoved) {
		t.Errorf("removed: %v", err)
	}
}

func TestConfigOfAState(t *testing.T) {
	one, two := recorded(1), recorded(2)
	st := State{Snapshot: SnapshotMeta{Index: 4, Term: 2, Config: recorded(3)}}
	want := func(what string, members int, index, term uint64) {
		t.Helper()
		config, err := st.Config()
		i, tm := st.Last()
		if err != nil || len(config.Members) != members || i != index || tm != term {
			t.Errorf("%s: %d members, last entry %d/t%d, %v", what, len(config.Members), i, tm, err)
		}
	}
	want("the snapshot's", 3, 4, 2)
	st.Entries = []Entry{
		{Index: 5, Term: 2, Type: EntryConfig, Data: one.Append(nil)},
		{Index: 6, Term: 2, Type: EntryConfig, Data: two.Append(nil)}, {Index: 7, Term: 3, Type: EntryNoOp},
	}
	want("the latest", 2, 7, 3)
	st.Entries[1].Data = []byte("x")
	if _, err := st.Config(); err == nil || !strings.Contains(err.Error(), "entry 6") {
		t.Errorf("a configuration that is none: %v", err)
	}
}

// What a recovery leaves elects itself and goes on with all entries; a new member
// reads through the configurations of the old cluster and ends up with them all.
func TestAloneAfterALostQuorum(t *testing.T) {
	c := newCluster(3, 0, 1)
	leader := c.elect("1")
	if _, err := leader.propose("committed"); err != nil {
		t.Fatal(err)
	}
	c.stabilize()
	survivor := c.node("3")
	for _, n := range c.nodes {
		n.crash()
	}
	d := &survivor.disk
	last := uint64(len(d.entries))
	d.entries = append(d.entries, Entry{Index: last + 1, Term: d.hard.Term, Type: EntryCommand, Data: []byte("uncommitted")})
	st := State{HardState: d.hard, Snapshot: d.snap, Entries: d.entries}
	config, err := st.Config()
	if err != nil {
		t.Fatal(err)
	}
	m, _ := config.member("3")
	alone, err := config.Alone(m)
	if err != nil {
		t.Fatal(err)
	}
	d.hard = HardState{Term: d.hard.Term + 1, Vote: "3", Commit: last + 2}
	d.entries = append(d.entries, Entry{Index: last + 2, Term: d.hard.Term, Type: EntryConfig, Data: alone.Append(nil)})
	survivor.start()
	c.elect("3")
	c.stabilize("3")
	if got := survivor.core.Status(); got.Role != Leader || got.Commit != last+3 || len(got.Config.Members) != 1 {
		t.Fatalf("the survivor: %+v", got)
	}

	c.join("4")
	if _, err := survivor.core.ChangeMembers(MemberChange{Kind: AddVoter, ID: "4", Addr: "4:1", PeerAddr: "4:2"}); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		c.stabilize("3", "4")
		c.tick(1, "3", "4")
	}
	joined := c.node("4").core.Status()
	if got := roles(&joined.Config); got != "3:voter 4:voter -1 -2" || joined.Commit < last+4 {
		t.Fatalf("the new member has %q and %+v", got, joined)
	}
}
