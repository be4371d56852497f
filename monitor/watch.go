package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// Watch shows the cluster on the terminal until the user quits or ctx ends. in
// is where keys come from, nil for nowhere.
func Watch(ctx context.Context, c *Collector, interval time.Duration, in io.Reader, out io.Writer) error {
	m := newModel(c.Collect, interval)
	_, err := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler()).Run()
	if errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil {
		return nil
	}
	return err
}

// Once watches for one interval and returns a screen of plain text, and whether
// any member has answered.
func Once(ctx context.Context, c *Collector, interval time.Duration, width int) (text string, answered bool) {
	h := &History{}
	_ = rounds(ctx, c.Collect, interval, func(s Snapshot) error {
		h.Add(s)
		if len(h.Ops) == 2 { // rates need two
			return io.EOF
		}
		return nil
	})
	text = ansi.Strip(h.Frame(Screen{Width: width, At: time.Now(), Interval: interval}))
	return text + "\n", h.Last.MembersUp > 0
}

// line is what WriteJSON writes each time.
type line struct {
	Snapshot
	Events []Event `json:"events"` // since the line before
}

// WriteJSON writes one line of JSON for each interval until ctx ends.
func WriteJSON(ctx context.Context, c *Collector, interval time.Duration, out io.Writer) error {
	h, encoder := &History{}, json.NewEncoder(out)
	return rounds(ctx, c.Collect, interval, func(s Snapshot) error {
		events := h.Add(s)
		if events == nil {
			events = []Event{}
		}
		return encoder.Encode(line{h.Last, events})
	})
}

// rounds collects a snapshot in every interval until ctx ends or take fails.
func rounds(ctx context.Context, collect func() Snapshot, interval time.Duration, take func(Snapshot) error) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if err := take(collect()); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// model is the program's state for bubbletea.
type model struct {
	collect func() Snapshot
	history History
	screen  Screen
	began   time.Time // of the round under way
}

type (
	snapshotMsg Snapshot  // a round is over
	roundMsg    time.Time // the next one is due
	clockMsg    time.Time // durations on the screen grow
)

func newModel(collect func() Snapshot, interval time.Duration) *model {
	return &model{collect: collect, screen: Screen{Interval: interval}}
}

func (m *model) Init() tea.Cmd { return tea.Batch(m.ask(), tick()) }

// ask starts a round. There is only ever one, so that the collector has one user.
func (m *model) ask() tea.Cmd {
	m.began = time.Now()
	return func() tea.Msg { return snapshotMsg(m.collect()) }
}

func tick() tea.Cmd {
	return tea.Tick(time.Second, func(t time.Time) tea.Msg { return clockMsg(t) })
}

func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.screen.Width, m.screen.Height = msg.Width, msg.Height
	case clockMsg:
		if !m.screen.Paused {
			m.screen.At = time.Time(msg)
		}
		return m, tick()
	case snapshotMsg:
		m.history.Add(Snapshot(msg))
		m.screen.At = msg.At
		wait := max(m.screen.Interval-time.Since(m.began), 0)
		return m, tea.Tick(wait, func(t time.Time) tea.Msg { return roundMsg(t) })
	case roundMsg:
		if m.screen.Paused {
			return m, tea.Tick(m.screen.Interval, func(t time.Time) tea.Msg { return roundMsg(t) })
		}
		return m, m.ask()
	case tea.KeyPressMsg:
		switch msg.String() {
		case "q", "ctrl+c", "esc":
			return m, tea.Quit
		case "p", "space":
			m.screen.Paused = !m.screen.Paused
		case "?", "h":
			m.screen.Help = !m.screen.Help
		}
	}
	return m, nil
}

func (m *model) View() tea.View {
	v := tea.NewView("")
	v.AltScreen = true
	v.WindowTitle = "redoubt watch"
	switch {
	case m.screen.Width == 0: // not known yet
	case !m.history.seen:
		v.SetContent(" asking the members …")
	default:
		v.SetContent(m.history.Frame(m.screen))
	}
	return v
}
