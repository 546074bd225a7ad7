package compose

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	code := 1
	defer func() { os.Exit(code) }()
	folder, err := os.MkdirTemp("", "postrider-compose-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	bin = folder
	defer func() { _ = os.RemoveAll(folder) }()
	code = m.Run()
}

// bin is the folder of what is in the images, built once by whoever needs it first.
var (
	bin   string    //nolint:gochecknoglobals // of all tests
	build sync.Once //nolint:gochecknoglobals // of all tests
)

// programs are those of both images, and the nats-server that go.mod names.
func programs(t *testing.T) string {
	t.Helper()
	build.Do(func() {
		args := []string{"build", "-o", bin + "/", "./deploy/postrider", "./bench/sink", "github.com/nats-io/nats-server/v2"}
		for _, name := range stages {
			args = append(args, "./"+name+"/cmd/"+name)
		}
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = root
		output, err := cmd.CombinedOutput()
		require.NoError(t, err, string(output))
	})
	require.FileExists(t, filepath.Join(bin, "nats-server"), "the build failed")
	return bin
}
