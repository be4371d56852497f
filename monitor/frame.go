package monitor

import (
	"fmt"
	"math"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// Screen is what a frame is drawn for.
type Screen struct {
	Width    int
	Height   int // 0: as many lines as it takes
	At       time.Time
	Interval time.Duration
	Paused   bool
	Help     bool
}

// minEvents are kept free for events before charts grow.
const minEvents = 8

// Frame draws the history: Height lines, none wider than Width. Colours are the
// sixteen that the terminal's owner has chosen, so that they suit light and dark
// backgrounds; nothing is said by colour alone.
func (h *History) Frame(s Screen) string {
	lines := h.overview(s)
	lines = append(lines, "", faint.Render(header(s.Width)))
	for i := range h.Last.Members {
		lines = append(lines, h.memberLine(&h.Last.Members[i], s))
	}
	lines = append(lines, "")
	free := s.Height - len(lines) - 3 // blank, heading, keys
	lines = append(lines, h.charts(s, free-minEvents)...)
	lines = append(lines, "")
	if s.Help {
		lines = append(lines, help()...)
	} else {
		lines = append(lines, h.eventLines(s.Height-len(lines)-2)...)
	}
	if s.Height > 0 {
		for len(lines) < s.Height {
			lines = append(lines, "")
		}
		lines = append(lines[:s.Height-1], faint.Render(" q quit   p pause   ? help"))
	}
	for i := range lines {
		lines[i] = ansi.Truncate(lines[i], s.Width, "…")
	}
	return strings.Join(lines, "\n")
}

// overview is what concerns the cluster as a whole.
func (h *History) overview(s Screen) []string {
	last := &h.Last
	title := " redoubt   cluster " + Align(or(last.ClusterID, "unknown"), min(32, max(8, s.Width-48)), true)
	right := fmt.Sprintf("every %s   %s ", s.Interval, s.At.Format("15:04:05"))
	if s.Paused {
		right = "PAUSED   " + right
	}
	title += strings.Repeat(" ", max(1, s.Width-lipgloss.Width(title)-lipgloss.Width(right))) + right

	level, verdict := last.Verdict()
	if !h.goneFrom.IsZero() {
		verdict = fmt.Sprintf("no member answers since %s (%s); asking again and again",
			h.goneFrom.Format("15:04:05"), duration(s.At.Sub(h.goneFrom)))
	}
	state := colour(level).Bold(true).Render(" " + mark(level, "●") + " " + verdict)

	quorum := "no"
	switch {
	case last.MembersUp == 0:
		quorum = "unknown"
	case last.Quorum:
		quorum = "yes"
	}
	term, keys, memory, clients := "–", "–", "–", "–"
	if f := last.leading(); f != nil {
		term, keys, memory = fit(last.Term, 8), fit(uint64(f.Keys), 9), size(f.MemoryUsedBytes)
		if f.MemoryMaxBytes > 0 {
			memory += " of " + size(f.MemoryMaxBytes)
		}
		total := 0
		for _, m := range last.Members {
			if m.Figures != nil {
				total += m.ConnectedClients
			}
		}
		clients = fit(uint64(total), 5)
	}
	return []string{
		lipgloss.NewStyle().Bold(true).Render(title),
		state,
		facts(
			"members", fmt.Sprintf("%d of %d up", last.MembersUp, len(last.Members)), 11,
			"quorum", quorum, 7, "leader", or(last.Leader, "none"), 12, "term", term, 8),
		facts("ops/s", opsOf(newest(h.Ops)), 9, "p99", latencyOf(newest(h.LatencyUs)), 5, "keys", keys, 9, "memory", memory, 12, "clients", clients, 5),
	}
}

// facts writes names and values; each value keeps its place whatever the others
// are. fields are name, value, width.
func facts(fields ...any) string {
	var b strings.Builder
	for i := 0; i < len(fields); i += 3 {
		b.WriteString(" " + faint.Render(fields[i].(string)) + " " + Align(fields[i+1].(string), fields[i+2].(int), true) + " ")
	}
	return b.String()
}

func (h *History) memberLine(m *Member, s Screen) string {
	line, roleAt := memberLine(h, m, s.Width, s.At)
	if m.Figures == nil {
		return line[:roleAt] + colour(LevelError).Render(line[roleAt:])
	}
	end := roleAt + len(m.Role)
	role := line[roleAt:end]
	switch {
	case m.Role == RoleLeader:
		role = colour(LevelInfo).Bold(true).Render(role)
	case m.Role == RoleCandidate || !m.Ready:
		role = colour(LevelWarn).Bold(true).Render(role)
	}
	return line[:roleAt] + role + line[end:]
}

// charts draws operations and latency side by side where there is room, else
// one above the other, higher than a line if free allows it.
func (h *History) charts(s Screen, free int) []string {
	ops := curve{name: "ops/s", points: h.Ops, write: opsOf, scale: func(v float64) float64 { return v }, style: opsStyle}
	// One slow second must not flatten all others: latencies are drawn by their
	// logarithm, from the shortest that a node can tell.
	p99 := curve{name: "p99 (log)", points: h.LatencyUs, write: latencyOf, scale: logScale, style: latencyStyle}
	const most = 8
	switch height := min(most, free-1); {
	case s.Width < 40:
		return nil
	case s.Width >= 100 && height >= 2:
		left := ops.draw((s.Width-3)/2, height)
		right := p99.draw((s.Width-3)/2, height)
		for i := range left {
			left[i] += " " + right[i]
		}
		return left
	case free/2-1 >= 2:
		height = min(most, free/2-1)
		return append(ops.draw(s.Width-2, height), p99.draw(s.Width-2, height)...)
	}
	return []string{ops.line(s.Width - 2), p99.line(s.Width - 2)}
}

// curve is one chart with its name and scale.
type curve struct {
	name   string
	points []float64
	write  func(float64) string
	scale  func(float64) float64 // height of a point
	style  lipgloss.Style
}

func logScale(us float64) float64 { return math.Log(max(us/50, 1)) }

// chart draws the newest width points, and says which was the highest.
func (c *curve) chart(width, height int) (lines []string, most float64) {
	most = highest(c.points, width)
	heights := make([]float64, len(c.points))
	for i, v := range c.points {
		heights[i] = c.scale(v)
	}
	return chart(heights, c.scale(most), width, height), most
}

// draw makes a title and height lines, all of them width columns wide.
func (c *curve) draw(width, height int) []string {
	bars, most := c.chart(width-1, height)
	lines := []string{faint.Render(Align(fmt.Sprintf(" %s, highest %s", c.name, c.write(most)), width, true))}
	for _, line := range bars {
		lines = append(lines, " "+c.style.Render(line))
	}
	return lines
}

// line makes one line of it: name, curve, scale.
func (c *curve) line(width int) string {
	const name, scale = 10, 19
	bars, most := c.chart(width-name-scale, 1)
	return " " + faint.Render(Align(c.name, name, true)) + c.style.Render(bars[0]) +
		faint.Render("  "+Align("highest "+c.write(most), scale-2, true))
}

// eventLines are the newest events, newest first, under their heading.
func (h *History) eventLines(room int) []string {
	lines := []string{faint.Render(" what happened")}
	if room <= 0 {
		room = minEvents
	}
	for i := len(h.Events) - 1; i >= 0 && len(lines) <= room; i-- {
		e := h.Events[i]
		lines = append(lines, " "+e.At.Format("15:04:05")+" "+colour(e.Level).Render(mark(e.Level, " ")+" "+e.Text))
	}
	return lines
}

func help() []string {
	return []string{
		faint.Render(" what it means"),
		" term     newest election the node knows     last    newest entry in its log",
		" commit   newest entry a majority has on disk     applied    … in its keyspace",
		" lag      committed entries it has still to apply",
		" ops/s    commands a second; what this program asks is not counted",
		" p99      99 of 100 reads and writes were answered at least as fast",
		" up       time since its start                free    space left on its disk",
		" A dash is what is not known.                 ● well   ▲ worth a look   ✖ wrong",
	}
}

// Styles. Bold and faint remain where there is no colour.
var (
	faint        = lipgloss.NewStyle().Faint(true)
	opsStyle     = lipgloss.NewStyle().Foreground(lipgloss.Cyan)
	latencyStyle = lipgloss.NewStyle().Foreground(lipgloss.Magenta)
)

func colour(l Level) lipgloss.Style {
	style := lipgloss.NewStyle()
	switch l {
	case LevelWarn:
		return style.Foreground(lipgloss.Yellow)
	case LevelError:
		return style.Foreground(lipgloss.Red)
	}
	return style.Foreground(lipgloss.Green)
}

// mark says by its shape what colour says.
func mark(l Level, info string) string {
	switch l {
	case LevelWarn:
		return "▲"
	case LevelError:
		return "✖"
	}
	return info
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
