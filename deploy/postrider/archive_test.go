package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/archive"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/testkit"
)

// anArchive makes an archive of two days with an event each.
func anArchive(t *testing.T) (address string, messages []string) {
	t.Helper()
	url := testkit.Database(t)
	s, db := testkit.Open(t, url), testkit.SQL(t, url)
	today := time.Now().UTC().Truncate(24 * time.Hour)
	for n := 9; n > 7; n-- {
		date := today.Add(-time.Duration(n) * 24 * time.Hour)
		testkit.Partition(t, db, "events", date)
		testkit.Partition(t, db, "attempts", date)
		id := event.FloorID(date.Add(time.Hour))
		_, err := db.Exec(t.Context(), `INSERT INTO events (id, tenant_id, event_type, payload) VALUES ($1, $1, 'a.b', '{"n":  1}')`, [16]byte(id))
		require.NoError(t, err)
		_, err = db.Exec(t.Context(), `INSERT INTO attempts (id, tenant_id, event_id, endpoint_id, attempt, outcome, status_code, duration_ms, url, response)
			VALUES ($1, $1, $1, $1, 1, 'success', 200, 7, 'https://example.com/<&>', 'ok')`, [16]byte(id))
		require.NoError(t, err)
		messages = append(messages, event.Message.Format(id))
	}
	require.NoError(t, s.Retire(t.Context(), 3*24*time.Hour))
	days, err := s.RetiredDays(t.Context())
	require.NoError(t, err)
	address = "file://" + t.TempDir()
	place, err := archive.Open(address, os.LookupEnv)
	require.NoError(t, err)
	for _, day := range days {
		_, err := archive.New(place).Day(t.Context(), s, day)
		require.NoError(t, err)
	}
	return address, messages
}

func TestArchive(t *testing.T) {
	t.Parallel()
	address, messages := anArchive(t)
	env := map[string]string{"POSTRIDER_ARCHIVE": address}
	do := func(args ...string) (string, error) { return do(t, env, append([]string{"archive"}, args...)...) }
	out, err := do("list")
	require.NoError(t, err)
	require.Regexp(t, `^(20\d\d-\d\d-\d\d  1 events, 1 attempts, 0 dead letters, \d+ bytes in 2 objects\n){2}$`, out)
	day := out[:10]
	out, err = do("verify")
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(out, "verified\n"), out)
	out, err = do("verify", "-day", day)
	require.NoError(t, err)
	require.Contains(t, out, day)

	out, err = do("cat", "-message", messages[1])
	require.NoError(t, err)
	lines := strings.Split(out, "\n")
	require.Len(t, lines, 3, out)
	require.Contains(t, lines[0], `"payload":"{\"n\":  1}"`)
	require.Contains(t, lines[1], `"url":"https://example.com/<&>"`)
	id, err := event.Message.Parse(messages[0])
	require.NoError(t, err)
	byApp, err := do("cat", "-message", messages[0], "-app", event.Tenant.Format(id))
	require.NoError(t, err)
	require.Contains(t, byApp, messages[0])
	_, err = do("cat", "-message", messages[0], "-app", event.Tenant.Format(event.NewID()))
	require.ErrorIs(t, err, archive.ErrNotFound)

	folder := strings.TrimPrefix(address, "file://") + "/data/" + day
	require.NoError(t, os.WriteFile(folder+"/events-00000.ndjson.gz", []byte("nothing"), 0o600))
	out, err = do("verify")
	require.ErrorIs(t, err, archive.ErrDamaged)
	require.Equal(t, 1, strings.Count(out, "verified\n"), "the other day is well")
}

func TestArchiveRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args string
		want string
	}{
		{"", "say what to do"},
		{"sing", "unknown command"},
		{"list", "archive is not set: set POSTRIDER_ARCHIVE"},
		{"list -archive ftp://host", "archive: must be file:///folder or s3://bucket/prefix"},
		{"list -day 1", "flag provided but not defined: -day"},
		{"cat -archive file:///x -message 17", `message is "17": must be an id such as msg_`},
		{"cat -archive file:///x -message " + event.Message.Format(event.NewID()) + " -app 1", `app is "1"`},
		{"cat -archive file:///nowhere -message " + event.Message.Format(event.NewID()), "not in the archive"},
		{"verify -archive file:///nowhere -day 2026-11-21", "not in the archive"},
	} {
		_, err := do(t, nil, append([]string{"archive"}, strings.Fields(tt.args)...)...)
		require.ErrorContains(t, err, tt.want, tt.args)
	}
}
