package member

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/portal/client"
)

// TestEndpointState: the strongest reason why nothing is sent is told, in a word, in
// few and in a sentence; without one, how the endpoint did.
func TestEndpointState(t *testing.T) {
	t.Parallel()
	failing, gone, later := "failing", "gone", time.Date(2026, 11, 22, 14, 5, 9, 0, time.UTC)
	closed := client.Circuit{State: "closed"}
	day := func(parts ...client.Figures) *client.Activity {
		var a client.Activity
		for _, f := range parts {
			a.Total.Succeeded += f.Succeeded
			a.Total.Failed += f.Failed
			a.Buckets = append(a.Buckets, client.ActivityPart{Figures: f})
		}
		return &a
	}
	for name, c := range map[string]struct {
		endpoint  client.Endpoint
		day       *client.Activity
		word, why string
		says      string // a part of the sentence
	}{
		"by hand":         {client.Endpoint{Disabled: true, Paused: true, Circuit: closed}, nil, "Disabled", "by hand", "by hand"},
		"by failing":      {client.Endpoint{Disabled: true, DisabledReason: &failing, Circuit: closed}, nil, "Disabled", "failed for days", "nothing has succeeded"},
		"by 410":          {client.Endpoint{Disabled: true, DisabledReason: &gone, Circuit: closed}, nil, "Disabled", "answered 410 Gone", "410 Gone"},
		"paused":          {client.Endpoint{Paused: true, Circuit: client.Circuit{State: "open", NextProbeAt: &later}}, nil, "Paused", "", "until it is resumed"},
		"not asked":       {client.Endpoint{Verify: true, Verification: client.Verification{State: "unverified"}, Circuit: closed}, nil, "Not verified", "", "has to answer a challenge"},
		"asked":           {client.Endpoint{Verify: true, Verification: client.Verification{State: "pending"}, Circuit: closed}, nil, "Being verified", "", "on its way"},
		"wrong answer":    {client.Endpoint{Verify: true, Verification: client.Verification{State: "failed"}, Circuit: closed}, nil, "Not verified", "wrong answer to the challenge", "did not answer"},
		"breaker":         {client.Endpoint{Circuit: client.Circuit{State: "open", NextProbeAt: &later}}, nil, "Breaker open", "next try at 14:05:09 UTC", "14:05:09 UTC"},
		"probe":           {client.Endpoint{Circuit: client.Circuit{State: "half_open"}}, nil, "Breaker open", "", "under way"},
		"not known":       {client.Endpoint{Circuit: closed}, nil, "Active", "", ""},
		"nothing sent":    {client.Endpoint{Circuit: closed}, day(client.Figures{}), "Active", "", ""},
		"well":            {client.Endpoint{Circuit: closed}, day(client.Figures{Succeeded: 1}), "Healthy", "", ""},
		"well again":      {client.Endpoint{Circuit: closed}, day(client.Figures{Failed: 9}, client.Figures{Succeeded: 1}), "Some fail", "", ""},
		"fails now":       {client.Endpoint{Circuit: closed}, day(client.Figures{Succeeded: 9}, client.Figures{Failed: 1}, client.Figures{}), "Failing", "", ""},
		"verified of old": {client.Endpoint{Verify: true, Verification: client.Verification{State: "verified"}, Circuit: closed}, nil, "Active", "", ""},
	} {
		require.Equal(t, c.word, endpointState(&c.endpoint, c.day).Word, name)
		require.Equal(t, c.why, endpointWhy(&c.endpoint), name)
		if c.says == "" {
			require.Empty(t, endpointReason(&c.endpoint), name)
		}
		require.Contains(t, endpointReason(&c.endpoint), c.says, name)
	}
}
