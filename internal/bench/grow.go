package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// A curve collects the samples of one thing that is measured at several sizes.
type curve struct {
	name    string // of its plot
	title   string
	xs      string
	lines   []string // ours first, then what it is compared to
	unit    unit
	samples []map[float64][]float64 // for each line, by size
	sizes   []float64
}

// A unit writes what was measured, on an axis and in a table.
type unit struct {
	of         string
	axis, cell func(float64) string
}

func timeUnit() unit { return unit{"time", axisDuration, duration} }

// memoryUnit is for MiB.
func memoryUnit() unit {
	return unit{"memory", func(x float64) string { return fmt.Sprintf("%g MiB", x) }, func(x float64) string { return digits(x) + " MiB" }}
}

func newCurve(name, title, xs string, lines ...string) *curve {
	c := &curve{name: name, title: title, xs: xs, lines: lines, unit: timeUnit(), samples: make([]map[float64][]float64, len(lines))}
	for i := range c.samples {
		c.samples[i] = make(map[float64][]float64)
	}
	return c
}

// add keeps what a line took at a size. What the system does not tell is zero,
// and left out.
func (c *curve) add(line int, size, y float64) {
	if y <= 0 {
		return
	}
	if len(c.sizes) == 0 || c.sizes[len(c.sizes)-1] != size {
		c.sizes = append(c.sizes, size)
	}
	c.samples[line][size] = append(c.samples[line][size], y)
}

// time keeps how long fn took.
func (c *curve) time(line int, size float64, fn func() error) error {
	start := time.Now()
	err := fn()
	c.add(line, size, time.Since(start).Seconds())
	return err
}

// point is the median of a line at a size; none if it was not measured there.
func (c *curve) point(line int, size float64) (point, bool) {
	sorted := slices.Sorted(slices.Values(c.samples[line][size]))
	if len(sorted) == 0 {
		return point{}, false
	}
	return point{size, at(sorted, 0.5), at(sorted, 0.25), at(sorted, 0.75)}, true
}

// plot is the curve as it is drawn.
func (c *curve) plot(xLabel func(float64) string) plot {
	p := plot{title: c.title, xs: c.xs, ys: c.unit.of, xLabel: xLabel, yLabel: c.unit.axis}
	for i, name := range c.lines {
		s := series{name: name}
		for _, size := range c.sizes {
			if pt, ok := c.point(i, size); ok {
				s.points = append(s.points, pt)
			}
		}
		if len(s.points) > 0 {
			p.series = append(p.series, s)
		}
	}
	return p
}

// rows are the curve in a table: a row for each line, a column for each size,
// and by how much more a last step took than its growth.
func (c *curve) rows() [][]string {
	write := c.unit.cell
	var out [][]string
	for i, line := range c.lines {
		row := []string{c.title + ": " + line}
		var first, last, at0, at1 float64
		for _, size := range c.sizes {
			pt, ok := c.point(i, size)
			if !ok {
				row = append(row, "")
				continue
			}
			row = append(row, write(pt.y)+" ("+write(pt.low)+" to "+write(pt.high)+")")
			if first == 0 {
				first, at0 = pt.y, size
			}
			last, at1 = pt.y, size
		}
		growth := ""
		if at1 > at0 {
			growth = fmt.Sprintf("x%s for x%s", ratio(last/first), axisCount(at1/at0))
		}
		out = append(out, append(row, growth))
	}
	return out
}

// publishCurves writes a table of them all, and draws each.
func (b *bench) publishCurves(g group, load string, curves []*curve, xLabel func(float64) string) error {
	t := table{about: fmt.Sprintf("%s, medians (p25 to p75), load %s", g.about, load), header: []string{curves[0].xs}}
	for _, size := range curves[0].sizes {
		t.header = append(t.header, xLabel(size))
	}
	t.header = append(t.header, "growth")
	for _, c := range curves {
		t.rows = append(t.rows, c.rows()...)
		if err := b.draw(c.name, c.plot(xLabel)); err != nil {
			return err
		}
	}
	return b.publish(g.name, t)
}

// axisDuration writes a power of ten of seconds.
func axisDuration(s float64) string {
	switch {
	case s < 0.9e-6:
		return fmt.Sprintf("%.0f ns", s*1e9)
	case s < 0.9e-3:
		return fmt.Sprintf("%.0f µs", s*1e6)
	case s < 0.9:
		return fmt.Sprintf("%.0f ms", s*1e3)
	}
	return fmt.Sprintf("%.0f s", s)
}

// axisCount writes 100000 as 100,000.
func axisCount(n float64) string {
	text := fmt.Sprintf("%.0f", math.Round(n))
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// axisBytes writes a number of bytes that is a power of two.
func axisBytes(n float64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= u.size {
			return fmt.Sprintf("%g %s", n/u.size, u.name)
		}
	}
	return fmt.Sprintf("%g B", n)
}
