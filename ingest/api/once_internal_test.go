package api

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/testkit"
)

// TestSecretIsNotKept repeats a request whose answer showed a secret.
func TestSecretIsNotKept(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s := &server{Config: Config{Store: testkit.Open(t, url), Log: testkit.Log(t), Timeout: time.Minute, MaxBody: 1 << 10}, room: newRoom()}
	made := 0
	handler := s.handle(route{method: "POST", path: "/key", access: forAll, do: func(c *call, _ *http.Request) (reply, error) {
		made++
		c.secretly("The key was made before")
		return created(map[string]string{"token": "secret" + strconv.Itoa(made)}), nil
	}})
	send := func() *httptest.ResponseRecorder {
		request := httptest.NewRequestWithContext(t.Context(), "POST", "/key", strings.NewReader("{}"))
		request.Header.Set("Idempotency-Key", "k")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, request)
		return w
	}
	first := send()
	require.Equal(t, http.StatusCreated, first.Code)
	require.JSONEq(t, `{"token":"secret1"}`, first.Body.String())
	again := send()
	require.Equal(t, http.StatusConflict, again.Code)
	require.JSONEq(t, `{"code":"conflict","detail":"The key was made before"}`, again.Body.String())
	require.Equal(t, 1, made)
	require.Zero(t, testkit.Value[int](t, url, `SELECT count(*) FROM request_keys WHERE convert_from(answer, 'UTF8') LIKE '%secret%'`))
}
