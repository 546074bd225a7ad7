package sender

import (
	"encoding/json"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/bench/rest"
	"github.com/postrider/postrider/bench/target"
)

func TestPayload(t *testing.T) {
	t.Parallel()
	now := time.Now()
	form := formOf(false)
	for _, size := range []int{minSize, 1024, maxSize} {
		var in struct {
			EventType string
			Payload   json.RawMessage
		}
		require.NoError(t, json.Unmarshal(newPayload(maxSize).body(&form, "", now, 41, 1, size), &in))
		require.Equal(t, target.EventType, in.EventType)
		require.Len(t, in.Payload, size)
		require.Equal(t, string(in.Payload), string(newPayload(size).appendTo(nil, now, 41, size)), "what is to be delivered")
		var payload struct{ Sent, Number int64 }
		require.NoError(t, json.Unmarshal(in.Payload, &payload))
		require.Equal(t, now.UnixNano(), payload.Sent)
		require.Equal(t, int64(firstNumber+41), payload.Number)
	}
}

func TestBatchOfPayloads(t *testing.T) {
	t.Parallel()
	form := formOf(true)
	var in struct {
		Messages []struct {
			EventType string
			Payload   struct{ Number int64 }
		}
	}
	require.NoError(t, json.Unmarshal(newPayload(100).body(&form, "", time.Now(), 10, 3, 80), &in))
	require.Len(t, in.Messages, 3)
	for i, m := range in.Messages {
		require.Equal(t, target.EventType, m.EventType)
		require.Equal(t, int64(firstNumber+10+i), m.Payload.Number)
	}
}

func formOf(batches bool) target.Form {
	return target.Kinds()[target.Svix].Open(rest.New("http://x", "t", 1)).Form("app_1", batches)
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
