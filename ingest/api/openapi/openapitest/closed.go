package openapitest

import "encoding/json"

// closeSchemas makes every object refuse members that are not described. To
// clients the document promises the opposite, that more may come; in tests it
// would let what is not described slip in.
func closeSchemas(value any) {
	switch node := value.(type) {
	case map[string]any:
		for name, member := range node {
			switch name {
			case "example", "examples", "default", "const", "enum":
			case "schema", "items", "additionalProperties", "unevaluatedProperties":
				closeSchema(member)
			case "properties":
				if schemas, ok := member.(map[string]any); ok {
					for _, schema := range schemas {
						closeSchema(schema)
					}
				}
			default:
				closeSchemas(member)
			}
		}
	case []any:
		for _, item := range node {
			closeSchemas(item)
		}
	}
}

// closeSchema closes a schema that describes a whole value, not one that is part
// of another.
func closeSchema(value any) {
	schema, ok := value.(map[string]any)
	if !ok {
		return // true or false
	}
	closeSchemas(schema)
	schema["unevaluatedProperties"] = false
	// Tests say what they mean to be unknown.
	schema["patternProperties"] = map[string]any{"^" + Unknown: true}
}

func encode(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	return text
}
