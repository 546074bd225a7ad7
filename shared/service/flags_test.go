package service

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/secret"
)

func TestVariable(t *testing.T) {
	t.Parallel()
	require.Equal(t, "POSTRIDER_LISTEN", Variable("listen"))
	require.Equal(t, "POSTRIDER_RETRY_SCHEDULE", Variable("retry-schedule"))
}

func TestParse(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args []string
		env  map[string]string
		want time.Duration
		err  string
	}{
		"default":                     {want: 25 * time.Second},
		"variable over default":       {env: map[string]string{"POSTRIDER_DRAIN_TIMEOUT": "3s"}, want: 3 * time.Second},
		"flag over variable":          {args: []string{"-drain-timeout=2s"}, env: map[string]string{"POSTRIDER_DRAIN_TIMEOUT": "3s"}, want: 2 * time.Second},
		"flag over bad variable":      {args: []string{"-drain-timeout", "2s"}, env: map[string]string{"POSTRIDER_DRAIN_TIMEOUT": "soon"}, want: 2 * time.Second},
		"unknown variables are free":  {env: map[string]string{"POSTRIDER_COLOUR": "red"}, want: 25 * time.Second},
		"bad duration in variable":    {env: map[string]string{"POSTRIDER_DRAIN_TIMEOUT": "soon"}, err: `POSTRIDER_DRAIN_TIMEOUT is "soon": must be a duration such as 30s or 5m`},
		"bad number in variable":      {env: map[string]string{"POSTRIDER_DATABASE_CONNECTIONS": "many"}, err: `POSTRIDER_DATABASE_CONNECTIONS is "many": must be a whole number`},
		"bad truth value in variable": {env: map[string]string{"POSTRIDER_HTTPS_ONLY": "perhaps"}, err: `POSTRIDER_HTTPS_ONLY is "perhaps": must be true or false`},
		"bad duration in flag":        {args: []string{"-drain-timeout=soon"}, err: `invalid value "soon" for flag -drain-timeout`},
		"unknown flag":                {args: []string{"-colour=red"}, err: "flag provided but not defined: -colour (-h lists all flags)"},
		"unexpected argument":         {args: []string{"-https-only", "true"}, err: `unexpected argument "true"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s Settings
			var out bytes.Buffer
			fs := flag.NewFlagSet("test", flag.ContinueOnError)
			fs.SetOutput(&out)
			s.Flags(fs)
			err := Parse(fs, test.args, env(test.env))
			require.Empty(t, out.String(), "what is wrong is said by whoever gets the error")
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				require.NotContains(t, err.Error(), "\n")
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, s.Drain)
		})
	}
}

// TestParseReadsFiles: what a file says counts where its flag is not given, and no
// error quotes it.
func TestParseReadsFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"proxy": "socks5://a:b@proxy:1080\r\n", "drain": "3s\n", "empty": "\n", "verse": "hidden"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	for name, test := range map[string]struct {
		args []string
		env  map[string]string
		err  string
	}{
		"without its line break": {env: map[string]string{"POSTRIDER_DRAIN_TIMEOUT_FILE": "drain"}},
		"a secret":               {env: map[string]string{"POSTRIDER_DRAIN_TIMEOUT_FILE": "drain", "POSTRIDER_EGRESS_PROXY_FILE": "proxy"}},
		"flag over file":         {args: []string{"-drain-timeout=3s"}, env: map[string]string{"POSTRIDER_DRAIN_TIMEOUT_FILE": "none"}},
		"both":                   {env: map[string]string{"POSTRIDER_DRAIN_TIMEOUT": "3s", "POSTRIDER_DRAIN_TIMEOUT_FILE": "drain"}, err: "POSTRIDER_DRAIN_TIMEOUT and POSTRIDER_DRAIN_TIMEOUT_FILE are both set"},
		"no such file":           {env: map[string]string{"POSTRIDER_DRAIN_TIMEOUT_FILE": "none"}, err: "POSTRIDER_DRAIN_TIMEOUT_FILE: open "},
		"an empty file":          {env: map[string]string{"POSTRIDER_DRAIN_TIMEOUT_FILE": "empty"}, err: "empty is empty"},
		"nonsense in it":         {env: map[string]string{"POSTRIDER_DRAIN_TIMEOUT_FILE": "verse"}, err: "verse must be a duration such as 30s or 5m"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s Settings
			fs := flag.NewFlagSet("test", flag.ContinueOnError)
			s.Flags(fs)
			vars := maps.Clone(test.env)
			for name, file := range vars {
				if strings.HasSuffix(name, "_FILE") {
					vars[name] = filepath.Join(dir, file)
				}
			}
			err := Parse(fs, test.args, env(vars))
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				require.ErrorContains(t, err, "POSTRIDER_DRAIN_TIMEOUT_FILE")
				require.NotContains(t, err.Error(), "hidden")
				return
			}
			require.NoError(t, err)
			require.Equal(t, 3*time.Second, s.Drain)
			if vars["POSTRIDER_EGRESS_PROXY_FILE"] != "" {
				require.Equal(t, "socks5://a:b@proxy:1080", s.Proxy.Reveal())
			}
		})
	}
}

func TestParseJoinsFaults(t *testing.T) {
	t.Parallel()
	var s Settings
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	s.Flags(fs)
	err := Parse(fs, nil, env(map[string]string{"POSTRIDER_DRAIN_TIMEOUT": "soon", "POSTRIDER_HTTPS_ONLY": "perhaps"}))
	require.ErrorContains(t, err, "POSTRIDER_DRAIN_TIMEOUT")
	require.ErrorContains(t, err, "POSTRIDER_HTTPS_ONLY")
}

func TestParseHelps(t *testing.T) {
	t.Parallel()
	var s Settings
	var out bytes.Buffer
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	fs.SetOutput(&out)
	s.Flags(fs)
	Default(fs, "log-format", "text")
	require.ErrorIs(t, Parse(fs, []string{"-h"}, env(nil)), flag.ErrHelp)
	fs.VisitAll(func(f *flag.Flag) {
		require.Contains(t, out.String(), "  -"+f.Name+" ")
		require.Contains(t, out.String(), "("+Variable(f.Name))
	})
	require.Contains(t, out.String(), "(POSTRIDER_LOG_FORMAT, default text)")
}

func TestParseTellsTheVersion(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	fs.SetOutput(&out)
	require.ErrorIs(t, Parse(fs, []string{"-version"}, env(nil)), flag.ErrHelp)
	require.Equal(t, "test dev "+runtime.Version()+" "+runtime.GOOS+"/"+runtime.GOARCH+"\n", out.String())
}

func TestDefault(t *testing.T) {
	t.Parallel()
	var s Settings
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	s.Flags(fs)
	Default(fs, "drain-timeout", "8s")
	require.Equal(t, "8s", fs.Lookup("drain-timeout").DefValue)
	require.NoError(t, Parse(fs, nil, env(nil)))
	require.Equal(t, 8*time.Second, s.Drain)
}

func TestValidateJoinsFaults(t *testing.T) {
	t.Parallel()
	s := Settings{EgressAllow: "10.0.0.0/99", Proxy: secret.New("ftp://a:secret@x"), ProxyExcept: "a b", LogLevel: "loud", LogFormat: "verse"}
	err := s.Validate()
	for _, setting := range []string{
		"database-url", "nats-url", "database-connections", "drain-timeout", "log-level", "log-format",
		"egress-allow", "egress-proxy:", "egress-proxy-except",
	} {
		require.ErrorContains(t, err, setting)
	}
	require.Equal(t, 8, strings.Count(oneLine(err), "; "), oneLine(err))
	require.NotContains(t, err.Error(), "secret")
	s = Settings{
		DatabaseURL: secret.NewURL("postgres://"), NATSURL: secret.NewURL("nats://"), Connections: 2, Drain: 1,
		LogLevel: "warn", LogFormat: "text", EgressAllow: "10.0.0.0/8,::1",
		Proxy: secret.New("socks5://a:secret@proxy"), ProxyExcept: ".corp.example", Resolve: true,
	}
	require.NoError(t, s.Validate())
}

func env(values map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	}
}
