package sender

import (
	"encoding/json"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPayload(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, size := range []int{minSize, 1024, maxSize} {
		var in struct {
			EventType string
			Payload   json.RawMessage
		}
		require.NoError(t, json.Unmarshal(newPayload(size).body(now), &in))
		require.Equal(t, eventType, in.EventType)
		require.Len(t, in.Payload, size)
		var payload struct{ Sent int64 }
		require.NoError(t, json.Unmarshal(in.Payload, &payload))
		require.Equal(t, now.UnixNano(), payload.Sent)
	}
}

func TestRunIDs(t *testing.T) {
	t.Parallel()
	one, other := newRunID(), newRunID()
	require.NotEqual(t, one.String(), other.String())
	uuid := regexp.MustCompile(`^auto_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	require.Regexp(t, uuid, one.idempotencyKey(0))
	require.Regexp(t, uuid, one.idempotencyKey(1<<40))
	require.NotEqual(t, one.idempotencyKey(1), one.idempotencyKey(2))
	require.NotEqual(t, one.idempotencyKey(1), other.idempotencyKey(1))
}
