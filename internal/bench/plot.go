package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
)

// A point is the median of one size, with its quartiles.
type point struct{ x, y, low, high float64 }

// A series is one line of a plot.
type series struct {
	name   string
	points []point
}

// A plot is a growth curve on two logarithmic axes. Beside the lines stands a
// dashed one that grows as the size does: what is flatter than that scales.
type plot struct {
	title  string
	xs, ys string // what grows, and what is measured
	xLabel func(float64) string
	yLabel func(float64) string
	series []series
}

// The picture in pixels, and the margins around its axes.
const (
	plotWidth, plotHeight            = 420, 300
	plotLeft, plotRight              = 70, 12
	plotTop, plotBottom              = 30, 42
	plotInnerWidth, plotInnerHeight  = plotWidth - plotLeft - plotRight, plotHeight - plotTop - plotBottom
	plotLegendStep, plotMarker       = 15, 3.2
	plotLegendX, plotLegendLine      = plotLeft + 8, 14
	decadeMargin, linesAtMostLabeled = 0.08, 9
)

// style is grey enough for a light and a dark page, and follows the reader's
// choice where the viewer knows it.
const style = `<style>text{font:11px sans-serif;fill:#777}.t{font-size:12px;font-weight:bold}.g{stroke:#888;stroke-opacity:.25}` +
	`.a{stroke:#888}.r{stroke:#888;stroke-dasharray:5 4}.s0{stroke:#2a83d8;fill:#2a83d8}.s1{stroke:#d9762b;fill:#d9762b}.s2{stroke:#3a9d58;fill:#3a9d58}` +
	`.s3{stroke:#a866c9;fill:#a866c9}path,polyline{fill:none}` +
	`@media (prefers-color-scheme:dark){text{fill:#aaa}}@media (prefers-color-scheme:light){text{fill:#444}}</style>`

// axes are the plot's ranges, in powers of ten.
type axes struct{ left, right, bottom, top float64 }

func (a axes) x(v float64) float64 {
	return plotLeft + (math.Log10(v)-a.left)/(a.right-a.left)*plotInnerWidth
}

func (a axes) y(v float64) float64 {
	return plotTop + (a.top-math.Log10(v))/(a.top-a.bottom)*plotInnerHeight
}

// ranges holds every point, and whole decades upwards.
func (p plot) ranges() axes {
	a := axes{math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)}
	for _, s := range p.series {
		for _, pt := range s.points {
			a.left, a.right = min(a.left, math.Log10(pt.x)), max(a.right, math.Log10(pt.x))
			a.bottom, a.top = min(a.bottom, math.Log10(pt.low)), max(a.top, math.Log10(pt.high))
		}
	}
	margin := decadeMargin * (a.right - a.left)
	a.left, a.right = a.left-margin, a.right+margin
	a.bottom, a.top = math.Floor(a.bottom), math.Ceil(a.top)
	if a.top-a.bottom < 2 { // a flat line is not a mountain range
		a.top++
	}
	return a
}

