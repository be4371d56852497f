package monitor

import (
	"strings"
	"time"
)

// row is what the cells of a member are made of.
type row struct {
	*Member
	h     *History
	width int // of the cell
}

// column is one column of the table of members. Its width does not depend on
// what is in it: nothing moves from one screen to the next.
type column struct {
	title string
	width int
	wide  int // width from wideColumns on; 0: the same
	from  int // width of the terminal from which the column is shown
	left  bool
	cell  func(r *row) string
}

const (
	wideColumns = 100 // indexes have all their digits from here on
	curveFrom   = 138 // the curves of the members are shown from here on
)

// columns lists them from left to right. Those of from 0 take 79 columns.
func columns() []column {
	return []column{
		{title: "node", width: 8, left: true, cell: func(r *row) string { return r.name() }},
		{title: "address", width: 21, from: 118, left: true, cell: func(r *row) string { return r.Addr }},
		{title: "role", width: 9, left: true, cell: func(r *row) string { return r.Member.Role }},
		{title: "term", width: 4, wide: 6, cell: func(r *row) string { return fit(r.Term, r.width) }},
		{title: "last", width: 7, wide: 11, cell: func(r *row) string { return fit(r.StatusPage.Last, r.width) }},
		{title: "commit", width: 7, wide: 11, cell: func(r *row) string { return fit(r.Commit, r.width) }},
		{title: "applied", width: 7, wide: 11, cell: func(r *row) string { return fit(r.Applied, r.width) }},
		{title: "lag", width: 4, wide: 7, cell: func(r *row) string { return fit(r.Lag, r.width) }},
		{title: "ops/s", width: 6, cell: func(r *row) string { return fit(uint64(r.OpsPerSecond+0.5), r.width) }},
		{title: "p50", width: 6, from: 160, cell: func(r *row) string { return latency(r.LatencyP50Us) }},
		{title: "p99", width: 6, cell: func(r *row) string { return latency(r.LatencyP99Us) }},
		{title: "clients", width: 7, from: 168, cell: func(r *row) string { return fit(uint64(r.ConnectedClients), r.width) }},
		{title: "up", width: 6, cell: func(r *row) string { return duration(time.Duration(r.UptimeSeconds) * time.Second) }},
		{title: "used", width: 5, from: 128, cell: func(r *row) string { return size(r.DiskUsedBytes) }},
		{title: "free", width: 4, cell: func(r *row) string { return size(int64(r.DiskFreeBytes)) }},
	}
}

// shown returns the columns for a terminal, with their widths.
func shown(width int) []column {
	var list []column
	for _, c := range columns() {
		if c.from > width {
			continue
		}
		if c.wide > 0 && width >= wideColumns {
			c.width = c.wide
		}
		list = append(list, c)
	}
	return list
}

// header is the line with the titles.
func header(width int) string {
	var b strings.Builder
	for _, c := range shown(width) {
		b.WriteString(" " + Align(c.title, c.width, c.left))
	}
	if n := curveWidth(width); n > 0 {
		b.WriteString("  " + Align("ops/s", n, true))
	}
	return b.String()
}

// memberLine is the line of one member, and where its role stands in it.
func memberLine(h *History, m *Member, width int, at time.Time) (line string, roleAt int) {
	if m.ID == "" { // nothing to align: the cluster has not answered yet
		address := " " + m.Addr + " "
		return address + silence(m, at), len(address)
	}
	var b strings.Builder
	for _, c := range shown(width) {
		if c.title == "role" {
			roleAt = b.Len() + 1
			if m.Figures == nil {
				b.WriteString(" " + silence(m, at))
				break
			}
		}
		b.WriteString(" " + Align(c.cell(&row{m, h, c.width}), c.width, c.left))
	}
	if n := curveWidth(width); n > 0 && m.Figures != nil {
		b.WriteString("  " + chart(h.nodes[m.ID], h.busiest(n), n, 1)[0])
	}
	return b.String(), roleAt
}

// silence is all that is known of a member that does not answer.
func silence(m *Member, at time.Time) string {
	text := "no answer for " + duration(at.Sub(*m.Since)) + ": " + m.Error
	if len(m.SeenBy) > 0 {
		text += " (connected to " + strings.Join(m.SeenBy, ", ") + ")"
	}
	return text
}

// curveWidth is what the columns leave for the curve of a member.
func curveWidth(width int) int {
	if width < curveFrom {
		return 0
	}
	left := width - 3 // two before the curve, one behind it
	for _, c := range shown(width) {
		left -= 1 + c.width
	}
	return max(left, 0)
}

// busiest is the highest point of all members: their curves have one scale.
func (h *History) busiest(width int) float64 {
	most := 0.0
	for _, curve := range h.nodes {
		if v := highest(curve, width); v > most { // false for NaN
			most = v
		}
	}
	return most
}

// Align brings text to exactly width columns.
func Align(text string, width int, left bool) string {
	runes := []rune(text)
	if len(runes) > width {
		return string(runes[:max(width-1, 0)]) + "…"
	}
	space := strings.Repeat(" ", width-len(runes))
	if left {
		return text + space
	}
	return space + text
}
