package web

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/portal/client"
)

// TestAgo: times are told by the largest unit that they fill.
func TestAgo(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for want, past := range map[string]time.Duration{
		"just now": 59 * time.Second, "1 min ago": time.Minute, "59 min ago": time.Hour - 1, "1 h ago": time.Hour,
		"30 d ago": 30 * 24 * time.Hour, "22 Oct 2026": 31 * 24 * time.Hour, "in 2 h": -2 * time.Hour,
	} {
		m := ago(now.Add(-past), now)
		require.Equal(t, want, m.Short)
		at, err := time.Parse(time.RFC3339, m.Machine)
		require.NoError(t, err)
		require.WithinDuration(t, now.Add(-past), at, time.Second)
	}
}

// TestCount: thousands are apart by a space that no line is broken at.
func TestCount(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1\u202f000", 1234567: "1\u202f234\u202f567", -1000: "-1\u202f000", -100: "-100"} {
		require.Equal(t, want, count(n))
	}
}

// TestSize: bytes are told in the largest unit of which there is one.
func TestSize(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 5 << 20: "5.0 MiB", 3 << 30: "3.0 GiB", 2048 << 40: "2048.0 TiB"} {
		require.Equal(t, want, size(n))
	}
}

// TestInstant: a time of a form is UTC, and what is none is left to the API.
func TestInstant(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-11-22T10:30": "2026-11-22T10:30:00Z", "2026-11-22T10:30:05": "2026-11-22T10:30:05Z", "2026-11-22": "2026-11-22T00:00:00Z",
		"2026-11-22T10:30:00+01:00": "2026-11-22T10:30:00+01:00", "yesterday": "yesterday",
	} {
		require.Equal(t, want, instant(text))
	}
}

// TestFault: what is wrong with a part of a field stands beside the field.
func TestFault(t *testing.T) {
	t.Parallel()
	var f Form
	require.True(t, f.Refused(&client.Problem{Status: 422, Fields: map[string]string{"url": "bad", "headers.X-A": "not allowed"}}, ""))
	require.Equal(t, "bad", f.Fault("url"))
	require.Equal(t, "X-A: not allowed", f.Fault("headers"))
	require.Empty(t, f.Fault("header"))
	require.True(t, f.Refused(&client.Problem{Status: 409, Detail: "there is one"}, "uid"))
	require.Equal(t, "there is one", f.Fault("uid"))
	require.False(t, f.Refused(&client.Problem{Status: 503}, "uid"))
	require.False(t, f.Refused(nil, "uid"))
}
