package deliver

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/signature"
	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// asked is a receiver whose endpoint is to be verified, and what it got, by type.
type asked struct {
	*httptest.Server

	mu  sync.Mutex
	got map[string]int
}

// newAsked starts one that answers challenges as it is told, and takes all else.
func newAsked(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, challenge string)) *asked {
	t.Helper()
	a := &asked{got: make(map[string]int)}
	a.Server = receive(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var envelope struct {
			Type string
			Data struct{ Challenge string }
		}
		_ = json.Unmarshal(body, &envelope)
		a.mu.Lock()
		a.got[envelope.Type]++
		a.mu.Unlock()
		if envelope.Type == event.TypeVerification {
			answer(w, r, envelope.Data.Challenge)
		}
	})
	return a
}

func (a *asked) count(kind string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.got[kind]
}

// answerBy answers as whoever has the key does.
func answerBy(t *testing.T, key signature.Key) func(http.ResponseWriter, *http.Request, string) {
	t.Helper()
	v, err := signature.NewVerifier(signature.DefaultTolerance, key.Public())
	require.NoError(t, err)
	return func(w http.ResponseWriter, _ *http.Request, challenge string) {
		_, _ = fmt.Fprintf(w, `{"response":%q}`, v.Answer(challenge))
	}
}

// withKey makes an endpoint that has to be verified, with a key.
func (w *world) withKey(url string, key signature.Key, changes ...func(*store.Endpoint)) *store.Endpoint {
	w.t.Helper()
	e := &store.Endpoint{ID: event.NewID(), Tenant: w.tenant, URL: url, Verify: true}
	for _, change := range changes {
		change(e)
	}
	require.NoError(w.t, w.store.CreateEndpoint(w.t.Context(), e, key))
	return e
}

// to accepts an event, and is its delivery to the endpoint.
func (w *world) to(e *store.Endpoint) *event.Delivery {
	w.t.Helper()
	accepted := []store.NewEvent{{Event: event.Event{ID: event.NewID(), Tenant: w.tenant, Type: "a", Payload: []byte(`{"type":"a"}`)}}}
	_, batches, err := w.store.Accept(w.t.Context(), accepted, 1<<20)
	require.NoError(w.t, err)
	d := batches[0].Events[0].To(e.ID)
	return &d
}

// begin has the endpoint asked, and returns the challenge as fanout sends it.
func (w *world) begin(e *store.Endpoint) *event.Delivery {
	w.t.Helper()
	_, batches, err := w.store.BeginVerification(w.t.Context(), w.tenant, store.Ref{ID: e.ID})
	require.NoError(w.t, err)
	require.Len(w.t, batches, 1)
	d := batches[0].Events[0].To(e.ID)
	return &d
}

// ended waits for the end of the challenge.
func (w *world) ended(e *store.Endpoint) *store.Verification {
	w.t.Helper()
	var now *store.Endpoint
	testkit.Eventually(w.t, func() bool {
		var err error
		now, err = w.store.Endpoint(w.t.Context(), w.tenant, store.Ref{ID: e.ID})
		require.NoError(w.t, err)
		return now.Verification.Challenge.IsZero() && !now.Verification.CheckedAt.IsZero()
	}, "the challenge ends")
	return &now.Verification
}

// TestVerification: nothing but a challenge goes to who has not answered one as only
// who has the key can. What waited for that goes when it is answered.
func TestVerification(t *testing.T) {
	t.Parallel()
	key, pair := signature.GenerateKey(), signature.GenerateEd25519Key()
	elsewhere, strangers := answering(t, http.StatusOK)
	for name, c := range map[string]struct {
		key     signature.Key
		change  func(*store.Endpoint)
		answer  func(http.ResponseWriter, *http.Request, string)
		failure string
	}{
		"right":                {key, nil, answerBy(t, key), ""},
		"right, with a pair":   {pair, nil, answerBy(t, pair), ""},
		"right, with settings": {key, func(e *store.Endpoint) { e.Ordered, e.ThrottleRate = true, 1000 }, answerBy(t, key), ""},
		"by another key":       {key, nil, answerBy(t, pair), "wrong_answer"},
		"nothing":              {key, nil, func(http.ResponseWriter, *http.Request, string) {}, "wrong_answer"},
		"a number": {key, nil, func(w http.ResponseWriter, _ *http.Request, _ string) {
			_, _ = io.WriteString(w, `{"response":1}`)
		}, "wrong_answer"},
		"an echo": {key, nil, func(w http.ResponseWriter, _ *http.Request, challenge string) {
			_, _ = fmt.Fprintf(w, `{"challenge":%q,"response":%q}`, challenge, challenge)
		}, "wrong_answer"},
		"to another challenge": {key, nil, func(w http.ResponseWriter, r *http.Request, challenge string) {
			answerBy(t, key)(w, r, challenge+"A")
		}, "wrong_answer"},
		"right, with a 500": {key, nil, func(w http.ResponseWriter, r *http.Request, challenge string) {
			w.WriteHeader(http.StatusInternalServerError)
			answerBy(t, key)(w, r, challenge)
		}, "rejected"},
		"elsewhere": {key, nil, func(w http.ResponseWriter, r *http.Request, _ string) {
			http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
		}, "redirected"},
		"late": {key, func(e *store.Endpoint) { e.Timeout = 200 * time.Millisecond }, func(_ http.ResponseWriter, r *http.Request, _ string) {
			<-r.Context().Done()
		}, "timeout"},
		"no more": {key, nil, func(w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(http.StatusGone) }, "gone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r := newAsked(t, c.answer)
			if c.change == nil {
				c.change = func(*store.Endpoint) {}
			}
			e := w.withKey(r.URL, c.key, c.change)
			w.start()
			d := w.to(e)
			w.publish(d)
			w.waiting(laneOf(d), 1)
			challenge := w.begin(e)
			w.publish(challenge)
			now := w.ended(e)
			require.Equal(t, c.failure, now.Failure)
			require.Equal(t, c.failure == "", now.Verified())
			switch c.failure {
			case "":
				testkit.Eventually(t, func() bool { return r.count("a") == 1 }, "what waited arrives")
				w.acknowledged(0)
			case "gone": // it is disabled, and gets nothing
			default:
				w.waiting(laneOf(d), 1)
				require.Zero(t, r.count("a"))
				dead, _ := w.on(event.StreamDLQ)
				require.Equal(t, challenge.Event, dead.Event)
			}
			require.Equal(t, 1, r.count(event.TypeVerification), "it is asked once")
			w.nothingOn(event.StreamRetry)
		})
	}
	t.Cleanup(func() { require.Zero(t, strangers.Load()) })
}

