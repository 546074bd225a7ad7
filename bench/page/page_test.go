package page_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/bench/findings"
	"github.com/postrider/postrider/bench/page"
)

// run is one whose plot reaches so high.
func run(most float64) findings.Run {
	r := &findings.Report{Title: "normal <b>", About: "Here.", Plots: []findings.Plot{{Title: "CPU, cores", Lines: []findings.Line{
		{Name: "ingest", Points: []findings.Point{{At: 0, Value: 0}, {At: 10, Value: most}}},
		{Name: "deliver", Points: []findings.Point{{At: 0, Value: 0}}},
	}}}}
	r.Check("p99, ms", most, findings.Below(150))
	r.Fault(errors.New("lost <one>"))
	return findings.Run{Program: "scenario", At: time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC), Reports: []*findings.Report{r}}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	require.NoError(t, page.Write(&text, run(200)))
	for _, words := range []string{
		"normal &lt;b&gt;", "<p>Here.</p>", "FAIL: lost &lt;one&gt;", `<td>200</td><td>&lt; 150</td><td class="FAIL">FAIL</td>`,
		`points="60.0,216.0 548.0,10.0" stroke="#0072b2"`, ">10 s</text>", ">200</text>", "</i>deliver</span>",
	} {
		require.Contains(t, text.String(), words)
	}
	alone(t, text.String())
	require.ErrorContains(t, page.Write(full{}, run(1)), "write page: no room")
}

func TestComparison(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	require.NoError(t, page.WriteComparison(&text, run(100), run(200)))
	for _, words := range []string{
		"<td>p99, ms</td><td>100</td><td>200</td><td>2.00</td>", "before: CPU", "after: CPU",
		`points="60.0,216.0 548.0,113.0"`, `points="60.0,216.0 548.0,10.0"`, // of one scale
	} {
		require.Contains(t, text.String(), words)
	}
	alone(t, text.String())
}

// alone holds that a page fetches nothing, and that its drawings are XML.
func alone(t *testing.T, text string) {
	t.Helper()
	for _, word := range []string{"http:", "https:", "src=", "url(", "@import", "<script", "<link"} {
		require.NotContains(t, text, word)
	}
	for part := range strings.SplitSeq(text, "<svg") {
		drawing, _, found := strings.Cut(part, "</svg>")
		if !found {
			continue
		}
		for d := xml.NewDecoder(strings.NewReader("<svg" + drawing + "</svg>")); ; {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
		}
	}
}

func TestSave(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "page.html")
	require.NoError(t, page.Save(file, func(w io.Writer) error { return page.Write(w, run(1)) }))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(text), "</html>")
	require.ErrorContains(t, page.Save("/dev/null/x", nil), "write page")
	lost := errors.New("lost")
	require.ErrorIs(t, page.Save(file, func(io.Writer) error { return lost }), lost)
}

// full is a disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no room") }
