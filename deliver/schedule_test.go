package deliver

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

// TestMostSpecificScheduleWins fails a delivery under every combination of
// schedules: each level waits for another number of minutes.
func TestMostSpecificScheduleWins(t *testing.T) {
	t.Parallel()
	minutes := func(n int) []time.Duration { return []time.Duration{time.Duration(n) * time.Minute} }
	for name, tt := range map[string]struct {
		endpoint, ofType, application []time.Duration
		want                          time.Duration // 0: no retry
	}{
		"installation":                {nil, nil, nil, 3 * time.Minute},
		"application":                 {nil, nil, minutes(10), 10 * time.Minute},
		"event type":                  {nil, minutes(100), minutes(10), 100 * time.Minute},
		"endpoint":                    {minutes(1000), minutes(100), minutes(10), 1000 * time.Minute},
		"none for the application":    {nil, nil, []time.Duration{}, 0},
		"none for the event type":     {nil, []time.Duration{}, minutes(10), 0},
		"none for the endpoint":       {[]time.Duration{}, minutes(100), minutes(10), 0},
		"event type, not application": {nil, minutes(100), nil, 100 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			url, _ := answering(t, http.StatusInternalServerError)
			_, err := w.store.ChangeTenant(t.Context(), store.Ref{ID: w.tenant}, func(tenant *store.Tenant) error {
				tenant.RetrySchedule = tt.application
				return nil
			})
			require.NoError(t, err)
			d := w.delivery(url, func(e *store.Endpoint) { e.RetrySchedule = tt.endpoint })
			require.NoError(t, w.store.CreateEventType(t.Context(), &store.EventType{Name: d.Type}))
			require.NoError(t, w.store.SetTypeSchedule(t.Context(), d.Type, tt.ofType))
			began := time.Now()
			w.start()
			w.publish(d)
			w.acknowledged(0)
			if tt.want == 0 {
				w.nothingOn(event.StreamRetry)
				w.on(event.StreamDLQ)
				return
			}
			next, _ := w.on(event.StreamRetry)
			require.WithinRange(t, next.Due, began.Add(tt.want*8/10), time.Now().Add(tt.want*12/10))
		})
	}
}
