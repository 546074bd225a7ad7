package archive

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/postrider/postrider/shared/store"
)

const (
	// partSize is how large an object gets before the next one is begun, in bytes.
	// One is put together in memory, so that its length and checksum are known before
	// it is sent: that and one row is what archiving takes of it.
	partSize = 8 << 20

	// maxRatio bounds what an object unpacks to, as a multiple of that.
	maxRatio = 8

	// level of compression: three times as quick as the usual one, for an eighth more
	// bytes (measured).
	level = 3
)

// part is an object that is being put together.
type part struct {
	limit int
	data  bytes.Buffer
	zip   *gzip.Writer
	lines *json.Encoder

	plain       int // bytes before they were compressed
	rows        int64
	first, last store.Key
}

func newPart(limit int) *part {
	p := &part{limit: limit}
	p.zip, _ = gzip.NewWriterLevel(&p.data, level) // fails for levels that there are not
	p.lines = json.NewEncoder(p)
	p.lines.SetEscapeHTML(false)
	return p
}

// Write implements io.Writer, for the encoder.
func (p *part) Write(line []byte) (int, error) {
	p.plain += len(line)
	return p.zip.Write(line)
}

// add writes one line.
func (p *part) add(record any, key store.Key) error {
	if err := p.lines.Encode(record); err != nil {
		return fmt.Errorf("write row of the archive: %w", err)
	}
	if p.rows == 0 {
		p.first = key
	}
	p.rows++
	p.last = key
	return nil
}

func (p *part) full() bool { return p.data.Len() >= p.limit || p.plain >= maxRatio*p.limit }

// close returns what is to be known of the object. Its bytes are in data then.
func (p *part) close(what store.Retired, n int) (store.ArchivePart, error) {
	if err := p.zip.Close(); err != nil {
		return store.ArchivePart{}, fmt.Errorf("compress archive: %w", err)
	}
	sum := sha256.Sum256(p.data.Bytes())
	return store.ArchivePart{
		Kind: what, Part: n, Rows: p.rows, Bytes: int64(p.data.Len()), SHA256: sum[:], First: p.first, Last: p.last,
	}, nil
}
