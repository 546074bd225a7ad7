package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/postrider/postrider/shared/event"
)

// Header is the name and the value of a header.
type Header [2]string

// AttemptHeaders are the headers of an attempt as far as they are kept: text without
// control characters, and without secrets.
type AttemptHeaders struct {
	Sent     map[string]string `json:"sent"`
	Hidden   []string          `json:"hidden,omitempty"` // names of those that were sent, too, and whose values nobody is to see
	Answered []Header          `json:"answered"`         // by their names; nil: none came
	Cut      bool              `json:"cut,omitempty"`    // more came, or longer ones
}

// encode is what is stored: nil for none.
func (h *AttemptHeaders) encode() ([]byte, error) {
	if h == nil {
		return nil, nil
	}
	return json.Marshal(h)
}

// AttemptHeaders reads the headers of an attempt of an event, nil when none were
// kept. It returns ErrNotFound when there is no such attempt.
func (s *Store) AttemptHeaders(ctx context.Context, tenant, eventID, id event.ID) (*AttemptHeaders, error) {
	var h *AttemptHeaders
	err := s.db.QueryRow(ctx,
		`SELECT headers FROM attempts WHERE event_id = $1 AND id = $2 AND tenant_id = $3`, eventID, id, tenant).Scan(&h)
	if err != nil {
		return nil, fmt.Errorf("read headers of attempt: %w", interpret(err))
	}
	return h, nil
}
