package compose

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/deploy/check/times"
)

// TestServices: none may do more than it must, take more than its share, or be reached
// from another machine; and each tells how it is.
func TestServices(t *testing.T) {
	t.Parallel()
	project := load(t, everything)
	for name, s := range project.Services {
		require.True(t, s.ReadOnly, name)
		require.Equal(t, []string{"ALL"}, s.CapDrop, name)
		require.Empty(t, s.CapAdd, name)
		require.False(t, s.Privileged, name)
		require.Equal(t, []string{"no-new-privileges:true"}, s.SecurityOpt, name)
		require.NotZero(t, s.MemLimit, "%s: memory", name)
		require.Equal(t, "json-file", s.Logging.Driver, name)
		require.NotEmpty(t, s.Logging.Options["max-size"], "%s: its log has a cap", name)
		require.Regexp(t, `^[a-z/-]+:(v?\d+\.\d+\.\d+|\d+\.\d+-[a-z]+|\d+\.\d+\.\d+-[a-z]+|local)$`, s.Image, "%s: one version", name)
		for _, p := range s.Ports {
			require.Equal(t, "127.0.0.1", p.HostIP, name)
		}
		require.Empty(t, s.ContainerName, "%s can be scaled", name)
		if endsAtOnce(project, name) || byHand(s) {
			require.Empty(t, s.Restart, name)
			require.Nil(t, s.HealthCheck, name)
			continue
		}
		require.Equal(t, types.RestartPolicyUnlessStopped, s.Restart, name)
		if name != "alloy" { // nothing in the image could ask
			require.NotNil(t, s.HealthCheck, name)
		}
	}
}

// TestImagesAreBuilt once each, since two that are built at the same time under one name
// are in each other's way; nobody looks for them in a registry.
func TestImagesAreBuilt(t *testing.T) {
	t.Parallel()
	built := make(map[string]string)
	for name, s := range load(t, everything).Services {
		if s.Build != nil {
			require.Empty(t, built[s.Image], "%s is built twice", s.Image)
			built[s.Image] = s.Build.Target
			require.FileExists(t, filepath.Join(s.Build.Context, s.Build.Dockerfile))
		} else if ours(s) {
			require.Equal(t, types.PullPolicyNever, s.PullPolicy, name)
		}
	}
	require.Equal(t, map[string]string{"postrider:local": "postrider", "postrider-receiver:local": "receiver"}, built)
}

// TestStages: each is itself to NATS and to PostgreSQL, is stopped with enough time to
// finish, and begins when tables and streams are there.
func TestStages(t *testing.T) {
	t.Parallel()
	project := load(t, everything)
	volumes := make(map[string]string)
	for _, name := range stages {
		s := project.Services[name]
		require.Equal(t, types.ShellCommand{name}, s.Command)
		require.Empty(t, s.User, "that of the image")
		settings := make(map[string]string)
		for variable, value := range s.Environment {
			settings[variable] = *value
		}
		stop, err := times.Of(t.Context(), filepath.Join(programs(t), "postrider"), name, settings)
		require.NoError(t, err)
		require.NoError(t, stop.Fit(time.Duration(*s.StopGracePeriod)), name)
		require.Equal(t, types.ServiceConditionCompletedSuccessfully, s.DependsOn["bootstrap"].Condition)
		require.Len(t, s.Volumes, 1)
		require.True(t, s.Volumes[0].ReadOnly)
		volumes[s.Volumes[0].Source] = name
		if name != "ingest" {
			require.Empty(t, s.Ports, "%s can be scaled", name)
		}
	}
	require.Len(t, volumes, len(stages), "secrets of each for itself")
	for name, s := range project.Services {
		for _, v := range s.Volumes {
			if owner := volumes[v.Source]; owner != "" {
				require.Contains(t, []string{owner, "secrets"}, name)
			}
		}
	}
}

var stages = []string{"ingest", "fanout", "deliver", "retry", "dlq"} //nolint:gochecknoglobals // constant

