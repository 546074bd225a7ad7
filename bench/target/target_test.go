package target_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/postrider/postrider/bench/rest"
	"github.com/postrider/postrider/bench/target"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// exchange is a request as it must be, and what it is answered. Headers are those
// that documentation speaks of.
type exchange struct {
	request string // method and path, headers, an empty line, body
	status  int
	answer  string
}

// makes are the requests of each make as its documentation has them: those of a
// tenant with two endpoints, an event for it, and its end.
func makes() map[string][]exchange {
	return map[string][]exchange{
		"svix": {
			{"POST /api/v1/app\nAuthorization: Bearer secret\nContent-Type: application/json\n\n" + `{"name":"acme","uid":"acme"}`, 201, `{"id":"app_1"}`},
			{"POST /api/v1/app/app_1/endpoint\nAuthorization: Bearer secret\nContent-Type: application/json\n\n" + `{"url":"http://sink/a"}`, 201, `{"id":"ep_1"}`},
			{"GET /api/v1/app/app_1/endpoint/ep_1/secret\nAuthorization: Bearer secret\n\n", 200, `{"key":"whsec_1"}`},
			{"POST /api/v1/app/app_1/endpoint\nAuthorization: Bearer secret\nContent-Type: application/json\n\n" + `{"url":"http://sink/b?c=1"}`, 201, `{"id":"ep_2"}`},
			{"GET /api/v1/app/app_1/endpoint/ep_2/secret\nAuthorization: Bearer secret\n\n", 200, `{"key":"whsec_2"}`},
			{"POST /api/v1/app/app_1/msg?with_content=false\nAuthorization: Bearer secret\nContent-Type: application/json\nIdempotency-Key: k-7\n\n" +
				`{"eventType":"bench.event","payload":{"n":7}}`, 202, `{"id":"msg_1"}`},
			{"DELETE /api/v1/app/app_1\nAuthorization: Bearer secret\n\n", 204, ""},
		},
		"convoy": {
			{"POST /endpoints\nAuthorization: Bearer secret\nContent-Type: application/json\n\n" + `{"name":"acme-0","owner_id":"acme","url":"http://sink/a"}`, 201, `{"status":true,"data":{"uid":"01A"}}`},
			{"POST /subscriptions\nAuthorization: Bearer secret\nContent-Type: application/json\n\n" + `{"endpoint_id":"01A","filter_config":{"event_types":["*"]},"name":"acme-0"}`, 201, `{"status":true}`},
			{"POST /endpoints\nAuthorization: Bearer secret\nContent-Type: application/json\n\n" + `{"name":"acme-1","owner_id":"acme","url":"http://sink/b?c=1"}`, 201, `{"status":true,"data":{"uid":"01B"}}`},
			{"POST /subscriptions\nAuthorization: Bearer secret\nContent-Type: application/json\n\n" + `{"endpoint_id":"01B","filter_config":{"event_types":["*"]},"name":"acme-1"}`, 201, `{"status":true}`},
			{"POST /events/fanout\nAuthorization: Bearer secret\nContent-Type: application/json\n\n" +
				`{"owner_id":"acme","event_type":"bench.event","idempotency_key":"k-7","data":{"n":7}}`, 201, `{"status":true}`},
			{"DELETE /endpoints/01A\nAuthorization: Bearer secret\n\n", 200, `{"status":true}`},
			{"DELETE /endpoints/01B\nAuthorization: Bearer secret\n\n", 200, `{"status":true}`},
		},
		"outpost": {
			{"PUT /tenants/acme\nAuthorization: Bearer secret\n\n", 201, `{"id":"acme"}`},
			{"POST /tenants/acme/destinations\nAuthorization: Bearer secret\nContent-Type: application/json\n\n" + `{"config":{"url":"http://sink/a"},"topics":["*"],"type":"webhook"}`, 201, `{"id":"des_1"}`},
			{"POST /tenants/acme/destinations\nAuthorization: Bearer secret\nContent-Type: application/json\n\n" + `{"config":{"url":"http://sink/b?c=1"},"topics":["*"],"type":"webhook"}`, 201, `{"id":"des_2"}`},
			{"POST /publish\nAuthorization: Bearer secret\nContent-Type: application/json\n\n" + `{"tenant_id":"acme","id":"k-7","data":{"n":7}}`, 202, `{"id":"k-7"}`},
			{"DELETE /tenants/acme\nAuthorization: Bearer secret\n\n", 200, `{"success":true}`},
		},
		"webhook-broker": {
			{"PUT /producer/acme\nContent-Type: application/x-www-form-urlencoded\nIf-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT\n\ntoken=TOKEN", 200, `{"ID":"acme"}`},
			{"PUT /channel/acme\nContent-Type: application/x-www-form-urlencoded\nIf-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT\n\ntoken=TOKEN", 200, `{"ID":"acme"}`},
			{"PUT /channel/acme/consumer/acme-0\nContent-Type: application/x-www-form-urlencoded\nIf-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT\n\n" +
				"callbackUrl=http%3A%2F%2Fsink%2Fa&token=TOKEN", 200, `{}`},
			{"PUT /channel/acme/consumer/acme-1\nContent-Type: application/x-www-form-urlencoded\nIf-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT\n\n" +
				"callbackUrl=http%3A%2F%2Fsink%2Fb%3Fc%3D1&token=TOKEN", 200, `{}`},
			{"POST /channel/acme/broadcast\nContent-Type: application/json\nX-Broker-Channel-Token: TOKEN\nX-Broker-Message-Id: k-7\nX-Broker-Producer-Id: acme\nX-Broker-Producer-Token: TOKEN\n\n" +
				`{"n":7}`, 201, ""},
		},
	}
}

