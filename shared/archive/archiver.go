package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/postrider/postrider/shared/store"
)

const (
	// pageRows are read from the database at a time, at most.
	pageRows = 200

	// restFactor is how much longer than a page took the database is left alone
	// after it: archiving uses a quarter of what one reader would.
	restFactor = 3

	// objectTimeout bounds writing or reading one object.
	objectTimeout = 5 * time.Minute
)

var (
	// ErrTaken says that an archive has another day of that date: of another
	// database, or of this one before it was restored from a copy.
	ErrTaken = errors.New("the archive has that day already, and it is not this one: choose another place for the archive")

	// ErrDamaged says that what is in the archive is not what was put there.
	ErrDamaged = errors.New("archive is damaged")

	errSlowPlace = fmt.Errorf("the archive did not take or give an object within %s", objectTimeout)
)

// Archiver puts retired days into an archive. It is used by one goroutine at a
// time.
type Archiver struct {
	place    Place
	partSize int
	pageRows int
	rest     func(ctx context.Context, took time.Duration)
	step     func() // a test's
}

// New returns an archiver to that place.
func New(place Place) *Archiver {
	return &Archiver{place: place, partSize: partSize, pageRows: pageRows, rest: rest, step: func() {}}
}

// Day puts a retired day into the archive and returns its manifest once all of
// it has been read back and found to be as it was written; then it may be
// dropped. After an error, or a crash at whatever moment, another call goes on
// with the part after the last one that is noted in the database, and has the
// same result: the day does not change, and objects go by the day, kind and
// number of their part. It returns ErrTaken, and ErrDamaged for what was not as
// it was written; the next call then writes it anew.
func (a *Archiver) Day(ctx context.Context, s *store.Store, day time.Time) (*Manifest, error) {
	parts, err := s.ArchiveParts(ctx, day)
	if err != nil {
		return nil, err
	}
	found, err := a.get(ctx, manifestName(day.Format(time.DateOnly)))
	published := err == nil // before a crash
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	if !published {
		if parts, err = a.write(ctx, s, day, parts); err != nil {
			return nil, err
		}
	}
	m := manifestOf(day, parts)
	text, err := m.encode()
	if err != nil {
		return nil, err
	}
	if published && !bytes.Equal(found, text) {
		return nil, ErrTaken
	}
	if err := a.compare(ctx, s, day, m); err != nil {
		if errors.Is(err, ErrDamaged) && !published {
			err = errors.Join(err, s.ForgetArchiveParts(ctx, day))
		}
		return nil, err
	}
	if published {
		return m, nil
	}
	return m, a.publish(ctx, m, text)
}

// write archives what is not noted yet, notes it and returns all that there is.
func (a *Archiver) write(ctx context.Context, s *store.Store, day time.Time, parts []store.ArchivePart) ([]store.ArchivePart, error) {
	for _, kind := range kinds {
		last := store.ArchivePart{Kind: kind.what, Part: -1, Rows: int64(a.pageRows)}
		for _, p := range parts {
			if p.Kind == kind.what {
				last = p
			}
		}
		for {
			p, err := a.part(ctx, s, day, &last)
			if err != nil {
				return nil, err
			}
			if p.rows == 0 {
				break
			}
			if last, err = p.close(kind.what, last.Part+1); err != nil {
				return nil, err
			}
			if err := a.put(ctx, partName(day, last.Kind, last.Part), p.data.Bytes()); err != nil {
				return nil, err
			}
			if err := s.AddArchivePart(ctx, day, &last); err != nil {
				return nil, err
			}
			a.step()
			parts = append(parts, last)
		}
	}
	return parts, nil
}

