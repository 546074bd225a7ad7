package stack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const module = "github.com/postrider/postrider"

// tool is the program that prepares what the stages need.
const tool = "postrider"

// Build compiles the programs of the stack from this source tree into dir:
// the five stages, postrider, and the nats-server that this module depends on.
func Build(ctx context.Context, dir string) error { return BuildFrom(ctx, "", dir) }

// BuildFrom does the same with another source tree, perhaps of another version.
func BuildFrom(ctx context.Context, source, dir string) error {
	packages := []string{module + "/deploy/" + tool, "github.com/nats-io/nats-server/v2"}
	if _, err := os.Stat(filepath.Join(source, "deploy", bootstrap)); err == nil && source != "" {
		packages[0] = module + "/deploy/" + bootstrap
	}
	for _, stage := range Stages() {
		packages = append(packages, module+"/"+stage+"/cmd/"+stage)
	}
	args := append([]string{"build", "-o", dir + "/"}, packages...)
	build := exec.CommandContext(ctx, "go", args...) //nolint:gosec // our own packages
	build.Dir = source
	output, err := build.CombinedOutput()
	if err != nil {
		return fmt.Errorf("build the stack: %w: %s", err, strings.TrimSpace(string(output)))
	}
	return nil
}
