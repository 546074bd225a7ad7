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
		"long enough":                  {time.Hour, time.Hour + time.Second, 500, testkit.Loopback(), store.DisabledFailing},
		"not yet":                      {time.Hour, 50 * time.Minute, 500, testkit.Loopback(), ""},
		"the first":                    {time.Nanosecond, 0, 500, testkit.Loopback(), ""},
		"never":                        {0, 1000 * time.Hour, 500, testkit.Loopback(), ""},
		"a success":                    {time.Hour, 1000 * time.Hour, 200, testkit.Loopback(), ""},
		"gone, which goes before":      {time.Hour, 1000 * time.Hour, 410, testkit.Loopback(), store.DisabledGone},
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
				require.Len(t, w.attempts(), 1, "it is not called any more")
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
	w.startWith(testkit.Loopback(), "3m", func(s *Stage) { s.DisableAfter = 120 * time.Hour })
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

// disable disables the endpoint of the delivery.
func (w *world) disable(d *event.Delivery) {
	w.t.Helper()
	_, err := w.store.ChangeEndpoint(w.t.Context(), w.tenant, store.Ref{ID: d.Endpoint}, func(e *store.Endpoint) error { e.Disabled = true; return nil })
	require.NoError(w.t, err)
}

// TestDisabledOnTheWay has deliveries find their endpoint disabled: of the first
// attempt nothing is recorded, a retry ends with an attempt that says so. The
// dead letter tells how many were made.
func TestDisabledOnTheWay(t *testing.T) {
	t.Parallel()
	run := event.NewID()
	for name, tt := range map[string]struct {
		change   func(*event.Delivery)
		recorded int
	}{
		"first attempt":        {func(*event.Delivery) {}, 0},
		"missed, again":        {func(d *event.Delivery) { d.Missed, d.Recheck, d.Deferrals = true, true, 3 }, 0},
		"first attempt of run": {func(d *event.Delivery) { d.Run = run }, 0},
		"retry":                {func(d *event.Delivery) { d.Attempt = 3 }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			url, calls := answering(t, http.StatusOK)
			d := w.delivery(url)
			tt.change(d)
			w.disable(d)
			w.start()
			w.publish(d)
			w.acknowledged(0)
			letter, _ := w.on(event.StreamDLQ)
			want := *d
			want.Attempt, want.Deferrals, want.Reason = d.Attempt-1, d.Deferrals+1, "endpoint_disabled"
			want.Payload, want.Referred = []byte{}, true
			require.Equal(t, &want, letter)
			attempts := w.attempts()
			require.Len(t, attempts, tt.recorded)
			for _, a := range attempts {
				require.Equal(t, []any{string(Disabled), d.Attempt, true}, []any{a.Outcome, a.Number, a.NextAt.IsZero()})
			}
			require.Zero(t, calls.Load())
			w.nothingOn(event.StreamRetry)
		})
	}
}

// TestBroughtBackAtOnce has a delivery find its endpoint disabled and come back
// while the streams still know its ids: neither the second time that it is put
// on its lane nor its second death is taken for a copy of the first.
func TestBroughtBackAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url, calls := answering(t, http.StatusOK)
	d := w.delivery(url)
	w.disable(d)
	w.start()
	for deaths := range 3 {
		w.publish(d)
		w.acknowledged(0)
		letters := testkit.Deliveries(t, w.nats, event.StreamDLQ)
		require.Len(t, letters, deaths+1)
		d.Missed, d.Recheck, d.Deferrals = true, true, letters[deaths].Deferrals // as dlq does it
	}
	_, err := w.store.ChangeEndpoint(t.Context(), w.tenant, store.Ref{ID: d.Endpoint}, func(e *store.Endpoint) error { e.Disabled = false; return nil })
	require.NoError(t, err)
	now, err := w.store.Snapshot(t.Context(), w.tenant)
	require.NoError(t, err)
	d.Version = now.Version
	w.publish(d)
	w.acknowledged(0)
	require.EqualValues(t, 1, calls.Load())
}

// TestDeadLetterOfWhatWasDelivered has a dead letter brought back whose event was
// delivered meanwhile: the lookup finds that, and nothing is sent.
func TestDeadLetterOfWhatWasDelivered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url, calls := answering(t, http.StatusOK)
	d := w.delivery(url)
	w.start()
	w.publish(d)
	w.acknowledged(0)
	d.Missed, d.Recheck, d.Deferrals = true, true, 1
	w.publish(d)
	w.acknowledged(0)
	require.EqualValues(t, 1, calls.Load())
	require.Len(t, w.attempts(), 1)
	w.nothingOn(event.StreamDLQ, event.StreamRetry)
}