// TestMakes holds every byte that is sent against the documentation.
func TestMakes(t *testing.T) {
	t.Parallel()
	require.Len(t, makes(), len(target.Kinds()))
	for name, exchanges := range makes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &peer{exchanges: exchanges}
			at := httptest.NewServer(p)
			defer at.Close()
			kind := target.Kinds()[name]
			token := "secret"
			if kind.Tokenless {
				token = ""
			}
			h := rest.HTTP(1)
			defer h.CloseIdleConnections()
			server := kind.Open(rest.Over(h, at.URL+"/", token))

			tenant, err := server.Found(t.Context(), "acme", []string{"http://sink/a", "http://sink/b?c=1"})
			require.NoError(t, err)
			require.Len(t, tenant.Endpoints, 2)
			for _, e := range tenant.Endpoints {
				require.Equal(t, kind.Numbered, e.Key == "", "what cannot be told apart by its id cannot be checked either")
			}
			form := server.Form(tenant.ID, false)
			res := post(t, h, &form)
			require.True(t, form.Accepted(res))
			require.False(t, form.Accepted(500))
			require.NoError(t, server.Dismiss(t.Context(), tenant))
			require.Equal(t, requests(exchanges), p.seen())
		})
	}
}

// post posts one event, as package sender does.
func post(t *testing.T, h *http.Client, form *target.Form) (status int) {
	t.Helper()
	body := form.AppendEvent([]byte(form.Open), "k-7", func(body []byte) []byte { return append(body, `{"n":7}`...) })
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, form.URL, bytes.NewReader(append(body, form.Close...)))
	require.NoError(t, err)
	req.Header = form.Header.Clone()
	if form.KeyHeader != "" {
		req.Header[form.KeyHeader] = []string{"k-7"}
	}
	res, err := h.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}

func TestWithoutKey(t *testing.T) {
	t.Parallel()
	form := target.Form{Before: `{"a":1`, KeyMember: "key", Between: `,"data":`, After: "}"}
	payload := func(body []byte) []byte { return append(body, "2"...) }
	require.JSONEq(t, `{"a":1,"data":2}`, string(form.AppendEvent(nil, "", payload)))
	require.JSONEq(t, `{"a":1,"key":"k","data":2}`, string(form.AppendEvent(nil, "k", payload)))
}

func TestBatch(t *testing.T) {
	t.Parallel()
	form := target.Kinds()[target.Svix].Open(rest.New("http://x/", "t", 1)).Form("app_1", true)
	require.Equal(t, "http://x/api/v1/app/app_1/msg/batch?with_content=false", form.URL)
	require.JSONEq(t, `{"messages":[]}`, form.Open+form.Close)
}

// TestRefusals: whatever is refused on the way is said.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, exchanges := range makes() {
		for n := range exchanges {
			t.Run(fmt.Sprintf("%s, request %d", name, n), func(t *testing.T) {
				t.Parallel()
				broken := slices.Clone(exchanges)
				broken[n].status, broken[n].answer = 422, "no such luck"
				at := httptest.NewServer(&peer{exchanges: broken})
				defer at.Close()
				h := rest.HTTP(1)
				defer h.CloseIdleConnections()
				server := target.Kinds()[name].Open(rest.Over(h, at.URL, "secret"))
				tenant, err := server.Found(t.Context(), "acme", []string{"http://sink/a", "http://sink/b?c=1"})
				if err == nil {
					form := server.Form(tenant.ID, false)
					if status := post(t, h, &form); !form.Accepted(status) {
						return
					}
					err = server.Dismiss(t.Context(), tenant)
				}
				require.ErrorContains(t, err, "no such luck")
				require.NotContains(t, err.Error(), "secret ")
			})
		}
	}
}

// peer answers as it is told, and remembers what it was asked.
type peer struct {
	exchanges []exchange

	mu   sync.Mutex
	came []string
}

func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.came)
	p.came = append(p.came, show(r, body))
	if n < len(p.exchanges) {
		w.WriteHeader(p.exchanges[n].status)
		_, _ = io.WriteString(w, p.exchanges[n].answer)
	}
}

func (p *peer) seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.came
}

// show writes a request without what every client sends, and with TOKEN for tokens
// that are made up.
func show(r *http.Request, body []byte) string {
	var lines []string
	made := r.Header.Get("X-Broker-Channel-Token")
	text := string(body)
	if _, token, found := strings.Cut(text, "token="); found {
		made = token
	}
	for name := range r.Header {
		if !slices.Contains([]string{"User-Agent", "Content-Length", "Accept-Encoding"}, name) {
			lines = append(lines, name+": "+r.Header.Get(name))
		}
	}
	slices.Sort(lines)
	text = r.Method + " " + r.URL.RequestURI() + "\n" + strings.Join(lines, "\n") + "\n\n" + text
	if made != "" {
		text = strings.ReplaceAll(text, made, "TOKEN")
	}
	return text
}

func requests(exchanges []exchange) (all []string) {
	for _, e := range exchanges {
		all = append(all, e.request)
	}
	return all
}
