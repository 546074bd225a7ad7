package page

import (
	"fmt"
	"math"
	"strings"

	"github.com/postrider/postrider/bench/findings"
)

// The drawing and its margins, in units of SVG.
const (
	width, height = 560, 240
	left, right   = 60, width - 12
	top, bottom   = 10, height - 24
	gridLines     = 5 // about
)

// drawing is a plot as SVG wants it.
type drawing struct {
	Title      string
	Lines      []curve
	Across, Up []tick
}

type curve struct{ Name, Color, Points string }

// tick is a line of the grid.
type tick struct {
	At    float64
	Label string
}

// scale is the last second and the largest value that are shown.
type scale struct{ last, most float64 }

// reach is the scale that all of these fit in.
func reach(plots ...findings.Plot) scale {
	s := scale{last: 1, most: math.SmallestNonzeroFloat32}
	for _, p := range plots {
		for _, l := range p.Lines {
			for _, point := range l.Points {
				s.last, s.most = max(s.last, point.At), max(s.most, point.Value)
			}
		}
	}
	return s
}

func draw(p findings.Plot, s scale) drawing {
	d := drawing{Title: p.Title}
	x := func(at float64) float64 { return left + at/s.last*(right-left) }
	y := func(value float64) float64 { return bottom - value/s.most*(bottom-top) }
	for i, l := range p.Lines {
		var points strings.Builder
		for _, point := range l.Points {
			fmt.Fprintf(&points, "%.1f,%.1f ", x(point.At), y(point.Value))
		}
		d.Lines = append(d.Lines, curve{l.Name, color(i), strings.TrimSpace(points.String())})
	}
	for _, at := range round(s.last) {
		d.Across = append(d.Across, tick{x(at), fmt.Sprintf("%g s", at)})
	}
	for _, value := range round(s.most) {
		d.Up = append(d.Up, tick{y(value), fmt.Sprintf("%g", value)})
	}
	return d
}

// round is some round numbers from 0 to the most.
func round(most float64) (all []float64) {
	step := math.Pow(10, math.Floor(math.Log10(most/gridLines)))
	for _, times := range []float64{1, 2, 5, 10} {
		if most/(step*times) <= gridLines {
			step *= times
			break
		}
	}
	for n := 0.0; n*step <= most; n++ {
		all = append(all, n*step)
	}
	return all
}

// color: neighbours differ also to whoever does not see all colors.
func color(i int) string {
	colors := []string{"#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c6bb1", "#999999"}
	return colors[i%len(colors)]
}
