package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// BenchmarkRecordAttempts records groups of successes, one at each of as many
// endpoints: what deliver does all day.
func BenchmarkRecordAttempts(b *testing.B) {
	for _, size := range []int{1, 50, 500} {
		b.Run(fmt.Sprintf("%d together", size), func(b *testing.B) {
			s := testkit.Store(b)
			tenant := event.NewID()
			endpoints := make([]event.ID, size)
			for i := range endpoints {
				endpoints[i] = event.NewID()
			}
			group := make([]store.Attempt, size)
			for b.Loop() {
				for i := range group {
					group[i] = store.Attempt{
						ID: event.NewID(), Tenant: tenant, Event: event.NewID(), Endpoint: endpoints[i], Number: 1,
						Outcome: store.OutcomeSuccess, StatusCode: 200, Duration: time.Millisecond, URL: "https://example.com/hook", Response: []byte("ok"),
					}
				}
				require.NoError(b, s.RecordAttempts(b.Context(), group))
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*size), "µs/attempt")
		})
	}
}