// part reads what follows the last part, until it fills the next one or there is
// no more. It asks for as few rows at a time as the last one had, if these are
// large: those that find no room were read for nothing.
func (a *Archiver) part(ctx context.Context, s *store.Store, day time.Time, last *store.ArchivePart) (*part, error) {
	p := newPart(a.partSize)
	limit := int(min(last.Rows, int64(a.pageRows)))
	for after := last.Last; ; after = p.last {
		began, before := time.Now(), p.rows
		for r, err := range rows(ctx, s, day, last.Kind, after, limit) {
			if err != nil {
				return nil, err
			}
			if err := p.add(r.line, r.key); err != nil {
				return nil, err
			}
			if p.full() {
				break
			}
		}
		a.rest(ctx, time.Since(began))
		if p.full() || p.rows < before+int64(limit) {
			return p, ctx.Err()
		}
	}
}

// row is a line of the archive.
type row struct {
	line any
	key  store.Key
}

func rows(ctx context.Context, s *store.Store, day time.Time, what store.Retired, after store.Key, limit int) iter.Seq2[row, error] {
	switch what {
	case store.RetiredEvents:
		return lines(s.EventsRetired(ctx, day, after, limit), recordEvent)
	case store.RetiredAttempts:
		return lines(s.AttemptsRetired(ctx, day, after, limit), recordAttempt)
	default:
		return lines(s.DeadLettersRetired(ctx, day, after, limit), recordDeadLetter)
	}
}

func lines[T any](found iter.Seq2[T, error], record func(T) (any, store.Key)) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		for r, err := range found {
			if err != nil {
				yield(row{}, err)
				return
			}
			line, key := record(r)
			if !yield(row{line, key}, nil) {
				return
			}
		}
	}
}

// compare reads back what is in the archive, and counts what it is of.
func (a *Archiver) compare(ctx context.Context, s *store.Store, day time.Time, m *Manifest) error {
	for _, kind := range kinds {
		n, err := s.CountRetired(ctx, day, kind.what)
		if err != nil {
			return err
		}
		if archived := *m.count(kind.what); archived != n {
			return fmt.Errorf("%w: it has %d of %d %s", ErrDamaged, archived, n, kind.what)
		}
	}
	for i := range m.Parts {
		began := time.Now()
		if err := a.check(ctx, &m.Parts[i]); err != nil {
			return err
		}
		a.step()
		a.rest(ctx, time.Since(began))
	}
	return nil
}

// publish puts the manifest beside what it tells of. From then on the day is in
// the archive.
func (a *Archiver) publish(ctx context.Context, m *Manifest, text []byte) error {
	if err := a.put(ctx, manifestName(m.Day), text); err != nil {
		return err
	}
	found, err := a.get(ctx, manifestName(m.Day))
	if err != nil {
		return err
	}
	if !bytes.Equal(found, text) {
		return fmt.Errorf("%w: manifest of %s", ErrDamaged, m.Day)
	}
	a.step()
	return nil
}

func (a *Archiver) check(ctx context.Context, p *Part) error {
	ctx, cancel := context.WithTimeoutCause(ctx, objectTimeout, errSlowPlace)
	defer cancel()
	return check(ctx, a.place, p)
}

func (a *Archiver) put(ctx context.Context, name string, data []byte) error {
	ctx, cancel := context.WithTimeoutCause(ctx, objectTimeout, errSlowPlace)
	defer cancel()
	a.step()
	defer a.step()
	return a.place.Put(ctx, name, data)
}

func (a *Archiver) get(ctx context.Context, name string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, objectTimeout, errSlowPlace)
	defer cancel()
	return get(ctx, a.place, name)
}

// get reads a small object.
func get(ctx context.Context, place Place, name string) (data []byte, err error) {
	object, err := place.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, object.Close()) }()
	if data, err = io.ReadAll(io.LimitReader(object, maxManifest)); err != nil {
		return nil, fmt.Errorf("read archive: %w", err)
	}
	return data, nil
}

// maxManifest is more than any manifest has: each part is some 300 bytes of it.
const maxManifest = 64 << 20

// rest leaves the database alone for a while after a page that took so long.
func rest(ctx context.Context, took time.Duration) {
	timer := time.NewTimer(restFactor * took)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
