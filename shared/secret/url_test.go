package secret_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/secret"
)

func TestURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                      "",
		"nats://127.0.0.1:4222": "nats://127.0.0.1:4222",
		"postgres://me:canary@db:5432/postrider?sslmode=require": "postgres://me:[secret]@db:5432/postrider?sslmode=require",
		"postgres://canary@db/postrider":                         "postgres://[secret]@db/postrider",
		"postgres://db/postrider?user=me&password=canary&a=b":    "postgres://db/postrider?user=me&password=[secret]&a=b",
		"postgres://me:canary@one:5432,two:5432/postrider":       "postgres://me:[secret]@one:5432,two:5432/postrider",
		"nats://canary@one:4222,nats://b:canary@two:4222":        "nats://[secret]@one:4222,nats://b:[secret]@two:4222",
		"host=db user=me password=canary dbname=postrider":       "host=db user=me password=[secret] dbname=postrider",
		"host = db user = me password = canary":                  "host = db user = me password=[secret]",
		"postgres://me:can,canary@db/postrider":                  "[secret]",
		"postgres://me:can@canary@db/postrider":                  "[secret]",
		"postgres://me:can/canary@db/postrider":                  "[secret]",
		"nats://a:canary@one:4222,b:canary@two:4222":             "[secret]",
		"me:canary@one:4222":                                     "[secret]",
		"user=me password='a canary' host=db":                    "[secret]",
		`user=me password=a\ canary host=db`:                     "[secret]",
	} {
		u := secret.NewURL(text)
		require.Equal(t, text, u.Reveal())
		require.Equal(t, want, u.String(), text)
		encoded, err := json.Marshal(struct{ U secret.URL }{u})
		require.NoError(t, err)
		printed := fmt.Sprintf("%v %+v %#v %s %q %x", u, struct{ u secret.URL }{u}, u, u, &u, u) + string(encoded) + u.String()
		require.NotContains(t, printed, "canary", text)
	}
}

// TestURLFlag: what a flag shows of its default is where it leads.
func TestURLFlag(t *testing.T) {
	t.Parallel()
	var usage strings.Builder
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	fs.SetOutput(&usage)
	u := secret.NewURL("nats://me:canary@127.0.0.1:4222")
	fs.Var(&u, "nats-url", "where it is")
	fs.PrintDefaults()
	require.Contains(t, usage.String(), "(default nats://me:[secret]@127.0.0.1:4222)")
	require.NoError(t, fs.Parse([]string{"-nats-url", "nats://me:other@there"}))
	require.Equal(t, "nats://me:other@there", u.Reveal())
}