// svg draws it.
func (p plot) svg() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-label="%s">%s`+"\n",
		plotWidth, plotHeight, plotWidth, plotHeight, html.EscapeString(p.title), style)
	fmt.Fprintf(&out, `<text class="t" x="%d" y="18">%s</text>`+"\n", plotLeft, html.EscapeString(p.title))
	a := p.ranges()
	p.grid(&out, a)
	p.linear(&out, a)
	for i, s := range p.series {
		s.draw(&out, a, i)
	}
	p.legend(&out)
	fmt.Fprintln(&out, "</svg>")
	return out.Bytes()
}

// grid draws the axes, a line for each decade of time and for each size.
func (p plot) grid(out *bytes.Buffer, a axes) {
	right, foot := plotWidth-plotRight, plotHeight-plotBottom
	every := int(math.Ceil((a.top - a.bottom) / linesAtMostLabeled))
	for d := int(a.bottom); d <= int(a.top); d += every {
		y := a.y(math.Pow10(d))
		fmt.Fprintf(out, `<path class="g" d="M%d %.1fH%d"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			plotLeft, y, right, plotLeft-5, y+4, p.yLabel(math.Pow10(d)))
	}
	for _, x := range p.sizes() {
		fmt.Fprintf(out, `<path class="g" d="M%.1f %dV%d"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n",
			a.x(x), plotTop, foot, a.x(x), foot+15, p.xLabel(x))
	}
	fmt.Fprintf(out, `<path class="a" d="M%d %dV%dH%d"/>`+"\n", plotLeft, plotTop, foot, right)
	fmt.Fprintf(out, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", plotLeft+plotInnerWidth/2, plotHeight-8, html.EscapeString(p.xs))
	fmt.Fprintf(out, `<text transform="translate(11 %d) rotate(-90)" text-anchor="middle">%s</text>`+"\n", plotTop+plotInnerHeight/2, html.EscapeString(p.ys))
}

// sizes are those of the series that has most.
func (p plot) sizes() []float64 {
	var most []point
	for _, s := range p.series {
		if len(s.points) > len(most) {
			most = s.points
		}
	}
	out := make([]float64, len(most))
	for i, pt := range most {
		out[i] = pt.x
	}
	return out
}

// linear draws the reference through the last point of the first series.
func (p plot) linear(out *bytes.Buffer, a axes) {
	first := p.series[0].points
	last := first[len(first)-1]
	through := math.Log10(last.y) - math.Log10(last.x) // the height where the size is one
	from, to := max(a.left, a.bottom-through), min(a.right, a.top-through)
	x0, x1 := math.Pow(10, from), math.Pow(10, to)
	fmt.Fprintf(out, `<path class="r" d="M%.1f %.1fL%.1f %.1f"/>`+"\n",
		a.x(x0), a.y(math.Pow(10, from+through)), a.x(x1), a.y(math.Pow(10, to+through)))
}

// draw draws a line, its points and their quartiles.
func (s series) draw(out *bytes.Buffer, a axes, i int) {
	fmt.Fprintf(out, `<g class="s%d"><polyline stroke-width="1.5" points="`, i)
	for _, pt := range s.points {
		fmt.Fprintf(out, "%.1f,%.1f ", a.x(pt.x), a.y(pt.y))
	}
	fmt.Fprintln(out, `"/>`)
	for _, pt := range s.points {
		fmt.Fprintf(out, `<path d="M%.1f %.1fV%.1f"/>%s`+"\n", a.x(pt.x), a.y(pt.low), a.y(pt.high), marker(i, a.x(pt.x), a.y(pt.y)))
	}
	fmt.Fprintln(out, "</g>")
}

// marker tells the series apart for who does not see their colours.
func marker(i int, x, y float64) string {
	switch i {
	case 1:
		return fmt.Sprintf(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, x-plotMarker, y-plotMarker, 2*plotMarker, 2*plotMarker)
	case 2:
		return fmt.Sprintf(`<polygon points="%.1f,%.1f %.1f,%.1f %.1f,%.1f"/>`, x, y-plotMarker-1, x-plotMarker-1, y+plotMarker, x+plotMarker+1, y+plotMarker)
	}
	return fmt.Sprintf(`<circle cx="%.1f" cy="%.1f" r="%.1f"/>`, x, y, plotMarker)
}

func (p plot) legend(out *bytes.Buffer) {
	for i, s := range p.series {
		y := plotTop + 12 + i*plotLegendStep
		fmt.Fprintf(out, `<g class="s%d">%s</g><text x="%d" y="%d">%s</text>`+"\n",
			i, marker(i, plotLegendX, float64(y-4)), plotLegendX+plotLegendLine, y, html.EscapeString(s.name))
	}
	y := plotTop + 12 + len(p.series)*plotLegendStep
	fmt.Fprintf(out, `<path class="r" d="M%d %dh14"/><text x="%d" y="%d">linear</text>`+"\n", plotLegendX-6, y-4, plotLegendX+plotLegendLine, y)
}
