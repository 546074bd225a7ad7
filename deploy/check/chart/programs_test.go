package chart

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"

	"github.com/postrider/postrider/deploy/check/times"
)

var folder string //nolint:gochecknoglobals // of TestMain

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "postrider-chart-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// build builds the programs of the image, once.
var build = sync.OnceValue(func() error {
	args := []string{"build", "-C", "../../..", "-o", folder + "/", "./deploy/postrider"}
	for _, stage := range stages() {
		args = append(args, "./"+stage+"/cmd/"+stage)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("build programs: %w: %s", err, out)
	}
	return nil
})

// program is the path of one of them.
func program(t *testing.T, name string) string {
	t.Helper()
	require.NoError(t, build())
	return filepath.Join(folder, name)
}

// variables are those that a program knows, by its own words.
func variables(t *testing.T, words ...string) (all []string) {
	t.Helper()
	text, err := exec.Command(program(t, words[0]), append(words[1:], "-h")...).CombinedOutput()
	require.NoError(t, err, "%s", text)
	for _, m := range regexp.MustCompile(`\((POSTRIDER_[A-Z_]+)[,)]`).FindAllStringSubmatch(string(text), -1) {
		all = append(all, m[1])
	}
	require.NotEmpty(t, all)
	return all
}

// stagePod is the container of a stage, its settings, and how long it has to end.
type stagePod struct {
	core.Container

	grace    time.Duration
	settings map[string]string
}

func stagePods(t *testing.T, all objects) map[string]stagePod {
	t.Helper()
	found := map[string]stagePod{}
	for _, d := range of[*apps.Deployment](all) {
		spec := d.Spec.Template.Spec
		c := spec.Containers[0]
		settings := map[string]string{}
		maps.Copy(settings, named[*core.ConfigMap](t, all, c.EnvFrom[0].ConfigMapRef.Name).Data)
		for _, e := range c.Env {
			settings[e.Name] = e.Value
		}
		found[c.Name] = stagePod{c, time.Duration(*spec.TerminationGracePeriodSeconds) * time.Second, settings}
	}
	require.Len(t, found, len(stages()))
	return found
}

// TestSettings: each stage takes what it is given, all of it and as it is written. It
// is said by the stage's own check of its settings.
func TestSettings(t *testing.T) {
	t.Parallel()
	require.NoError(t, build())
	for installation, all := range each(t) {
		t.Run(installation, func(t *testing.T) {
			t.Parallel()
			for name, p := range stagePods(t, all) {
				cmd := exec.Command(program(t, "postrider"), "config", "check", name)
				cmd.Env = environment(t, p)
				out, err := cmd.CombinedOutput()
				require.NoError(t, err, "%s: %s", name, out)
			}
		})
	}
}

// TestSettingsOfBootstrap: it reads every variable that it is given.
func TestSettingsOfBootstrap(t *testing.T) {
	t.Parallel()
	known := variables(t, "postrider", "bootstrap")
	for installation, all := range each(t) {
		t.Run(installation, func(t *testing.T) {
			t.Parallel()
			for _, job := range of[*batch.Job](all) {
				for _, e := range job.Spec.Template.Spec.Containers[0].Env {
					if strings.HasPrefix(e.Name, "POSTRIDER_") {
						require.Contains(t, known, strings.TrimSuffix(e.Name, "_FILE"))
					}
				}
			}
		})
	}
}

// TestSecretFiles: each variable that names a file names one that is mounted.
func TestSecretFiles(t *testing.T) {
	t.Parallel()
	for installation, all := range each(t) {
		t.Run(installation, func(t *testing.T) {
			t.Parallel()
			for _, p := range pods(all) {
				for _, c := range p.Containers {
					var named, mounted []string
					for _, e := range c.Env {
						if variable, ok := strings.CutSuffix(e.Name, "_FILE"); ok {
							require.Equal(t, "/etc/postrider/secrets/"+variable, e.Value)
							named = append(named, e.Value)
						}
					}
					for _, v := range p.Volumes {
						if v.Projected != nil {
							for _, s := range v.Projected.Sources {
								mounted = append(mounted, c.VolumeMounts[0].MountPath+"/"+s.Secret.Items[0].Path)
							}
						}
					}
					require.ElementsMatch(t, named, mounted, "%s: what is mounted is read, and the other way round", p.owner)
				}
			}
		})
	}
}

