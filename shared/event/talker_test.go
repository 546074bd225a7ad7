package event_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
)

func TestLoad(t *testing.T) {
	t.Parallel()
	tenant, endpoint := event.NewID(), event.NewID()
	want := event.Load{
		Slots:     7,
		Tenants:   []event.Talker{{Tenant: tenant, Slots: 4, Waiting: 16}},
		Endpoints: []event.Talker{{Tenant: tenant, Endpoint: endpoint, Slots: 3, Waiting: 2}},
		Instance:  "host/1",
		Lanes:     []string{event.OwnLane{Tenant: tenant}.Subject()},
	}
	data, err := json.Marshal(want)
	require.NoError(t, err)
	require.Contains(t, string(data), event.Endpoint.Format(endpoint), "people can read it")
	got, err := event.ParseLoad(data)
	require.NoError(t, err)
	require.Equal(t, want, got)
	for _, bad := range []string{``, `[]`, `{"Tenants":[{"tenant":"x"}]}`, `{"Endpoints":[{"tenant":"` + event.Tenant.Format(tenant) + `","endpoint":"ep_1"}]}`} {
		_, err := event.ParseLoad([]byte(bad))
		require.ErrorIs(t, err, event.ErrBadLoad, bad)
	}
}

func TestParseSubject(t *testing.T) {
	t.Parallel()
	d := event.Delivery{Event: event.NewID(), Tenant: event.NewID(), Endpoint: event.NewID(), Attempt: 1}
	for subject, endpoint := range map[string]event.ID{
		d.Subject(): d.Endpoint,
		event.OwnLane{Tenant: d.Tenant, Endpoint: d.Endpoint}.Subject(): d.Endpoint,
		event.OwnLane{Tenant: d.Tenant}.Subject():                       {},
	} {
		tenant, of, err := event.ParseSubject(subject)
		require.NoError(t, err)
		require.Equal(t, []event.ID{d.Tenant, endpoint}, []event.ID{tenant, of}, subject)
	}
	for _, subject := range []string{"", "deliver", "deliver.s00", "deliver.s00." + event.Tenant.Format(d.Tenant), d.DLQSubject(), d.Subject() + ".x", "retry.2m"} {
		_, _, err := event.ParseSubject(subject)
		require.ErrorIs(t, err, event.ErrBadLane, subject)
	}
}
