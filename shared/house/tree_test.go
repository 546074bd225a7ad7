package house

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// root is where the repository starts, seen from this package.
const root = "../.."

// source is one Go file of the repository.
type source struct {
	path  string // from the root, with slashes
	room  string // the folder of it
	test  bool
	lines int
	ast   *ast.File
	fset  *token.FileSet
}

// tree is all Go files, whatever their build constraints: the rules hold on every system.
type tree []source

// readTree parses the repository as it lies on disk.
func readTree(t *testing.T) tree {
	t.Helper()
	var all tree
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		hidden := strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata"
		if entry.IsDir() && hidden && name != root {
			return filepath.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(base, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		file, err := parse(filepath.ToSlash(rel), text)
		all = append(all, file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func parse(name string, text []byte) (source, error) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	return source{
		path:  name,
		room:  path.Dir(name),
		test:  strings.HasSuffix(name, "_test.go"),
		lines: bytes.Count(text, []byte("\n")),
		ast:   parsed,
		fset:  fset,
	}, err
}

// rooms returns the folders that hold Go files, in order.
func (t tree) rooms() []string {
	var names []string
	for _, file := range t {
		names = append(names, file.room)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// in returns the files of one room.
func (t tree) in(room string) tree {
	var files tree
	for _, file := range t {
		if file.room == room {
			files = append(files, file)
		}
	}
	return files
}

// imports returns the import paths of a file.
func (f source) imports() []string {
	var paths []string
	for _, spec := range f.ast.Imports {
		if name, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, name)
		}
	}
	return paths
}

// at says where in the repository something is, for a message.
func (f source) at(pos token.Pos) string {
	return fmt.Sprintf("%s:%d", f.path, f.fset.Position(pos).Line)
}

// functions returns the functions and methods that a file declares.
func (f source) functions() []*ast.FuncDecl {
	var decls []*ast.FuncDecl
	for _, decl := range f.ast.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok {
			decls = append(decls, fn)
		}
	}
	return decls
}

// listed reports whether name is in a list of words, of which each may be a pattern.
func listed(list, name string) bool {
	return slices.ContainsFunc(strings.Fields(list), func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}

// below reports whether an import path is prefix or lies under it.
func below(name, prefix string) bool {
	return name == prefix || strings.HasPrefix(name, prefix+"/")
}
