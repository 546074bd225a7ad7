package main

import (
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// do runs postrider as it is called, with some variables, and returns what it prints.
func do(t *testing.T, env map[string]string, args ...string) (string, error) {
	t.Helper()
	c, rest := postrider().find(args)
	var out strings.Builder
	var environ []string
	for name, value := range env {
		environ = append(environ, name+"="+value)
	}
	err := c.do(testkit.Context(t), rest, environ, &out)
	return out.String(), err
}

// must is do for what has to go well.
func must(t *testing.T, env map[string]string, args ...string) string {
	t.Helper()
	out, err := do(t, env, args...)
	require.NoError(t, err, args)
	return out
}

// TestHelp walks all commands: each tells how it is called, what it does and which
// flags it has, on lines that fit a terminal where they are ours to break.
func TestHelp(t *testing.T) {
	t.Parallel()
	var walk func(c *command, path ...string)
	walk = func(c *command, path ...string) {
		for _, sub := range c.commands() {
			here := append(slices.Clip(path), sub.name)
			walk(sub, here...)
			asked, err := do(t, nil, append(slices.Clip(here), "-h")...)
			require.ErrorIs(t, err, flag.ErrHelp)
			require.Contains(t, asked, "Usage: postrider "+strings.Join(here, " "))
			helped, err := do(t, nil, append([]string{"help"}, here...)...)
			require.ErrorIs(t, err, flag.ErrHelp)
			require.Equal(t, asked, helped)
			require.LessOrEqual(t, len(sub.short), 70, "%s: one line in the list", here)
			require.NotRegexp(t, `\.$|^[A-Z]`, sub.short)
			for line := range strings.Lines(sub.long) {
				require.LessOrEqual(t, len([]rune(line)), 90, "%s: %s", here, line)
			}
			require.NotEqual(t, sub.groups == nil, sub.run == nil, "%s is a family or does something", here)
		}
	}
	walk(postrider())
	for _, args := range [][]string{{"-h"}, {"--help"}, {"help"}} {
		out, err := do(t, nil, args...)
		require.ErrorIs(t, err, flag.ErrHelp)
		for _, name := range postrider().names() {
			require.Contains(t, out, "\n  "+name+" ")
		}
	}
}

func TestCalledWrongly(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"":                    "say what to do: bootstrap, migrate, ",
		"bootstap":            `unknown command "bootstap": did you mean bootstrap? (-h lists all)`,
		"sing":                `unknown command "sing" (-h lists all)`,
		"-colour":             `unknown command "-colour" (-h lists all)`,
		"poison":              "say what to do: list, show, back, drop",
		"poison eat":          `unknown command "eat" (-h lists all)`,
		"poison lst":          "did you mean list?",
		"poison list 7":       `unexpected argument "7"`,
		"version now":         `unexpected argument "now"`,
		"token -colour=red":   "flag provided but not defined: -colour",
		"token -expires soon": `invalid value "soon" for flag -expires`,
		"health a b":          "2 URLs: ask one",
		"health http://%":     "ask http://%",
	} {
		out, err := do(t, nil, strings.Fields(args)...)
		require.ErrorContains(t, err, want, args)
		_, wrong := errors.AsType[*service.UsageError](err)
		require.True(t, wrong, args)
		require.Empty(t, out, args)
	}
	_, err := do(t, nil, "bootstrap")
	require.ErrorContains(t, err, "database-url is not set: set POSTRIDER_DATABASE_URL")
}

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"token", "rekey", "reconcile", "POSTRIDER_NATS_URL"}
	for word, want := range map[string]string{
		"tokne": "token", "toke": "token", "rekay": "rekey", "reconsile": "reconcile", "POSTRIDER_NATSURL": "POSTRIDER_NATS_URL",
		"": "", "x": "", "replicas": "", "token": "token",
	} {
		require.Equal(t, want, nearest(word, names), word)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"version", "-version", "--version", "token -version"} {
		out, err := do(t, nil, strings.Fields(args)...)
		require.True(t, err == nil || errors.Is(err, flag.ErrHelp), args)
		require.Regexp(t, `^postrider( token)? dev go1\.\S+ \w+/\w+\n$`, out)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/readyz":
			_, _ = w.Write([]byte(`{"dlq":"ok"}` + "\n"))
		case "/hangs":
			<-r.Context().Done()
		default:
			http.Error(w, `{"dlq":"draining"}`, http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	require.JSONEq(t, `{"dlq":"ok"}`, must(t, nil, "health", server.URL+"/readyz"))
	_, err := do(t, nil, "health", server.URL+"/other")
	require.ErrorContains(t, err, `/other answers 503: {"dlq":"draining"}`)
	_, err = do(t, nil, "health", server.URL+"/hangs", "-timeout", "50ms")
	require.ErrorContains(t, err, "no answer within 50ms")
	server.Close()
	_, err = do(t, nil, "health", server.URL)
	require.ErrorContains(t, err, "connection refused")
}