// TestTimes: Kubernetes waits longer than a stage takes to end, and a stage goes on
// until the Service has heard that it is not ready.
func TestTimes(t *testing.T) {
	t.Parallel()
	require.NoError(t, build())
	for installation, all := range each(t) {
		t.Run(installation, func(t *testing.T) {
			t.Parallel()
			for name, p := range stagePods(t, all) {
				takes, err := times.Of(t.Context(), program(t, "postrider"), name, p.settings)
				require.NoError(t, err)
				require.NoError(t, takes.Fit(p.grace), name)
				require.Positive(t, takes.Delay, name)
				require.Nil(t, p.Lifecycle, "%s: a preStop hook would wait besides", name)
			}
		})
	}
}

// TestRunning: each stage, started as the chart starts it but with nothing to stand
// on, answers where its probes and Prometheus ask, is alive though not ready, and has
// as much memory as it may use.
func TestRunning(t *testing.T) {
	t.Parallel()
	all := rendered(t, read(t, installations()["default"]...))
	require.NoError(t, build())
	for name, p := range stagePods(t, all) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := admin(t, p)
			get := func(probe *core.Probe) (int, string) {
				t.Helper()
				require.Equal(t, "admin", probe.HTTPGet.Port.StrVal)
				return ask(t, port, probe.HTTPGet.Path)
			}
			for _, probe := range []*core.Probe{p.StartupProbe, p.LivenessProbe} {
				status, _ := get(probe)
				require.Equal(t, http.StatusOK, status, probe.HTTPGet.Path)
			}
			for why := ""; !strings.Contains(why, `"`+name+`"`); { // it says which stage is not ready, once there is one
				var status int
				status, why = get(p.ReadinessProbe)
				require.Equal(t, http.StatusServiceUnavailable, status)
			}

			status, metrics := ask(t, port, "/metrics")
			require.Equal(t, http.StatusOK, status)
			m := regexp.MustCompile(`(?m)^postrider_memory_limit_bytes (\S+)$`).FindStringSubmatch(metrics)
			require.NotNil(t, m)
			least, err := strconv.ParseFloat(m[1], 64)
			require.NoError(t, err)
			require.GreaterOrEqual(t, p.Resources.Requests.Memory().AsApproximateFloat64(), least)
			require.Greater(t, p.Resources.Limits.Memory().AsApproximateFloat64(), least)
		})
	}
}

// admin starts a stage and returns the address of its admin port, when it answers.
func admin(t *testing.T, p stagePod) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())

	cmd := exec.Command(program(t, p.Command[0]), "-admin-listen", address)
	cmd.Env = environment(t, p)
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	for {
		if connection, err := net.Dial("tcp", address); err == nil {
			require.NoError(t, connection.Close())
			return address
		}
		select {
		case <-ended:
			require.NoError(t, err, "%s with the settings of the chart", p.Command)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// environment is that of the container, with files of secrets elsewhere.
func environment(t *testing.T, p stagePod) (all []string) {
	t.Helper()
	secrets := t.TempDir()
	for name, value := range p.settings {
		if path, ok := strings.CutPrefix(value, "/etc/postrider/secrets/"); ok {
			value = filepath.Join(secrets, path)
			require.NoError(t, os.WriteFile(value, []byte(secretValue(path)+"\n"), 0o600))
		}
		all = append(all, name+"="+value)
	}
	return all
}

// secretValue is something that a secret setting may be; its servers are away.
func secretValue(variable string) string {
	switch variable {
	case "POSTRIDER_DATABASE_URL", "POSTRIDER_API_DATABASE_URL":
		return "postgres://postrider@127.0.0.1:1/postrider"
	case "POSTRIDER_NATS_URL":
		return "nats://127.0.0.1:1"
	case "POSTRIDER_EGRESS_PROXY":
		return "http://proxy:3128"
	case "POSTRIDER_SECRET_KEYS":
		return "one:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	default:
		return "sixteen-bytes-and-more"
	}
}

func ask(t *testing.T, address, path string) (int, string) {
	t.Helper()
	response, err := http.Get("http://" + address + path)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}
