package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const petsYAML = `
openapi: 3.1.0
info: {title: Pets, version: 2026-01-01}
webhooks:
  pet.new:
    post:
      deprecated: true
      requestBody:
        description: A new pet
        content:
          application/json:
            schema: {$ref: "#/components/schemas/Pet"}
      responses: {200: {description: taken}}
  pet.gone:
    $ref: "#/components/pathItems/Gone"
x-webhooks:
  ping: {post: {summary: Nothing}}
components:
  pathItems:
    Gone: {post: {description: It left, requestBody: {$ref: "#/components/requestBodies/Id"}}}
  requestBodies:
    Id: {content: {application/json: {schema: {type: integer}}}}
  schemas:
    Pet:
      type: object
      required: [id]
      properties:
        id: {type: integer}
        $ref: {type: string}
        parent: {$ref: "#/components/schemas/Pet"}
        owner: {$ref: "#/components/schemas/Owner"}
        born: {default: 2026-01-01, example: {$ref: "#/nowhere"}}
    Owner: {type: object, properties: {pattern: {type: string, pattern: "(?!x)"}}}
    Unused: {type: object}
`

// spec is an import of the document, given as a text.
func spec(t *testing.T, document, more string) string {
	t.Helper()
	text, err := json.Marshal(document)
	require.NoError(t, err)
	return `{"specRaw":` + string(text) + more + `}`
}

func TestImportOpenAPI(t *testing.T) { //nolint:tparallel // the steps follow each other
	t.Parallel()
	w := start(t)
	const path = "/event-type/import/openapi"
	w.must(t, 201, "POST", "/event-type", `{"name":"other","description":"","archived":true}`)
	w.must(t, 201, "POST", "/event-type", `{"name":"third","description":""}`)
	w.must(t, 201, "POST", "/event-type", `{"name":"ping","description":"old","groupName":"g","featureFlags":["f"],"archived":true}`)

	tried := w.must(t, 200, "POST", path, spec(t, petsYAML, `,"dryRun":true,"replaceAll":true`)).body["data"].(map[string]any)
	require.Empty(t, tried["modified"])
	require.Len(t, tried["to_modify"], 3)
	w.must(t, 404, "GET", "/event-type/pet.new", "")

	for _, again := range []bool{false, true} {
		done := w.must(t, 200, "POST", path, spec(t, petsYAML, ``)).body["data"].(map[string]any)
		require.Equal(t, map[string]any{"modified": []any{"pet.gone", "pet.new", "ping"}, "to_modify": nil}, done, again)
	}
	pet := w.must(t, 200, "GET", "/event-type/pet.new", "").body
	require.Equal(t, []any{"A new pet", true, false}, []any{pet["description"], pet["deprecated"], pet["archived"]})
	text, err := json.Marshal(pet["schemas"])
	require.NoError(t, err)
	require.JSONEq(t, `{"1":{"$ref":"#/$defs/Pet","$defs":{
		"Pet":{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},"$ref":{"type":"string"},
			"parent":{"$ref":"#/$defs/Pet"},"owner":{"$ref":"#/$defs/Owner"},"born":{"default":"2026-01-01","example":{"$ref":"#/nowhere"}}}},
		"Owner":{"type":"object","properties":{"pattern":{"type":"string","pattern":"(?!x)"}}}}}}`, string(text), "what it refers to, and nothing else")
	gone := w.must(t, 200, "GET", "/event-type/pet.gone", "").body
	require.Equal(t, []any{"It left", map[string]any{"1": map[string]any{"type": "integer"}}}, []any{gone["description"], gone["schemas"]})
	ping := w.must(t, 200, "GET", "/event-type/ping", "").body
	require.Equal(t, []any{"Nothing", false, nil, "g", "f"},
		[]any{ping["description"], ping["archived"], ping["schemas"], ping["groupName"], ping["featureFlag"]}, "it comes back, with its flags")

	t.Run("as JSON, instead of all others", func(t *testing.T) {
		w.must(t, 200, "POST", path, `{"replaceAll":true,"spec":{"openapi":"3.1.0","webhooks":{"pet.new":{"post":{}}}}}`)
		require.Equal(t, []any{"pet.new"}, w.must(t, 200, "GET", "/event-type", "").data(t, "name"))
		w.must(t, 200, "POST", path, spec(t, `{"openapi":"3.1.0","webhooks":{"third":{"post":{}}}}`, ``))
		require.Equal(t, []any{"pet.new", "third"}, w.must(t, 200, "GET", "/event-type", "").data(t, "name"))
	})
}

