package api

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/postrider/postrider/shared/store"
)

const maxKey = 256

// unkept are the paths of those POSTs whose answers are not kept under the
// idempotency key of the request: they have a way of their own to keep it, or
// change nothing, so that they can as well be done again.
func unkept() []string {
	return []string{
		appPath + "/msg",                 // claims its key in the commit that it shares with others
		batchPath,                        // so does each of these
		endpointPath + "/send-example",   // and that
		appPath + "/msg/precheck/active", // only looks
		portalPath, dashboardPath,        // another token is as good, and none is to be kept
		logoutPath, // only the first time is one allowed to
	}
}

// once does an operation, but only once for POSTs that carry the same idempotency
// key: later ones get the answer that the first one got. All that the operation
// stores and the answer are one transaction, so either both are there or neither;
// what was refused or failed leaves nothing and can be tried again with the same
// key. While the first is under way the others wait.
func (c *call) once(to route, r *http.Request) (answer, error) {
	if to.method != http.MethodPost || slices.Contains(unkept(), to.path) {
		return c.perform(to, r)
	}
	key, err := idempotencyKey(r.Header)
	if err != nil {
		return answer{}, err
	}
	if key == "" {
		return c.perform(to, r)
	}
	body, err := readBody(r)
	if err != nil {
		return answer{}, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	// The key is the caller's own and for one path: nobody learns of another's.
	digest := digestOf(r.Header.Get("Authorization"), r.URL.Path, key)
	fingerprint := digestOf(r.URL.RawQuery, string(body))

	var a answer
	outside := c.Store
	err = outside.Within(r.Context(), func(s *store.Store) error { //nolint:contextcheck // it is in the request
		earlier, err := s.ClaimRequest(r.Context(), digest, c.Timeout/2)
		if err == nil {
			if !bytes.Equal(earlier.Fingerprint, fingerprint) {
				return keyUsed()
			}
			a = answer{status: earlier.Status, body: earlier.Body}
			return nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		c.Store = s
		if a, err = c.perform(to, r); err != nil {
			return err
		}
		kept := a
		if c.again != nil {
			kept = c.again.answer()
		}
		return s.KeepAnswer(r.Context(), digest, &store.Answered{Fingerprint: fingerprint, Status: kept.status, Body: kept.body})
	})
	c.Store = outside
	return a, err
}

// digestOf tells lists of texts apart, wherever one ends and the next begins.
func digestOf(texts ...string) []byte {
	h := sha256.New()
	for _, text := range texts {
		fmt.Fprintf(h, "%d:%s", len(text), text)
	}
	return h.Sum(nil)
}

// idempotencyKey reads the header that clients repeat with every try.
func idempotencyKey(header http.Header) (string, error) {
	values := header.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	if key := values[0]; key != "" && len(key) <= maxKey && isPrintable(key) {
		return key, nil
	}
	return "", unprocessable(invalid{
		Loc: []string{"header", "idempotency-key"}, Msg: "must be 1 to 256 printable characters", Type: typeValue,
	})
}

func isPrintable(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// keyUsed refuses a key that came with another request before.
func keyUsed() *problem {
	return conflict("conflict", "The idempotency key was used with another body")
}
