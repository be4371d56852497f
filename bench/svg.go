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
	value        func(Point) float64
}

// WriteSVG draws throughput and latency over time.
func (r *Result) WriteSVG(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12" fill="%s">`+"\n", svgWidth, 2*svgPanel, svgInk)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/>`+"\n")
	r.svgPanel(&b, 0, "requests per second", func(v float64) string { return number(v) },
		svgLine{"succeeded", svgBlue, func(p Point) float64 { return p.OKPerSecond }})
	r.svgPanel(&b, svgPanel, "latency", us,
		svgLine{"max", svgG, func(p Point) float64 { return p.Max }},
		svgLine{"p99", svgRed, func(p Point) float64 { return p.P99 }},
		svgLine{"p50", svgBlue, func(p Point) float64 { return p.P50 }})
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
		var points strings.Builder
		for _, p := range r.Series {
			fmt.Fprintf(&points, "%.1f,%.1f ", p.Seconds/end*svgPlotW, svgPlotH-l.value(p)/top*svgPlotH)
		}
		fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="1.5" points="%s"/>`+"\n", l.colour, strings.TrimSpace(points.String()))
		fmt.Fprintf(b, `<text x="%d" y="-14" text-anchor="end" fill="%s">%s</text>`+"\n", svgPlotW-70*i, l.colour, l.name)
	}
	b.WriteString("</g>\n")
}
