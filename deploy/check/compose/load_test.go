package compose

import (
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

const (
	root = "../../.." // of the repository
	dir  = root + "/deploy/compose"
)

// load reads the compose file as "docker compose" does, with some profiles and the
// variables of env, which are NAME=value.
func load(t *testing.T, profiles []string, env ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{dir + "/compose.yaml"}, cli.WithEnv(env), cli.WithProfiles(profiles), cli.WithDiscardEnvFile)
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	return project
}

// everything are all profiles.
var everything = []string{"*"} //nolint:gochecknoglobals // constant

// ours reports whether a service runs an image of ours.
func ours(s types.ServiceConfig) bool { return strings.HasSuffix(s.Image, ":local") }

// endsAtOnce reports whether a service does one thing and is done: others wait for that.
func endsAtOnce(project *types.Project, name string) bool {
	for _, s := range project.Services {
		if s.DependsOn[name].Condition == types.ServiceConditionCompletedSuccessfully {
			return true
		}
	}
	return false
}

// byHand reports whether a service is run by people, for one command.
func byHand(s types.ServiceConfig) bool { return len(s.Profiles) > 0 && s.Profiles[0] == "tools" }
