package archive_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/archive"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

const day = 24 * time.Hour

// past is a database with retired days, and what they hold in the words of the
// archive, by ids.
type past struct {
	url   string
	store *store.Store
	db    *pgx.Conn
	days  []time.Time

	tenants, endpoints []event.ID
	events             map[string]archive.Event
	attempts           map[string]archive.Attempt
	letters            map[string]archive.DeadLetter // by endpoint and message
}

// newPast makes two days of events of several tenants, each with two attempts,
// the later one on the day after, and some dead letters; and retires them.
func newPast(t *testing.T, events int) *past {
	t.Helper()
	p := &past{
		url: testkit.Database(t), events: make(map[string]archive.Event), attempts: make(map[string]archive.Attempt),
		letters: make(map[string]archive.DeadLetter),
	}
	p.store, p.db = testkit.Open(t, p.url), testkit.SQL(t, p.url)
	today := time.Now().UTC().Truncate(day)
	p.days = []time.Time{today.Add(-12 * day), today.Add(-11 * day)}
	for _, date := range append(p.days, today.Add(-10*day)) {
		for _, table := range []string{"events", "attempts"} {
			testkit.Partition(t, p.db, table, date)
		}
	}
	for range 3 {
		p.tenants, p.endpoints = append(p.tenants, event.NewID()), append(p.endpoints, event.NewID())
	}
	for _, date := range p.days {
		for n := range events {
			p.addEvent(t, date.Add(time.Duration(n)*time.Second), n)
		}
	}
	require.NoError(t, p.store.Retire(t.Context(), 10*day))
	days, err := p.store.RetiredDays(t.Context())
	require.NoError(t, err)
	require.Equal(t, p.days, days)
	return p
}

