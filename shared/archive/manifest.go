package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"time"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

// Format is the version of what is written. Readers refuse one that they do not
// know.
const Format = "postrider-archive/1"

const (
	manifestFolder = "manifest"
	dataFolder     = "data"
)

// Manifest says what an archive has of a day.
type Manifest struct {
	Format      string `json:"format"`
	Day         string `json:"day"` // 2006-01-02, in UTC
	Events      int64  `json:"events"`
	Attempts    int64  `json:"attempts"`
	DeadLetters int64  `json:"deadLetters"`
	Parts       []Part `json:"parts"`
}

// Part is one object of an archive.
type Part struct {
	Name   string        `json:"name"`
	Kind   store.Retired `json:"kind"`
	Rows   int64         `json:"rows"`
	Bytes  int64         `json:"bytes"`
	SHA256 string        `json:"sha256"`

	// First and Last are the ids by which its rows are ordered before all else: of
	// applications for events, of messages for attempts, of endpoints for dead letters.
	First string `json:"first"`
	Last  string `json:"last"`
}

// kinds are the tables of a day, in the order in which they are archived, each
// with what its ids are of that order it before all else.
var kinds = []struct {
	what store.Retired
	by   event.Kind
}{
	{store.RetiredEvents, event.Tenant},
	{store.RetiredAttempts, event.Message},
	{store.RetiredDeadLetters, event.Endpoint},
}

// manifestOf is the manifest of a day that consists of these parts.
func manifestOf(day time.Time, parts []store.ArchivePart) *Manifest {
	m := &Manifest{Format: Format, Day: day.Format(time.DateOnly), Parts: []Part{}}
	for _, kind := range kinds {
		for i := range parts {
			p := &parts[i]
			if p.Kind != kind.what {
				continue
			}
			*m.count(p.Kind) += p.Rows
			m.Parts = append(m.Parts, Part{
				Name:   partName(day, p.Kind, p.Part),
				Kind:   p.Kind,
				Rows:   p.Rows,
				Bytes:  p.Bytes,
				SHA256: fmt.Sprintf("%x", p.SHA256),
				First:  kind.by.Format(p.First[0]),
				Last:   kind.by.Format(p.Last[0]),
			})
		}
	}
	return m
}

// count is where the manifest counts rows of a kind.
func (m *Manifest) count(what store.Retired) *int64 {
	switch what {
	case store.RetiredEvents:
		return &m.Events
	case store.RetiredAttempts:
		return &m.Attempts
	default:
		return &m.DeadLetters
	}
}

// encode writes the same for the same day each time.
func (m *Manifest) encode() ([]byte, error) {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write manifest: %w", err)
	}
	return append(text, '\n'), nil
}

func decodeManifest(text []byte) (*Manifest, error) {
	var m Manifest
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&m); err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	if m.Format != Format {
		return nil, fmt.Errorf("read manifest: format is %q, not %q", m.Format, Format)
	}
	return &m, nil
}

func manifestName(day string) string { return path.Join(manifestFolder, day+".json") }

func partName(day time.Time, what store.Retired, n int) string {
	return path.Join(dataFolder, day.Format(time.DateOnly), fmt.Sprintf("%s-%05d.ndjson.gz", what, n))
}
