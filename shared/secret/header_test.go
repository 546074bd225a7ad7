package secret_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/secret"
)

func TestInHeader(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"x-auth-token", "X-API-Key", "WWW-Authenticate", "Authorization", "proxy-authenticate", "Proxy-Authorization",
		"Set-Cookie", "set-cookie2", "X-Hub-Signature-256", "X_Session.Id", "Apikey", "X-Password", "Api-Auth",
	} {
		require.True(t, secret.InHeader(name), name)
	}
	for _, name := range []string{"Content-Type", "Retry-After", "X-Author", "X-Keyboard", "X-Request-Id", "Traceparent", "Server", ""} {
		require.False(t, secret.InHeader(name), name)
	}
}
