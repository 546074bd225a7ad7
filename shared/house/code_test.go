package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
)

// codeRules are the rules about what a file looks like. Each looks at the whole tree and names what breaks it.
var codeRules = []struct {
	name  string
	check func(tree) []string
}{
	{"every package says what it is", undocumented},
	{"files and functions stay short", tooLong},
	{"nothing happens at import", inits},
	{"a package is named after what it is", vagueNames},
	{"some packages hold only tests", notOnlyTests},
	{"messages are acknowledged in one file", strayAcks},
	{"tests with servers look for leaked goroutines", leakUnchecked},
	{"no test skips", skips},
}

// TestCode holds every file against the rules above.
func TestCode(t *testing.T) {
	t.Parallel()
	all := readTree(t)
	for _, rule := range codeRules {
		t.Run(rule.name, func(t *testing.T) {
			t.Parallel()
			report(t, rule.check(all))
		})
	}
}

// TestTopLevel keeps the list of folders short: what is new belongs to one that is there.
func TestTopLevel(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.IsDir() && !strings.HasPrefix(entry.Name(), ".") && !listed(topLevel, entry.Name()) {
			t.Errorf("%s: no folder of this name at the top; they are: %s", entry.Name(), topLevel)
		}
	}
}

func undocumented(all tree) []string {
	var faults []string
	for _, room := range all.rooms() {
		said := slices.ContainsFunc(all.in(room), func(file source) bool {
			return !file.test && file.ast.Doc.Text() != ""
		})
		if !said {
			faults = append(faults, room+": no package comment")
		}
	}
	return faults
}

func tooLong(all tree) []string {
	var faults []string
	for _, file := range all {
		if file.test {
			continue
		}
		if file.lines > maxFileLines {
			faults = append(faults, fmt.Sprintf("%s: %d lines, more than %d", file.path, file.lines, maxFileLines))
		}
		for _, fn := range file.functions() {
			lines := file.fset.Position(fn.End()).Line - file.fset.Position(fn.Pos()).Line + 1
			if lines > maxFuncLines {
				faults = append(faults, fmt.Sprintf("%s: %s has %d lines, more than %d", file.at(fn.Pos()), fn.Name.Name, lines, maxFuncLines))
			}
		}
	}
	return faults
}

func inits(all tree) []string {
	var faults []string
	for _, file := range all {
		for _, fn := range file.functions() {
			if fn.Recv == nil && fn.Name.Name == "init" {
				faults = append(faults, file.at(fn.Pos())+": init; let the caller call it")
			}
		}
	}
	return faults
}

func vagueNames(all tree) []string {
	var faults []string
	for _, file := range all {
		name := strings.TrimSuffix(file.ast.Name.Name, "_test")
		if listed(vague, name) {
			faults = append(faults, file.path+": package "+name+" says nothing; name it after what it is")
		}
	}
	return faults
}

func notOnlyTests(all tree) []string {
	var faults []string
	for _, file := range all {
		if listed(onlyTests, file.room) && !file.test && file.path != file.room+"/doc.go" {
			faults = append(faults, file.path+": only doc.go and tests here")
		}
	}
	return faults
}

// strayAcks looks for the protocol's words at the start of a string, and for the client's methods.
func strayAcks(all tree) []string {
	var faults []string
	for _, file := range all {
		if file.test || file.path == ackFile {
			continue
		}
		methods := ackMethods
		if slices.Contains(file.imports(), "github.com/nats-io/nats.go/jetstream") {
			methods += " " + ackAmbiguous
		}
		stray := func(pos token.Pos, what string) {
			faults = append(faults, file.at(pos)+": "+what+" belongs in "+ackFile)
		}
		ast.Inspect(file.ast, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.CallExpr:
				if method, ok := node.Fun.(*ast.SelectorExpr); ok && listed(methods, method.Sel.Name) {
					stray(node.Pos(), "a call of "+method.Sel.Name)
				}
			case *ast.BasicLit:
				first, _, _ := strings.Cut(strings.Trim(node.Value, "\"`"), " ")
				if node.Kind == token.STRING && listed(ackWords, first) {
					stray(node.Pos(), node.Value)
				}
			}
			return true
		})
	}
	return faults
}

// leakUnchecked wants a TestMain that calls goleak, itself or through testkit, wherever tests start servers.
func leakUnchecked(all tree) []string {
	kit := slices.ContainsFunc(all.in("shared/testkit"), func(file source) bool {
		return !file.test && slices.Contains(file.imports(), "go.uber.org/goleak")
	})
	var faults []string
	for _, room := range all.rooms() {
		var servers, checked bool
		for _, file := range all.in(room) {
			if !file.test {
				continue
			}
			servers = servers || slices.Contains(file.imports(), module+"/shared/testkit")
			for _, fn := range file.functions() {
				if fn.Name.Name == "TestMain" {
					checked = calls(fn, "goleak") || kit && calls(fn, "testkit")
				}
			}
		}
		if servers && !checked {
			faults = append(faults, room+": its tests start servers, but no TestMain calls goleak")
		}
	}
	return faults
}

// calls reports whether a function calls anything of the package imported under that name.
func calls(fn *ast.FuncDecl, pkg string) bool {
	var found bool
	ast.Inspect(fn, func(node ast.Node) bool {
		if call, ok := node.(*ast.CallExpr); ok {
			if method, ok := call.Fun.(*ast.SelectorExpr); ok {
				from, ok := method.X.(*ast.Ident)
				found = found || ok && from.Name == pkg
			}
		}
		return true
	})
	return found
}

// skips looks for tests that may not run: a check that is skipped where it matters is no check.
func skips(all tree) []string {
	var faults []string
	for _, file := range all {
		if !file.test && file.room != "shared/testkit" {
			continue
		}
		ast.Inspect(file.ast, func(node ast.Node) bool {
			if call, ok := node.(*ast.CallExpr); ok {
				if method, ok := call.Fun.(*ast.SelectorExpr); ok && listed("Skip Skipf SkipNow", method.Sel.Name) {
					faults = append(faults, file.at(call.Pos())+": a test may fail but not skip")
				}
			}
			return true
		})
	}
	return faults
}
