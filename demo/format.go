package demo

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"redoubt/devcluster"
)

// whole writes all digits, in groups of three.
func whole(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// fit is whole, without the groups when they do not fit.
func fit(n uint64, width int) string {
	if s := whole(n); len(s) <= width {
		return s
	}
	return strconv.FormatUint(n, 10)
}

// short writes a duration with three digits: 3.4 ms, 187 ms, 1.25 s.
func short(d time.Duration) string {
	switch ms := float64(d) / float64(time.Millisecond); {
	case ms < 9.95:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 999.5:
		return fmt.Sprintf("%.0f ms", ms)
	case ms < 9995:
		return fmt.Sprintf("%.2f s", ms/1000)
	default:
		return fmt.Sprintf("%.0f s", ms/1000)
	}
}

// ids lists nodes: n1, n2 and n3.
func ids(nodes []*devcluster.Node) string {
	var list []string
	for _, n := range nodes {
		list = append(list, n.ID)
	}
	if last := len(list) - 1; last > 0 {
		return strings.Join(list[:last], ", ") + " and " + list[last]
	}
	return strings.Join(list, "")
}

// paragraphs wraps text to width. A line that begins with a blank is left as it is.
func paragraphs(text string, width int) (lines []string) {
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, " ") {
			lines = append(lines, line)
			continue
		}
		lines = append(lines, strings.Split(ansi.Wordwrap(line, max(width, 1), ""), "\n")...)
	}
	return lines
}

// bars draws the newest points of a curve, one a column, from 0 to most, in height
// lines. A zero is a dot: the hole that it makes is what one looks for.
func bars(curve []float64, most float64, width, height int) []string {
	curve = curve[max(0, len(curve)-width):]
	lines := make([]string, height)
	for row := range lines {
		below := 8 * (height - 1 - row) // eighths of a line
		line := []rune(strings.Repeat(" ", width-len(curve)))
		for _, v := range curve {
			eighths := max(1, int(math.Round(v/most*float64(8*height))))
			switch {
			case v > 0:
				line = append(line, []rune(" ▁▂▃▄▅▆▇█")[min(max(eighths-below, 0), 8)])
			case below == 0:
				line = append(line, '·')
			default:
				line = append(line, ' ')
			}
		}
		lines[row] = string(line)
	}
	return lines
}
