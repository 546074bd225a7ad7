package rest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/postrider/postrider/bench/rest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCall(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/refused" {
			http.Error(w, "not you", http.StatusForbidden)
			return
		}
		_, _ = fmt.Fprintf(w, "[%q,%q,%q,%q]", r.Method, r.Header.Get("Authorization"), r.Header.Get("Content-Type"), body)
	}))
	defer server.Close()
	c := rest.New(server.URL+"/", "t", 1)
	defer c.Close()
	require.Equal(t, server.URL, c.Base())
	var said []string
	require.NoError(t, c.Call(t.Context(), http.MethodPost, "/x", map[string]int{"n": 1}, &said))
	require.Equal(t, []string{"POST", "Bearer t", "application/json", `{"n":1}`}, said)
	require.NoError(t, c.Call(t.Context(), http.MethodGet, "/x", nil, &said))
	require.Equal(t, []string{"GET", "Bearer t", "", ""}, said, "without a body there is no type of it")

	nobody := rest.New(server.URL, "", 1)
	defer nobody.Close()
	require.Empty(t, nobody.Authorization())
	require.NoError(t, nobody.Call(t.Context(), http.MethodGet, "/x", nil, &said))
	require.Empty(t, said[1])
	require.ErrorContains(t, c.Call(t.Context(), http.MethodGet, "/refused", nil, nil), "GET /refused: 403 Forbidden: not you")
	require.ErrorContains(t, c.Call(t.Context(), http.MethodGet, "/x", nil, &struct{}{}), "parse answer to GET /x")
	require.ErrorContains(t, c.Call(t.Context(), http.MethodPost, "/x", func() {}, nil), "encode request")
}
