package signature_test

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	oracle "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/signature"
)

// The published test vectors.
const (
	vectorID     = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorTime   = 1614265330
	vectorBody   = `{"test": 2432232314}`
	symmetricSig = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

	asymmetricSig = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
)

func ExampleHeader() {
	key, err := signature.ParseKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		fmt.Println(err)
		return
	}
	id, at, body := "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`)
	fmt.Println("webhook-id:", id)
	fmt.Println("webhook-timestamp:", at.Unix())
	fmt.Println("webhook-signature:", signature.Header([]signature.Key{key}, id, at, body))
	// Output:
	// webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek
	// webhook-timestamp: 1614265330
	// webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
}

func ExampleVerifier() {
	key := signature.GenerateEd25519Key()
	verifier, err := signature.NewVerifier(signature.DefaultTolerance, key.Public())
	if err != nil {
		fmt.Println(err)
		return
	}
	now, body := time.Now(), []byte(`{"paid": true}`)
	h := http.Header{}
	h.Set("webhook-id", "msg_1")
	h.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	h.Set("webhook-signature", signature.Header([]signature.Key{key}, "msg_1", now, body))
	fmt.Println(verifier.Verify(h, body, now))
	fmt.Println(verifier.Verify(h, []byte(`{"paid": false}`), now))
	// Output:
	// <nil>
	// delivery has no matching signature
}

func TestHeader(t *testing.T) {
	t.Parallel()
	sym, asym := parse(t, symmetric), parse(t, asymmetric)
	for name, tc := range map[string]struct {
		keys []signature.Key
		want string
	}{
		"v1":              {[]signature.Key{sym}, symmetricSig},
		"v1a":             {[]signature.Key{asym}, asymmetricSig},
		"both, in order":  {[]signature.Key{asym, sym, asym}, asymmetricSig + " " + symmetricSig + " " + asymmetricSig},
		"no keys":         {nil, ""},
		"zero keys":       {[]signature.Key{{}, sym, {}, sym, {}}, symmetricSig + " " + symmetricSig},
		"only a zero key": {[]signature.Key{{}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := signature.Header(tc.keys, vectorID, time.Unix(vectorTime, 999_999_999), []byte(vectorBody))
			require.Equal(t, tc.want, got)
		})
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	now := time.Unix(vectorTime, 500)
	set := func(prefix, id, timestamp, signatures string) http.Header {
		h := http.Header{}
		h.Set(prefix+"-id", id)
		h.Set(prefix+"-timestamp", timestamp)
		h.Set(prefix+"-signature", signatures)
		return h
	}
	good := func(signatures string) http.Header {
		return set("webhook", vectorID, strconv.Itoa(vectorTime), signatures)
	}
	at := func(offset time.Duration) http.Header {
		when := time.Unix(vectorTime, 0).Add(offset)
		key := []signature.Key{parse(t, symmetric)}
		return set("webhook", vectorID, strconv.FormatInt(when.Unix(), 10),
			signature.Header(key, vectorID, when, []byte(vectorBody)))
	}
	mixed := good(symmetricSig)
	mixed.Del("webhook-id")
	mixed.Set("svix-id", vectorID)
	both := good(symmetricSig)
	maps.Copy(both, set("svix", "msg_other", "1", "v1,x"))
	incomplete := set("svix", vectorID, strconv.Itoa(vectorTime), symmetricSig)
	incomplete.Set("webhook-id", "msg_other")
	other := signature.GenerateKey().Public()

	for name, tc := range map[string]struct {
		keys []string
		h    http.Header
		want error
	}{
		"v1":                        {[]string{symmetric}, good(symmetricSig), nil},
		"v1a":                       {[]string{public}, good(asymmetricSig), nil},
		"svix names":                {[]string{symmetric}, set("svix", vectorID, strconv.Itoa(vectorTime), symmetricSig), nil},
		"webhook names win":         {[]string{symmetric}, both, nil},
		"incomplete webhook names":  {[]string{symmetric}, incomplete, nil},
		"names never mix":           {[]string{symmetric}, mixed, signature.ErrHeaderMissing},
		"second signature":          {[]string{symmetric}, good(asymmetricSig + " " + symmetricSig), nil},
		"second v1a":                {[]string{public}, good("v1a, v1a,AAAA " + symmetricSig + " " + asymmetricSig), nil},
		"second key":                {[]string{other, symmetric}, good(symmetricSig), nil},
		"unknown versions":          {[]string{symmetric}, good("v2,x " + symmetricSig + " v9z,"), nil},
		"other key":                 {[]string{other, public}, good(symmetricSig), signature.ErrNoMatch},
		"no keys":                   {nil, good(symmetricSig), signature.ErrNoMatch},
		"v1 under the name v1a":     {[]string{symmetric, public}, good("v1a" + symmetricSig[2:]), signature.ErrNoMatch},
		"v1a under the name v1":     {[]string{symmetric, public}, good("v1" + asymmetricSig[3:]), signature.ErrNoMatch},
		"without version":           {[]string{symmetric}, good(symmetricSig[3:]), signature.ErrNoMatch},
		"cut short":                 {[]string{symmetric}, good(symmetricSig[:len(symmetricSig)-1]), signature.ErrNoMatch},
		"other id":                  {[]string{symmetric}, set("webhook", "msg_2", strconv.Itoa(vectorTime), symmetricSig), signature.ErrNoMatch},
		"other second":              {[]string{symmetric}, set("webhook", vectorID, strconv.Itoa(vectorTime+1), symmetricSig), signature.ErrNoMatch},
		"no headers":                {[]string{symmetric}, http.Header{}, signature.ErrHeaderMissing},
		"empty signature":           {[]string{symmetric}, good(""), signature.ErrHeaderMissing},
		"timestamp with a fraction": {[]string{symmetric}, set("webhook", vectorID, "1614265330.5", symmetricSig), signature.ErrTimestamp},
		"timestamp below zero":      {[]string{symmetric}, set("webhook", vectorID, "-1", symmetricSig), signature.ErrTimestamp},
		"timestamp beyond all time": {[]string{symmetric}, set("webhook", vectorID, "9223372036854775807", symmetricSig), signature.ErrTimestamp},
		"just old enough":           {[]string{symmetric}, at(-signature.DefaultTolerance), nil},
		"just new enough":           {[]string{symmetric}, at(signature.DefaultTolerance), nil},
		"too old":                   {[]string{symmetric}, at(-signature.DefaultTolerance - time.Second), signature.ErrTooOld},
		"too new":                   {[]string{symmetric}, at(signature.DefaultTolerance + time.Second), signature.ErrTooNew},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := signature.NewVerifier(signature.DefaultTolerance, tc.keys...)
			require.NoError(t, err)
			require.ErrorIs(t, v.Verify(tc.h, []byte(vectorBody), now), tc.want)
			require.Error(t, v.Verify(tc.h, []byte(vectorBody+" "), now))
			require.Error(t, signature.Verifier{}.Verify(tc.h, []byte(vectorBody), now))
		})
	}
}

func TestNewVerifierRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		want error
	}{
		"private key":      {asymmetric, signature.ErrKeyPrefix},
		"empty":            {"", signature.ErrKeyPrefix},
		"short secret":     {"whsec_AAAA", signature.ErrKeyLength},
		"short public key": {"whpk_AAAA", signature.ErrKeyLength},
		"not base64":       {"whpk_" + strings.Repeat("?", 44), signature.ErrKeyEncoding},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := signature.NewVerifier(0, symmetric, tc.text)
			require.ErrorIs(t, err, tc.want)
			require.ErrorContains(t, err, "parse key 1: ")
		})
	}
}

// TestAgainstOracle signs and verifies across the reference library, which
// knows v1 only.
func TestAgainstOracle(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for size := range 200 {
		body := []byte(strings.Repeat("ü\x00\xff.", size))
		key, id := signature.GenerateKey(), "msg_"+strconv.Itoa(size)
		hook, err := oracle.NewWebhook(key.Reveal())
		require.NoError(t, err)

		theirs, err := hook.Sign(id, now, body)
		require.NoError(t, err)
		require.Equal(t, theirs, signature.Header([]signature.Key{key}, id, now, body))

		h := http.Header{}
		h.Set(oracle.HeaderWebhookID, id)
		h.Set(oracle.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
		keys := []signature.Key{signature.GenerateEd25519Key(), signature.GenerateKey(), key}
		h.Set(oracle.HeaderWebhookSignature, signature.Header(keys, id, now, body))
		require.NoError(t, hook.Verify(body, h))
		v, err := signature.NewVerifier(signature.DefaultTolerance, keys[size%3].Public())
		require.NoError(t, err)
		require.NoError(t, v.Verify(h, body, now))
	}
}

// FuzzVerify looks for deliveries that we accept and the reference library
// does not, or that carry none of the right signatures.
func FuzzVerify(f *testing.F) {
	f.Add(vectorID, strconv.Itoa(vectorTime), symmetricSig+" "+asymmetricSig, []byte(vectorBody))
	f.Add(vectorID, "+1614265330", " v1,  v1a,", []byte{})
	f.Add("a.1", "-1", "v1a,====", []byte("\x00"))
	v, err := signature.NewVerifier(signature.DefaultTolerance, symmetric, public)
	require.NoError(f, err)
	hook, err := oracle.NewWebhook(symmetric)
	require.NoError(f, err)
	keys := []signature.Key{parse(f, symmetric), parse(f, asymmetric)}

	f.Fuzz(func(t *testing.T, id, timestamp, signatures string, body []byte) {
		h := http.Header{}
		h.Set("webhook-id", id)
		h.Set("webhook-timestamp", timestamp)
		h.Set("webhook-signature", signatures)
		err := v.Verify(h, body, time.Unix(vectorTime, 0))
		if err != nil {
			var typed signature.VerifyError
			require.ErrorAs(t, err, &typed)
		} else if hook.VerifyIgnoringTimestamp(body, h) != nil {
			require.Contains(t, signatures, "v1a,", "the reference refuses, so it must be ed25519")
		}

		seconds, err := strconv.ParseInt(timestamp, 10, 64)
		if err != nil || id == "" {
			return
		}
		at := time.Unix(seconds, 0)
		h.Set("webhook-timestamp", strconv.FormatInt(seconds, 10))
		h.Set("webhook-signature", signatures+" "+signature.Header(keys, id, at, body))
		if seconds >= 0 && seconds < 1<<37 {
			require.NoError(t, v.Verify(h, body, at), "what we sign must verify")
		}
	})
}

func BenchmarkHeader(b *testing.B) {
	body := make([]byte, 1024)
	for _, text := range []string{symmetric, asymmetric} {
		keys := []signature.Key{parse(b, text)}
		b.Run(text[:5], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				signature.Header(keys, vectorID, time.Unix(vectorTime, 0), body)
			}
		})
	}
}
