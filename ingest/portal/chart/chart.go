// Package chart draws small charts as SVG. It uses attributes and classes only, since
// the pages allow no styles of their own; the stylesheet gives the colours. What a chart
// shows is in words too: a sparkline has a sentence, a large chart a table.
package chart

import (
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
)

//go:embed chart.html
var source string

// pictures are the templates, which escape what is not ours.
var pictures = template.Must(template.New("").Parse(source))

// Bar is what there was of something in one part of a time.
type Bar struct {
	Label     string // when, such as "14:00"
	Good, Bad int64
}

// Line is a figure over time; nil where there is none.
type Line struct {
	Name   string
	Values []*int64
}

// The sizes of charts, in units of which the stylesheet makes pixels.
const (
	sparkWidth, sparkHeight = 120.0, 28.0
	wide, high              = 720.0, 200.0
	left, bottom            = 48.0, 20.0 // for the words of the axes
	labels                  = 6          // along the time, about
)

// Sparkline is a row of bars without words, for a row of a table. The title says what
// it is of; what it comes to is added.
func Sparkline(title string, bars []Bar) (template.HTML, error) {
	var good, bad int64
	for _, b := range bars {
		good, bad = good+b.Good, bad+b.Bad
	}
	p := picture{Title: fmt.Sprintf("%s: %d succeeded, %d failed", title, good, bad), Width: sparkWidth, Height: sparkHeight}
	p.columns(bars, box{width: sparkWidth, height: sparkHeight})
	return p.draw("spark")
}

// Trend is how fast something went, as a line without words, for a row of a table. The
// title says what it is of; the last and the highest value are added, in a unit such as
// "a second".
func Trend(title, unit string, values []float64) (template.HTML, error) {
	var last, most float64
	scaled := make([]*int64, len(values))
	for i, value := range values {
		n := int64(math.Round(value * 1000))
		scaled[i] = &n
		last, most = value, max(most, value)
	}
	p := picture{Title: fmt.Sprintf("%s: %.1f %s, at most %.1f", title, last, unit, most), Width: sparkWidth, Height: sparkHeight}
	inside := box{width: sparkWidth, height: sparkHeight - 1}
	p.Strokes = []stroke{{Class: "line line1", Path: inside.path(scaled, ceiling(int64(math.Round(most*1000))))}}
	return p.draw("spark")
}

// Bars is what succeeded and what failed over time, with its axes and its table.
func Bars(title string, bars []Bar) (template.HTML, error) {
	p := picture{Title: title, Width: wide, Height: high, Head: []string{"Time", "Succeeded", "Failed"}}
	inside := box{x: left, width: wide - left, height: high - bottom}
	p.grid(inside, p.columns(bars, inside), "")
	times := make([]string, len(bars))
	for i, b := range bars {
		times[i] = b.Label
		p.Rows = append(p.Rows, []string{b.Label, strconv.FormatInt(b.Good, 10), strconv.FormatInt(b.Bad, 10)})
	}
	p.times(inside, times)
	return p.draw("chart")
}

// Lines is figures over the same times, in a unit such as "ms", with their axes and
// their table.
func Lines(title, unit string, times []string, lines ...Line) (template.HTML, error) {
	p := picture{Title: title, Width: wide, Height: high, Head: []string{"Time"}}
	inside := box{x: left, width: wide - left, height: high - bottom}
	var most int64
	for _, line := range lines {
		p.Head = append(p.Head, line.Name)
		for _, v := range line.Values {
			if v != nil {
				most = max(most, *v)
			}
		}
	}
	top := ceiling(most)
	p.grid(inside, top, unit)
	p.times(inside, times)
	for i, line := range lines {
		p.Strokes = append(p.Strokes, stroke{Class: "line line" + strconv.Itoa(i+1), Name: line.Name, Path: inside.path(line.Values, top)})
	}
	for at, time := range times {
		row := []string{time}
		for _, line := range lines {
			cell := "–"
			if at < len(line.Values) && line.Values[at] != nil {
				cell = strconv.FormatInt(*line.Values[at], 10) + " " + unit
			}
			row = append(row, cell)
		}
		p.Rows = append(p.Rows, row)
	}
	return p.draw("chart")
}

