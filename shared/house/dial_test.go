package house

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
	"testing"
)

// TestNobodyDialsAroundTheGuard looks for everything in the standard library that makes connections, wherever it is
// not allowed to (see dialers).
func TestNobodyDialsAroundTheGuard(t *testing.T) {
	t.Parallel()
	all := readTree(t)
	report(t, strayDials(all))
	for _, d := range dialers {
		if !slices.ContainsFunc(all, func(file source) bool { return d.covers(file) && len(dials(file)) > 0 }) {
			t.Errorf("dialers: %s makes no connections any more", d.path)
		}
	}
}

// strayDials names what makes connections without the guard.
func strayDials(all tree) []string {
	var faults []string
	for _, file := range all {
		if file.test || slices.ContainsFunc(dialers, func(d dialer) bool { return d.covers(file) }) {
			continue
		}
		for _, what := range dials(file) {
			faults = append(faults, what+": connections are made by shared/egress only, or have a row in dialers")
		}
	}
	return faults
}

// covers reports whether a file is one that may make connections.
func (d dialer) covers(file source) bool {
	ok, err := path.Match(d.path, file.path)
	return file.path == d.path || listed(d.path, file.room) || ok && err == nil
}

// dials lists where a file names something that makes connections: a function or a variable anywhere, a type unless
// behind a pointer, for a pointer points to one that somebody else has made.
func dials(file source) []string {
	names := dialNames(file)
	var found []string
	pointed := make(map[ast.Node]bool)
	ast.Inspect(file.ast, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.StarExpr:
			pointed[node.X] = true
		case *ast.SelectorExpr:
			from, ok := node.X.(*ast.Ident)
			if !ok {
				break
			}
			c := names[from.Name]
			if listed(c.calls, node.Sel.Name) || listed(c.types, node.Sel.Name) && !pointed[node] {
				found = append(found, fmt.Sprintf("%s: %s.%s", file.at(node.Pos()), from.Name, node.Sel.Name))
			}
		}
		return true
	})
	if names["."].calls != "" {
		found = append(found, file.path+": an import with a dot, of a package that makes connections")
	}
	return found
}

// dialNames returns what makes connections by the name that a file gives to the package.
func dialNames(file source) map[string]connector {
	names := make(map[string]connector)
	for _, spec := range file.ast.Imports {
		name := strings.Trim(spec.Path.Value, "`\"")
		c, ok := connectors[name]
		if !ok {
			continue
		}
		if name = path.Base(name); spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = c
	}
	return names
}