// addEvent makes one of some kind of all that there are.
func (p *past) addEvent(t *testing.T, at time.Time, n int) {
	t.Helper()
	id, tenant, endpoint := idAt(at), p.tenants[n%3], p.endpoints[n%3]
	text := make([]byte, 40)
	for i := range text {
		text[i] = byte('a' + rand.IntN(26))
	}
	payload := fmt.Appendf(nil, `{"n": %d,  "text": %q, "html": "<&>\u2028é"}`, n, text)
	e := archive.Event{
		ID: event.Message.Format(id), ApplicationID: event.Tenant.Format(tenant), EventType: "a.happened", Timestamp: id.Time(), Payload: payload,
	}
	var uid, priority *string
	var only *event.ID
	var deliverAt, expires, expunged *time.Time
	switch n % 8 {
	case 1:
		e.EventID, e.Channels, e.Tags, e.Priority = fmt.Sprint("own-", id.Time().UnixNano()), []string{"c1", "c2"}, []string{"t"}, "high"
		uid, priority = &e.EventID, &e.Priority
	case 2:
		e.EndpointID, e.DeliverAt = event.Endpoint.Format(endpoint), at.Add(time.Hour).Truncate(time.Microsecond)
		only, deliverAt = &endpoint, &e.DeliverAt
	case 3: // removed
		expunged = &at
		e.Payload, e.Expunged = nil, true
	case 4: // expired, and removed
		expires, expunged = &at, &at
		e.Payload, e.Expunged = nil, true
	case 5: // to expire some time
		later := at.Add(100 * 365 * day)
		expires = &later
		e.Payload, e.Expunged = nil, true
	case 6: // no text
		payload = []byte("\xff\x00binary")
		e.Payload = payload
	}
	_, err := p.db.Exec(t.Context(), `INSERT INTO events
		(id, tenant_id, event_type, uid, channels, tags, endpoint_id, deliver_at, priority, payload, expires_at, expunged_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		[16]byte(id), [16]byte(tenant), e.EventType, uid, e.Channels, e.Tags, (*[16]byte)(only), deliverAt, priority, payload, expires, expunged)
	require.NoError(t, err)
	p.events[e.ID] = e
	p.addAttempt(t, id, tenant, endpoint, id.Time(), 1)
	p.addAttempt(t, id, tenant, endpoint, at.Add(day), 2)
	if n%4 == 0 {
		p.addLetter(t, id, tenant, endpoint)
	}
}

func (p *past) addAttempt(t *testing.T, id, tenant, endpoint event.ID, at time.Time, number int) {
	t.Helper()
	a := store.Attempt{
		ID: idAt(at), Tenant: tenant, Event: id, Endpoint: endpoint, Number: number, Outcome: "timeout", URL: "https://example.com/hook",
		Duration: 15 * time.Second, Response: []byte("no answer"), Lane: "s00", QueuedAt: at.Truncate(time.Microsecond).UTC(),
	}
	if number == 1 {
		a.Run, a.NextAt, a.StatusCode = event.NewID(), at.Add(time.Minute).Truncate(time.Microsecond).UTC(), 503
		a.Headers = &store.AttemptHeaders{
			Sent: map[string]string{"Webhook-Id": "<1>"}, Hidden: []string{"X-Own"}, Answered: []store.Header{{"Retry-After", "60"}}, Cut: true,
		}
	}
	require.NoError(t, p.store.RecordAttempts(t.Context(), []store.Attempt{a}))
	made := archive.Attempt{
		ID: event.Attempt.Format(a.ID), MessageID: event.Message.Format(id), ApplicationID: event.Tenant.Format(tenant),
		EndpointID: event.Endpoint.Format(endpoint), Attempt: number, Timestamp: a.ID.Time(), Outcome: a.Outcome, NextAttempt: a.NextAt,
		StatusCode: a.StatusCode, DurationMs: 15_000, URL: a.URL, Response: a.Response, Lane: a.Lane, QueuedAt: a.QueuedAt,
	}
	if !a.Run.IsZero() {
		made.TaskID = event.Task.Format(a.Run)
		made.Headers = &archive.Headers{
			Sensitive: []string{"X-Own"}, SentHeaders: map[string]string{"Webhook-Id": "<1>"}, ResponseHeaders: []store.Header{{"Retry-After", "60"}}, Truncated: true,
		}
	}
	if at.Before(p.days[1].Add(day)) { // else its day is not retired
		p.attempts[made.ID] = made
	}
}

func (p *past) addLetter(t *testing.T, id, tenant, endpoint event.ID) {
	t.Helper()
	l := store.DeadLetter{Tenant: tenant, Endpoint: endpoint, Event: id, Type: "a.happened", Reason: "timeout", Attempts: 2, Run: event.NewID()}
	require.NoError(t, p.store.RecordDeadLetters(t.Context(), []store.DeadLetter{l}))
	key := event.Endpoint.Format(endpoint) + event.Message.Format(id)
	p.letters[key] = archive.DeadLetter{
		MessageID: event.Message.Format(id), ApplicationID: event.Tenant.Format(tenant), EndpointID: event.Endpoint.Format(endpoint),
		EventType: l.Type, Reason: l.Reason, Attempts: 2, TaskID: event.Task.Format(l.Run),
		DiedAt: testkit.Value[time.Time](t, p.url, `SELECT died_at FROM dead_letters WHERE event_id = $1`, [16]byte(id)).UTC(),
	}
}

// idAt is an id as it would have been made at that time.
func idAt(at time.Time) event.ID {
	id, random := event.FloorID(at), event.NewID()
	copy(id[8:], random[8:])
	return id
}

// small is an archiver with so small parts that a day has many.
func small(place archive.Place, step func()) *archive.Archiver {
	return archive.NewSmall(place, 200, 7, step)
}

// requireArchived reads all that manifests name, without the help of this package, and
// finds each row of the past exactly once.
func (p *past) requireArchived(t *testing.T, place archive.Place) {
	t.Helper()
	events, attempts, letters := make(map[string]archive.Event), make(map[string]archive.Attempt), make(map[string]archive.DeadLetter)
	var days []string
	for m, err := range archive.Days(t.Context(), place, "") {
		require.NoError(t, err)
		require.NoError(t, archive.Verify(t.Context(), place, m))
		days = append(days, m.Day)
		for i := range m.Parts {
			for _, line := range linesOf(t, place, m.Parts[i].Name) {
				switch m.Parts[i].Kind {
				case store.RetiredEvents:
					e := decode[archive.Event](t, line)
					require.NotContains(t, events, e.ID)
					events[e.ID] = e
					require.Equal(t, m.Day, e.Timestamp.Format(time.DateOnly))
				case store.RetiredAttempts:
					a := decode[archive.Attempt](t, line)
					require.NotContains(t, attempts, a.ID)
					attempts[a.ID] = a
					require.Equal(t, m.Day, a.Timestamp.Format(time.DateOnly))
				case store.RetiredDeadLetters:
					l := decode[archive.DeadLetter](t, line)
					require.NotContains(t, letters, l.EndpointID+l.MessageID)
					letters[l.EndpointID+l.MessageID] = l
				}
			}
		}
	}
	require.Equal(t, []string{p.days[0].Format(time.DateOnly), p.days[1].Format(time.DateOnly)}, days)
	require.Equal(t, p.events, events)
	require.Equal(t, p.attempts, attempts)
	require.Equal(t, p.letters, letters)
}

func linesOf(t *testing.T, place archive.Place, name string) []string {
	t.Helper()
	object, err := place.Get(t.Context(), name)
	require.NoError(t, err)
	defer func() { require.NoError(t, object.Close()) }()
	unzipped, err := gzip.NewReader(object)
	require.NoError(t, err)
	var text bytes.Buffer
	_, err = text.ReadFrom(unzipped)
	require.NoError(t, err)
	return strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
}

func decode[T any](t *testing.T, line string) (value T) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(line))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&value))
	return value
}
