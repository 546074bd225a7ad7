package chart_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/portal/chart"
)

// requireWhole wants markup whose elements all end, without styles, and returns the
// heights of the rectangles of a class.
func requireWhole(t *testing.T, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader("<x>" + text + "</x>"))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err, text)
		if element, ok := token.(xml.StartElement); ok {
			for _, attribute := range element.Attr {
				require.NotEqual(t, "style", attribute.Name.Local)
				require.NotContains(t, attribute.Value, "NaN")
				require.NotContains(t, attribute.Value, "ZgotmplZ")
			}
		}
	}
}

// TestSparkline: what it shows is told too, nothing is no division by nothing, and one
// failure among very many successes can be seen.
func TestSparkline(t *testing.T) {
	t.Parallel()
	for _, bars := range [][]chart.Bar{nil, {{}}, {{Label: "1"}, {Label: "2", Good: 1}}} {
		drawn, err := chart.Sparkline("a <day>", bars)
		require.NoError(t, err)
		requireWhole(t, string(drawn))
		require.Contains(t, string(drawn), "a &lt;day&gt;: ")
	}
	drawn, err := chart.Sparkline("x", []chart.Bar{{Label: "14:00", Good: 1_000_000, Bad: 1}})
	require.NoError(t, err)
	require.Contains(t, string(drawn), "x: 1000000 succeeded, 1 failed")
	require.Contains(t, string(drawn), `class="bad"`)
	require.Contains(t, string(drawn), `height="1.5"`)
}

// TestCharts: each figure is in the table.
func TestCharts(t *testing.T) {
	t.Parallel()
	drawn, err := chart.Bars("Deliveries", []chart.Bar{{Label: "14:00", Good: 31, Bad: 7}, {Label: "15:00"}})
	require.NoError(t, err)
	requireWhole(t, string(drawn))
	require.Contains(t, string(drawn), `<th scope="row">14:00</th><td>31</td><td>7</td>`)
	require.Contains(t, string(drawn), ">40</text>", "the axis ends with a round number")

	seven := int64(7)
	drawn, err = chart.Lines("Latency", "ms", []string{"14:00", "15:00", "16:00"}, chart.Line{Name: "p<50>", Values: []*int64{&seven, nil, &seven}})
	require.NoError(t, err)
	requireWhole(t, string(drawn))
	require.Contains(t, string(drawn), `<th scope="row">14:00</th><td>7 ms</td>`)
	require.Contains(t, string(drawn), `<th scope="row">15:00</th><td>–</td>`)
	require.Equal(t, 2, strings.Count(strings.Split(string(drawn), `class="line line1" d="`)[1][:60], "M"), "the line is broken where there is nothing")
}

// TestTrend: the last and the highest value are told, and a line of nothing is one too.
func TestTrend(t *testing.T) {
	t.Parallel()
	for _, values := range [][]float64{nil, {0, 0}, {0.004}, {1e9, 2}} {
		drawn, err := chart.Trend("a <stage>", "a second", values)
		require.NoError(t, err)
		requireWhole(t, string(drawn))
		require.Contains(t, string(drawn), "a &lt;stage&gt;: ")
	}
	drawn, err := chart.Trend("x", "a second", []float64{0, 20, 10.04})
	require.NoError(t, err)
	require.Contains(t, string(drawn), "x: 10.0 a second, at most 20.0")
	require.Contains(t, string(drawn), "L56 0", "the highest is in the middle, and at the top")
}
