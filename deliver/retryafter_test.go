package deliver

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"":                              0,
		"120":                           2 * time.Minute,
		"120.1":                         121 * time.Second,
		"0":                             0,
		"-5":                            0,
		"NaN":                           0,
		"1e300":                         24 * time.Hour,
		"invalid":                       0,
		"Fri, 20 Nov 2026 12:00:30 GMT": 30 * time.Second,
		"Fri, 20 Nov 2026 11:00:00 GMT": 0,
	} {
		require.Equal(t, want, retryAfter(http.Header{"Retry-After": {text}}, now), text)
	}
}

// FuzzRetryAfter reads what receivers answer.
func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"120", "0.5", "1e400", "-1", "NaN", "Inf", "0x1p9", "Wed, 21 Oct 2026 07:28:00 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "soon"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h := http.Header{"Retry-After": {text}}
		require.GreaterOrEqual(t, retryAfter(h, time.Unix(1_800_000_000, 0)), time.Duration(0))
	})
}
