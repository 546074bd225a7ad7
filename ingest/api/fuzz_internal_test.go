package api

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/egress"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

// FuzzHeader sends each header that is accepted, and reads what was sent as a
// receiver does: it is there as it was written, and changes nothing else.
func FuzzHeader(f *testing.F) {
	for name, value := range map[string]string{
		"X-Token": "abc", "x_y": "a b\tc", "Authorization": "Basic YQ==", "X": "a\r\nHost: b", "X:": "y", "Content-Length": "3",
		"transfer-encoding": "chunked", "Cookie": "a=b", "X-Empty": "", "X-Space": " a", "X-Umlaut": "ü", "Webhook-Id": "1", "A\x00": "b",
	} {
		f.Add(name, value)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		form := new(form)
		form.header(name, value)
		if form.err() != nil {
			return
		}
		sent, err := http.NewRequest(http.MethodPost, "http://example.com/", strings.NewReader("{}"))
		require.NoError(t, err)
		sent.Header[name] = []string{value}
		var wire bytes.Buffer
		require.NoError(t, sent.Write(&wire))
		require.Contains(t, wire.String(), name+": "+value+"\r\n", "as it was written")
		got, err := http.ReadRequest(bufio.NewReader(&wire))
		require.NoError(t, err)
		require.Equal(t, []string{value}, got.Header[http.CanonicalHeaderKey(name)])
		require.Len(t, got.Header, 3, "and the length and the agent")
		require.Equal(t, "example.com", got.Host)
		require.EqualValues(t, 2, got.ContentLength)
		require.False(t, got.Close)
	})
}

// FuzzMessage posts a message. What is accepted can be stored and sent: its
// payload is the JSON that came, and everything beside it keeps to its bounds.
func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		`{"eventType":"a.b","payload":{"a":1}}`, `{"eventType":"a","data":{},"eventId":"x","channels":["a"],"tags":["b"],"priority":"low"}`,
		`{"eventType":"a","payload":{},"deliverAt":"2026-01-01T00:00:00Z","payloadRetentionHours":5}`, `{"eventType":"a","payload":[]}`,
		`{"eventType":"a","payload":{},"application":{"name":"a","metadata":{"a":"b"}}}`, strings.Repeat(`{"payload":`, 200) + "1" + strings.Repeat("}", 200),
		`{"eventType":"a","payload":{},"transformationsParams":{"rawPayload":"x"}}`, `{"eventType":"a","payload":null,"payloadRetentionPeriod":1e400}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		form, err := parseForm(body)
		if err != nil {
			return
		}
		var e store.NewEvent
		if form.message(&e) != nil {
			return
		}
		require.True(t, isName(e.Type), "%q", e.Type)
		require.LessOrEqual(t, len(e.Channels), maxMessageChannels)
		require.LessOrEqual(t, len(e.Tags), maxTags)
		for _, name := range append(e.Channels, e.Tags...) {
			require.True(t, isName(name), "%q", name)
		}
		require.False(t, e.DeliverAt.After(time.Now().Add(maxDelay)))
		if !strings.Contains(string(body), "raw") {
			require.True(t, json.Valid(e.Payload))
			require.Contains(t, string(body), string(e.Payload), "passed on as it stands")
		}
		frame, err := e.Append(nil)
		require.NoError(t, err)
		back, err := event.DecodeEvents(frame)
		require.NoError(t, err)
		require.Len(t, back, 1)
	})
}

// FuzzEndpoint writes an endpoint. The URL of one that is accepted may be dialled
// or is a name, and reads the same when it is written again.
func FuzzEndpoint(f *testing.F) {
	for _, seed := range []string{
		`{"url":"https://example.com"}`, `{"url":"http://①②⑦.⓪.⓪.①/"}`, `{"url":"https://example.com","channels":["a"],"eventTypes":["b"],"throttleRate":5}`,
		`{"url":"https://u:p@example.com/","timeoutMs":500,"retrySchedule":["5s",{"days":1}],"metadata":{"a":"b"},"ordered":true,"orderedPolicy":"skip"}`,
		`{"url":"https://example.com","filterTypes":[],"version":65535,"uid":"x","disabled":null,"rateLimit":1e99}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		form, err := parseForm(body)
		if err != nil {
			return
		}
		var e store.Endpoint
		if form.endpoint(&e, egress.Policy{}) != nil {
			return
		}
		again, err := egress.Policy{}.NormalizeURL(e.URL)
		require.NoError(t, err)
		require.Equal(t, e.URL, again)
		require.LessOrEqual(t, len(e.Channels), maxChannels)
		require.LessOrEqual(t, len(e.EventTypes), maxEventTypes)
		for _, name := range append(e.Channels, e.EventTypes...) {
			require.True(t, isName(name), "%q", name)
		}
	})
}

// FuzzQuery reads the query of every kind of list: pages with their iterators, and
// filters. What is accepted keeps to its bounds, and an iterator that we hand out
// leads back to where it was made.
func FuzzQuery(f *testing.F) {
	id := event.NewID()
	for _, seed := range []string{
		"", "limit=5&order=ascending", "limit=0", "limit=1e9", "iterator=" + event.Message.Format(id), "iterator=-" + event.Endpoint.Format(id),
		"iterator=" + iteratorOf(store.PositionAt(time.Now())), "event_types=a,b&event_types[]=c&event_types[0]=d", "channel=a&tag=b&before=2026-01-01T00:00:00Z",
		"after=x", "status=0&status_code_class=200", "channel=%00", "limit=5;x=1", "iterator=%FF", "with_content=maybe",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := &http.Request{URL: &url.URL{RawQuery: query}}
		for _, kind := range []event.Kind{event.Message, event.Endpoint, event.Tenant, event.Attempt} {
			p := readParams(r)
			page := p.history(kind, p.moment("after"))
			if p.err() != nil {
				continue
			}
			require.True(t, page.Limit >= 1 && page.Limit <= maxLimit, "%d", page.Limit)
			if !page.From.IsZero() {
				again := readParams(&http.Request{URL: &url.URL{RawQuery: "iterator=" + kind.Format(page.From)}})
				require.Equal(t, page.From, again.page(kind, false).From)
				require.NoError(t, again.err())
			}
		}
		p := readParams(r)
		if at, given := p.position(); given && p.err() == nil {
			again := readParams(&http.Request{URL: &url.URL{RawQuery: "iterator=" + iteratorOf(at)}})
			back, _ := again.position()
			require.NoError(t, again.err())
			require.Equal(t, at, back)
		}
		for _, read := range []func(*params){
			func(p *params) { p.attempts() },
			func(p *params) { p.events() },
			func(p *params) { p.letterPage() },
			func(p *params) { p.state() },
			func(p *params) { p.span() },
			func(p *params) { p.start() },
		} {
			p := readParams(r)
			read(p)
			_ = p.err()
		}
		p = readParams(r)
		if filter := p.pollFilter(); p.err() == nil {
			for _, name := range filter.Types {
				require.True(t, isName(name), "%q", name)
			}
		}
	})
}
