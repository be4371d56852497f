package demo

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"redoubt/devcluster"
	"redoubt/devcluster/testprogram"
	"redoubt/monitor"
)

// program is built once for all tests.
var program string

func TestMain(m *testing.M) { testprogram.Main(m, &program) }

// keyboard presses keys and lets what they begin come to an end.
type keyboard struct {
	t *testing.T
	m *model
}

func (k *keyboard) press(names ...string) {
	k.t.Helper()
	special := map[string]rune{"enter": tea.KeyEnter, "space": tea.KeySpace, "up": tea.KeyUp, "down": tea.KeyDown}
	for _, name := range names {
		msg := tea.KeyPressMsg{Code: special[name]}
		if msg.Code == 0 {
			msg = tea.KeyPressMsg{Code: rune(name[0]), Text: name}
		}
		_, cmd := k.m.Update(msg)
		if cmd == nil {
			continue
		}
		done := cmd()
		if d, ok := done.(keyDoneMsg); ok && d.err != nil {
			k.t.Errorf("key %s: %v", name, d.err)
		}
		k.m.Update(done)
	}
}

// paper is a model of a cluster that is not there.
func paper(t *testing.T, story []Step) *keyboard {
	s := &Stage{Cluster: &devcluster.Cluster{}, say: func(monitor.Event) {}}
	for _, n := range cast(3).Nodes {
		s.Cluster.Nodes = append(s.Cluster.Nodes, &devcluster.Node{ID: n.ID, Addr: n.Addr})
	}
	m := newModel(t.Context(), s, nil)
	m.story = story
	m.tell()
	return &keyboard{t, m}
}

func TestSelect(t *testing.T) {
	k := paper(t, []Step{{"one", []Act{{Text: "text", Button: "button"}}, ""}})
	for _, tt := range []struct {
		keys string
		want string
	}{{"", "n1"}, {"3", "n3"}, {"down", "n1"}, {"up", "n3"}, {"2", "n2"}, {"9", "n2"}, {"x", "n2"}} {
		if tt.keys != "" {
			k.press(tt.keys)
		}
		if got := k.m.scene.Selected; got != tt.want {
			t.Errorf("after %q: %s, want %s", tt.keys, got, tt.want)
		}
	}
	for _, msg := range []tea.KeyPressMsg{{Code: 'q', Text: "q"}, {Code: 'c', Mod: tea.ModCtrl}, {Code: tea.KeyEscape}} {
		if _, cmd := k.m.Update(msg); cmd == nil || cmd() != tea.Quit() {
			t.Errorf("%s does not quit", msg)
		}
	}
}

// TestStoryGoesOn: Enter does an act, then the next, then turns the page; an act
// that fails is said and tried again from the first of its step.
func TestStoryGoesOn(t *testing.T) {
	var did []string
	fails := true
	act := func(name string) Act {
		return Act{name + " text", name + " button", func(*Stage, context.Context) (string, error) {
			did = append(did, name)
			if name == "b" && fails {
				return "", errors.New("b went wrong")
			}
			return name + " result", nil
		}}
	}
	k := paper(t, []Step{{"one", []Act{act("a"), act("b")}, "that was one"}, {"two", []Act{act("c")}, ""}})
	for i, want := range []struct{ key, title, text, button, result string }{
		{"", "one", "a text", "a button", ""},
		{"enter", "one", "b text", "b button", "a result"},
		{"space", "one", "a text", "a button", "b went wrong"},
		{"enter", "one", "b text", "b button", "a result"},
		{"enter", "one", "that was one", "go on: two", "b result"},
		{"enter", "two", "c text", "c button", ""},
		{"enter", "two", farewell, "prove it again", "c result"},
		{"enter", "two", farewell, "prove it again", "c result"},
	} {
		if want.key != "" {
			k.press(want.key)
		}
		s := &k.m.scene
		if s.Title != want.title || s.Text != want.text || s.Button != want.button || s.Result != want.result {
			t.Errorf("%d: %q, %q, %q, %q, want %q", i, s.Title, s.Text, s.Button, s.Result, want)
		}
		if s.Failed != (want.result == "b went wrong") {
			t.Errorf("%d: failed is %v", i, s.Failed)
		}
		if len(did) == 2 {
			fails = false
		}
	}
	if got := strings.Join(did, ""); got != "ababcc" {
		t.Errorf("it did %s", got)
	}
}

