package api_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
)

// TestBadValues sends values that are not allowed, one at a time.
func TestBadValues(t *testing.T) {
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a"}`)
	endpoint := "/app/" + app + "/endpoint/" + w.endpoint(t, app, `{"url":"https://example.com/"}`)
	w.must(t, 201, "POST", "/event-type", `{"name":"there","description":"d"}`)
	long := strings.Repeat("x", 257)
	common := map[string][]string{
		"uid":          {`1`, `""`, `"a b"`, `"ä"`, `"a\u0000"`, `"` + long + `"`, `{}`},
		"throttleRate": {`0`, `-1`, `65536`, `1.5`, `1e3`, `"1"`, `99999999999999999999`, `1e999`, `true`},
		"rateLimit":    {`0`, `"1"`},
		"metadata":     {`1`, `[]`, `{"a":1}`, `{"a":null}`, `{"a":{}}`, `{"a":"\u0000"}`, `{"\u0000":""}`, `{"a":"` + strings.Repeat("x", 5000) + `"}`},
	}
	badSchedules := []string{
		`"5s"`, `{}`, `[5]`, `["5"]`, `["0s"]`, `["-5s"]`, `["200h"]`, `["100h","100h"]`, `[null]`, `[{}]`, `[[]]`, `["5s\u0000"]`,
		`[{"secs":"5"}]`, `[{"secs":-5,"nanos":0}]`, `[{"secs":99999999999999999999,"nanos":0}]`, `[{"secs":4294967295,"nanos":0}]`, `[{"secs":1.5}]`,
	}
	ofApplication := map[string][]string{
		"name":   {`1`, `""`, `[]`, `"a\u0000b"`, `"\u0008"`},
		"uid":    {`"app_1"`},
		"weight": {`0`, `-1`, `101`, `1.5`, `"1"`, `99999999999999999999`}, "retrySchedule": badSchedules,
	}
	ofEndpoint := map[string][]string{
		"url":           {`1`, `""`, `"x"`, `"ftp://a.example/"`, `"http://127.0.0.1/"`, `"http://a.example/\u0000"`, `"http://` + strings.Repeat("x", 3000) + `"`},
		"uid":           {`"ep_1"`},
		"description":   {`1`, `"\u0000"`, `{}`},
		"disabled":      {`1`, `"true"`},
		"version":       {`0`, `"1"`, `70000`},
		"eventTypes":    {`[]`, `"a"`, `[1]`, `[null]`, `["missing"]`, `["there","a b"]`, `["there\u0000"]`},
		"filterTypes":   {`[]`, `1`},
		"retrySchedule": badSchedules,
		"ordered":       {`1`, `"true"`},
		"orderedPolicy": {`1`, `""`, `"drop"`},
		"timeoutMs":     {`99`, `60001`, `"1000"`, `1.5`},
		"channels":      {`[]`, `"a"`, `["a b"]`, `[""]`, `["a","b","c","d","e","f","g","h","i","j","k"]`},
	}
	ofEventType := map[string][]string{
		"description": {`1`, `"\u0000"`}, "archived": {`1`}, "deprecated": {`"no"`}, "featureFlag": {`1`, `"a b"`}, "featureFlags": {`[]`, `"a"`, `["a b"]`, `[1]`, `[null]`}, "groupName": {`1`, `""`, `"a b"`},
		"schemas": {
			`1`, `[]`, `{"1":1}`, `{"1":null}`, `{"1":{"a":"\u0000"}}`, `{"1":{"\u0000":1}}`, `{"1":{"a":1e999}}`, `{"1":{"type":"nonsense"}}`,
			`{"1":{"$ref":"https://example.com/"}}`, `{"1":{"$ref":"#/nowhere"}}`, `{"1":{"minLength":-1}}`, `{"\u0001":true}`,
		},
	}
	ofMessage := map[string][]string{
		"eventType": {`1`, `""`, `"a b"`, `"a\u0000"`, `"` + long + `"`},
		"payload":   {`1`, `"{}"`, `[]`, `true`},
		"eventId":   {`1`, `""`, `"msg_1"`, `"a b"`, `"` + long + `"`},
		"channels":  {`[]`, `"a"`, `["a,b"]`, `["a","b","c","d","e","f"]`},
		"tags":      {`[]`, `"a"`, `["a,b"]`, `["a","b","c","d","e","f"]`, `[1]`},
		"priority":  {`1`, `""`, `"urgent"`}, "payloadRetentionPeriod": {`4`, `91`, `"7"`},
		"deliverAt":             {`"2999-01-01T00:00:00Z"`, `"2020-01-01T00:00:00Z"`, `1`, `"soon"`},
		"payloadRetentionHours": {`0`, `2161`, `"7"`, `1.5`},
		"transformationsParams": {`1`, `[]`},
	}
	for _, test := range []struct {
		method, path, required string
		values                 []map[string][]string
	}{
		{"POST", "/app", `"name":"a"`, []map[string][]string{common, ofApplication}},
		{"PUT", "/app/" + app, `"name":"a"`, []map[string][]string{common, ofApplication}},
		{"PATCH", "/app/" + app, ``, []map[string][]string{common, ofApplication, {"name": {`null`}}}},
		{"POST", "/app/" + app + "/endpoint", `"url":"https://example.com"`, []map[string][]string{
			common, ofEndpoint, {"secret": {`1`, `""`, `"whsec_"`, `"whsec_!"`, `"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"`}, "headers": {`{"host":"x"}`}},
		}},
		{"PUT", endpoint, `"url":"https://example.com"`, []map[string][]string{common, ofEndpoint}},
		{"PATCH", endpoint, ``, []map[string][]string{common, ofEndpoint, {"url": {`null`}, "disabled": {`null`}, "description": {`null`}, "ordered": {`null`}, "orderedPolicy": {`null`}, "secret": {`1`, `""`, `"whsec_!"`}}}},
		{"POST", endpoint + "/secret/rotate", ``, []map[string][]string{{
			"key": {`1`, `""`, `"whsec_AA=="`, `"whpk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc="`}, "gracePeriodSeconds": {`-1`, `604801`, `"1"`, `1.5`},
		}}},
		{"PUT", endpoint + "/headers", ``, []map[string][]string{{"headers": badHeaders()}}},
		{"PATCH", endpoint + "/headers", ``, []map[string][]string{{"headers": badHeaders()}}},
		{"POST", endpoint + "/recover", ``, []map[string][]string{{"since": {`1`, `""`, `"yesterday"`, `"2020-01-01T00:00:00Z"`, `null`}}}},
		{"POST", endpoint + "/recover", `"since":"2999-01-01T00:00:00Z"`, []map[string][]string{{"until": {`1`, `"2999-01-01T00:00:00Z"`, `"1999-01-01T00:00:00Z"`}}}},
		{"POST", "/event-type", `"name":"n","description":""`, []map[string][]string{ofEventType, {"name": {`1`, `""`, `"a b"`, `"` + long + `"`}}}},
		{"PUT", "/event-type/there", `"description":""`, []map[string][]string{ofEventType}},
		{"PUT", "/event-type/there/retry-schedule", ``, []map[string][]string{{"retrySchedule": badSchedules}}},
		{"POST", "/event-type/import/openapi", ``, []map[string][]string{{"spec": {`1`, `"{}"`, `[]`, `true`}}}},
		{"POST", "/event-type/import/openapi", ``, []map[string][]string{{"specRaw": {`1`, `{}`, `[]`, `true`}}}},
		{"PATCH", "/event-type/there", ``, []map[string][]string{ofEventType, {"description": {`null`}}}},
		{"POST", "/app/" + app + "/msg", `"eventType":"a","payload":{}`, []map[string][]string{ofMessage}},
		{"POST", "/app/" + app + "/msg/batch", ``, []map[string][]string{{"messages": {`null`, `1`, `{}`, `[]`, `[` + strings.Repeat(`1,`, 1000) + `1]`}}}},
		{"POST", endpoint + "/send-example", `"eventType":"there"`, []map[string][]string{
			{"eventType": ofMessage["eventType"], "exampleIndex": {`-1`, `"0"`, `1.5`}},
		}},
		{"POST", "/app/" + app + "/msg/precheck/active", `"eventType":"a"`, []map[string][]string{
			{"eventType": ofMessage["eventType"], "channels": ofMessage["channels"]},
		}},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			t.Parallel()
			for _, values := range test.values {
				for member, bad := range values {
					for _, value := range bad {
						a := w.send(t, test.method, test.path, compose(test.required, member, value))
						place := "body." + member
						if value == `["missing"]` {
							place = "body.eventTypes"
						}
						a.requireInvalid(t, place)
					}
				}
			}
			for member := range strings.SplitSeq(test.required, ",") {
				if name, _, _ := strings.Cut(member, ":"); name != "" {
					a := w.send(t, test.method, test.path, "{"+strings.Trim(strings.Replace(test.required, member, "", 1), ",")+"}")
					a.requireInvalid(t, "body."+strings.Trim(name, `"`))
				}
			}
		})
	}
}

