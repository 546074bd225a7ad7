package web

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Theme is values for the variables of the stylesheet, by their names; those of the dark
// pages begin with "dark-".
type Theme map[string]string

const darkPrefix = "dark-"

// What may stand in a theme. Values are told apart here and not by browsers, so that a
// setting cannot hold more of a stylesheet than it seems to.
var (
	themeColors = []string{
		"accent", "on-accent", "bg", "raised", "sunken", "line", "control", "text", "quiet",
		"good", "bad", "warn", "busy", "good-bg", "bad-bg", "warn-bg", "busy-bg",
	}
	themeColor  = regexp.MustCompile(`^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$`)
	themeLength = regexp.MustCompile(`^[0-9]{1,2}px$`)
)

// NewTheme reads what the setting says: "accent=#0a7f5a,dark-accent=#5fd3a8,radius=4px".
// An accent is enough: what is written on it, and the accent of dark pages, are made of
// it where they are not given, so that they can be read.
func NewTheme(pairs []string) (Theme, error) {
	t := make(Theme)
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case name == "radius" && themeLength.MatchString(value):
		case name == "radius":
			return nil, fmt.Errorf("%s is %q: must be like 4px", name, value)
		case !slices.Contains(themeColors, strings.TrimPrefix(name, darkPrefix)):
			return nil, fmt.Errorf("%q is no variable: must be radius, or with dark- before it or not one of %s", name, strings.Join(themeColors, ", "))
		case !themeColor.MatchString(value):
			return nil, fmt.Errorf("%s is %q: must be a colour like #2f5bd8", name, value)
		}
		t[name] = value
	}
	t.complete()
	return t, nil
}

// complete adds what follows from the accent.
func (t Theme) complete() {
	accent := t["accent"]
	if accent == "" {
		return
	}
	if t[darkPrefix+"accent"] == "" {
		t[darkPrefix+"accent"] = lightened(accent)
	}
	for _, prefix := range []string{"", darkPrefix} {
		if t[prefix+"on-accent"] == "" {
			t[prefix+"on-accent"] = on(t[prefix+"accent"])
		}
	}
}

// style is the stylesheet of the theme, which comes after ours; empty: there is none.
func (t Theme) style() string {
	var light, dark strings.Builder
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if of, ok := strings.CutPrefix(name, darkPrefix); ok {
			fmt.Fprintf(&dark, "--%s:%s;", of, t[name])
			continue
		}
		fmt.Fprintf(&light, "--%s:%s;", name, t[name])
	}
	if light.Len()+dark.Len() == 0 {
		return ""
	}
	return fmt.Sprintf(":root{%s}\n@media (prefers-color-scheme:dark){:root:not([data-theme]){%s}}\n:root[data-theme=\"dark\"]{%s}\n",
		light.String(), dark.String(), dark.String())
}

const (
	readable   = 4.5       // contrast of text, by WCAG 2 at level AA
	darkGround = "#1b202b" // the lightest on dark pages
)

// on is black or white, whichever can be read better on a colour.
func on(color string) string {
	if contrast(color, "#ffffff") >= contrast(color, "#000000") {
		return "#ffffff"
	}
	return "#000000"
}

// lightened is a colour that can be read on dark pages: with as much white in it as that
// needs.
func lightened(color string) string {
	for white := 0.0; white < 1; white += 0.05 {
		parts := channels(color)
		for i, part := range parts {
			parts[i] = part + (1-part)*white
		}
		made := fmt.Sprintf("#%02x%02x%02x", byteOf(parts[0]), byteOf(parts[1]), byteOf(parts[2]))
		if contrast(made, darkGround) >= readable {
			return made
		}
	}
	return "#ffffff"
}

func byteOf(part float64) int { return int(math.Round(part * 255)) }

// contrast is how well two colours can be told apart, 1 to 21.
func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(color string) float64 {
	var sum float64
	for i, part := range channels(color) {
		if part <= 0.04045 {
			part /= 12.92
		} else {
			part = math.Pow((part+0.055)/1.055, 2.4)
		}
		sum += part * [3]float64{0.2126, 0.7152, 0.0722}[i]
	}
	return sum
}

// channels are red, green and blue, 0 to 1, of a colour that themeColor knows.
func channels(color string) [3]float64 {
	digits := color[1:]
	if len(digits) == 3 {
		digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
	}
	var parts [3]float64
	for i := range parts {
		n, err := strconv.ParseUint(digits[2*i:2*i+2], 16, 8)
		if err != nil {
			return parts // it was checked
		}
		parts[i] = float64(n) / 255
	}
	return parts
}