// TestOneJobAtATime: while one is under way no key begins another, and q quits.
func TestOneJobAtATime(t *testing.T) {
	k := paper(t, []Step{{"one", []Act{{"text", "button", func(*Stage, context.Context) (string, error) { return "", nil }}}, ""}})
	_, job := k.m.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
	for _, key := range []string{"enter", "k", "r", "z", "p", "t"} {
		k.press(key)
		if !k.m.busy || k.m.over {
			t.Fatalf("%s was heard", key)
		}
	}
	k.press("2")
	if k.m.scene.Selected != "n2" {
		t.Error("no node can be selected meanwhile")
	}
	k.m.Update(job())
	if k.m.busy || !k.m.over {
		t.Errorf("after the job: busy %v, over %v", k.m.busy, k.m.over)
	}
}

// onStage is a model of a real cluster.
func onStage(t *testing.T) *keyboard {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	events := make(chan monitor.Event, 1000)
	s, err := Open(t.Context(), Config{Program: program, Nodes: 3}, func(e monitor.Event) { events <- e })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		var looking sync.WaitGroup
		looking.Go(func() { s.Look() }) // as a screen does that is about to go
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		looking.Wait()
		if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
			t.Errorf("%s is left behind", left[0].Name())
		}
	})
	return &keyboard{t, newModel(t.Context(), s, events)}
}

func (k *keyboard) await(what string, done func(l Look) bool) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), time.Minute)
	defer cancel()
	if err := await(ctx, what, func() (bool, error) { return done(k.m.stage.Look()), nil }); err != nil {
		k.t.Fatal(err)
	}
}

// TestKeys presses every key on a real cluster, and proves in the end that nothing
// was lost, and that a loss would be found.
func TestKeys(t *testing.T) {
	k := onStage(t)
	s := k.m.stage
	is := func(state State, i int) func(Look) bool {
		return func(l Look) bool { return l.Nodes[i].State == state }
	}
	answers := func(i int) func(Look) bool {
		return func(l Look) bool {
			m := l.member(l.Nodes[i].ID)
			return l.Nodes[i].State == Up && m != nil && m.Figures != nil && m.Ready
		}
	}
	k.press("2", "k")
	k.await("n2 to be down", is(Down, 1))
	k.press("k")
	k.await("n2 to be back", answers(1))
	k.press("z")
	k.await("n2 to be frozen", is(Paused, 1))
	k.press("z")
	k.await("n2 to go on", answers(1))
	k.press("3", "p")
	k.await("n3 to be cut off", is(Cut, 2))
	k.press("1", "p") // whoever is selected: it heals
	k.await("n3 to be heard again", answers(2))
	pid := s.Cluster.Nodes[0].Pid()
	k.press("r")
	k.await("n1 to be restarted", answers(0))
	if now := s.Cluster.Nodes[0].Pid(); now == pid || now == 0 {
		t.Errorf("n1 has pid %d, had %d", now, pid)
	}
	for _, id := range []string{"1", "2"} {
		k.await("a leader", func(l Look) bool { return l.Leader != "" && answers(0)(l) && answers(1)(l) })
		if s.Cluster.Leader() == s.Cluster.Node("n"+id) {
			continue
		}
		k.press(id, "t")
		k.await("n"+id+" to lead", func(l Look) bool { return l.Leader == "n"+id })
		break
	}
	k.press("2", "k") // the proof puts it in order
	k.await("writes", func(l Look) bool { return l.Acknowledged > 50 })

	result, err := s.prove(t.Context())
	if err != nil || !strings.HasPrefix(result, "Proved. ") {
		t.Fatalf("%q, %v", result, err)
	}
	k.await("the clients to write again", func(l Look) bool { return l.PerSecond["n3"] > 0 })
	if _, err := do(s.Cluster.Nodes[0], "DEL", s.Load.writers[2].key(0)); err != nil {
		t.Fatal(err)
	}
	want := "demo:n3:0000000 was acknowledged and is not there, read through n1"
	if _, err := s.prove(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("after a DEL: %v, want %s", err, want)
	}
}
