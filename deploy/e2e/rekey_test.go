package e2e

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/stack"
	"github.com/postrider/postrider/shared/testkit"
)

// TestRekeyUnderLoad goes the way that the README tells of, from no key to one and on
// to another, while events flow. Each arrival must be signed as the endpoint's owner
// was told when it was made, and bring the header and the password that were set then;
// in the end nothing needs the old key.
func TestRekeyUnderLoad(t *testing.T) {
	t.Parallel()
	s := startStackOf(t, stack.Options{Processes: map[string]int{"deliver": 2}})
	c := system{s.URL, s.Token}.client(t)
	r := newReceiver(t, nil)
	app := c.application(t, "rekey", "http://user:hush-4711@"+r.Listener.Addr().String()+"/hook")
	endpoint := "/app/rekey/endpoint/" + app[0]
	c.must(t, http.StatusNoContent, http.MethodPut, endpoint+"/headers", map[string]any{"headers": map[string]string{"X-Key": "hush-4712"}})
	key, ok := c.must(t, http.StatusOK, http.MethodGet, endpoint+"/secret", nil)["key"].(string)
	require.True(t, ok)

	ctx := testkit.Context(t)
	p := produce(t, c, "rekey", 4)
	p.more(ctx, 50)
	program := filepath.Join(programs(t), "postrider")
	a, b := secret.NewKey("a").Reveal(), secret.NewKey("b").Reveal()
	step := func(keys string) {
		s.Set("POSTRIDER_SECRET_KEYS=" + keys)
		for _, name := range []string{"deliver", "deliver-2", "ingest"} {
			restart(ctx, t, s, name)
			p.more(ctx, 20)
		}
	}
	encrypt := func(keys string) string {
		cmd := exec.CommandContext(ctx, program, "rekey")
		cmd.Env = settings("POSTRIDER_DATABASE_URL="+s.DatabaseURL, "POSTRIDER_SECRET_KEYS="+keys)
		return run(t, cmd)
	}
	step(a)
	require.Contains(t, encrypt(a), "3 under key a")
	step(a + "," + b)
	step(b + "," + a)
	p.more(ctx, 50)
	require.Contains(t, encrypt(b+","+a), "under key a any more: it can be removed")
	step(b)
	p.more(ctx, 50)
	accepted := p.finish()

	testkit.Eventually(t, func() bool { return len(r.times("/hook")) == len(accepted) }, "%d events arrive", len(accepted))
	judge, err := standardwebhooks.NewWebhook(key)
	require.NoError(t, err)
	for _, got := range r.at("/hook") {
		require.NoError(t, judge.Verify([]byte(got.body), got.head))
		require.Equal(t, "hush-4712", got.head.Get("X-Key"))
		require.Equal(t, "Basic dXNlcjpodXNoLTQ3MTE=", got.head.Get("Authorization"))
	}
	require.Equal(t, key, c.must(t, http.StatusOK, http.MethodGet, endpoint+"/secret", nil)["key"])
}
