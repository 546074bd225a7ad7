package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/postrider/postrider/ingest/api"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/store"
)

// BenchmarkCreateMessages is BenchmarkCreateMessage for 100 messages in a request;
// an operation is one message.
func BenchmarkCreateMessages(b *testing.B) {
	const many = 100
	handler := api.New(api.Config{
		Acceptor: acceptorFunc(func(context.Context, *store.NewEvent) (store.Refusal, error) { return store.Accepted, nil }),
		Token:    secret.New(token), Log: zerolog.Nop(),
	})
	target := "/api/v1/app/" + event.Tenant.Format(event.NewID()) + "/msg/batch?with_content=false"
	item := `{"eventType":"invoice.paid","payload":{"id":"1","lines":[` + strings.Repeat(`{"n":1,"text":"abc"},`, 50) + `{}]}}`
	body := `{"messages":[` + strings.Repeat(item+",", many-1) + item + `]}`
	b.ReportAllocs()
	for n := 0; n < b.N; n += many {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, target, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Idempotency-Key", "auto_0e3c1bd4-9d0c-4d64-a7c2-2b0f4c2d9d33")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
}

// BenchmarkCreateMessage is the hot path without HTTP and without the database:
// what an event of 1 KiB costs from the request to the acceptor and back.
func BenchmarkCreateMessage(b *testing.B) {
	handler := api.New(api.Config{
		Acceptor: acceptorFunc(func(context.Context, *store.NewEvent) (store.Refusal, error) { return store.Accepted, nil }),
		Token:    secret.New(token), Log: zerolog.Nop(),
	})
	target := "/api/v1/app/" + event.Tenant.Format(event.NewID()) + "/msg?with_content=false"
	body := `{"eventType":"invoice.paid","payload":{"id":"1","lines":[` + strings.Repeat(`{"n":1,"text":"abc"},`, 50) + `{}]}}`
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, target, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Idempotency-Key", "auto_0e3c1bd4-9d0c-4d64-a7c2-2b0f4c2d9d33")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusAccepted {
			b.Fatal(w.Body)
		}
	}
}
