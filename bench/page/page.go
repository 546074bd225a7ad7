// Package page shows what benches found as one HTML page with plots. The page
// needs nothing else, and no network.
package page

import (
	_ "embed" // of the page
	"fmt"
	"html/template"
	"io"
	"os"
	"time"

	"github.com/postrider/postrider/bench/findings"
)

//go:embed page.html
var source string

// content is what the page shows.
type content struct {
	Title    string
	Sections []section
}

// section is a report, or one of two runs.
type section struct {
	Title  string
	About  []string
	Rows   []findings.Row
	Ratios []findings.Ratio
	Faults []string
	Plots  []drawing
}

// Write shows a run.
func Write(to io.Writer, run findings.Run) error {
	c := content{Title: fmt.Sprintf("%s, %s", run.Program, run.At.Format(time.DateTime))}
	for _, r := range run.Reports {
		s := section{Title: r.Title, About: []string{r.About}, Rows: r.Rows, Faults: r.Faults}
		for _, p := range r.Plots {
			s.Plots = append(s.Plots, draw(p, reach(p)))
		}
		c.Sections = append(c.Sections, s)
	}
	return c.write(to)
}

// WriteComparison shows two runs side by side: their ratios, and plots of the same
// scale.
func WriteComparison(to io.Writer, before, after findings.Run) error {
	c := content{Title: fmt.Sprintf("%s: %s and %s", before.Program, before.At.Format(time.DateTime), after.At.Format(time.DateTime))}
	for _, pair := range findings.Compare(before, after) {
		s := section{Title: pair.Title, About: []string{pair.Before.About, pair.After.About}, Ratios: pair.Ratios}
		for _, b := range pair.Before.Plots {
			for _, a := range pair.After.Plots {
				if a.Title == b.Title {
					scale := reach(a, b)
					a.Title, b.Title = "after: "+a.Title, "before: "+b.Title
					s.Plots = append(s.Plots, draw(b, scale), draw(a, scale))
				}
			}
		}
		c.Sections = append(c.Sections, s)
	}
	return c.write(to)
}

func (c content) write(to io.Writer) error {
	t, err := template.New("page").Funcs(template.FuncMap{"number": findings.Number}).Parse(source)
	if err == nil {
		err = t.Execute(to, c)
	}
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

// Keep writes a run as JSON and as a page, to the files that have a name.
func Keep(run findings.Run, json, html string) error {
	if json != "" {
		if err := run.Save(json); err != nil {
			return err
		}
	}
	if html == "" {
		return nil
	}
	return Save(html, func(to io.Writer) error { return Write(to, run) })
}

// Save writes a page to a file.
func Save(file string, write func(io.Writer) error) error {
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	if err := write(f); err != nil {
		_ = f.Close() // it is of no use
		return err
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}
