package demo

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"redoubt/monitor"
)

// Scene is all that a screen shows.
type Scene struct {
	Width, Height int
	Look          Look
	Events        []monitor.Event // oldest first

	Number, Steps int    // of the step, from 1
	Title         string // of the step
	Text          string // what comes next, and what to look at
	Button        string // what Enter does
	Result        string // of the act before
	Failed        bool   // the act before, and Result says why
	Busy          time.Duration
	Selected      string // id of a node
}

// storyLines are kept for the text, so that what is below it stays where it is.
const (
	storyLines     = 6
	wideStoryLines = 5
	maxTextWidth   = 110
	minEvents      = 2
)

// Frame draws the scene: Height lines, none wider than Width. Colours are the
// sixteen of the terminal's owner, and nothing is said by colour alone.
func (s *Scene) Frame() string {
	lines := append([]string{s.heading()}, s.story()...)
	lines = append(lines, faint.Render(header(s.Width)))
	for i := range s.Look.Nodes {
		lines = append(lines, s.nodeLine(i))
	}
	lines = append(lines, s.writes())
	const below = 3 // what Enter does, and the keys on two lines
	free := s.Height - len(lines) - below
	if height := min(free-minEvents, max(1, free/3), 8); height > 0 {
		lines = append(lines, s.curve(height)...)
		free -= height
	}
	if roomy := free > minEvents+2; roomy {
		lines = append(lines, "")
		free--
	}
	lines = append(lines, s.events(free)...)
	for len(lines) < s.Height-below {
		lines = append(lines, "")
	}
	lines = append(lines[:max(0, s.Height-below)], s.prompt(), faint.Render(keyLines[0]), faint.Render(keyLines[1]))
	lines = lines[max(0, len(lines)-s.Height):]
	for i := range lines {
		lines[i] = ansi.Truncate(lines[i], s.Width, "…")
	}
	return strings.Join(lines, "\n")
}

// keyLines is the help that is always there.
var keyLines = [...]string{
	" select a node with 1-9 or ↑↓, then   k kill/start   r restart   t make leader",
	" z freeze/thaw   p cut off/heal   enter goes on   q ends the demo",
}

// heading judges the cluster, and says how far the story has come.
func (s *Scene) heading() string {
	left := " redoubt demo   "
	right := fmt.Sprintf("  %s  %d of %d ", strings.Repeat("●", s.Number)+strings.Repeat("○", max(0, s.Steps-s.Number)), s.Number, s.Steps)
	level, verdict := s.Look.Verdict()
	style, sign := good, "● "
	switch level {
	case monitor.LevelWarn:
		style, sign = warning, "▲ "
	case monitor.LevelError:
		style, sign = bad, "✖ "
	}
	room := max(1, s.Width-lipgloss.Width(left)-lipgloss.Width(right))
	verdict = monitor.Align(sign+verdict, room, true)
	return faint.Render(left) + style.Render(verdict) + faint.Render(right)
}

// story is the title, the result of the last act and the text of the next.
func (s *Scene) story() []string {
	room := storyLines
	if s.Width >= wideScreen {
		room = wideStoryLines
	}
	width := min(s.Width-4, maxTextWidth)
	lines := []string{"", " " + bold.Render(s.Title)}
	if s.Height < 24 {
		lines = lines[1:]
	}
	var text []string
	if s.Result != "" {
		sign, style := "✓ ", good
		if s.Failed {
			sign, style = "✖ ", bad
		}
		for i, line := range paragraphs(s.Result, width-2) {
			if i > 0 {
				sign = "  "
			}
			text = append(text, " "+style.Render(sign+line))
		}
	}
	for _, line := range paragraphs(s.Text, width) {
		text = append(text, " "+line)
	}
	for len(text) < room {
		text = append(text, "")
	}
	return append(lines, text[:room]...)
}

func (s *Scene) nodeLine(i int) string {
	n := &s.Look.Nodes[i]
	sign, selected := " ", n.ID == s.Selected
	if selected {
		sign = "▸"
	}
	m := s.Look.member(n.ID)
	return sign + s.Look.row(n, s.Width, func(title, cell string) string {
		switch {
		case title == "node" && selected:
			return bold.Render(cell)
		case title == "state" && n.State != Up:
			return bad.Render(cell)
		case title == "role" && roleOf(m) == monitor.RoleLeader:
			return good.Bold(true).Render(cell)
		case title == "role" && roleOf(m) == monitor.RoleCandidate:
			return warning.Render(cell)
		case title == "lag" && m != nil && m.Figures != nil && m.Lag > lagToSee:
			return warning.Render(cell)
		}
		return cell
	})
}

// lagToSee: the nodes are asked one after the other, so that a small lag is no news.
const lagToSee = 50

// writes counts what the clients have come to.
func (s *Scene) writes() string {
	f := s.Look.Figures
	total := 0.0
	for _, v := range f.PerSecond {
		total += v
	}
	var b strings.Builder
	for _, c := range []struct {
		name, value string
		width, from int
		style       lipgloss.Style
	}{
		{"acknowledged", whole(uint64(f.Acknowledged)), 10, 0, good},
		{"refused", whole(uint64(f.Refused)), 6, 0, plain},
		{"unknown", whole(uint64(f.Unknown)), 5, 0, plain},
		{"longest gap", short(f.LongestGap), 8, 0, plain},
		{"a second", fmt.Sprintf("%.0f", total), 6, wideScreen, plain},
	} {
		if s.Width >= c.from {
			b.WriteString("  " + faint.Render(c.name) + " " + c.style.Render(monitor.Align(c.value, c.width, true)))
		}
	}
	return b.String()
}

func (s *Scene) curve(height int) []string {
	width := s.Width - 3
	curve := s.Look.Curve
	curve = curve[max(0, len(curve)-max(width, 0)):]
	if width < 1 || len(curve) == 0 {
		return slices.Repeat([]string{""}, height)
	}
	var lines []string
	for _, line := range bars(curve, slices.Max(curve), width, height) {
		lines = append(lines, "  "+chart.Render(line))
	}
	return lines
}

// events are the newest, the latest at the bottom, where the eye is.
func (s *Scene) events(room int) (lines []string) {
	for _, e := range s.Events[max(0, len(s.Events)-max(room, 0)):] {
		style, sign := plain, " "
		if e.Level != monitor.LevelInfo {
			style, sign = warning, "▲"
		}
		lines = append(lines, " "+faint.Render(e.At.Format("15:04:05.000"))+" "+style.Render(sign+" "+e.Text))
	}
	return lines
}

func (s *Scene) prompt() string {
	if s.Busy > 0 {
		frames := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
		spin := string(frames[int(s.Busy/(100*time.Millisecond))%len(frames)])
		return " " + warning.Render(spin+" "+s.Button+" …")
	}
	return " " + button.Render(" enter ") + " " + bold.Render(s.Button)
}

// Styles. Bold, faint and reverse remain where there is no colour.
var (
	plain   = lipgloss.NewStyle()
	faint   = lipgloss.NewStyle().Faint(true)
	bold    = lipgloss.NewStyle().Bold(true)
	button  = lipgloss.NewStyle().Reverse(true)
	good    = lipgloss.NewStyle().Foreground(lipgloss.Green)
	bad     = lipgloss.NewStyle().Foreground(lipgloss.Red)
	warning = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	chart   = lipgloss.NewStyle().Foreground(lipgloss.Cyan)
)
