package archive_test

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/archive"
	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

func TestDay(t *testing.T) {
	t.Parallel()
	for name, start := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, place := newPast(t, 60), open(t, start(t))
			for _, date := range p.days {
				m, err := small(place, func() {}).Day(t.Context(), p.store, date)
				require.NoError(t, err)
				require.Greater(t, len(m.Parts), 10, "in many parts")
				require.EqualValues(t, 60, m.Events)
				again, err := small(place, func() {}).Day(t.Context(), p.store, date)
				require.NoError(t, err, "as after a crash before it was dropped")
				require.Equal(t, m, again)
				require.NoError(t, p.store.DropRetired(t.Context(), date))
			}
			p.requireArchived(t, place)
			p.requireFound(t, place)
		})
	}
}

// requireFound looks for every message.
func (p *past) requireFound(t *testing.T, place archive.Place) {
	t.Helper()
	for id, want := range p.events {
		message, err := event.Message.Parse(id)
		require.NoError(t, err)
		tenant, err := event.Tenant.Parse(want.ApplicationID)
		require.NoError(t, err)
		for _, application := range []event.ID{tenant, {}} {
			found, err := archive.Find(t.Context(), place, application, message)
			require.NoError(t, err)
			require.Equal(t, want, found.Event)
			var attempts, letters int
			for _, a := range p.attempts {
				if a.MessageID == id {
					require.Contains(t, found.Attempts, a)
					attempts++
				}
			}
			for _, l := range p.letters {
				if l.MessageID == id {
					require.Contains(t, found.DeadLetters, l)
					letters++
				}
			}
			require.Len(t, found.Attempts, attempts)
			require.Len(t, found.DeadLetters, letters)
		}
	}
	for _, unknown := range []event.ID{event.NewID(), idAt(p.days[0].Add(time.Minute)), idAt(p.days[0].Add(-day))} {
		_, err := archive.Find(t.Context(), place, event.ID{}, unknown)
		require.ErrorIs(t, err, archive.ErrNotFound)
	}
}

// TestEmptyDay: that there was nothing is worth a manifest, too.
func TestEmptyDay(t *testing.T) {
	t.Parallel()
	p, place := newPast(t, 0), open(t, places["files"](t))
	for range 2 {
		m, err := archive.New(place).Day(t.Context(), p.store, p.days[0])
		require.NoError(t, err)
		require.Zero(t, m.Events+m.Attempts+m.DeadLetters)
		require.NoError(t, archive.Verify(t.Context(), place, m))
	}
}

// TestKilledAnywhere kills a process that archives a day at each of its steps:
// before and after an object is put, after it is noted, after it is read back, after
// the manifest is. Whoever goes on has the same result as one that was left alone.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	for name, start := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPast(t, 6)
			steps := 0
			want, err := small(open(t, start(t)), func() { steps++ }).Day(t.Context(), p.store, p.days[1])
			require.NoError(t, err)
			require.Greater(t, steps, 20)
			for step := 1; step <= steps; step++ {
				require.NoError(t, p.store.ForgetArchiveParts(t.Context(), p.days[1])) // from the beginning
				address := start(t)
				requireKilled(t, p, address, step)
				place := open(t, address)
				m, err := small(place, func() {}).Day(t.Context(), p.store, p.days[1])
				require.NoError(t, err, "step %d", step)
				require.Equal(t, want, m, "step %d", step)
				require.NoError(t, archive.Verify(t.Context(), place, m), "step %d", step)
				requireNoMore(t, place, m)
			}
		})
	}
}

// requireKilled runs a process until it kills itself at that step.
func requireKilled(t *testing.T, p *past, address string, step int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), victimStep+"="+strconv.Itoa(step), victimDatabase+"="+p.url, victimPlace+"="+address,
		victimDay+"="+p.days[1].Format(time.DateOnly))
	output, err := cmd.CombinedOutput()
	exit, ok := errors.AsType[*exec.ExitError](err)
	require.True(t, ok, "it ended by itself: %v", err)
	status, ok := exit.Sys().(syscall.WaitStatus)
	require.True(t, ok)
	require.Equal(t, syscall.SIGKILL, status.Signal(), string(output))
}

// requireNoMore expects no objects beside those that the manifest names: some read
// an archive without it.
func requireNoMore(t *testing.T, place archive.Place, m *archive.Manifest) {
	t.Helper()
	var want []string
	for _, part := range m.Parts {
		want = append(want, path.Base(part.Name))
	}
	names, err := place.List(t.Context(), "data/"+m.Day)
	require.NoError(t, err)
	require.ElementsMatch(t, want, names)
}

// spoiling is a place that loses or changes what it was given.
type spoiling struct {
	archive.Place

	spoil func(name string, data []byte) ([]byte, error)
}

func (s *spoiling) Put(ctx context.Context, name string, data []byte) error {
	data, err := s.spoil(name, data)
	if err != nil || data == nil {
		return err
	}
	return s.Place.Put(ctx, name, data)
}

