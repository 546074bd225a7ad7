// Package openapitest holds the API and its document together. Tests have every
// exchange with the API checked against the document, and make bad requests of
// what the document says about good ones.
package openapitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const (
	prefix    = "/api/v1"
	mediaType = "application/json"

	// streamType is the answer that goes on. What is in it has no schema.
	streamType = "text/event-stream"

	// Unknown is how members and parameters begin that are not meant to be known.
	Unknown = "unknown"
)

// Exchange is a request and its answer.
type Exchange struct {
	Method string
	URL    string // from the path on
	Sent   []byte

	Status int
	Header http.Header
	Body   []byte
}

// Check says where an exchange is not as the document says. What is accepted has
// to be allowed there; what is refused may be anything.
func Check(x Exchange) error {
	b, err := load()
	if err != nil {
		return err
	}
	address, err := url.Parse(x.URL)
	if err != nil {
		return fmt.Errorf("parse URL: %w", err)
	}
	operation := b.find(x.Method, strings.TrimPrefix(address.EscapedPath(), prefix))
	if operation == nil {
		err = b.checkNowhere(x)
	} else {
		err = errors.Join(operation.checkAnswer(x), operation.checkRequest(x, address))
	}
	if err != nil {
		return fmt.Errorf("%s %s: %d is not as the document says: %w\nsent: %.2000s\ngot: %.2000s",
			x.Method, x.URL, x.Status, err, x.Sent, x.Body)
	}
	return nil
}

// checkNowhere checks the answer of an operation that there is not.
func (b *book) checkNowhere(x Exchange) error {
	if x.Status != http.StatusNotFound && x.Status != http.StatusMethodNotAllowed {
		return errors.New("there is no such operation")
	}
	return checkBody(x, b.failure)
}

func (o *Operation) checkAnswer(x Exchange) error {
	schema, ok := o.answers[x.Status]
	if !ok {
		return errors.New("there is no such status")
	}
	if o.streams && x.Status == http.StatusOK {
		if got := x.Header.Get("Content-Type"); got != streamType {
			return fmt.Errorf("its type is %q", got)
		}
		return nil
	}
	return checkBody(x, schema)
}

// checkBody checks the body of an answer, which is empty when there is no schema.
func checkBody(x Exchange, schema *jsonschema.Schema) error {
	switch {
	case x.Method == http.MethodHead:
		return nil
	case schema == nil && len(x.Body) > 0:
		return errors.New("there is a body")
	case schema == nil:
		return nil
	case x.Header.Get("Content-Type") != mediaType:
		return fmt.Errorf("its type is %q", x.Header.Get("Content-Type"))
	default:
		return validate(schema, x.Body)
	}
}

// checkRequest checks what was accepted.
func (o *Operation) checkRequest(x Exchange, address *url.URL) error {
	if x.Status >= http.StatusMultipleChoices {
		return nil
	}
	return errors.Join(o.Accepts(x.Sent), o.checkQuery(address.Query()))
}

// Accepts says why the document does not allow a body.
func (o *Operation) Accepts(body []byte) error {
	switch {
	case o.body == nil:
		return nil // what nobody reads may be anything
	case len(bytes.TrimSpace(body)) > 0:
		return validate(o.body, body, o.readOnly...)
	case o.bodyRequired:
		return errors.New("the body is missing")
	default:
		return nil
	}
}

func (o *Operation) checkQuery(query url.Values) error {
	for name, values := range query {
		base, _, _ := strings.Cut(name, "[")
		at := slices.IndexFunc(o.Parameters, func(p Parameter) bool { return p.Name == base })
		if at < 0 {
			if strings.HasPrefix(base, Unknown) {
				continue
			}
			return fmt.Errorf("there is no parameter %q", name)
		}
		for _, value := range values {
			if value == "" {
				continue // means none
			}
			if err := o.Parameters[at].Accepts(value); err != nil {
				return fmt.Errorf("parameter %q: %w", name, err)
			}
		}
	}
	return nil
}

// Accepts says why the document does not allow a value.
func (p *Parameter) Accepts(value string) error {
	var parsed any = value
	switch p.Type {
	case "integer", "number", "boolean":
		if err := json.Unmarshal([]byte(value), &parsed); err != nil {
			return fmt.Errorf("parse: %w", err)
		}
	case "array":
		var list []any
		for item := range strings.SplitSeq(value, ",") {
			list = append(list, item)
		}
		parsed = list
	}
	return p.schema.Validate(parsed)
}

// validate checks a body but for the members that it may have without a word.
func validate(schema *jsonschema.Schema, body []byte, besides ...string) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("parse: %w", err)
	}
	if object, ok := value.(map[string]any); ok {
		for _, name := range besides {
			delete(object, name)
		}
	}
	return schema.Validate(value)
}
