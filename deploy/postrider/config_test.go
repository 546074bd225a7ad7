package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/service"
)

// TestConfigCheck shows each setting with its origin, and no secret.
func TestConfigCheck(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("hush-in-a-file\n"), 0o600))
	env := map[string]string{
		"POSTRIDER_DATABASE_URL":     "postgres://rider:hush-1@db:5432/postrider?sslmode=verify-full",
		"POSTRIDER_API_DATABASE_URL": "host=db user=api password=hush-2",
		"POSTRIDER_NATS_URL":         "nats://hush-3@a:4222,nats://ingest:hush-4@b:4222",
		"POSTRIDER_TOKEN_FILE":       file,
		"POSTRIDER_JWT_SECRET":       "hush-hush-hush-hush",
		"POSTRIDER_LISTEN":           ":80",
		"POSTRIDER_SLOTS":            "17",    // of deliver
		"POSTRIDER_REPLICAS":         "3",     // of bootstrap
		"POSTRIDER_DATA_DIR":         "x",     // of local
		"POSTRIDER_NATS_FANOUT":      "hush5", // of nats-server
		"POSTRIDER_INGEST_PORT":      "tcp://10.0.0.1:80", "POSTRIDER_INGEST_SERVICE_PORT_API": "80", "POSTRIDER_INGEST_PORT_80_TCP_ADDR": "10.0.0.1",
		"HOME": "/",
	}
	out := must(t, env, "config", "check", "ingest", "-listen", ":8443", "-max-body", "4096")
	for _, line := range []string{
		`database-url +postgres://rider:\[secret\]@db:5432/postrider\?sslmode=verify-full +POSTRIDER_DATABASE_URL`,
		`api-database-url +host=db user=api password=\[secret\] +POSTRIDER_API_DATABASE_URL`,
		`nats-url +nats://\[secret\]@a:4222,nats://ingest:\[secret\]@b:4222 +POSTRIDER_NATS_URL`,
		`token +\[secret\] +file ` + file,
		`jwt-secret +\[secret\] +POSTRIDER_JWT_SECRET`,
		`listen +:8443 +flag`,
		`max-body +4096 +flag`,
		`drain-timeout +25s +default`,
		`portal-url +- +default`,
	} {
		require.Regexp(t, `(?m)^`+line+`$`, out)
	}
	require.NotContains(t, out, "hush")
	require.NotContains(t, out, "slots", "ingest has none")
}

// TestConfigCheckRefuses what the stage would refuse, and what nobody would read.
func TestConfigCheckRefuses(t *testing.T) {
	t.Parallel()
	env := map[string]string{
		"POSTRIDER_DATABSE_URL": "postgres://db/postrider", "POSTRIDER_LOG_LEVEL": "loud", "POSTRIDER_RETRY_SCHEDULE": "later", "POSTRIDER_COLOUR": "red",
	}
	out, err := do(t, env, "config", "check", "deliver")
	require.Regexp(t, `(?m)^log-level +loud +POSTRIDER_LOG_LEVEL$`, out)
	for _, want := range []string{
		"database-url is not set: set POSTRIDER_DATABASE_URL", `log-level is "loud"`, `delay "later" is not a duration`,
		"POSTRIDER_DATABSE_URL is no setting: did you mean POSTRIDER_DATABASE_URL?", "POSTRIDER_COLOUR is no setting",
	} {
		require.ErrorContains(t, err, want)
	}
	_, wrong := errors.AsType[*service.UsageError](err)
	require.False(t, wrong, "the command was right, and found something")
	_, err = do(t, nil, "config", "check", "deliverer")
	require.ErrorContains(t, err, `unknown command "deliverer": did you mean deliver?`)
}

func TestEveryStageCanBeChecked(t *testing.T) {
	t.Parallel()
	env := map[string]string{"POSTRIDER_DATABASE_URL": "postgres://db/postrider", "POSTRIDER_TOKEN": "a token of the tests"}
	for _, s := range stages() {
		require.Contains(t, must(t, env, "config", "check", s.Name()), "drain-timeout")
	}
}
