package ingest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/service"
	"github.com/postrider/postrider/shared/testkit"
)

// TestCountActivity: attempts are counted at once, and until the stage ends.
func TestCountActivity(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s := testkit.Open(t, url)
	testkit.Tenant(t, s)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- countActivity(ctx, service.Env{Store: s, Log: testkit.Log(t)}) }()
	testkit.Eventually(t, func() bool { return testkit.Value[int](t, url, `SELECT count(*) FROM activity_counted`) == 1 }, "it is known until when")
	stop()
	require.NoError(t, testkit.Receive(t, ended))
}
