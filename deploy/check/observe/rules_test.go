package observe

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

const (
	root         = "../../.."
	rulesFile    = "../../prometheus/alerts.yaml"
	rulesTests   = "../../prometheus/alerts_test.yaml"
	alertmanager = "../../prometheus/alertmanager.yaml"
	runbook      = "../../RUNBOOK.md"
	runbookURL   = "https://github.com/postrider/postrider/blob/main/deploy/RUNBOOK.md#"
)

// rule is an alert as the file has it.
type rule struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return text
}

func decode(t *testing.T, path string, into any) {
	t.Helper()
	require.NoError(t, yaml.UnmarshalStrict(read(t, path), into), path)
}

func rules(t *testing.T) (all []rule) {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string `json:"name"`
			Rules []rule `json:"rules"`
		} `json:"groups"`
	}
	decode(t, rulesFile, &file)
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	require.NotEmpty(t, all)
	return all
}

// program runs one of Prometheus' programs, which "make test-deploy" puts in its place.
func program(t *testing.T, stdin []byte, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path = root + "/.tools/" + name
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	if stdin != nil {
		cmd.Stdin = strings.NewReader(string(stdin))
	}
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s %s\n%s\n(make promtool installs it)", name, strings.Join(args, " "), output)
	return string(output)
}

// TestRules: promtool takes the rules, and they do what their tests say.
func TestRules(t *testing.T) {
	t.Parallel()
	program(t, nil, "promtool", "check", "rules", "--lint=all", "--lint-fatal", rulesFile)
	program(t, nil, "promtool", "test", "rules", rulesTests)
}

// TestEveryAlertIsTested: in one case it fires, and in one it does not.
func TestEveryAlertIsTested(t *testing.T) {
	t.Parallel()
	var file struct {
		Tests []struct {
			Cases []struct {
				Alert  string `json:"alertname"`
				Alerts []any  `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		} `json:"tests"`
	}
	require.NoError(t, yaml.Unmarshal(read(t, rulesTests), &file))
	fires, quiet := make(map[string]bool), make(map[string]int)
	for _, test := range file.Tests {
		for _, c := range test.Cases {
			if len(c.Alerts) > 0 {
				fires[c.Alert] = true
			} else {
				quiet[c.Alert]++
			}
		}
	}
	for _, r := range rules(t) {
		require.True(t, fires[r.Alert], "%s fires in no test", r.Alert)
		require.GreaterOrEqual(t, quiet[r.Alert], 2, "%s is quiet at night, and in a case of its own", r.Alert)
	}
}

// TestEveryAlertHelps: it says how bad it is, what is the matter, and where to read what
// to do.
func TestEveryAlertHelps(t *testing.T) {
	t.Parallel()
	sections := make(map[string]string)
	for _, section := range strings.Split(string(read(t, runbook)), "\n## ")[1:] {
		name, text, _ := strings.Cut(section, "\n")
		sections[name] = text
	}
	for _, r := range rules(t) {
		require.Regexp(t, `^Postrider[A-Z]\w+$`, r.Alert)
		require.Contains(t, []string{"critical", "warning", "info"}, r.Labels["severity"], r.Alert)
		require.NotEmpty(t, r.Annotations["summary"], r.Alert)
		require.NotEmpty(t, r.Annotations["description"], r.Alert)
		require.Equal(t, runbookURL+strings.ToLower(r.Alert), r.Annotations["runbook_url"])
		require.Contains(t, sections, r.Alert)
		for _, part := range []string{"Means", "Users notice", "Look", "Do"} {
			require.Regexp(t, `(?m)^- \*\*`+part+`\*\*: `, sections[r.Alert], r.Alert)
		}
		delete(sections, r.Alert)
	}
	require.Empty(t, sections, "sections of no alert")
}

// TestRoutes: Alertmanager takes its file, whoever is to be woken is, and what an
// inhibition names exists.
func TestRoutes(t *testing.T) {
	t.Parallel()
	program(t, nil, "amtool", "check-config", alertmanager)
	for severity, want := range map[string]string{"critical": "pagerduty,slack", "warning": "slack-and-email", "info": "slack"} {
		program(t, nil, "amtool", "config", "routes", "test", "--config.file="+alertmanager, "--verify.receivers="+want, "severity="+severity)
	}
	known := make(map[string]bool)
	for _, r := range rules(t) {
		known[r.Alert] = true
	}
	text := string(read(t, alertmanager))
	for _, name := range regexp.MustCompile(`Postrider[A-Z]\w+`).FindAllString(text, -1) {
		require.True(t, known[name], "%s is no alert", name)
	}
	require.NotRegexp(t, `(?m)^\s*(slack_api_url|smtp_auth_password|routing_key|service_key):`, text, "secrets are in files")
}
