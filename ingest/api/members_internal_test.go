package api

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzMembers holds the scanner against package json: what it takes apart means
// the same there.
func FuzzMembers(f *testing.F) {
	for _, seed := range []string{
		`{}`, ` { } `, `{"a":1}`, "\t{ \"a\" :\r\n{\"b\":[1,2,{\"c\":\"}]\"}]} , \"d\":null }", `{"\"\\":"\\\"","a":-1.5e3,"b":true}`,
		`{"a":1,"a":2}`, `{"a":{"a":1,"a":2}}`, `[{}]`, `null`, `{"é":"é"}`, `{"a":`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := members(data)
		if err != nil {
			return
		}
		var want map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(data, &want))
		require.Len(t, found, len(want))
		for name, value := range want {
			require.Equal(t, string(value), string(found[name]))
		}
	})
}
