package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemaFault tells what keeps a text from being a JSON schema that we can keep;
// empty when nothing does.
func schemaFault(schema json.RawMessage) string {
	if schema[0] != '{' && schema[0] != 't' && schema[0] != 'f' {
		return "not a JSON schema"
	}
	var tree any
	if err := json.Unmarshal(schema, &tree); err != nil || holdsNUL(tree) {
		return "must hold no number out of range and no character 0"
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return "not a JSON schema"
	}
	const name = "schema:"
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(nothing{})
	compiler.UseRegexpEngine(anyRegexp)
	if err := compiler.AddResource(name, document); err != nil {
		return "not a JSON schema"
	}
	if _, err := compiler.Compile(name); err != nil {
		return "not a JSON schema" + whereInvalid(err)
	}
	return ""
}

// whereInvalid finds the place in the schema that is wrong, as a JSON pointer.
func whereInvalid(err error) string {
	if errors.Is(err, errElsewhere) {
		return ": a reference leads out of it"
	}
	fault, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return ""
	}
	for len(fault.Causes) > 0 {
		fault = fault.Causes[0]
	}
	return " at /" + strings.Join(fault.InstanceLocation, "/")
}

var errElsewhere = errors.New("not loaded from elsewhere")

// nothing is where schemas are not loaded from: a server that fetches what it is
// told to can be sent anywhere.
type nothing struct{}

// Load refuses.
func (nothing) Load(url string) (any, error) { return nil, fmt.Errorf("%s: %w", url, errElsewhere) }

// anyRegexp reads the regular expressions of schemas. They are those of
// JavaScript, some of which Go does not know; whether a schema is one must not
// hang on that.
func anyRegexp(text string) (jsonschema.Regexp, error) {
	if known, err := regexp.Compile(text); err == nil {
		return known, nil
	}
	return unknownRegexp(text), nil
}

type unknownRegexp string

// MatchString takes everything.
func (unknownRegexp) MatchString(string) bool { return true }

// String is the expression.
func (r unknownRegexp) String() string { return string(r) }

// holdsNUL looks for the one character that PostgreSQL cannot keep.
func holdsNUL(tree any) bool {
	switch node := tree.(type) {
	case string:
		return strings.ContainsRune(node, 0)
	case []any:
		return slices.ContainsFunc(node, holdsNUL)
	case map[string]any:
		for key, item := range node {
			if strings.ContainsRune(key, 0) || holdsNUL(item) {
				return true
			}
		}
	}
	return false
}
