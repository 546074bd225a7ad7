package house

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestProgramsAreReleased: what is shipped is what the Makefile builds for releases
// and the image.
func TestProgramsAreReleased(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	var built []string
	for line := range strings.Lines(string(makefile)) {
		name, list, _ := strings.Cut(line, ":=")
		for program := range strings.FieldsSeq(list) {
			switch strings.TrimSpace(name) {
			case "STAGES":
				built = append(built, program+"/cmd/"+program)
			case "TOOLS":
				built = append(built, "deploy/"+program)
			}
		}
	}
	if got := strings.Join(built, " "); got != shipped {
		t.Errorf("Makefile: builds for releases\n%s, but what is shipped is\n%s", got, shipped)
	}
}
