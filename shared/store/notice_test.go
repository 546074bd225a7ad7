package store_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/signature"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// listener is a store with a tenant, and whoever is told of what happens there.
type listener struct {
	*store.Store

	url    string
	tenant store.Tenant
}

// listen subscribes an operational endpoint to types of notices, or to all.
func listen(t *testing.T, types ...string) *listener {
	t.Helper()
	l := &listener{url: testkit.Database(t), tenant: store.Tenant{ID: event.NewID(), Name: "a", UID: "acme"}}
	l.Store = testkit.Open(t, l.url)
	require.NoError(t, l.CreateTenant(t.Context(), &l.tenant))
	l.subscribe(t, false, types...)
	return l
}

func (l *listener) subscribe(t *testing.T, disabled bool, types ...string) {
	t.Helper()
	testkit.Endpoint(t, l.Store, store.SystemTenant, "https://example.com/ops", func(e *store.Endpoint) {
		e.EventTypes, e.Disabled = types, disabled
	})
}

// told takes the notices out of the outbox, in order.
func (l *listener) told(t *testing.T) []string {
	t.Helper()
	var all []string
	_, err := l.Sweep(t.Context(), 0, 100, func(_ context.Context, batches []store.Batch) error {
		for _, b := range batches {
			for _, e := range b.Events {
				require.Equal(t, store.SystemTenant, e.Tenant)
				var notice struct{ Type string }
				require.NoError(t, json.Unmarshal(e.Payload, &notice))
				require.Equal(t, notice.Type, e.Type)
				all = append(all, string(e.Payload))
			}
		}
		return nil
	})
	require.NoError(t, err)
	return all
}

// types of the notices in the outbox.
func (l *listener) types(t *testing.T) []string {
	t.Helper()
	types := []string{}
	for _, text := range l.told(t) {
		var notice struct{ Type string }
		require.NoError(t, json.Unmarshal([]byte(text), &notice))
		types = append(types, notice.Type)
	}
	return types
}

func TestEndpointNotices(t *testing.T) {
	t.Parallel()
	l := listen(t)
	require.Empty(t, l.told(t), "not of the operational endpoint itself")
	e := testkit.Endpoint(t, l.Store, l.tenant.ID, "https://example.com", func(e *store.Endpoint) { e.UID = "hook" })
	failure := failed(l.tenant.ID, event.NewID(), e.ID, 1, time.Now().Add(time.Hour))
	failure.Failing = true
	since, err := failure.ID.Time().Truncate(time.Microsecond).MarshalText() // as the database keeps it
	require.NoError(t, err)
	fails := func() { require.NoError(t, l.RecordAttempts(t.Context(), []store.Attempt{failure})) }
	disable := func() {
		_, err := l.DisableEndpoint(t.Context(), l.tenant.ID, e.ID, store.DisabledGone)
		require.NoError(t, err)
	}
	data := `"appId":"` + event.Tenant.Format(l.tenant.ID) + `","appUid":"acme","endpointId":"` + event.Endpoint.Format(e.ID) + `","endpointUid":"hook"`
	change := func(edit func(*store.Endpoint)) {
		_, err := l.ChangeEndpoint(t.Context(), l.tenant.ID, store.Ref{ID: e.ID}, func(e *store.Endpoint) error { edit(e); return nil })
		require.NoError(t, err)
	}
	for _, step := range []struct {
		name string
		do   func()
		want []string
	}{
		{"created", func() {}, []string{`{"type":"endpoint.created","data":{` + data + `}}`}},
		{"updated", func() { change(func(e *store.Endpoint) { e.Description = "new" }) }, []string{`{"type":"endpoint.updated","data":{` + data + `}}`}},
		{"paused", func() {
			_, err := l.PauseEndpoint(t.Context(), l.tenant.ID, store.Ref{ID: e.ID}, true)
			require.NoError(t, err)
		}, []string{`{"type":"endpoint.updated","data":{` + data + `}}`}},
		{"disabled", func() { change(func(e *store.Endpoint) { e.Disabled = true }) }, []string{
			`{"type":"endpoint.updated","data":{` + data + `}}`, `{"type":"endpoint.disabled","data":{` + data + `,"trigger":"manual"}}`,
		}},
		{"enabled", func() { change(func(e *store.Endpoint) { e.Disabled = false }) }, []string{
			`{"type":"endpoint.updated","data":{` + data + `}}`, `{"type":"endpoint.enabled","data":{` + data + `}}`,
		}},
		{"gone", func() { fails(); disable() }, []string{
			`{"type":"endpoint.disabled","data":{` + data + `,"failSince":"` + string(since) + `","trigger":"automatic"}}`,
		}},
		{"gone already", disable, nil},
		{"deleted", func() { require.NoError(t, l.DeleteEndpoint(t.Context(), l.tenant.ID, store.Ref{UID: "hook"})) }, []string{
			`{"type":"endpoint.deleted","data":{` + data + `}}`,
		}},
	} {
		step.do()
		require.Equal(t, step.want, l.told(t), step.name)
	}
}

