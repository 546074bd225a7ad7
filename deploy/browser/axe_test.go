package browser

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// axeSource is axe-core, of the version that axe/package-lock.json names.
var axeSource = sync.OnceValues(func() (string, error) {
	file := filepath.Join("axe", "node_modules", "axe-core", "axe.min.js")
	if !installed("axe") {
		npm := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
		npm.Dir = "axe"
		if output, err := npm.CombinedOutput(); err != nil {
			return "", fmt.Errorf("install axe-core (Node has npm): %w: %s", err, output)
		}
	}
	text, err := os.ReadFile(file)
	return string(text), err
})

// installed reports whether the packages of a folder are those of its lock file: npm
// keeps a copy of what it installed, which is newer than the file it was made of.
func installed(dir string) bool {
	want, err1 := os.Stat(filepath.Join(dir, "package-lock.json"))
	have, err2 := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json"))
	return err1 == nil && err2 == nil && !have.ModTime().Before(want.ModTime())
}

// rules that axe goes by: those of WCAG 2.2 AA, and what its authors advise beside.
const rules = `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]`

// audit returns what axe finds wrong with the page as it is: by rule, where and why.
func (p *tab) audit() []string {
	p.t.Helper()
	source, err := axeSource()
	require.NoError(p.t, err)
	if !ask[bool](p, "!!globalThis.axe") {
		p.do(chromedp.Evaluate[chromedp.Void](source))
	}
	found := ask[[]struct {
		ID, Impact, Help string
		Nodes            []struct {
			HTML           string
			FailureSummary string
		}
	}](p, `axe.run(document, {runOnly: `+rules+`, resultTypes: ["violations"], preload: false}).then(r => r.violations)`, chromedp.EvalAwaitPromise)
	var faults []string
	for _, f := range found {
		why := strings.Join(strings.Fields(f.Nodes[0].FailureSummary), " ")
		faults = append(faults, fmt.Sprintf("%s (%s): %s, %d times, first %s: %s", f.ID, f.Impact, f.Help, len(f.Nodes), f.Nodes[0].HTML, why))
	}
	return faults
}
