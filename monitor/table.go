package monitor

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// WriteTable writes a snapshot as redoubt status shows it: a line for each
// member, why those that are silent are, and a sentence on the cluster.
func WriteTable(w io.Writer, s *Snapshot) error {
	var b strings.Builder
	rows := [][]string{{"ID", "ADDRESS", "ROLE", "TERM", "LAST", "COMMIT", "APPLIED", "LAG", "UPTIME", "USED", "FREE", "VERSION"}}
	for i := range s.Members {
		rows = append(rows, tableRow(&s.Members[i]))
	}
	left := []int{0, 1, 2, len(rows[0]) - 1}
	for _, row := range rows {
		for i, cell := range row {
			width := 0
			for _, other := range rows {
				width = max(width, utf8.RuneCountInString(other[i]))
			}
			row[i] = Align(cell, width, slices.Contains(left, i))
		}
		b.WriteString(strings.TrimRight(strings.Join(row, "  "), " ") + "\n")
	}
	b.WriteString("\n")
	for _, m := range s.Members {
		if m.Figures == nil {
			fmt.Fprintf(&b, "%s: %s", m.name(), m.Error)
			if len(m.SeenBy) > 0 {
				fmt.Fprintf(&b, "; connected to %s", strings.Join(m.SeenBy, " and "))
			}
			b.WriteString("\n")
		}
	}
	_, verdict := s.Verdict()
	b.WriteString(verdict)
	if s.MembersUp > 0 {
		fmt.Fprintf(&b, "; %d of %s up, leader %s, term %d", s.MembersUp, count(len(s.Members), "member"), or(s.Leader, "none"), s.Term)
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func tableRow(m *Member) []string {
	row := []string{or(m.ID, "?"), m.Addr, m.Role}
	if m.Figures == nil {
		return append(row, slices.Repeat([]string{"–"}, 9)...)
	}
	for _, n := range []uint64{m.Term, m.StatusPage.Last, m.Commit, m.Applied, m.Lag} {
		row = append(row, strconv.FormatUint(n, 10))
	}
	return append(row, duration(time.Duration(m.UptimeSeconds)*time.Second), size(m.DiskUsedBytes), size(int64(m.DiskFreeBytes)), m.Version)
}
