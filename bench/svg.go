package bench

import (
	"fmt"
	"io"
	"strings"
)

// The picture has two panels of the same size, one above the other.
const (
	svgWidth, svgPanel    = 720, 220
	svgLeft, svgTop       = 80, 40
	svgPlotW, svgPlotH    = svgWidth - svgLeft - 20, svgPanel - svgTop - 30
	svgInk, svgFaint      = "#333", "#ddd"
	svgBlue, svgRed, svgG = "#1f77b4", "#d62728", "#999"
)

type svgLine struct {
	name, colour string
	drawn        func(Point) bool
	value        func(Point) float64
}

// WriteSVG draws throughput and latency over time.
func (r *Result) WriteSVG(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12" fill="%s">`+"\n", svgWidth, 2*svgPanel, svgInk)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/>`+"\n")
	always := func(Point) bool { return true }
	r.svgPanel(&b, 0, "requests per second", func(v float64) string { return number(v) },
		svgLine{"succeeded", svgBlue, always, func(p Point) float64 { return p.OKPerSecond }})
	r.svgPanel(&b, svgPanel, "latency", us,
		svgLine{"max", svgG, Point.HasLatency, func(p Point) float64 { return p.Max }},
		svgLine{"p99", svgRed, Point.HasLatency, func(p Point) float64 { return p.P99 }},
		svgLine{"p50", svgBlue, Point.HasLatency, func(p Point) float64 { return p.P50 }})
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Result) svgPanel(b *strings.Builder, y int, title string, label func(float64) string, lines ...svgLine) {
	top, end := 0.0, 0.0
	for _, p := range r.Series {
		end = p.Seconds
		for _, l := range lines {
			top = max(top, l.value(p))
		}
	}
	top = roundUp(top)
	fmt.Fprintf(b, `<g transform="translate(%d,%d)">`+"\n", svgLeft, y+svgTop)
	fmt.Fprintf(b, `<text x="0" y="-14" font-weight="bold">%s</text>`+"\n", title)
	for i := range 3 {
		at := svgPlotH * i / 2
		fmt.Fprintf(b, `<line x1="0" y1="%d" x2="%d" y2="%d" stroke="%s"/>`, at, svgPlotW, at, svgFaint)
		fmt.Fprintf(b, `<text x="-8" y="%d" text-anchor="end">%s</text>`+"\n", at+4, label(top*float64(2-i)/2))
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%.1f s</text>`+"\n", svgPlotW, svgPlotH+16, end)
	for i, l := range lines {
		for _, points := range l.pieces(r.Series, end, top) {
			fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="1.5" stroke-linecap="round" points="%s"/>`+"\n", l.colour, strings.Join(points, " "))
		}
		fmt.Fprintf(b, `<text x="%d" y="-14" text-anchor="end" fill="%s">%s</text>`+"\n", svgPlotW-70*i, l.colour, l.name)
	}
	b.WriteString("</g>\n")
}

// pieces are the points between which the line is drawn, up to the next gap.
func (l *svgLine) pieces(series []Point, end, top float64) (all [][]string) {
	var piece []string
	finish := func() {
		switch len(piece) {
		case 0:
			return
		case 1:
			piece = append(piece, piece[0]) // a dot
		}
		all, piece = append(all, piece), nil
	}
	for _, p := range series {
		if !l.drawn(p) {
			finish()
			continue
		}
		piece = append(piece, fmt.Sprintf("%.1f,%.1f", p.Seconds/end*svgPlotW, svgPlotH-l.value(p)/top*svgPlotH))
	}
	finish()
	return all
}
