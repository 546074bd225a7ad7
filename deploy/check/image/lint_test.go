package image

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"
)

const dockerfile = "../../docker/Dockerfile"

// TestLint is what "docker build --check" says, for each platform that is released.
func TestLint(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(dockerfile)
	require.NoError(t, err)
	require.Empty(t, lint(t, string(text)))
}

// TestLintBites: each of these is found, so an empty answer means something.
func TestLintBites(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"no instruction":   {"FROM scratch\nCOPPY a b\n", "unknown instruction: COPPY"},
		"casing":           {"FROM scratch AS one\nFROM scratch as two\n", "FromAsCasing"},
		"shell form":       {"FROM scratch\nCMD ingest -h\n", "JSONArgsRecommended"},
		"a secret":         {"FROM scratch\nENV POSTRIDER_TOKEN=x\n", "SecretsUsedInArgOrEnv"},
		"unknown name":     {"FROM scratch\nCOPY $NONE /\n", "UndefinedVar"},
		"two commands":     {"FROM scratch\nCMD [\"a\"]\nCMD [\"b\"]\n", "MultipleInstructionsDisallowed"},
		"nothing at fault": {"FROM scratch\nCMD [\"a\"]\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := lint(t, test.text)
			if test.want == "" {
				require.Empty(t, found)
				return
			}
			require.Contains(t, found, test.want)
		})
	}
}

// lint returns what BuildKit finds, a line each, or nothing.
func lint(t *testing.T, text string) string {
	t.Helper()
	source := llb.NewSourceMap(nil, "Dockerfile", "Dockerfile", []byte(text))
	source.Definition = &llb.Definition{}
	results, err := dockerfile2llb.DockerfileLint(t.Context(), []byte(text), dockerfile2llb.ConvertOpt{SourceMap: source, MetaResolver: anyImage{}})
	require.NoError(t, err)
	var found strings.Builder
	for _, w := range results.Warnings {
		fmt.Fprintf(&found, "line %d: %s: %s\n", w.Location.Ranges[0].Start.Line, w.RuleName, w.Detail)
	}
	if results.Error != nil {
		fmt.Fprintln(&found, results.Error.Message)
	}
	return found.String()
}

// anyImage takes every base image for an empty one, instead of asking its registry.
type anyImage struct{}

// ResolveImageConfig answers with the configuration of an empty image.
func (anyImage) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	config := []byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers"},"config":{}}`)
	return ref, digest.FromBytes(config), config, nil
}
