package account

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/secret"
)

// TestLook decides at every moment in the life of a token.
func TestLook(t *testing.T) {
	t.Parallel()
	now := time.Now()
	in := func(seconds int) time.Time { return now.Add(time.Duration(seconds) * time.Second) }
	busy := make(chan struct{})
	for name, test := range map[string]struct {
		tokens *tokens
		want   string // token, wait, fail, or fetch
	}{
		"none yet":                             {&tokens{}, "fetch"},
		"fresh":                                {&tokens{token: secret.New("x"), refresh: in(1), expires: in(2)}, "token"},
		"to be refreshed":                      {&tokens{token: secret.New("x"), refresh: in(-1), expires: in(2)}, "fetch"},
		"being refreshed":                      {&tokens{token: secret.New("x"), refresh: in(-1), expires: in(2), fetching: busy}, "token"},
		"could not be refreshed":               {&tokens{token: secret.New("x"), refresh: in(-1), expires: in(2), again: in(1)}, "token"},
		"could not be refreshed, and try now":  {&tokens{token: secret.New("x"), refresh: in(-1), expires: in(2), again: in(-1)}, "fetch"},
		"expired":                              {&tokens{token: secret.New("x"), refresh: in(-2), expires: in(-1)}, "fetch"},
		"expired, and it is being fetched":     {&tokens{token: secret.New("x"), refresh: in(-2), expires: in(-1), fetching: busy}, "wait"},
		"expired, and it could not be fetched": {&tokens{token: secret.New("x"), refresh: in(-2), expires: in(-1), again: in(3), failed: "why"}, "fail"},
		"failed":                               {&tokens{again: in(3), failed: "why"}, "fail"},
		"failed, and try now":                  {&tokens{again: in(-1), failed: "why"}, "fetch"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			token, wait, err := test.tokens.look(now)
			switch test.want {
			case "token":
				require.NoError(t, err)
				require.Equal(t, "x", token.Reveal())
			case "wait":
				require.NoError(t, err)
				require.Equal(t, (<-chan struct{})(busy), wait)
			case "fail":
				require.Equal(t, &TokenError{Reason: "why", Wait: 3 * time.Second}, err)
			default:
				require.NoError(t, err)
				require.True(t, token.IsZero())
				require.Nil(t, wait)
				require.NotNil(t, test.tokens.fetching, "and nobody else does")
			}
		})
	}
}