// TestSettingsExist: every variable and every flag that a program of ours is given is
// one that it knows, and none has a secret in it.
func TestSettingsExist(t *testing.T) {
	t.Parallel()
	for name, s := range load(t, everything).Services {
		for variable := range s.Environment {
			if regexp.MustCompile(`PASSWORD|SECRET|TOKEN|KEY|_URL`).MatchString(variable) {
				require.Regexp(t, `_FILE$`, variable, "%s: a secret is in a file", name)
			}
		}
		if !ours(s) {
			continue
		}
		help := helpOf(t, s.Command)
		for variable := range s.Environment {
			require.Contains(t, help, "("+strings.TrimSuffix(variable, "_FILE"), "%s: %s", name, variable)
		}
		for _, word := range s.Command[1:] {
			if strings.HasPrefix(word, "-") && word != "-h" {
				require.Regexp(t, `(?m)^ +`+word+`\b`, help, "%s: %s", name, word)
			}
		}
	}
}

// helpOf is what a program says of its settings; of a family of commands, what each says.
func helpOf(t *testing.T, command []string) string {
	t.Helper()
	ask := func(args ...string) string {
		text, err := exec.CommandContext(t.Context(), filepath.Join(programs(t), args[0]), append(args[1:], "-h")...).CombinedOutput()
		require.NoError(t, err, string(text))
		return string(text)
	}
	var words []string
	for _, word := range command {
		if strings.HasPrefix(word, "-") {
			break
		}
		words = append(words, word)
	}
	all := ask(words...)
	if len(words) == 1 && words[0] == "postrider" {
		for _, m := range regexp.MustCompile(`(?m)^  (\w+)  `).FindAllStringSubmatch(all, -1) {
			all += ask("postrider", m[1])
		}
	}
	return all
}

// inImages are the programs that health checks of others' images may use, by the name
// of the image.
var inImages = map[string]string{ //nolint:gochecknoglobals // constant
	"postgres":          "pg_isready",
	"nats":              "wget", // of the alpine variant
	"prom/prometheus":   "wget",
	"prom/alertmanager": "wget",
	"grafana/grafana":   "wget",
	"grafana/loki":      "wget", // up to 3.5; later ones have nothing
}

// TestHealthChecks: what asks is in the image, and it asks as "docker compose" starts
// programs, without a shell.
func TestHealthChecks(t *testing.T) {
	t.Parallel()
	for name, s := range load(t, everything).Services {
		if s.HealthCheck == nil {
			continue
		}
		image, tag, _ := strings.Cut(s.Image, ":")
		require.Equal(t, "CMD", s.HealthCheck.Test[0], name)
		if ours(s) {
			require.Equal(t, []string{"postrider", "health"}, []string(s.HealthCheck.Test[1:3]), name)
			continue
		}
		require.Equal(t, inImages[image], s.HealthCheck.Test[1], name)
		if image == "nats" {
			require.Contains(t, tag, "alpine")
		}
		if image == "grafana/loki" {
			require.Regexp(t, `^3\.[0-5]\.`, tag)
		}
	}
}

// TestMounts: everything that is mounted from the repository is there, and nobody in a
// container can change it.
func TestMounts(t *testing.T) {
	t.Parallel()
	for name, s := range load(t, everything).Services {
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind {
				continue
			}
			require.True(t, v.ReadOnly, "%s: %s", name, v.Source)
			if v.Source == "/var/run/docker.sock" {
				require.Equal(t, "alloy", name)
				continue
			}
			_, err := os.Stat(v.Source)
			require.NoError(t, err, name)
		}
	}
}

// TestReceiverIsAllowed: deliveries may go to the receiver's address and to no other
// private one, and Docker gives that address to nobody else.
func TestReceiverIsAllowed(t *testing.T) {
	t.Parallel()
	project := load(t, nil)
	outside := project.Networks["outside"].Ipam.Config[0]
	address := netip.MustParseAddr(project.Services["receiver"].Networks["outside"].Ipv4Address)
	require.True(t, netip.MustParsePrefix(outside.Subnet).Contains(address))
	require.False(t, netip.MustParsePrefix(outside.IPRange).Contains(address))
	for _, name := range stages {
		require.Equal(t, address.String()+"/32", *project.Services[name].Environment["POSTRIDER_EGRESS_ALLOW"])
		_, out := project.Services[name].Networks["outside"]
		require.Equal(t, name == "deliver", out, "only deliver calls anybody")
	}
	require.True(t, project.Networks["inside"].Internal)
}

// TestVersions: the server of the compose file is the one that all is tested with.
func TestVersions(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(root + "/go.mod")
	require.NoError(t, err)
	version := regexp.MustCompile(`nats-io/nats-server/v2 v(\S+)`).FindStringSubmatch(string(text))[1]
	require.Equal(t, "nats:"+version+"-alpine", load(t, nil).Services["nats"].Image)
}