// TestNoticesOnlyForWhoListens subscribes to one type, and with an endpoint that
// is disabled to all.
func TestNoticesOnlyForWhoListens(t *testing.T) {
	t.Parallel()
	l := listen(t, store.EndpointDeleted)
	l.subscribe(t, true)
	e := testkit.Endpoint(t, l.Store, l.tenant.ID, "https://example.com")
	require.NoError(t, l.RecordAttempts(t.Context(), []store.Attempt{failed(l.tenant.ID, event.NewID(), e.ID, 8, time.Time{})}))
	require.Empty(t, l.types(t))
	require.NoError(t, l.DeleteEndpoint(t.Context(), l.tenant.ID, store.Ref{ID: e.ID}))
	require.Equal(t, []string{store.EndpointDeleted}, l.types(t))
}

// TestNoNoticeOfWhatDidNotHappen: a notice and what it tells of are one.
func TestNoNoticeOfWhatDidNotHappen(t *testing.T) {
	t.Parallel()
	l := listen(t)
	e := testkit.Endpoint(t, l.Store, l.tenant.ID, "https://example.com", func(e *store.Endpoint) { e.UID = "hook" })
	l.told(t)
	changed := errors.New("changed its mind")
	_, err := l.ChangeEndpoint(t.Context(), l.tenant.ID, store.Ref{ID: e.ID}, func(*store.Endpoint) error { return changed })
	require.ErrorIs(t, err, changed)
	require.ErrorIs(t, l.DeleteEndpoint(t.Context(), l.tenant.ID, store.Ref{UID: "other"}), store.ErrNotFound)
	twin := store.Endpoint{ID: event.NewID(), Tenant: l.tenant.ID, UID: "hook", URL: "https://example.com"}
	require.ErrorIs(t, l.CreateEndpoint(t.Context(), &twin, signature.GenerateKey()), store.ErrConflict)
	err = l.Within(t.Context(), func(s *store.Store) error {
		require.NoError(t, s.DeleteEndpoint(t.Context(), l.tenant.ID, store.Ref{ID: e.ID}))
		return changed
	})
	require.ErrorIs(t, err, changed)
	require.Empty(t, l.told(t))

	_, err = testkit.SQL(t, l.url).Exec(t.Context(), `DROP TABLE batches CASCADE`) // so that no notice can be stored
	require.NoError(t, err)
	require.Error(t, l.DeleteEndpoint(t.Context(), l.tenant.ID, store.Ref{ID: e.ID}))
	_, err = l.Endpoint(t.Context(), l.tenant.ID, store.Ref{ID: e.ID})
	require.NoError(t, err, "still there")
	dead := failed(l.tenant.ID, event.NewID(), e.ID, 8, time.Time{})
	require.Error(t, l.RecordAttempts(t.Context(), []store.Attempt{dead}))
	require.Zero(t, testkit.Value[int](t, l.url, `SELECT count(*) FROM attempts`))
}

// failed is an attempt that was refused with 500.
func failed(tenant, e, endpoint event.ID, number int, next time.Time) store.Attempt {
	return store.Attempt{
		ID: event.NewID(), Tenant: tenant, Event: e, Endpoint: endpoint, Number: number, Outcome: "rejected",
		NextAt: next, StatusCode: 500, URL: "https://example.com", Response: []byte{},
	}
}