// TestNothingIsDroppedUnproved: whatever the place does with an object, the day is
// not said to be archived before it is there as it was written.
func TestNothingIsDroppedUnproved(t *testing.T) {
	t.Parallel()
	const spoiled = "attempts-00001.ndjson.gz"
	errFull := errors.New("no space left")
	for name, c := range map[string]struct {
		spoil func([]byte) ([]byte, error)
		want  error
	}{
		"lost":      {func([]byte) ([]byte, error) { return nil, nil }, archive.ErrDamaged},
		"cut off":   {func(data []byte) ([]byte, error) { return data[:len(data)/2], nil }, archive.ErrDamaged},
		"changed":   {func(data []byte) ([]byte, error) { data[len(data)/2] ^= 1; return data, nil }, archive.ErrDamaged},
		"empty":     {func([]byte) ([]byte, error) { return []byte{}, nil }, archive.ErrDamaged},
		"not taken": {func([]byte) ([]byte, error) { return nil, errFull }, errFull},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, place := newPast(t, 20), open(t, places["files"](t))
			bad := &spoiling{Place: place, spoil: func(name string, data []byte) ([]byte, error) {
				if strings.HasSuffix(name, spoiled) {
					return c.spoil(append([]byte(nil), data...))
				}
				return data, nil
			}}
			for range 2 {
				_, err := small(bad, func() {}).Day(t.Context(), p.store, p.days[0])
				require.ErrorIs(t, err, c.want)
				_, err = archive.Day(t.Context(), place, p.days[0].Format(time.DateOnly))
				require.ErrorIs(t, err, archive.ErrNotFound, "there is no manifest")
			}
			for _, date := range p.days {
				_, err := small(place, func() {}).Day(t.Context(), p.store, date)
				require.NoError(t, err, "when the place is well again")
			}
			p.requireArchived(t, place)
		})
	}
}

// TestDamagedLater: an archive that was changed says so to whoever verifies it.
func TestDamagedLater(t *testing.T) {
	t.Parallel()
	p, place := newPast(t, 20), open(t, places["files"](t))
	m, err := small(place, func() {}).Day(t.Context(), p.store, p.days[0])
	require.NoError(t, err)
	object, err := place.Get(t.Context(), m.Parts[0].Name)
	require.NoError(t, err)
	data, err := io.ReadAll(object)
	require.NoError(t, err)
	require.NoError(t, object.Close())
	require.NoError(t, place.Put(t.Context(), m.Parts[0].Name, data[:len(data)-1]))
	require.ErrorIs(t, archive.Verify(t.Context(), place, m), archive.ErrDamaged)
	_, err = small(place, func() {}).Day(t.Context(), p.store, p.days[0])
	require.ErrorIs(t, err, archive.ErrDamaged, "and it is not dropped even now")
}

// TestTaken: a day of another database is neither changed nor taken for ours.
func TestTaken(t *testing.T) {
	t.Parallel()
	theirs, ours, place := newPast(t, 20), newPast(t, 20), open(t, places["files"](t))
	_, err := small(place, func() {}).Day(t.Context(), theirs.store, theirs.days[0])
	require.NoError(t, err)
	_, err = small(place, func() {}).Day(t.Context(), ours.store, ours.days[0])
	require.ErrorIs(t, err, archive.ErrTaken)
	_, err = small(place, func() {}).Day(t.Context(), theirs.store, theirs.days[1])
	require.NoError(t, err)
	theirs.requireArchived(t, place)
}

// TestPartsAreBounded: however large the rows are, an object ends with the one that
// fills it, and no row is read for nothing many times.
func TestPartsAreBounded(t *testing.T) {
	t.Parallel()
	p, place := newPast(t, 60), open(t, places["files"](t))
	m, err := archive.NewSmall(place, 1, 7, func() {}).Day(t.Context(), p.store, p.days[0])
	require.NoError(t, err)
	for _, part := range m.Parts {
		require.LessOrEqual(t, part.Rows, int64(60))
		require.Less(t, part.Bytes, int64(10_000))
	}
}

// TestRest leaves the database three times as long alone as it took, or less if
// that is the end.
func TestRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		archive.Rest(t.Context(), 2*time.Second)
		require.Equal(t, 6*time.Second, time.Since(began))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		archive.Rest(ctx, time.Hour)
		require.Equal(t, 7*time.Second, time.Since(began))
	})
}

func TestStopped(t *testing.T) {
	t.Parallel()
	p, place := newPast(t, 20), open(t, places["files"](t))
	ctx, cancel := context.WithCancel(t.Context())
	steps := 0
	_, err := small(place, func() {
		if steps++; steps == 5 {
			cancel()
		}
	}).Day(ctx, p.store, p.days[0])
	require.ErrorIs(t, err, context.Canceled)
	_, err = small(place, func() {}).Day(t.Context(), p.store, p.days[0])
	require.NoError(t, err)
	_, err = p.store.Alone(t.Context(), store.Retention, func(ctx context.Context, s *store.Store) error {
		_, err := small(place, func() {}).Day(ctx, s, p.days[1])
		return err
	})
	require.NoError(t, err, "over the one connection that is lent")
	p.requireArchived(t, place)
}