// compose makes an object of the required members and one more, or with one
// other value.
func compose(required, member, value string) string {
	body := `"` + member + `":` + value
	for part := range strings.SplitSeq(required, `,"`) {
		if part = `"` + strings.TrimPrefix(part, `"`); part != `"` && !strings.HasPrefix(part, `"`+member+`":`) {
			body += "," + part
		}
	}
	return "{" + body + "}"
}

func badHeaders() []string {
	return []string{
		`1`, `[]`, `{"a":1}`, `{"":"x"}`, `{"a b":"x"}`, `{"a:":"x"}`, `{"ä":"x"}`, `{"a":"x\r\nb: c"}`, `{"a":"\u0000"}`, `{"a":"ä"}`,
		`{"User-Agent":"x"}`, `{"content-TYPE":"x"}`, `{"Host":"x"}`, `{"Connection":"close"}`, `{"svix-id":"x"}`, `{"Webhook-Id":"x"}`,
		`{"X-Amz-Date":"x"}`, `{"a":"` + strings.Repeat("x", 4097) + `"}`, `{"X-A":"1","x-a":"2"}`,
		`{"Keep-Alive":"1"}`, `{"Proxy-Authorization":"x"}`, `{"TE":"trailers"}`, `{"Trailer":"X-A"}`, `{"Transfer-Encoding":"chunked"}`,
		`{"Upgrade":"h2c"}`, `{"Content-Length":"1"}`, `{"Content-Encoding":"gzip"}`, `{"Expect":"100-continue"}`,
		`{"Traceparent":"x"}`, `{"tracestate":"x"}`, `{"Baggage":"x"}`, `{"webhook-signature":"x"}`, `{"` + strings.Repeat("a", 65) + `":"x"}`,
		manyHeaders(65, 1), manyHeaders(5, 4000),
	}
}

