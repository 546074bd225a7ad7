package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/signature"
)

// Confidential is what of an endpoint's settings only its receiver is to see.
type Confidential struct {
	Userinfo secret.String // what its URL has before the @; empty: nothing
	Headers  map[string]secret.String
}

// confidentialColumns are those that [Confidential] is stored in, and the URL, which
// holds the userinfo of endpoints that were stored without keys.
const confidentialColumns = `url, headers, userinfo, sealed_headers`

// bareURL is the URL without its userinfo, in SQL.
const bareURL = `regexp_replace(url, '^([a-z]+://)[^/?#]*@', '\1')`

// storedConfidential is those columns as they are stored.
type storedConfidential struct {
	url              string
	headers          map[string]string
	userinfo, sealed *string
}

func (c *storedConfidential) columns() []any {
	return []any{&c.url, &c.headers, &c.userinfo, &c.sealed}
}

// open returns the URL without userinfo, and the secrets.
func (c *storedConfidential) open(o opener) (url string, opened Confidential, err error) {
	url, opened.Userinfo = cutUserinfo(c.url)
	if c.userinfo != nil {
		if opened.Userinfo, err = o.open(fieldUserinfo, c.userinfo); err != nil {
			return "", opened, err
		}
	}
	headers := c.headers
	if c.sealed != nil {
		text, err := o.open(fieldHeaders, c.sealed)
		if err != nil {
			return "", opened, err
		}
		if headers, err = decodeHeaders(text); err != nil {
			return "", opened, err
		}
	}
	opened.Headers = secret.HideAll(headers)
	return url, opened, nil
}

// store is the counterpart of open. Where there are no keys it uses the columns that
// programs before these know.
func (c *Confidential) store(z sealer, url string) storedConfidential {
	stored := storedConfidential{url: url, headers: map[string]string{}}
	if !z.seals() {
		stored.url = withUserinfo(url, c.Userinfo).Reveal()
		stored.headers = secret.RevealAll(c.Headers)
		return stored
	}
	stored.userinfo = z.seal(fieldUserinfo, c.Userinfo)
	if len(c.Headers) > 0 {
		stored.sealed = z.seal(fieldHeaders, encodeHeaders(c.Headers))
	}
	return stored
}

func encodeHeaders(headers map[string]secret.String) secret.String {
	text, _ := json.Marshal(secret.RevealAll(headers)) // strings always can be
	return secret.New(string(text))
}

func decodeHeaders(text secret.String) (headers map[string]string, err error) {
	if json.Unmarshal([]byte(text.Reveal()), &headers) != nil {
		return nil, fmt.Errorf("read headers: %w", secret.ErrForm) // what is wrong would show a part
	}
	return headers, nil
}

// Sealed is what an endpoint is called with, as it is stored.
type Sealed struct {
	opener opener
	stored storedConfidential
	keys   []string
	ends   []time.Time // of each key; zero: the current one

	credentials storedCredentials
}

// Size is about how many bytes of memory it takes.
func (s *Sealed) Size() int {
	size := len(textOf(s.stored.userinfo)) + len(textOf(s.stored.sealed)) + s.credentials.size()
	for name, value := range s.stored.headers {
		size += len(name) + len(value)
	}
	return size
}

// Opened is what an endpoint is called with.
type Opened struct {
	URL     secret.String // with its userinfo
	Headers map[string]secret.String
	Keys    []SigningKey // the current one first

	Credentials *Credentials // nil: none
}

// SigningKey is one signing key of an endpoint.
type SigningKey struct {
	signature.Key

	ExpiresAt time.Time // zero: it is the current one
}

// SigningKeys returns the keys that sign at the time given: the current one and
// those that were rotated away and have not expired yet.
func (o *Opened) SigningKeys(now time.Time) []signature.Key {
	keys := make([]signature.Key, 0, len(o.Keys))
	for _, k := range o.Keys {
		if k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt) {
			keys = append(keys, k.Key)
		}
	}
	return keys
}

// Open opens all of it. It costs some microseconds and asks nobody. Its error is one
// of [secret.Ring.Open], or says that a key is none.
func (s *Sealed) Open() (*Opened, error) {
	url, confidential, err := s.stored.open(s.opener)
	if err != nil {
		return nil, err
	}
	opened := Opened{URL: withUserinfo(url, confidential.Userinfo), Headers: confidential.Headers, Keys: make([]SigningKey, len(s.keys))}
	for i, stored := range s.keys {
		key, err := s.opener.signingKey(stored)
		if err != nil {
			return nil, err
		}
		opened.Keys[i] = SigningKey{key, s.ends[i]}
	}
	if opened.Credentials, err = s.credentials.open(s.opener); err != nil {
		return nil, err
	}
	return &opened, nil
}

// signingKey opens and reads a signing key.
func (o opener) signingKey(stored string) (signature.Key, error) {
	text, err := o.openKey(stored)
	if err != nil {
		return signature.Key{}, err
	}
	key, err := signature.ParseKey(text.Reveal())
	if err != nil {
		return key, fmt.Errorf("read key of endpoint %s: %w", event.Endpoint.Format(o.endpoint), err)
	}
	return key, nil
}
