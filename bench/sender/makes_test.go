package sender_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/bench/receiver"
	"github.com/postrider/postrider/bench/sender"
)

// foreign is a server of another make: it keeps URLs by tenant, and delivers what is
// published to them before it answers. Every tenth event it refuses at first, and of
// those that webhook-broker is given twice it says so.
type foreign struct {
	mu       sync.Mutex
	urls     map[string][]string
	requests int
	keys     map[string]bool
}

func (f *foreign) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var in struct {
		URL    string          `json:"url"`
		Owner  string          `json:"owner_id"`
		Tenant string          `json:"tenant_id"`
		Data   json.RawMessage `json:"data"`
		Config struct{ URL string }
	}
	_ = json.Unmarshal(text, &in) // a form is none
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.URL.Path == "/endpoints":
		f.subscribe(in.Owner, in.URL)
		_, _ = io.WriteString(w, `{"data":{"uid":"01A"}}`)
	case parts[len(parts)-1] == "destinations":
		f.subscribe(parts[1], in.Config.URL)
		_, _ = io.WriteString(w, `{"id":"des_1"}`)
	case len(parts) == 4 && parts[2] == "consumer":
		form, _ := url.ParseQuery(string(text))
		f.subscribe(parts[1], form.Get("callbackUrl"))
	case r.URL.Path == "/events/fanout":
		w.WriteHeader(f.publish(in.Owner, "", in.Data))
	case r.URL.Path == "/publish":
		w.WriteHeader(f.publish(in.Tenant, "", in.Data))
	case parts[len(parts)-1] == "broadcast":
		w.WriteHeader(f.publish(parts[1], r.Header.Get("X-Broker-Message-Id"), text))
	}
}

func (f *foreign) subscribe(tenant, at string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.urls[tenant] = append(f.urls[tenant], at)
}

func (f *foreign) publish(tenant, key string, payload []byte) (status int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests++
	refused := f.requests%10 == 0
	switch {
	case f.keys[key]:
		return http.StatusConflict
	case refused && key == "":
		return http.StatusServiceUnavailable
	}
	for _, at := range f.urls[tenant] {
		res, err := http.Post(at, "application/json", bytes.NewReader(payload))
		if err != nil {
			return http.StatusBadGateway
		}
		_ = res.Body.Close()
	}
	if key != "" {
		f.keys[key] = true
	}
	if refused { // the answer is lost, not the message
		return http.StatusServiceUnavailable
	}
	return http.StatusCreated
}

// TestOtherMakes sends a load to servers of all other makes.
func TestOtherMakes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"convoy", "outpost", "webhook-broker"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink, err := receiver.New(receiver.Options{})
			require.NoError(t, err)
			server := &foreign{urls: map[string][]string{}, keys: map[string]bool{}}
			from, to := httptest.NewServer(server), httptest.NewServer(sink)
			defer to.Close()
			defer from.Close()
			defer http.DefaultClient.CloseIdleConnections()
			c := sender.Default()
			c.API, c.URL, c.Sink, c.Token = name, from.URL, to.URL, "testtoken"
			if name == "webhook-broker" {
				c.Token = ""
			}
			c.Tenants, c.Endpoints, c.Events, c.Rate, c.Senders, c.Settle = 3, 2, 40, 0, 1, 0
			c.Class, c.Keep, c.Duration = "foreign", true, time.Minute
			result, err := sender.Do(t.Context(), c)
			require.NoError(t, err)
			require.Empty(t, result.Problems())
			require.Equal(t, int64(40), result.Accepted)
			require.Equal(t, int64(80), result.Delivered)
			require.Equal(t, int64(80), result.Latency.Count)
			require.Positive(t, result.Errors["503"])
			require.Equal(t, result.Fingerprint, sink.Stats().Classes["foreign"].Fingerprint)
		})
	}
	c := sender.Default()
	c.Token, c.API = "x", "smoke-signals"
	require.ErrorContains(t, c.Validate(), fmt.Sprintf("api %q is none of convoy, outpost, svix, webhook-broker", c.API))
	c.API, c.Batch = "outpost", 2
	require.ErrorContains(t, c.Validate(), "batch must be 0 or 1 with outpost")
	c.API, c.Batch, c.Token = "webhook-broker", 1, ""
	require.NoError(t, c.Validate(), "it has no token")
}
