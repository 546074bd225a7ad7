package meter

import (
	"maps"
	"slices"
	"time"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/procs"
)

// Titles of plots.
const (
	CoresPlot       = "CPU, cores"
	MemoryPlot      = "resident memory, MiB"
	StreamsPlot     = "messages in streams"
	GoroutinesPlot  = "goroutines"
	ConnectionsPlot = "connections and consumers"
	FilesPlot       = "open files and connections"
	RowsPlot        = "rows in tables, as PostgreSQL estimates them"
)

// MaxPoints is how many points a line of a plot has at most. A long run has them further apart.
const MaxPoints = 1000

// recorder keeps what something was like from moment to moment.
type recorder struct {
	start time.Time
	last  map[string]procs.Usage
	seen  time.Time // when last was
	peak  map[string]int64
	lines map[string]map[string]*line // by title of the plot and name
}

type line struct {
	points []findings.Point
	gap    float64 // seconds between two, at least
}

func newRecorder(start time.Time, usages map[string]procs.Usage) *recorder {
	return &recorder{start: start, seen: start, last: usages, peak: map[string]int64{}, lines: map[string]map[string]*line{}}
}

// usages notes those of all processes.
func (r *recorder) usages(now map[string]procs.Usage) {
	at := time.Now()
	passed := at.Sub(r.seen).Seconds()
	for name, usage := range now {
		r.peak[name] = max(r.peak[name], usage.Peak)
		r.note(MemoryPlot, name, float64(usage.RSS)/(1<<20))
		if passed > tick.Seconds()/2 { // else it is a division by next to nothing
			r.note(CoresPlot, name, (usage.CPU-r.last[name].CPU).Seconds()/passed)
		}
	}
	if passed > tick.Seconds()/2 {
		r.last, r.seen = now, at
	}
}

func (r *recorder) note(plot, name string, value float64) {
	r.noteAt(time.Since(r.start).Seconds(), plot, name, value)
}

func (r *recorder) noteAt(at float64, plot, name string, value float64) {
	if r.lines[plot] == nil {
		r.lines[plot] = map[string]*line{}
	}
	l := r.lines[plot][name]
	if l == nil {
		l = &line{}
		r.lines[plot][name] = l
	}
	if n := len(l.points); n > 0 && at-l.points[n-1].At < l.gap {
		return
	}
	l.points = append(l.points, findings.Point{At: at, Value: value})
	if len(l.points) >= MaxPoints {
		l.thin()
	}
}

// thin leaves out every other point, of those that come too.
func (l *line) thin() {
	kept := l.points[:0]
	for i := 0; i < len(l.points); i += 2 {
		kept = append(kept, l.points[i])
	}
	l.points = kept
	l.gap = (kept[1].At - kept[0].At) * 0.75 // ticks are not even
}

// plots are all lines by plot.
func (r *recorder) plots() (all []findings.Plot) {
	for _, title := range []string{CoresPlot, MemoryPlot, StreamsPlot, GoroutinesPlot, ConnectionsPlot, FilesPlot, RowsPlot} {
		p := findings.Plot{Title: title}
		for _, name := range slices.Sorted(maps.Keys(r.lines[title])) {
			l := findings.Line{Name: name, Points: r.lines[title][name].points}
			if title == RowsPlot && !slices.ContainsFunc(l.Points, func(p findings.Point) bool { return p.Value > 0 }) {
				continue // a table that nobody used
			}
			p.Lines = append(p.Lines, l)
		}
		if len(p.Lines) > 0 {
			all = append(all, p)
		}
	}
	return all
}
