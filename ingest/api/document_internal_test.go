package api

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/api/docs"
	"github.com/postrider/postrider/ingest/api/openapi/openapitest"
)

// TestDocumentHasEveryRoute compares the routes with the document, in both
// directions. What is added to one has to be added to the other.
func TestDocumentHasEveryRoute(t *testing.T) {
	t.Parallel()
	operations, err := openapitest.Operations()
	require.NoError(t, err)
	documented := make(map[string]access)
	for _, o := range operations {
		who := forMembers
		switch {
		case o.Public:
			who = forAll
		case o.Operators:
			who = forOperators
		}
		documented[o.Method+" "+o.Path] = who
	}
	served := map[string]access{"GET " + strings.TrimPrefix(docs.DocumentPath, prefix): forAll}
	for _, r := range routes() {
		who := forOperators
		if _, members := r.needs(); r.access == forAll {
			who = forAll
		} else if members {
			who = forMembers
		}
		served[r.method+" "+r.path] = who
	}
	for route, who := range served {
		documentedFor, ok := documented[route]
		require.True(t, ok, "the document has no %s; see CONTRIBUTING.md", route)
		require.Equal(t, who, documentedFor, "the document's security is not who may call %s", route)
	}
	for route := range documented {
		_, ok := served[route]
		require.True(t, ok, "nothing serves %s, which is in the document", route)
	}
}
