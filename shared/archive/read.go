package archive

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

// Days reads the manifests of an archive from a day on, in order. since is as in
// Manifest.Day; empty for all.
func Days(ctx context.Context, place Place, since string) iter.Seq2[*Manifest, error] {
	return func(yield func(*Manifest, error) bool) {
		names, err := place.List(ctx, manifestFolder)
		if err != nil {
			yield(nil, err)
			return
		}
		for _, name := range names {
			day := strings.TrimSuffix(name, ".json")
			if day < since {
				continue
			}
			if m, err := Day(ctx, place, day); !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// Day reads the manifest of one day. It returns ErrNotFound.
func Day(ctx context.Context, place Place, day string) (*Manifest, error) {
	text, err := get(ctx, place, manifestName(day))
	if err != nil {
		return nil, err
	}
	return decodeManifest(text)
}

// Verify reads all that an archive has of a day and compares it with the
// manifest. It returns ErrDamaged.
func Verify(ctx context.Context, place Place, m *Manifest) error {
	var counted Manifest
	for i := range m.Parts {
		if err := check(ctx, place, &m.Parts[i]); err != nil {
			return err
		}
		*counted.count(m.Parts[i].Kind) += m.Parts[i].Rows
	}
	if counted.Events != m.Events || counted.Attempts != m.Attempts || counted.DeadLetters != m.DeadLetters {
		return fmt.Errorf("%w: the parts of %s have another number of rows than it", ErrDamaged, m.Day)
	}
	return nil
}

// check reads an object back. It returns ErrDamaged when it is missing or not
// what the manifest says.
func check(ctx context.Context, place Place, p *Part) error {
	object, err := place.Get(ctx, p.Name)
	if errors.Is(err, ErrNotFound) {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err != nil {
		return err
	}
	defer func() { _ = object.Close() }() // it was only read
	raw := &hashed{from: object, hash: sha256.New()}
	var n int64
	err = eachLine(raw, func([]byte) error { n++; return nil })
	switch {
	case raw.err != nil:
		return fmt.Errorf("read archive: %w", raw.err)
	case err != nil || n != p.Rows || fmt.Sprintf("%x", raw.hash.Sum(nil)) != p.SHA256:
		return fmt.Errorf("%w: %s", ErrDamaged, p.Name)
	}
	return nil
}

// hashed tells what was wrong with reading from what was wrong with what was read.
type hashed struct {
	from io.Reader
	hash hash.Hash
	err  error
}

// Read implements io.Reader.
func (h *hashed) Read(b []byte) (int, error) {
	n, err := h.from.Read(b)
	_, _ = h.hash.Write(b[:n]) // never fails
	if !errors.Is(err, io.EOF) {
		h.err = err
	}
	return n, err
}

// eachLine calls work for each line of a compressed object until that fails. What
// it is given is good for that call only.
func eachLine(object io.Reader, work func(line []byte) error) error {
	unzipped, err := gzip.NewReader(object)
	if err != nil {
		return fmt.Errorf("read archive: %w", err)
	}
	lines := bufio.NewReaderSize(unzipped, 64<<10)
	var long []byte
	for {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			long = append(long, line...)
			continue
		case errors.Is(err, io.EOF) && len(line)+len(long) == 0:
			return nil
		case err != nil:
			return fmt.Errorf("read archive: %w", err)
		}
		if len(long) > 0 {
			line = append(long, line...)
			long = long[:0]
		}
		if err := work(line); err != nil {
			return err
		}
	}
}

// Message is what an archive has of one message.
type Message struct {
	Event       Event
	Attempts    []Attempt    // of any day, in order
	DeadLetters []DeadLetter // one for each endpoint at most
}

// Find looks for a message: among the events of its day, and for its attempts and
// dead letters in that day and all later ones. It reads the objects that may have
// them; those of events go by application, so naming that saves reading the whole
// day. Zero: it is not known. It returns ErrNotFound.
func Find(ctx context.Context, place Place, application, message event.ID) (*Message, error) {
	day := message.Time().Format(time.DateOnly)
	found := &Message{}
	for m, err := range Days(ctx, place, day) {
		if err != nil {
			return nil, err
		}
		if m.Day == day {
			if err := found.readEvent(ctx, place, m, formatted(event.Tenant, application), event.Message.Format(message)); err != nil {
				return nil, err
			}
		}
		if found.Event.ID == "" { // the day is not in the archive
			break
		}
		if err := found.readRest(ctx, place, m); err != nil {
			return nil, err
		}
	}
	if found.Event.ID == "" {
		return nil, fmt.Errorf("message of %s: %w", day, ErrNotFound)
	}
	return found, nil
}

func (f *Message) readEvent(ctx context.Context, place Place, m *Manifest, application, message string) error {
	return m.lines(ctx, place, store.RetiredEvents, application, func(line []byte) error {
		if !bytes.Contains(line, []byte(message)) { // spares reading nearly all of them
			return nil
		}
		var e Event
		if err := json.Unmarshal(line, &e); err != nil || e.ID != message {
			return err
		}
		f.Event = e
		return errEnough
	})
}

func (f *Message) readRest(ctx context.Context, place Place, m *Manifest) error {
	id := []byte(f.Event.ID)
	err := m.lines(ctx, place, store.RetiredAttempts, f.Event.ID, func(line []byte) error {
		var a Attempt
		if !bytes.Contains(line, id) {
			return nil
		}
		if err := json.Unmarshal(line, &a); err != nil || a.MessageID != f.Event.ID {
			return err
		}
		f.Attempts = append(f.Attempts, a)
		return nil
	})
	if err != nil {
		return err
	}
	return m.lines(ctx, place, store.RetiredDeadLetters, "", func(line []byte) error {
		var l DeadLetter
		if !bytes.Contains(line, id) {
			return nil
		}
		if err := json.Unmarshal(line, &l); err != nil || l.MessageID != f.Event.ID {
			return err
		}
		f.DeadLetters = append(f.DeadLetters, l)
		return nil
	})
}

// errEnough ends reading early.
var errEnough = errors.New("enough")

// lines calls work for each line of the parts of a kind that may have something of
// an id, of any if that is empty.
func (m *Manifest) lines(ctx context.Context, place Place, what store.Retired, id string, work func(line []byte) error) error {
	for i := range m.Parts {
		p := &m.Parts[i]
		if p.Kind != what || id != "" && (id < p.First || id > p.Last) {
			continue
		}
		object, err := place.Get(ctx, p.Name)
		if err != nil {
			return err
		}
		err = eachLine(object, work)
		_ = object.Close() // it was only read
		if errors.Is(err, errEnough) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	return nil
}
