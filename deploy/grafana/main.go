// Command grafana writes the dashboards: overview, one for each stage, and one for
// single applications. The files beside it are what it writes, so nobody edits them in
// Grafana and loses that with the next version:
//
//	go run ./deploy/grafana deploy/grafana
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	dir := "."
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	if err := run(dir); err != nil {
		fmt.Fprintln(os.Stderr, "grafana:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	for _, d := range dashboards() {
		text, err := encode(d)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, d.file()), text, 0o644); err != nil { //nolint:gosec // for everybody to read
			return fmt.Errorf("write dashboard: %w", err)
		}
	}
	return nil
}

// encode writes the same bytes each time.
func encode(d *dashboard) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(d); err != nil {
		return nil, fmt.Errorf("encode dashboard %s: %w", d.UID, err)
	}
	return text.Bytes(), nil
}

// dashboards lists all there are.
func dashboards() []*dashboard {
	all := []*dashboard{overview()}
	for _, s := range stages() {
		all = append(all, s.dashboard())
	}
	return append(all, applications())
}