func TestAttemptNotices(t *testing.T) {
	t.Parallel()
	soon, run, later := time.Now().Add(time.Hour), event.NewID(), event.NewID()
	type try struct {
		run     event.ID
		number  int
		next    time.Time
		success bool
	}
	for name, tt := range map[string]struct {
		tries []try
		want  []string
	}{
		"works":                        {[]try{{number: 1, success: true}}, nil},
		"works at last but one":        {[]try{{number: 1, next: soon}, {number: 2, next: soon}, {number: 3, next: soon}, {number: 4, success: true}}, nil},
		"fails four times, then works": {[]try{{number: 4, next: soon}, {number: 5, next: soon}, {number: 6, success: true}}, []string{store.AttemptFailing, store.AttemptRecovered}},
		"fails for ever":               {[]try{{number: 3, next: soon}, {number: 4, next: soon}, {number: 5}}, []string{store.AttemptFailing, store.AttemptExhausted}},
		"four are all":                 {[]try{{number: 4}}, []string{store.AttemptExhausted}},
		"is redriven":                  {[]try{{number: 1}, {run: run, number: 1, success: true}}, []string{store.AttemptExhausted, store.AttemptRecovered}},
		"is redriven in vain":          {[]try{{number: 1}, {run: run, number: 1}, {run: later, number: 2, success: true}}, []string{store.AttemptExhausted, store.AttemptExhausted, store.AttemptRecovered}},
		"recovers once":                {[]try{{number: 1}, {run: run, number: 1, success: true}, {run: later, number: 1, success: true}}, []string{store.AttemptExhausted, store.AttemptRecovered}},
		"is resent":                    {[]try{{number: 1, next: soon}, {number: 2, success: true}, {run: run, number: 1, success: true}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := listen(t)
			e := newEvent(l.tenant.ID)
			endpoint := event.NewID()
			var all []store.Attempt
			for _, try := range tt.tries {
				a := failed(l.tenant.ID, e.ID, endpoint, try.number, try.next)
				a.Run = try.run
				if try.success {
					a.Outcome, a.StatusCode = store.OutcomeSuccess, 200
				}
				all = append(all, a)
				require.NoError(t, l.RecordAttempts(t.Context(), []store.Attempt{a}))
			}
			require.NoError(t, l.RecordAttempts(t.Context(), all), "again: the answer was lost")
			require.ElementsMatch(t, tt.want, l.types(t))
		})
	}
}

func TestAttemptNoticeTellsWhatItIsOf(t *testing.T) {
	t.Parallel()
	l := listen(t)
	e := newEvent(l.tenant.ID)
	e.UID = "order-1"
	_, _, err := l.Accept(t.Context(), []store.NewEvent{e}, 1<<20)
	require.NoError(t, err)
	a := failed(l.tenant.ID, e.ID, event.NewID(), 4, time.Now())
	ours := failed(store.SystemTenant, event.NewID(), event.NewID(), 8, time.Time{})
	fine := failed(l.tenant.ID, event.NewID(), event.NewID(), 1, time.Time{})
	fine.Outcome = store.OutcomeSuccess
	require.NoError(t, l.RecordAttempts(t.Context(), []store.Attempt{fine, a, ours}))
	require.Equal(t, 3, testkit.Value[int](t, l.url, `SELECT count(*) FROM attempts`))
	got := testkit.Value[string](t, l.url, `SELECT convert_from(payload, 'UTF8') FROM events WHERE tenant_id = $1`, [16]byte(store.SystemTenant))
	at, err := a.ID.Time().MarshalText()
	require.NoError(t, err)
	require.Equal(t, `{"type":"message.attempt.failing","data":{"appId":"`+event.Tenant.Format(l.tenant.ID)+`","appUid":"acme","endpointId":"`+
		event.Endpoint.Format(a.Endpoint)+`","lastAttempt":{"id":"`+event.Attempt.Format(a.ID)+`","responseStatusCode":500,"timestamp":"`+
		string(at)+`"},"msgEventId":"order-1","msgId":"`+event.Message.Format(e.ID)+`"}}`, got)
}

// TestManyNoticesTravelInParts records a full group of dead letters.
func TestManyNoticesTravelInParts(t *testing.T) {
	t.Parallel()
	l := listen(t)
	group := make([]store.Attempt, 500)
	for i := range group {
		group[i] = failed(l.tenant.ID, event.NewID(), event.NewID(), 8, time.Time{})
	}
	require.NoError(t, l.RecordAttempts(t.Context(), group))
	require.Greater(t, testkit.Value[int](t, l.url, `SELECT count(*) FROM batches`), 1)
	told := l.told(t)
	require.Len(t, told, len(group))
	require.True(t, bytes.Contains([]byte(told[499]), []byte(event.Attempt.Format(group[499].ID))), "in order")
}

// TestSuccessAsksForNobody: what nearly always happens must not cost a query.
func TestSuccessAsksForNobody(t *testing.T) {
	t.Parallel()
	s := testkit.Store(t)
	asked := &queries{}
	require.NoError(t, s.Trace(t.Context(), asked))
	a := failed(event.NewID(), event.NewID(), event.NewID(), 4, time.Time{})
	a.Outcome = store.OutcomeSuccess
	require.NoError(t, s.RecordAttempts(t.Context(), []store.Attempt{a}))
	require.Empty(t, asked.take("endpoints"))
	require.NoError(t, s.RecordAttempts(t.Context(), []store.Attempt{failed(a.Tenant, a.Event, a.Endpoint, 1, time.Now())}))
	require.Empty(t, asked.take("endpoints"))
	require.NoError(t, s.RecordAttempts(t.Context(), []store.Attempt{failed(a.Tenant, a.Event, a.Endpoint, 4, time.Now())}))
	require.Len(t, asked.take("endpoints"), 1)
}