func TestImportRefuses(t *testing.T) { //nolint:tparallel // what is stored is looked at in the end
	t.Parallel()
	w := start(t)
	const path = "/event-type/import/openapi"
	for _, body := range []string{`{}`, `{"spec":null,"specRaw":null}`, `{"spec":{},"specRaw":""}`} {
		w.send(t, "POST", path, body).requireCode(t, 400, "bad_request")
	}
	webhook := func(name, schema string) string {
		return `{"openapi":"3.1.0","webhooks":{"` + name + `":{"post":{"requestBody":{"content":{"application/json":{"schema":` + schema + `}}}}}}}`
	}
	var many strings.Builder
	for n := range 40 {
		many.WriteString(`,"w` + strings.Repeat("x", n) + `":{"post":{"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Wide"}}}}}}`)
	}
	for name, document := range map[string]string{
		"no version":                `{"webhooks":{"a":{}}}`,
		"another version":           `{"openapi":"2.0","webhooks":{"a":{}}}`,
		"no webhooks":               `{"openapi":"3.1.0"}`,
		"empty webhooks":            `{"openapi":"3.1.0","webhooks":{}}`,
		"webhooks are a list":       `{"openapi":"3.1.0","webhooks":[]}`,
		"a webhook is a text":       `{"openapi":"3.1.0","webhooks":{"a":"b"}}`,
		"no name":                   webhook("a b", `true`),
		"remote reference":          webhook("a", `{"$ref":"https://example.com/schema.json"}`),
		"remote reference, deeper":  webhook("a", `{"properties":{"a":{"items":{"$ref":"file:///etc/passwd"}}}}`),
		"reference to nowhere":      webhook("a", `{"$ref":"#/components/schemas/None"}`),
		"reference into a text":     webhook("a", `{"$ref":"#/openapi/x"}`),
		"circle of path items":      `{"openapi":"3.1.0","webhooks":{"a":{"$ref":"#/webhooks/b"},"b":{"$ref":"#/webhooks/a"}}}`,
		"path item elsewhere":       `{"openapi":"3.1.0","webhooks":{"a":{"$ref":"other.yaml"}}}`,
		"no schema":                 webhook("a", `{"type":"nonsense"}`),
		"a schema that is a number": webhook("a", `1`),
		"schema of a remote draft":  webhook("a", `{"$schema":"https://example.com/draft"}`),
		"number out of range":       webhook("a", `{"default":1e999}`),
		"character 0":               webhook("a", `{"default":"\u0000"}`),
		"too large together": `{"openapi":"3.1.0","components":{"schemas":{"Wide":{"description":"` + strings.Repeat("x", 300_000) + `"}}},
			"webhooks":{"first":{}` + many.String() + `}}`,
	} {
		t.Run(name, func(t *testing.T) {
			w.send(t, "POST", path, `{"spec":`+document+`}`).requireInvalid(t, "body.spec")
			w.send(t, "POST", path, spec(t, document, ``)).requireInvalid(t, "body.specRaw")
		})
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for _, name := range "bcdefghij" {
		bomb += string(name) + ": &" + string(name) + " [" + strings.Repeat("*"+string(name-1)+",", 9) + "*" + string(name-1) + "]\n"
	}
	for name, document := range map[string]string{
		"empty": ``, "a text": `hello`, "a list": `- a`, "no YAML": "a: [", "tabs": "\tx: 1", "a bomb": bomb, "itself": "a: &a [*a]",
		"a name that is a list": "? [a]\n: b", "twice": "a: 1\na: 2", "infinite": "openapi: 3.1.0\nwebhooks: {a: .inf}", "deep": strings.Repeat("[", 200) + strings.Repeat("]", 200),
	} {
		t.Run(name, func(t *testing.T) {
			w.send(t, "POST", path, spec(t, document, ``)).requireInvalid(t, "body.specRaw")
		})
	}
	require.Empty(t, w.must(t, 200, "GET", "/event-type?include_archived=true", "").body["data"])
}
