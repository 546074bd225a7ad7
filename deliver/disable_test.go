package deliver

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/egress"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// TestDisabledAfterNothingButFailures lets an endpoint fail that did so before,
// for longer than it may or not.
func TestDisabledAfterNothingButFailures(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		after   time.Duration // the setting
		failing time.Duration // how long; 0: not yet
		status  int
		policy  egress.Policy
		want    string
	}{
		"long enough":                  {time.Hour, time.Hour + time.Second, 500, loopback(), store.DisabledFailing},
		"not yet":                      {time.Hour, 50 * time.Minute, 500, loopback(), ""},
		"the first":                    {time.Nanosecond, 0, 500, loopback(), ""},
		"never":                        {0, 1000 * time.Hour, 500, loopback(), ""},
		"a success":                    {time.Hour, 1000 * time.Hour, 200, loopback(), ""},
		"gone, which goes before":      {time.Hour, 1000 * time.Hour, 410, loopback(), store.DisabledGone},
		"an address that is forbidden": {time.Hour, 1000 * time.Hour, 500, egress.Policy{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			url, _ := answering(t, tt.status)
			first := w.delivery(url)
			if tt.failing > 0 {
				_, err := testkit.SQL(t, w.database).Exec(t.Context(), `INSERT INTO endpoint_failures (endpoint_id, tenant_id, since) VALUES ($1, $2, $3)`,
					first.Endpoint[:], first.Tenant[:], time.Now().Add(-tt.failing))
				require.NoError(t, err)
			}
			w.startWith(tt.policy, "3m", func(s *Stage) { s.DisableAfter = tt.after })
			w.publish(first)
			w.acknowledged(0)
			e, err := w.store.Endpoint(t.Context(), w.tenant, store.Ref{ID: first.Endpoint})
			require.NoError(t, err)
			require.Equal(t, tt.want, e.DisabledReason)
			require.Equal(t, tt.want != "", e.Disabled)

			if tt.want == store.DisabledFailing {
				second := *first
				second.Event = event.NewID()
				now, err := w.store.Snapshot(t.Context(), w.tenant)
				require.NoError(t, err)
				second.Version = now.Version
				w.publish(&second)
				w.acknowledged(0)
				attempts := w.attempts()
				require.Len(t, attempts, 2)
				require.Equal(t, string(Disabled), attempts[1].Outcome, "it is not called any more")
			}
		})
	}
}

// TestFailuresInTheDatabase moves the first failure that the stage itself has
// recorded into the past.
func TestFailuresInTheDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url, _ := answering(t, http.StatusBadGateway)
	d := w.delivery(url)
	w.startWith(loopback(), "3m", func(s *Stage) { s.DisableAfter = 120 * time.Hour })
	fail := func() *store.Endpoint {
		t.Helper()
		again := *d
		again.Event = event.NewID()
		w.publish(&again)
		w.acknowledged(0)
		e, err := w.store.Endpoint(t.Context(), w.tenant, store.Ref{ID: d.Endpoint})
		require.NoError(t, err)
		return e
	}
	require.False(t, fail().Disabled)
	require.False(t, fail().Disabled)
	_, err := testkit.SQL(t, w.database).Exec(t.Context(), `UPDATE endpoint_failures SET since = since - interval '120 hours' WHERE endpoint_id = $1`, d.Endpoint[:])
	require.NoError(t, err)
	require.Equal(t, store.DisabledFailing, fail().DisabledReason)
}
