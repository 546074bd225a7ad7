package portal_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/ingest/portal/portaltest"
)

// TestQueueAway: while nothing can be delivered, every page says so, and works.
func TestQueueAway(t *testing.T) {
	t.Parallel()
	w := portaltest.Start(t, portaltest.QueueAway)
	v := w.Member(t, w.App(t, "Acme"))
	require.Contains(t, v.Get("/portal/endpoints").Text, "Nothing is delivered at the moment")
	require.NotContains(t, portaltest.Start(t).Operator(t).Get("/console/applications").Text, "Nothing is delivered")
}
