package docs_test

import (
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api/docs"
	"github.com/postrider/postrider/ingest/api/openapi/openapitest"
)

func get(t *testing.T, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), "GET", path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	answer := httptest.NewRecorder()
	handler, ok := docs.Handlers()[path]
	require.True(t, ok, "nothing is at %s", path)
	handler.ServeHTTP(answer, request)
	return answer
}

// TestPage: every operation is on the page, every link leads somewhere, and
// nothing comes from elsewhere.
func TestPage(t *testing.T) {
	t.Parallel()
	answer := get(t, "/docs")
	require.Equal(t, 200, answer.Code)
	require.Equal(t, "text/html; charset=utf-8", answer.Header().Get("Content-Type"))
	require.Contains(t, answer.Header().Get("Content-Security-Policy"), "default-src 'none'")
	page := answer.Body.String()
	require.NotContains(t, page, "ZgotmplZ", "the template holds something for unsafe")
	require.NotContains(t, page, "<script")

	operations, err := openapitest.Operations()
	require.NoError(t, err)
	for _, o := range operations {
		require.Contains(t, page, `<code>/api/v1`+o.Path+`</code>`)
		require.Contains(t, page, `<article id="`+strings.ReplaceAll(o.ID, ".", "-")+`">`)
	}
	for _, found := range regexp.MustCompile(`(?:href|src)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if anchor, ok := strings.CutPrefix(found[1], "#"); ok {
			require.Equal(t, 1, strings.Count(page, ` id="`+anchor+`"`), "link to %s", found[1])
			continue
		}
		require.Equal(t, 200, get(t, found[1]).Code)
	}
}

// TestTravelsOnce: who has it is told that it is the same.
func TestTravelsOnce(t *testing.T) {
	t.Parallel()
	for path := range docs.Handlers() {
		first := get(t, path)
		require.Equal(t, 200, first.Code)
		require.NotEmpty(t, first.Body.Bytes())
		again := get(t, path, "If-None-Match", first.Header().Get("ETag"))
		require.Equal(t, 304, again.Code)
		require.Empty(t, again.Body.Bytes())
	}
}
