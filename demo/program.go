package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"redoubt/devcluster"
	"redoubt/monitor"
)

const (
	lookLength = 150 * time.Millisecond // between two looks at the cluster
	maxEvents  = 200
)

// Run plays the demo on a terminal until the user quits or ctx ends. It fails when
// the last proof did.
func Run(ctx context.Context, config Config, in io.Reader, out io.Writer) (err error) {
	fmt.Fprintf(out, "starting %d nodes …\n", config.Nodes)
	// Whatever is said before there is a screen is not lost.
	events := make(chan monitor.Event, maxEvents)
	s, err := Open(ctx, config, func(e monitor.Event) {
		select {
		case events <- e:
		default:
		}
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	acting, stop := context.WithCancel(ctx)
	m := newModel(acting, s, events)
	defer func() {
		stop()
		m.jobs.Wait() // an act is over before its cluster is
		err = errors.Join(err, s.Close())
	}()
	_, err = tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler()).Run()
	if errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil {
		err = nil
	}
	return errors.Join(err, m.failure)
}

// model is the program's state for bubbletea.
type model struct {
	ctx    context.Context // ends the job under way
	stage  *Stage
	events <-chan monitor.Event
	jobs   sync.WaitGroup

	story     []Step
	step, act int // what Enter does
	over      bool
	began     time.Time // of the job under way
	busy      bool
	failure   error // of the last proof
	scene     Scene
}

type (
	lookMsg  Look
	clockMsg time.Time
	eventMsg monitor.Event
	doneMsg  struct { // an act is over
		result string
		err    error
	}
	keyDoneMsg struct{ err error } // what a key began is over
)

func newModel(ctx context.Context, s *Stage, events <-chan monitor.Event) *model {
	m := &model{ctx: ctx, stage: s, events: events, story: s.Story()}
	m.scene.Steps = len(m.story)
	m.scene.Selected = s.Cluster.Nodes[0].ID
	m.tell()
	return m
}

// tell fills in what the story says at this point.
func (m *model) tell() {
	step := m.story[m.step]
	m.scene.Number, m.scene.Title = m.step+1, step.Title
	switch {
	case m.over:
		m.scene.Text, m.scene.Button = farewell, "prove it again"
	case m.act == len(step.Acts):
		m.scene.Text, m.scene.Button = step.After, "go on: "+m.story[m.step+1].Title
	default:
		m.scene.Text, m.scene.Button = step.Acts[m.act].Text, step.Acts[m.act].Button
	}
}

func (m *model) Init() tea.Cmd { return tea.Batch(m.look(), tick(), m.nextEvent()) }

// look asks the nodes. There is only ever one of it, so that the collector has one user.
func (m *model) look() tea.Cmd {
	return func() tea.Msg { return lookMsg(m.stage.Look()) }
}

func tick() tea.Cmd {
	return tea.Tick(100*time.Millisecond, func(t time.Time) tea.Msg { return clockMsg(t) })
}

func (m *model) nextEvent() tea.Cmd {
	return func() tea.Msg {
		select {
		case e := <-m.events:
			return eventMsg(e)
		case <-m.ctx.Done():
			return nil
		}
	}
}

func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.scene.Width, m.scene.Height = msg.Width, msg.Height
	case lookMsg:
		m.scene.Look = Look(msg)
		m.selectNode(m.selected()) // it may have left
		return m, tea.Tick(lookLength, func(time.Time) tea.Msg { return m.look()() })
	case clockMsg:
		m.scene.Busy = 0
		if m.busy {
			m.scene.Busy = time.Since(m.began)
		}
		return m, tick()
	case eventMsg:
		m.scene.Events = append(m.scene.Events, monitor.Event(msg))
		m.scene.Events = m.scene.Events[max(0, len(m.scene.Events)-maxEvents):]
		return m, m.nextEvent()
	case doneMsg:
		m.done(msg)
	case keyDoneMsg:
		m.busy, m.scene.Busy = false, 0
		m.tell()
		if msg.err != nil {
			m.stage.warn("%v", msg.err)
		}
	case tea.KeyPressMsg:
		return m, m.press(msg.String())
	}
	return m, nil
}

