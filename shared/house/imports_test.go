package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestImports holds every import of every file against the tables in rules_test.go.
func TestImports(t *testing.T) {
	t.Parallel()
	report(t, importFaults(readTree(t)))
}

// TestEveryRuleHasItsPackage keeps the table from telling of rooms that are gone.
func TestEveryRuleHasItsPackage(t *testing.T) {
	t.Parallel()
	there := readTree(t).rooms()
	for _, room := range rooms {
		if !slices.ContainsFunc(there, func(name string) bool { return listed(room.path, name) }) {
			t.Errorf("%s has a row in rooms, but no Go file", room.path)
		}
	}
}

// TestShippedPrograms looks at all that the programs of an installation link, by whatever route.
func TestShippedPrograms(t *testing.T) {
	t.Parallel()
	report(t, shippedFaults(importGraph(t)))
}

func importFaults(all tree) []string {
	var faults []string
	for _, file := range all {
		allowed, ok := ruleOf(file.room)
		if !ok {
			faults = append(faults, fmt.Sprintf("%s: package %s has no row in rooms (shared/house/rules_test.go)", file.path, file.room))
			continue
		}
		if allowed == "anything" {
			continue
		}
		if file.test {
			allowed += " " + file.room + " " + testOnly
			for _, room := range testRooms {
				if listed(room.path, file.room) {
					allowed += " " + room.imports
				}
			}
		}
		for _, name := range file.imports() {
			if why := importFault(file, allowed, name); why != "" {
				faults = append(faults, fmt.Sprintf("%s: must not import %s: %s", file.path, name, why))
			}
		}
	}
	return faults
}

// importFault says why a file may not import a path, or nothing.
func importFault(file source, allowed, name string) string {
	for _, rule := range restricted {
		if name == rule.path && !file.test && !listed(rule.rooms, file.room) {
			return rule.why
		}
	}
	if ours, ok := strings.CutPrefix(name, module+"/"); ok {
		if listed(allowed, ours) {
			return ""
		}
		return "rooms does not allow it to " + file.room
	}
	if first, _, _ := strings.Cut(name, "/"); !strings.Contains(first, ".") {
		return "" // the standard library
	}
	for _, rule := range modules {
		switch {
		case !below(name, rule.path):
		case listed(rule.rooms, file.room), file.test && rule.inTests:
			return ""
		default:
			return "modules does not allow it to " + file.room
		}
	}
	return "it has no row in modules"
}

// ruleOf returns what a room may import of ours.
func ruleOf(name string) (allowed string, ok bool) {
	for _, room := range rooms {
		if listed(room.path, name) {
			return room.imports, true
		}
	}
	return "", false
}

// importGraph asks the go command for every package that ours depend on, with what each imports.
func importGraph(t *testing.T) map[string][]string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-e", "-deps", "-json=ImportPath,Imports", "./...")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	graph := map[string][]string{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var pkg struct {
			ImportPath string
			Imports    []string
		}
		switch err := decoder.Decode(&pkg); {
		case errors.Is(err, io.EOF):
			return graph
		case err != nil:
			t.Fatalf("read go list: %v", err)
		}
		graph[pkg.ImportPath] = pkg.Imports
	}
}

// shippedFaults walks from each shipped program and tells the way to what it must not contain.
func shippedFaults(graph map[string][]string) []string {
	var faults []string
	for program := range strings.FieldsSeq(shipped) {
		from := module + "/" + program
		importer := map[string]string{from: ""} // and by whom it was met first
		for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
			for _, name := range graph[queue[0]] {
				if _, met := importer[name]; met {
					continue
				}
				importer[name] = queue[0]
				if unwanted(name) {
					faults = append(faults, program+" contains what is not shipped: "+route(importer, name))
					continue
				}
				queue = append(queue, name)
			}
		}
	}
	return faults
}

func unwanted(name string) bool {
	return slices.ContainsFunc(strings.Fields(notShipped), func(prefix string) bool {
		return below(strings.TrimPrefix(name, module+"/"), prefix)
	})
}

// route writes the chain of imports that leads to a package.
func route(importer map[string]string, name string) string {
	chain := strings.TrimPrefix(name, module+"/")
	for by := importer[name]; by != ""; by = importer[by] {
		chain = strings.TrimPrefix(by, module+"/") + " > " + chain
	}
	return chain
}

func report(t *testing.T, faults []string) {
	t.Helper()
	for _, fault := range faults {
		t.Error(fault)
	}
}
