package api

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/store"
)

// Values may be as long as Svix allows, and together no longer than receivers take.
const (
	maxHeaders     = 64
	maxHeaderName  = 64
	maxHeaderValue = 4096
	maxHeaderBytes = 16 << 10 // names and values of all; many servers refuse more
)

func headerRoutes() []route {
	return []route{
		{"GET", endpointPath + "/headers", forMembers, (*call).getHeaders},
		{"PUT", endpointPath + "/headers", forMembers, (*call).putHeaders},
		{"PATCH", endpointPath + "/headers", forMembers, (*call).patchHeaders},
	}
}

// forbiddenHeaders are those that the HTTP client or the delivery sets itself, or
// that would change the meaning of the message.
func forbiddenHeaders() []string {
	return []string{
		"user-agent", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "trailers",
		"transfer-encoding", "upgrade", "age", "cache-control", "clear-site-data", "expires", "pragma", "warning",
		"content-length", "content-type", "content-encoding", "content-language", "content-location",
		"connection", "host", "expect", "traceparent", "tracestate", "baggage",
	}
}

// forbiddenPrefixes belong to clouds and proxies, or to the signature.
func forbiddenPrefixes() []string {
	return []string{
		"x-amz-", "x-amzn-", "x-google", "x-goog-", "x-gfe", "x-azure-", "x-fd-", "x-svix-", "svix-", "webhook-", "proxy-",
	}
}

// header checks one header that is to be sent with every delivery.
func (f *form) header(name, value string) {
	lower := strings.ToLower(name)
	switch {
	case len(name) > maxHeaderName || !isToken(name):
		f.refuse("headers", "a name is not the name of a header")
	case slices.Contains(forbiddenHeaders(), lower),
		slices.ContainsFunc(forbiddenPrefixes(), func(p string) bool { return strings.HasPrefix(lower, p) }):
		f.refuse("headers", "not allowed: "+name)
	case len(value) > maxHeaderValue || !isHeaderValue(value):
		f.refuse("headers", "the value must be printable ASCII and at most 4096 bytes: "+name)
	}
}

// headers reads a whole set of headers.
func (f *form) headers(target *map[string]secret.String) {
	texts, ok := f.texts("headers")
	if !ok {
		return
	}
	for name, value := range texts {
		f.header(name, value)
	}
	headerSet(f, texts)
	headerBytes(f, texts)
	*target = secret.HideAll(texts)
}

// headerSet checks that headers can go together: a name may come in one spelling
// only.
func headerSet[V any](f *form, headers map[string]V) {
	if len(headers) > maxHeaders {
		f.refuse("headers", "must not be more than 64")
	}
	seen := make(map[string]bool, len(headers))
	for name := range headers {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if seen[canonical] {
			f.refuse("headers", "comes twice: "+canonical)
		}
		seen[canonical] = true
	}
}

// headerBytes checks that headers are not too much together.
func headerBytes(f *form, headers map[string]string) {
	var total int
	for name, value := range headers {
		total += len(name) + len(value)
	}
	if total > maxHeaderBytes {
		f.refuse("headers", "must not be longer than 16384 bytes together")
	}
}

// headerPatch is a change of headers: a value sets one, null deletes it.
func (f *form) headerPatch() func(*store.Endpoint) error {
	var changes map[string]*string
	if !f.given("deleteHeaders") {
		f.require("headers")
	}
	clearable(f, "headers", &changes)
	for name, value := range changes {
		if value != nil {
			f.header(name, *value)
		}
	}
	headerSet(f, changes)
	var gone []string
	if clearable(f, "deleteHeaders", &gone) && slices.ContainsFunc(gone, func(name string) bool { return !isToken(name) }) {
		f.refuse("deleteHeaders", "a name is not the name of a header")
	}
	return func(e *store.Endpoint) error {
		headers := secret.RevealAll(e.Headers)
		for _, name := range gone {
			drop(headers, name)
		}
		for name, value := range changes {
			drop(headers, name)
			if value != nil {
				headers[name] = *value
			}
		}
		headerSet(f, headers)
		headerBytes(f, headers)
		e.Headers = secret.HideAll(headers)
		return f.err()
	}
}

// drop removes a header however it is spelt.
func drop(headers map[string]string, name string) {
	for have := range headers {
		if strings.EqualFold(have, name) {
			delete(headers, have)
		}
	}
}

func (c *call) getHeaders(r *http.Request) (reply, error) {
	e, err := c.endpoint(r)
	if err != nil {
		return reply{}, err
	}
	shown := make(map[string]string, len(e.Headers))
	sensitive := []string{}
	for name, value := range e.Headers {
		if secret.InHeader(name) {
			sensitive = append(sensitive, name)
			continue
		}
		shown[name] = value.Reveal()
	}
	slices.Sort(sensitive)
	return ok(struct {
		Headers   map[string]string `json:"headers"`
		Sensitive []string          `json:"sensitive"`
	}{shown, sensitive}), nil
}

func (c *call) putHeaders(r *http.Request) (reply, error) {
	f, err := readForm(r)
	if err != nil {
		return reply{}, err
	}
	var headers map[string]secret.String
	f.require("headers")
	f.headers(&headers)
	return c.changeHeaders(r, f, func(e *store.Endpoint) error {
		e.Headers = headers
		return nil
	})
}

func (c *call) patchHeaders(r *http.Request) (reply, error) {
	f, err := readForm(r)
	if err != nil {
		return reply{}, err
	}
	return c.changeHeaders(r, f, f.headerPatch())
}

func (c *call) changeHeaders(r *http.Request, f *form, change func(*store.Endpoint) error) (reply, error) {
	if err := f.err(); err != nil {
		return reply{}, err
	}
	tenant, err := c.tenant(r)
	if err != nil {
		return reply{}, err
	}
	ref, err := refOf(event.Endpoint, r.PathValue("endpoint_id"))
	if err != nil {
		return reply{}, err
	}
	_, err = c.Store.ChangeEndpoint(r.Context(), tenant.ID, ref, func(e *store.Endpoint) error { //nolint:contextcheck // it is in the request
		if err := change(e); err != nil || !authorizes(e.Headers) {
			return err
		}
		credentials, err := c.Store.Credentials(r.Context(), e)
		if err == nil && credentials.OAuth != nil {
			f.refuse("headers", "Authorization is taken by OAuth: remove that first")
			return f.err()
		}
		return err
	})
	return done(), err
}

// isToken reports whether text can be a header's name (RFC 9110 §5.6.2).
func isToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
	})
}

func isHeaderValue(text string) bool {
	return text == strings.TrimSpace(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return r < ' ' && r != '\t' || r >= 0x7f
	})
}
