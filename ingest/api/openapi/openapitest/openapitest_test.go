package openapitest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api/openapi/openapitest"
)

func TestExamplesAreAsTheirSchemas(t *testing.T) {
	t.Parallel()
	require.NoError(t, openapitest.CheckExamples())
}

// TestCheck makes sure that the checks can fail.
func TestCheck(t *testing.T) {
	t.Parallel()
	const good = `{"id":"app_1","uid":null,"name":"a","throttleRate":null,"rateLimit":null,"weight":1,"paused":false,"retrySchedule":null,"metadata":{},"createdAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:00Z"`
	asJSON := map[string][]string{"Content-Type": {"application/json"}}
	for name, test := range map[string]struct {
		exchange openapitest.Exchange
		fault    string
	}{
		"as it should be":            {openapitest.Exchange{Method: "GET", URL: "/api/v1/app/a/", Status: 200, Header: asJSON, Body: []byte(good + "}")}, ""},
		"refused":                    {openapitest.Exchange{Method: "POST", URL: "/api/v1/app", Sent: []byte(`{"name":1}`), Status: 404, Header: asJSON, Body: []byte(`{"code":"a","detail":"b"}`)}, "no such status"},
		"no such path":               {openapitest.Exchange{Method: "GET", URL: "/api/v1/apps", Status: 200}, "no such operation"},
		"no such status":             {openapitest.Exchange{Method: "GET", URL: "/api/v1/app/a", Status: 201, Header: asJSON, Body: []byte(good + "}")}, "no such status"},
		"unknown member of answer":   {openapitest.Exchange{Method: "GET", URL: "/api/v1/app/a", Status: 200, Header: asJSON, Body: []byte(good + `,"more":1}`)}, "more"},
		"missing member of answer":   {openapitest.Exchange{Method: "GET", URL: "/api/v1/app/a", Status: 200, Header: asJSON, Body: []byte(`{}`)}, "missing properties"},
		"answer is of another type":  {openapitest.Exchange{Method: "GET", URL: "/api/v1/app/a", Status: 200, Body: []byte(good + "}")}, "its type"},
		"answer without a body":      {openapitest.Exchange{Method: "GET", URL: "/api/v1/app/a", Status: 200, Header: asJSON}, "EOF"},
		"body where there is none":   {openapitest.Exchange{Method: "DELETE", URL: "/api/v1/app/a", Status: 204, Header: asJSON, Body: []byte(`{}`)}, "there is a body"},
		"accepted what is forbidden": {openapitest.Exchange{Method: "POST", URL: "/api/v1/app", Sent: []byte(`{"name":1}`), Status: 201, Header: asJSON, Body: []byte(good + "}")}, "/name"},
		"accepted unknown member":    {openapitest.Exchange{Method: "POST", URL: "/api/v1/app", Sent: []byte(`{"name":"a","more":1}`), Status: 201, Header: asJSON, Body: []byte(good + "}")}, "more"},
		"unknown on purpose":         {openapitest.Exchange{Method: "POST", URL: "/api/v1/app?unknown=1", Sent: []byte(`{"name":"a","unknown":1}`), Status: 201, Header: asJSON, Body: []byte(good + "}")}, ""},
		"accepted unknown parameter": {openapitest.Exchange{Method: "GET", URL: "/api/v1/app/a?more=1", Status: 200, Header: asJSON, Body: []byte(good + "}")}, "more"},
		"accepted without body":      {openapitest.Exchange{Method: "POST", URL: "/api/v1/app", Status: 201, Header: asJSON, Body: []byte(good + "}")}, "body is missing"},
		"error in another shape":     {openapitest.Exchange{Method: "GET", URL: "/api/v1/nowhere", Status: 404, Header: asJSON, Body: []byte(`{"error":"x"}`)}, "missing properties"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := openapitest.Check(test.exchange)
			if test.fault == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.fault)
		})
	}
}
