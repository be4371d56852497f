package monitor

import "math"

// blocks fill a cell from below in eighths.
var blocks = [...]rune{' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'}

// chart draws the newest points of a curve from 0 to most, one a column, in
// width columns and height lines. The newest is on the right. What is not known
// stays empty; a zero is a thin line.
func chart(curve []float64, most float64, width, height int) []string {
	curve = curve[max(0, len(curve)-width):]
	lines := make([]string, height)
	for row := range lines {
		line := make([]rune, width)
		for column := range line {
			line[column] = ' '
			if i := column - (width - len(curve)); i >= 0 && !math.IsNaN(curve[i]) {
				line[column] = cell(curve[i], most, height-1-row, height)
			}
		}
		lines[row] = string(line)
	}
	return lines
}

// cell is the part of a bar in the line that has below lines under it.
func cell(v, most float64, below, height int) rune {
	eighths := 1 // a zero can be seen
	if most > 0 {
		eighths = max(1, int(math.Round(v/most*float64(8*height))))
	}
	return blocks[min(max(eighths-8*below, 0), 8)]
}

// highest is the largest of the newest width points, NaN when none is known.
func highest(curve []float64, width int) float64 {
	most := math.NaN()
	for _, v := range curve[max(0, len(curve)-width):] {
		if !(v <= most) && !math.IsNaN(v) {
			most = v
		}
	}
	return most
}
