package api

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/token"
)

// remembering is keys that are all remembered.
type remembering struct{ key *store.APIKey }

func (r remembering) APIKey(context.Context, token.Key) (*store.APIKey, error) { return r.key, nil }
func (remembering) Forget(event.ID)                                            {}

// BenchmarkIdentify is what it costs to know who posts a message.
func BenchmarkIdentify(b *testing.B) {
	const signer = "the secret of this benchmark"
	s := &server{
		Config: Config{Keys: remembering{&store.APIKey{Scopes: []string{token.Publish}}}},
		token:  hide(secret.New("operator")), secret: hide(secret.New(signer)), signed: token.NewSecret(signer),
		quotas: newQuotas(&Config{FailedLogins: 60}),
	}
	s.Client = direct
	s.checker = token.NewChecker(s.signed)
	_, key := token.NewKey()
	signed, err := s.signed.SignOperator(time.Now().Add(time.Hour))
	require.NoError(b, err)
	for name, text := range map[string]string{"token": "operator", "API key": key.Reveal(), "signed": signed} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequestWithContext(b.Context(), "POST", "/", nil)
			r.Header.Set("Authorization", "Bearer "+text)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.identify(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
