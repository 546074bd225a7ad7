package store_test

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/store"
	"github.com/postrider/postrider/shared/testkit"
)

// TestWhoseFault holds that the same error never blames both the data and the
// database: the first is answered, the second tried again.
func TestWhoseFault(t *testing.T) {
	t.Parallel()
	sql := func(code string) error { return &pgconn.PgError{Code: code} }
	for name, tt := range map[string]struct {
		err              error
		bad, unavailable bool
	}{
		"bytes that are no text": {sql("22021"), true, false},
		"number out of range":    {sql("22003"), true, false},
		"duplicate":              {sql("23505"), true, false},
		"no partition for it":    {sql("23514"), true, false},
		"too large":              {sql("54000"), true, false},
		"server stops":           {sql("57P01"), false, true},
		"server starts":          {sql("57P03"), false, true},
		"too many connections":   {sql("53300"), false, true},
		"disk full":              {sql("53100"), false, true},
		"deadlock":               {sql("40P01"), false, true},
		"standby":                {sql("25006"), false, true},
		"no such table":          {sql("42P01"), false, false},
		"connection broke":       {io.ErrUnexpectedEOF, false, true},
		"no answer in time":      {context.DeadlineExceeded, false, true},
		"caller gave up":         {context.Canceled, false, false},
		"nothing":                {nil, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tt.err
			if err != nil {
				err = fmt.Errorf("accept: %w", err)
			}
			require.Equal(t, tt.bad, store.Bad(err))
			require.Equal(t, tt.unavailable, store.Unavailable(err))
		})
	}
}

// TestErrorsOfTheDatabase asks the database itself.
func TestErrorsOfTheDatabase(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t)
	s := testkit.Open(t, url)
	tenant := testkit.Tenant(t, s)
	bad := newEvent(tenant)
	bad.Type = "a\x00b"
	_, _, err := s.Accept(t.Context(), []store.NewEvent{newEvent(tenant), bad}, 1<<20)
	require.True(t, store.Bad(err), "%v", err)
	require.False(t, store.Unavailable(err))

	end := testkit.Outage(t, url)
	for range 10 { // as many as may have been in the pool
		_, _, err = s.Accept(t.Context(), []store.NewEvent{newEvent(tenant)}, 1<<20)
		require.True(t, store.Unavailable(err), "%v", err)
		require.False(t, store.Bad(err))
	}
	end()
	testkit.Eventually(t, func() bool { return s.Health(t.Context()) == nil }, "healthy again")
	_, _, err = s.Accept(t.Context(), []store.NewEvent{newEvent(tenant)}, 1<<20)
	require.NoError(t, err)
	require.Equal(t, 1, testkit.Value[int](t, url, `SELECT count(*) FROM events`), "of the failed calls nothing is there")
}
