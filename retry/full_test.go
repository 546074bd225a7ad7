package retry

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/testkit"
)

// TestFullDeliver: what is due while DELIVER takes nothing is held, and released
// when it does.
func TestFullDeliver(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	b := testkit.Connect(t, server.URL())
	testkit.LimitStream(t, server.URL(), event.StreamDeliver, 10)
	due := wait(t, b, 0, 10*time.Millisecond, 100*time.Millisecond, time.Second)
	start(t, b)
	testkit.Eventually(t, func() bool { return b.Refuses(event.StreamDeliver, event.ID{}) }, "it cannot be released")
	require.Equal(t, len(due), testkit.StreamMessages(t, server.URL(), event.StreamRetry))
	testkit.LimitStream(t, server.URL(), event.StreamDeliver, 0)
	at := released(t, b, len(due))
	for key := range due {
		require.Contains(t, at, key)
	}
	testkit.Eventually(t, func() bool { return testkit.StreamMessages(t, server.URL(), event.StreamRetry) == 0 }, "acknowledged")
}

// TestFullRetry: what must move to another tier of a stream that is full stays in
// its own, and what is due leaves.
func TestFullRetry(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	b := testkit.Connect(t, server.URL())
	moves := wait(t, b, 2500*time.Millisecond) // two stays of a second, and the rest
	due := wait(t, b, 1500*time.Millisecond)
	testkit.LimitStream(t, server.URL(), event.StreamRetry, 10)
	start(t, b)
	at := released(t, b, len(due)+len(moves))
	for key := range due {
		require.Contains(t, at, key)
	}
	for key, when := range moves {
		require.False(t, at[key].Before(when), "not before it is due")
	}
}

// TestPoisonRetry: a delivery that cannot be read does not hold up its tier.
func TestPoisonRetry(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	b := testkit.Connect(t, server.URL())
	for _, tier := range event.Tiers()[:2] {
		testkit.PublishRaw(t, server.URL(), tier.Subject(), event.Format, []byte("no frame"))
	}
	due := wait(t, b, time.Second)
	start(t, b)
	at := released(t, b, 1)
	for key := range due {
		require.Contains(t, at, key)
	}
	testkit.Eventually(t, func() bool { return testkit.StreamMessages(t, server.URL(), event.StreamRetry) == 0 }, "set aside")
	p, err := b.NextPoison(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, "retry", p.Stage)
}