// TestVerifiedWithTheOldKey: while keys overlap, either will do.
func TestVerifiedWithTheOldKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := signature.GenerateKey()
	r := newAsked(t, answerBy(t, old))
	e := w.withKey(r.URL, old)
	require.NoError(t, w.store.RotateKey(t.Context(), w.tenant, e.ID, signature.GenerateKey(), time.Hour))
	w.start()
	w.publish(w.begin(e))
	require.True(t, w.ended(e).Verified())
}

// TestChallengePasses what holds others up: the endpoint and its tenant are paused,
// and its breaker was open.
func TestChallengePasses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := signature.GenerateKey()
	r := newAsked(t, answerBy(t, key))
	e := w.withKey(r.URL, key)
	_, err := w.store.PauseTenant(t.Context(), store.Ref{ID: w.tenant}, true)
	require.NoError(t, err)
	require.NoError(t, w.store.OpenBreaker(t.Context(), w.tenant, e.ID, time.Now(), time.Now().Add(time.Hour)))
	w.start()
	<-w.watched
	d := w.to(e)
	w.publish(d)
	w.waiting(laneOf(d), 1)
	w.publish(w.begin(e))
	require.True(t, w.ended(e).Verified())
	w.waiting(laneOf(d), 1)
	require.Zero(t, r.count("a"), "it is paused all the same")
}

// TestChallengeOfAnotherHost: who asked for a challenge, and has the endpoint go to
// another host before it is sent, has nobody called.
func TestChallengeOfAnotherHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := signature.GenerateKey()
	r, other := newAsked(t, answerBy(t, key)), newAsked(t, answerBy(t, key))
	e := w.withKey(r.URL, key)
	challenge := w.begin(e)
	_, err := w.store.ChangeEndpoint(t.Context(), w.tenant, store.Ref{ID: e.ID}, func(e *store.Endpoint) error {
		e.SetURL(other.URL)
		return nil
	})
	require.NoError(t, err)
	w.start()
	w.publish(challenge)
	w.waiting(laneOf(challenge), 1)
	require.Zero(t, r.count(event.TypeVerification)+other.count(event.TypeVerification))

	w.publish(w.begin(e))
	require.True(t, w.ended(e).Verified())
	testkit.Eventually(t, func() bool { return other.count(event.TypeVerification) == 2 }, "what waited is like any other")
	require.Zero(t, r.count(event.TypeVerification))
}

// TestChallengeThatWasMade is of a worker that died before it could say what came of
// a challenge.
func TestChallengeThatWasMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := newAsked(t, func(http.ResponseWriter, *http.Request, string) {})
	e := w.withKey(r.URL, signature.GenerateKey())
	challenge := w.begin(e)
	require.NoError(t, w.store.RecordAttempts(t.Context(), []store.Attempt{{
		ID: event.NewID(), Tenant: w.tenant, Event: challenge.Event, Endpoint: e.ID, Number: 1, Outcome: store.OutcomeSuccess, StatusCode: 200, URL: r.URL, Response: []byte{},
	}}))
	challenge.Recheck = true
	w.start()
	w.publish(challenge)
	require.True(t, w.ended(e).Verified())
	require.Zero(t, r.count(event.TypeVerification))
}

// TestChallengeSentAgain: a resend of a challenge is no way to have somebody called
// who is not verified.
func TestChallengeSentAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := newAsked(t, func(http.ResponseWriter, *http.Request, string) {})
	e := w.withKey(r.URL, signature.GenerateKey())
	again := w.begin(e)
	again.Run = event.NewID()
	w.start()
	w.publish(again)
	w.waiting(laneOf(again), 1)
	require.Zero(t, r.count(event.TypeVerification))
}
