package demo

import (
	"fmt"
	"strings"

	"redoubt/monitor"
)

// column is one column of the table of nodes. Its width does not depend on what is
// in it: nothing moves from one screen to the next.
type column struct {
	title string
	width int
	from  int // width of the screen from which it is shown
	left  bool
	cell  func(n *NodeLook, m *monitor.Member, l *Look) string
}

const (
	wideScreen   = 100
	narrowFigure = 7 // columns of most figures
)

// columns lists them from left to right. Those of from 0 take 77 columns.
func columns() []column {
	figure := func(f func(m *monitor.Member) uint64) func(*NodeLook, *monitor.Member, *Look) string {
		return func(_ *NodeLook, m *monitor.Member, _ *Look) string {
			if m == nil || m.Figures == nil {
				return "–"
			}
			return fit(f(m), narrowFigure)
		}
	}
	return []column{
		{title: "node", width: 4, left: true, cell: func(n *NodeLook, _ *monitor.Member, _ *Look) string { return n.ID }},
		{title: "address", width: 15, from: wideScreen, left: true, cell: func(n *NodeLook, _ *monitor.Member, _ *Look) string { return n.Addr }},
		{title: "state", width: 7, left: true, cell: func(n *NodeLook, _ *monitor.Member, _ *Look) string { return string(n.State) }},
		{title: "role", width: 9, left: true, cell: func(_ *NodeLook, m *monitor.Member, _ *Look) string { return roleOf(m) }},
		{title: "term", width: 4, cell: figure(func(m *monitor.Member) uint64 { return m.Term })},
		{title: "first", width: 7, cell: figure(func(m *monitor.Member) uint64 { return m.First })},
		{title: "last", width: 7, cell: figure(func(m *monitor.Member) uint64 { return m.StatusPage.Last })},
		{title: "commit", width: 7, cell: figure(func(m *monitor.Member) uint64 { return m.Commit })},
		{title: "applied", width: 7, cell: figure(func(m *monitor.Member) uint64 { return m.Applied })},
		{title: "lag", width: 6, cell: figure(func(m *monitor.Member) uint64 { return m.Lag })},
		{title: "snapshot", width: 8, from: wideScreen, cell: figure(func(m *monitor.Member) uint64 { return m.StatusPage.Snapshot })},
		{title: "writes/s", width: 8, cell: func(n *NodeLook, _ *monitor.Member, l *Look) string { return fmt.Sprintf("%.0f", l.PerSecond[n.ID]) }},
	}
}

func roleOf(m *monitor.Member) string {
	if m == nil || m.Figures == nil {
		return "–"
	}
	return m.Role
}

// shown are the columns of a screen.
func shown(width int) (list []column) {
	for _, c := range columns() {
		if c.from <= width {
			list = append(list, c)
		}
	}
	return list
}

func header(width int) string {
	line := " "
	for _, c := range shown(width) {
		line += " " + monitor.Align(c.title, c.width, c.left)
	}
	return line
}

// member finds what a node said of itself; nil when nothing is known.
func (l *Look) member(id string) *monitor.Member {
	for i := range l.Members {
		if l.Members[i].ID == id {
			return &l.Members[i]
		}
	}
	return nil
}

// row is the line of a node. paint colours a cell by its title.
func (l *Look) row(n *NodeLook, width int, paint func(title, cell string) string) string {
	m := l.member(n.ID)
	var b strings.Builder
	for _, c := range shown(width) {
		b.WriteString(" " + paint(c.title, monitor.Align(c.cell(n, m, l), c.width, c.left)))
	}
	return b.String()
}
