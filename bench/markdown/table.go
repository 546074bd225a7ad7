// Package markdown writes tables that read well in a file, rendered, and in a
// terminal.
package markdown

import (
	"strings"
	"unicode/utf8"
)

// Table is rows of cells, the first row being the heads. All have as many cells.
type Table [][]string

// Add appends a row.
func (t *Table) Add(cells ...string) { *t = append(*t, cells) }

// String is the table with its columns aligned: the first to the left, figures
// to the right.
func (t Table) String() string {
	if len(t) == 0 {
		return ""
	}
	widths := make([]int, len(t[0]))
	for _, row := range t {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var text strings.Builder
	for n, row := range t {
		for i, cell := range row {
			gap := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				text.WriteString("| " + cell + gap)
			} else {
				text.WriteString(" | " + gap + cell)
			}
		}
		text.WriteString(" |\n")
		if n == 0 {
			for i, width := range widths {
				text.WriteString(rule(i == 0, width))
			}
			text.WriteString("|\n")
		}
	}
	return text.String()
}

// rule is the line under a head: names to the left, figures to the right.
func rule(left bool, width int) string {
	if left {
		return "|" + strings.Repeat("-", width+2)
	}
	return "|" + strings.Repeat("-", width+1) + ":"
}
