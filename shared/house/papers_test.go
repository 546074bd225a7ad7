package house

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestArchitectureIsTrue looks for the tests and files that ARCHITECTURE.md names.
func TestArchitectureIsTrue(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	var tests []string
	for _, file := range readTree(t) {
		for _, fn := range file.functions() {
			if file.test && strings.HasPrefix(fn.Name.Name, "Test") {
				tests = append(tests, fn.Name.Name)
			}
		}
	}
	for _, named := range regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(string(text), -1) {
		if !slices.Contains(tests, named[1]) {
			t.Errorf("ARCHITECTURE.md: no test %s", named[1])
		}
	}
	for _, named := range regexp.MustCompile("`([a-z]+/[a-z0-9/_]+(?:\\.go)?)`").FindAllStringSubmatch(string(text), -1) {
		if _, err := os.Stat(filepath.Join(root, named[1])); err != nil {
			t.Errorf("ARCHITECTURE.md: no file %s", named[1])
		}
	}
}