// done takes the result of an act and turns the page, or leaves it open when the
// act has failed: Enter tries again.
func (m *model) done(msg doneMsg) {
	m.busy, m.scene.Busy = false, 0
	m.scene.Result, m.scene.Failed = msg.result, msg.err != nil
	last := m.step == len(m.story)-1
	if last {
		m.failure = msg.err
	}
	switch {
	case msg.err != nil:
		m.scene.Result = msg.err.Error()
		m.act = 0 // its acts build on each other
	case last:
		m.over = true
	default:
		m.act++
	}
	m.tell()
}

func (m *model) View() tea.View {
	v := tea.NewView("")
	v.AltScreen = true
	v.WindowTitle = "redoubt demo"
	if m.scene.Width > 0 {
		v.SetContent(m.scene.Frame())
	}
	return v
}

// press does what a key stands for. The cluster is changed by one job at a time:
// keys that change it wait for nothing, they are not heard meanwhile.
func (m *model) press(key string) tea.Cmd {
	switch {
	case key == "q" || key == "ctrl+c" || key == "esc":
		return tea.Quit
	case key == "up" || key == "down":
		step := 1
		if key == "up" {
			step = -1
		}
		m.selectNode(m.selected() + step)
	case len(key) == 1 && key >= "1" && key <= "9":
		for i, n := range m.stage.nodes() {
			if n.ID == "n"+key {
				m.selectNode(i)
			}
		}
	case m.busy:
	case key == "enter" || key == "space":
		return m.enter()
	default:
		if job := m.job(key); job != nil {
			return m.start(func(ctx context.Context) tea.Msg { return keyDoneMsg{job(ctx)} })
		}
	}
	return nil
}

// selected is where the selected node is in the list, 0 when it has left.
func (m *model) selected() int {
	is := func(n *devcluster.Node) bool { return n.ID == m.scene.Selected }
	return max(0, slices.IndexFunc(m.stage.nodes(), is))
}

// selectNode selects the node that is there in the list, which is a circle.
func (m *model) selectNode(i int) {
	nodes := m.stage.nodes()
	m.scene.Selected = nodes[(i+len(nodes))%len(nodes)].ID
}

// enter does the next act, or goes on to the next step.
func (m *model) enter() tea.Cmd {
	acts := m.story[m.step].Acts
	if m.act == len(acts) {
		m.step, m.act = m.step+1, 0
		m.scene.Result, m.scene.Failed = "", false
		m.tell()
		return nil
	}
	act := acts[m.act]
	return m.start(func(ctx context.Context) tea.Msg {
		result, err := act.do(m.stage, ctx)
		return doneMsg{result, err}
	})
}

// start runs a job beside the screen.
func (m *model) start(job func(context.Context) tea.Msg) tea.Cmd {
	m.busy, m.began = true, time.Now()
	m.scene.Busy = time.Nanosecond
	m.jobs.Add(1)
	return func() tea.Msg {
		defer m.jobs.Done()
		ctx, cancel := context.WithTimeoutCause(m.ctx, actTimeout, errGaveUp)
		defer cancel()
		return job(ctx)
	}
}

// job is what a key does to the selected node; nil for a key that does nothing.
func (m *model) job(key string) func(context.Context) error {
	s, n := m.stage, m.stage.nodes()[m.selected()]
	jobs := map[string]struct {
		name string
		do   func(context.Context, *devcluster.Node) error
	}{
		"k": {"kill or start " + n.ID, s.killOrStart},
		"r": {"restart " + n.ID, s.restart},
		"z": {"freeze or thaw " + n.ID, s.freezeOrThaw},
		"p": {"cut off or heal", s.cutOffOrHeal},
		"t": {"make " + n.ID + " the leader", s.transfer},
	}
	j, ok := jobs[key]
	if !ok {
		return nil
	}
	m.scene.Button = j.name
	return func(ctx context.Context) error { return j.do(ctx, n) }
}
