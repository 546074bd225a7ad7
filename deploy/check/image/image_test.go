package image

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/stretchr/testify/require"
)

// stages reads the Dockerfile.
func stages(t *testing.T) []instructions.Stage {
	t.Helper()
	text, err := os.ReadFile(dockerfile)
	require.NoError(t, err)
	parsed, err := parser.Parse(bytes.NewReader(text))
	require.NoError(t, err)
	all, _, err := instructions.Parse(parsed.AST, nil)
	require.NoError(t, err)
	return all
}

// TestImages: whatever is made to be run is distroless, runs as nobody, and has
// programs in it that an earlier stage has built, and nothing else. The last one is
// what "docker build" makes.
func TestImages(t *testing.T) {
	t.Parallel()
	all := stages(t)
	require.Equal(t, "postrider", all[len(all)-1].Name)
	built := make(map[string]bool)
	base := make(map[string]bool) // images that others are made of
	for _, s := range all {
		if strings.HasPrefix(s.BaseName, "gcr.io/distroless/static") {
			require.True(t, strings.HasSuffix(s.BaseName, ":nonroot"), s.BaseName)
			base[s.Name] = true
			require.Contains(t, users(s), "65532:65532", s.Name)
		}
		if !base[s.Name] && !base[s.BaseName] {
			built[s.Name] = true
			continue
		}
		for _, command := range s.Commands {
			switch c := command.(type) {
			case *instructions.RunCommand:
				t.Errorf("%s runs something, and has no shell", s.Name)
			case *instructions.UserCommand:
				require.Equal(t, "65532:65532", c.User, s.Name)
			case *instructions.CopyCommand:
				require.True(t, built[c.From], "%s copies from %q", s.Name, c.From)
				require.Equal(t, []string{"/out/"}, c.SourcePaths)
				require.Equal(t, "/usr/local/bin/", c.DestPath)
			}
		}
	}
	require.Len(t, base, 1, "one image that all are made of")
}

// TestProgramsHaveTheirVersion: they are built by the Makefile, which asks git for it,
// and is given the history.
func TestProgramsHaveTheirVersion(t *testing.T) {
	t.Parallel()
	var made []string
	for _, s := range stages(t) {
		for _, command := range s.Commands {
			if run, ok := command.(*instructions.RunCommand); ok {
				_, target, _ := strings.Cut(strings.Join(run.CmdLine, " "), " make ")
				made = append(made, target)
			}
		}
	}
	require.Subset(t, made, []string{"programs OUT=/out", "sample OUT=/out"})
	ignored, err := os.ReadFile("../../../.dockerignore")
	require.NoError(t, err)
	require.NotRegexp(t, `(?m)^\.git/?$`, string(ignored))
}

func users(s instructions.Stage) (all []string) {
	for _, command := range s.Commands {
		if user, ok := command.(*instructions.UserCommand); ok {
			all = append(all, user.User)
		}
	}
	return all
}