// manyHeaders are so many headers with values of that length.
func manyHeaders(n, length int) string {
	headers := make(map[string]string, n)
	for i := range n {
		headers["X-"+strconv.Itoa(i)] = strings.Repeat("x", length)
	}
	text, _ := json.Marshal(headers)
	return string(text)
}

// TestBadQueries sends parameters that cannot be read or are not allowed.
func TestBadQueries(t *testing.T) {
	t.Parallel()
	w := start(t)
	app := w.app(t, `{"name":"a"}`)
	endpoint := w.endpoint(t, app, `{"url":"https://example.com/"}`)
	message := w.message(t, app, `{"eventType":"a","payload":{}}`)
	lists := []string{
		"/app", "/event-type", "/app/" + app + "/endpoint", "/app/" + app + "/msg", "/app/" + app + "/endpoint/" + endpoint + "/dlq",
		"/app/" + app + "/attempt/endpoint/" + endpoint, "/app/" + app + "/attempt/msg/" + message,
		"/app/" + app + "/endpoint/" + endpoint + "/msg", "/app/" + app + "/msg/" + message + "/endpoint", "/background-task", "/app/" + app + "/background-task",
	}
	for _, path := range lists {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			for query, place := range map[string]string{
				"limit=0": "limit", "limit=251": "limit", "limit=-1": "limit",
				"iterator=a%20b": "iterator", "iterator=%00": "iterator", "iterator=-": "iterator", "iterator=%ff": "iterator",
			} {
				w.send(t, "GET", path+"?"+query, "").requireInvalid(t, "query."+place)
			}
			for _, query := range []string{"limit=x", "limit=1.5", "limit=99999999999999999999", "limit=%zz", "a;b"} {
				w.send(t, "GET", path+"?"+query, "").requireCode(t, 400, "bad_request")
			}
			w.must(t, 200, "GET", path+"?unknown=1&limit=250", "")
			w.must(t, 200, "GET", path+"?limit=&iterator=", "")
		})
	}
	for _, query := range []string{
		"/app?order=up", "/app/" + app + "/msg?with_content=1", "/app/" + app + "/msg?before=yesterday",
		"/app/" + app + "/attempt/endpoint/" + endpoint + "?status=5", "/app/" + app + "/attempt/endpoint/" + endpoint + "?status_code_class=404",
		"/event-type?include_archived=yes", "/app/" + app + "/endpoint/" + endpoint + "/msg?status=5",
		"/app/" + app + "/endpoint/" + endpoint + "/msg?after=0", "/background-task?order=up", "/app/" + app + "/background-task?status=lost",
	} {
		w.send(t, "GET", query, "").requireCode(t, 400, "bad_request")
	}
	w.send(t, "GET", "/app/"+app+"/msg?event_types=a%20b", "").requireInvalid(t, "query.event_types")
	w.send(t, "GET", "/app/"+app+"/msg?channel=a%20b", "").requireInvalid(t, "query.channel")
	w.send(t, "GET", "/app?iterator="+endpoint, "").requireInvalid(t, "query.iterator")
}
