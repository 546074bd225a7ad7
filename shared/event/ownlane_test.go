package event_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
)

func TestOwnLane(t *testing.T) {
	t.Parallel()
	tenant, endpoint := event.NewID(), event.NewID()
	d := event.Delivery{Event: event.NewID(), Tenant: tenant, Endpoint: endpoint, Attempt: 1}
	ids := map[string]bool{d.Key(): true}
	for kind, l := range map[string]event.OwnLane{
		"tenant":   {Tenant: tenant},
		"endpoint": {Tenant: tenant, Endpoint: endpoint},
	} {
		require.Equal(t, kind, l.Kind())
		require.NotContains(t, l.Name(), ".", "a consumer's name is one token")
		require.False(t, ids[l.MessageID(&d)], "what goes from lane to lane must not be taken for a copy")
		ids[l.MessageID(&d)] = true

		parsed, err := event.ParseOwnLane(l.Subject())
		require.NoError(t, err)
		require.Equal(t, l, parsed)
	}
	require.True(t, event.OwnLane{}.IsZero())
}

func TestParseOwnLaneRefuses(t *testing.T) {
	t.Parallel()
	lane := event.OwnLane{Tenant: event.NewID(), Endpoint: event.NewID()}.Subject()
	for _, subject := range []string{
		"", "overflow.", "overflow.x", "deliver." + lane, lane + ".more", lane[:len(lane)-1], "overflow." + event.Endpoint.Format(event.NewID()),
	} {
		_, err := event.ParseOwnLane(subject)
		require.ErrorIs(t, err, event.ErrBadLane, subject)
	}
}
