package main

import (
	"strings"
	"unicode/utf8"
)

// table is rows of cells, the first row being the heads. It is written as
// Markdown with its columns aligned, which is also a table for the eye.
type table [][]string

func (t *table) add(cells ...string) { *t = append(*t, cells) }

func (t table) String() string {
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