// picture is a chart as its template shows it.
type picture struct {
	Title         string
	Width, Height float64
	Columns       []column
	Strokes       []stroke
	Grid, Times   []mark
	Head          []string
	Rows          [][]string
}

type column struct {
	Title           string
	X, Width        float64
	GoodY, GoodH    float64
	BadY, BadH      float64
	BaseY, BaseH    float64 // of one that holds nothing
	HasGood, HasBad bool
}

type stroke struct{ Class, Name, Path string }

// mark is a word at an axis, and where its line is.
type mark struct {
	Text     string
	X, Y, X2 float64
}

// box is where the figures of a chart are.
type box struct{ x, width, height float64 }

// columns draws bars on top of each other, and returns how much the full height is.
// What failed is never too small to be seen.
func (p *picture) columns(bars []Bar, in box) int64 {
	var most int64
	for _, b := range bars {
		most = max(most, b.Good+b.Bad)
	}
	top := ceiling(most)
	step := in.width / float64(max(len(bars), 1))
	for i, b := range bars {
		height := func(n int64) float64 {
			if n == 0 {
				return 0
			}
			return max(1.5, round(float64(n)/float64(top)*in.height))
		}
		c := column{
			Title: fmt.Sprintf("%s: %d succeeded, %d failed", b.Label, b.Good, b.Bad),
			X:     round(in.x + float64(i)*step), Width: round(step * 0.8), GoodH: height(b.Good), BadH: height(b.Bad),
			BaseY: in.height - 1, BaseH: 1, HasGood: b.Good > 0, HasBad: b.Bad > 0,
		}
		c.GoodY = in.height - c.GoodH
		c.BadY = max(0, c.GoodY-c.BadH)
		p.Columns = append(p.Columns, c)
	}
	return top
}

// grid draws the lines at nothing, half and the full height.
func (p *picture) grid(in box, top int64, unit string) {
	for _, share := range []float64{0, 0.5, 1} {
		text := strings.TrimSpace(strconv.FormatFloat(float64(top)*share, 'f', -1, 64) + " " + unit)
		p.Grid = append(p.Grid, mark{Text: text, X: in.x, X2: in.x + in.width, Y: round(in.height * (1 - share))})
	}
}

// times writes some of the times below.
func (p *picture) times(in box, times []string) {
	every := max(1, (len(times)+labels-1)/labels)
	step := in.width / float64(max(len(times), 1))
	for i := 0; i < len(times); i += every {
		p.Times = append(p.Times, mark{Text: times[i], X: round(in.x + float64(i)*step), Y: in.height + bottom - 4})
	}
}

// path is a line through the values, broken where there is none.
func (in box) path(values []*int64, top int64) string {
	var d strings.Builder
	step := in.width / float64(max(len(values), 1))
	pen := "M"
	for i, v := range values {
		if v == nil {
			pen = "M"
			continue
		}
		fmt.Fprintf(&d, "%s%g %g", pen, round(in.x+(float64(i)+0.4)*step), round(in.height*(1-float64(*v)/float64(top))))
		if i+1 == len(values) || values[i+1] == nil {
			fmt.Fprintf(&d, "h%g", 1.0) // a point by itself can be seen
		}
		pen = "L"
	}
	return d.String()
}

// ceiling is the next round number whose half is one too: 2, 4, 6 or 10, and zeros.
func ceiling(most int64) int64 {
	for power := int64(1); power < math.MaxInt64/10; power *= 10 {
		for _, digit := range []int64{2, 4, 6, 10} {
			if top := digit * power; top >= most {
				return top
			}
		}
	}
	return most
}

// round keeps one digit behind the point: finer than anybody sees.
func round(x float64) float64 { return math.Round(x*10) / 10 }

func (p *picture) draw(name string) (template.HTML, error) {
	var out strings.Builder
	if err := pictures.ExecuteTemplate(&out, name, p); err != nil {
		return "", fmt.Errorf("draw chart: %w", err)
	}
	return template.HTML(out.String()), nil //nolint:gosec // html/template has escaped it
}
