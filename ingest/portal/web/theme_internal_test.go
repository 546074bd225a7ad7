package web

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestTheme: a theme sets variables and nothing else.
func TestTheme(t *testing.T) {
	t.Parallel()
	theme, err := NewTheme([]string{"accent=#0a5", " radius = 4px", "dark-bg=#000000"})
	require.NoError(t, err)
	style := theme.style()
	require.True(t, strings.HasPrefix(style, ":root{--accent:#0a5;--on-accent:#000000;--radius:4px;}"), style)
	require.Equal(t, 2, strings.Count(style, "--bg:#000000;"), "by the system's wish and by the visitor's")

	theme, err = NewTheme(nil)
	require.NoError(t, err)
	require.Empty(t, theme.style())
	for _, wrong := range []string{"", "accent", "accent=red", "accent=#12", "accent=#123;}body{display:none", "radius=4", "dark-radius=4px", "color=#123", "accent=url(https://evil.example)"} {
		_, err := NewTheme([]string{wrong})
		require.Error(t, err, wrong)
	}
}

// TestAccentCanBeRead: whatever the accent, what is made of it can be read.
func TestAccentCanBeRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		accent := "#" + rapid.StringMatching(`[0-9a-f]{3}|[0-9A-F]{6}`).Draw(t, "accent")
		theme, err := NewTheme([]string{"accent=" + accent})
		require.NoError(t, err)
		require.GreaterOrEqual(t, contrast(theme["accent"], theme["on-accent"]), readable)
		require.GreaterOrEqual(t, contrast(theme["dark-accent"], darkGround), readable)
		require.GreaterOrEqual(t, contrast(theme["dark-accent"], theme["dark-on-accent"]), readable)
	})
}

// TestLogo: only an image is one.
func TestLogo(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"\x89PNG\x0D\x0A\x1A\x0A": true, `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`: true,
		"": false, "<html>": false, "<svg>" + strings.Repeat(" ", maxLogo): false,
	} {
		_, err := NewLogo([]byte(text))
		require.Equal(t, ok, err == nil, text[:min(len(text), 20)])
	}
}
