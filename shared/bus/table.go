package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// workersBucket is the table of the deliver workers (a KV bucket).
const workersBucket = "workers"

// tombstoneTTL is how long the table tells that a record was deleted: long enough
// for all who watch, and no longer, or it would fill with what is gone.
const tombstoneTTL = time.Minute

var (
	// ErrNoRecord is returned by Get for a key that has no record.
	ErrNoRecord = errors.New("no such record")

	// ErrOvertaken is returned when somebody else was quicker: the record is not
	// the one that was meant, or is there already.
	ErrOvertaken = errors.New("the record has changed")
)

// Record is one entry of a Table.
type Record struct {
	Key      string
	Value    []byte // nil when it was deleted
	Revision uint64 // names this state of it; grows with every change of the table
}

// Table is a small table that the processes of a stage share: a bucket of NATS
// KV. Its changes are atomic for each record. A server that lost its disk has
// lost the table too: whoever relies on a record reads it again after a
// reconnect.
type Table struct{ kv jetstream.KeyValue }

// Workers opens the table of the deliver workers, made by Bootstrap.
func (b *Bus) Workers(ctx context.Context) (*Table, error) {
	kv, err := b.js.KeyValue(ctx, workersBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return nil, fmt.Errorf("bucket %s: %w", workersBucket, ErrNotBootstrapped)
	}
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", workersBucket, err)
	}
	return &Table{kv}, nil
}

// Get returns a record, or ErrNoRecord.
func (t *Table) Get(ctx context.Context, key string) (Record, error) {
	e, err := t.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return Record{}, fmt.Errorf("get %s: %w", key, ErrNoRecord)
	}
	if err != nil {
		return Record{}, fmt.Errorf("get %s: %w", key, err)
	}
	return Record{Key: key, Value: e.Value(), Revision: e.Revision()}, nil
}

// Put sets a record, whatever it was.
func (t *Table) Put(ctx context.Context, key string, value []byte) (revision uint64, err error) {
	if revision, err = t.kv.Put(ctx, key, value); err != nil {
		return 0, fmt.Errorf("put %s: %w", key, err)
	}
	return revision, nil
}

// Create makes a record that is not there. It returns ErrOvertaken when it is.
func (t *Table) Create(ctx context.Context, key string, value []byte) (revision uint64, err error) {
	if revision, err = t.kv.Create(ctx, key, value); err != nil {
		return 0, fmt.Errorf("create %s: %w", key, overtaken(err))
	}
	return revision, nil
}

// Update changes the record that has the revision. It returns ErrOvertaken when
// it has another by now.
func (t *Table) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	revision, err := t.kv.Update(ctx, key, value, revision)
	if err != nil {
		return 0, fmt.Errorf("update %s: %w", key, overtaken(err))
	}
	return revision, nil
}

// Delete removes the record that has the revision. It returns ErrOvertaken when
// it has another by now.
func (t *Table) Delete(ctx context.Context, key string, revision uint64) error {
	err := t.kv.Purge(ctx, key, jetstream.LastRevision(revision), jetstream.PurgeTTL(tombstoneTTL))
	if err != nil {
		return fmt.Errorf("delete %s: %w", key, overtaken(err))
	}
	return nil
}

// Watch calls changed with every record that there is, then once ready, and then
// with every change, one at a time and until ctx ends. It returns an error when it
// cannot go on before that.
func (t *Table) Watch(ctx context.Context, changed func(Record), ready func()) error {
	w, err := t.kv.WatchAll(ctx)
	if err != nil {
		return fmt.Errorf("watch bucket %s: %w", t.kv.Bucket(), err)
	}
	defer func() { _ = w.Stop() }() // fails only without a connection, when nothing comes anyway
	for {
		select {
		case e, ok := <-w.Updates():
			switch {
			case !ok && ctx.Err() != nil:
				return nil
			case !ok:
				return fmt.Errorf("watch bucket %s: %w", t.kv.Bucket(), ErrDisconnected)
			case e == nil:
				ready()
			default:
				changed(recordOf(e))
			}
		case <-ctx.Done():
			return nil
		}
	}
}

func recordOf(e jetstream.KeyValueEntry) Record {
	r := Record{Key: e.Key(), Revision: e.Revision()}
	if e.Operation() == jetstream.KeyValuePut {
		r.Value = e.Value()
	}
	return r
}

// overtaken makes ErrOvertaken of the server's refusal.
func overtaken(err error) error {
	var api *jetstream.APIError
	if errors.Is(err, jetstream.ErrKeyExists) ||
		errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		return ErrOvertaken
	}
	return err
}
