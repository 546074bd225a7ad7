package observe

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
)

// expression is one that somebody looks at, and where.
type expression struct{ where, text string }

// asked is what dashboards ask Prometheus and PostgreSQL.
func asked(t *testing.T) (prometheus, postgres []expression) {
	t.Helper()
	files, err := filepath.Glob("../../grafana/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		var dashboard struct {
			Templating struct {
				List []struct{ Name, Type, Query string }
			}
			Panels []struct {
				Title   string
				Targets []struct{ Expr, RawSQL string }
			}
		}
		require.NoError(t, json.Unmarshal(read(t, file), &dashboard), file)
		for _, v := range dashboard.Templating.List {
			if v.Type == "query" {
				postgres = append(postgres, expression{file + ": " + v.Name, v.Query})
			}
		}
		for _, p := range dashboard.Panels {
			for _, q := range p.Targets {
				where := file + ": " + p.Title
				if q.RawSQL != "" {
					postgres = append(postgres, expression{where, q.RawSQL})
				} else {
					prometheus = append(prometheus, expression{where, strings.ReplaceAll(q.Expr, "$__rate_interval", "5m")})
				}
			}
		}
	}
	return prometheus, postgres
}

// expressions are those of all dashboards and alerts.
func expressions(t *testing.T) []expression {
	t.Helper()
	all, _ := asked(t)
	for _, r := range rules(t) {
		all = append(all, expression{r.Alert, r.Expr})
	}
	return all
}

// selectors are those of an expression, which must be one.
func selectors(t *testing.T, e expression) (all []*parser.VectorSelector) {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(e.text)
	require.NoError(t, err, "%s: %s", e.where, e.text)
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if s, ok := node.(*parser.VectorSelector); ok {
			all = append(all, s)
		}
		return nil
	})
	require.NotEmpty(t, all, e.where)
	return all
}

// TestExpressions: each is one to Prometheus, and asks of our metrics or those of Go.
func TestExpressions(t *testing.T) {
	t.Parallel()
	for _, e := range expressions(t) {
		for _, s := range selectors(t, e) {
			require.Regexp(t, `^(postrider|go|process)_`, s.Name, e.where)
		}
	}
}

// ofTargets are labels that Prometheus adds, to whatever it has scraped.
var ofTargets = regexp.MustCompile(`^(job|instance|__name__)$`) //nolint:gochecknoglobals // constant

// missing is what an expression asks for that no series has: a metric, or one with such
// labels.
func missing(e *parser.VectorSelector, seen series) string {
	found, ok := seen[e.Name]
	if !ok {
		return e.Name
	}
	for _, m := range e.LabelMatchers {
		if ofTargets.MatchString(m.Name) || m.Type == labels.MatchNotEqual || m.Type == labels.MatchNotRegexp {
			continue
		}
		matched := false
		for _, l := range found {
			matched = matched || m.Matches(l[m.Name])
		}
		if !matched {
			return e.String()
		}
	}
	return ""
}
