package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// SystemTenant is the tenant whose endpoints are told, by notices, of what happens
// to the endpoints of all others. Notices are ordinary events of its, stored with
// what they tell of in one transaction and published by the sweeper.
var SystemTenant = event.ID{6: 0x70, 8: 0x80} //nolint:gochecknoglobals // constant; the migration makes it

// The types of notices, and of what they tell.
const (
	EndpointCreated  = "endpoint.created"
	EndpointUpdated  = "endpoint.updated"
	EndpointDeleted  = "endpoint.deleted"
	EndpointEnabled  = "endpoint.enabled"
	EndpointDisabled = "endpoint.disabled"
	CircuitOpened    = "endpoint.circuit.opened"
	CircuitClosed    = "endpoint.circuit.closed"

	VerificationSucceeded = "endpoint.verification.succeeded"
	VerificationFailed    = "endpoint.verification.failed"

	AttemptFailing   = "message.attempt.failing"   // for the fourth time
	AttemptExhausted = "message.attempt.exhausted" // for the last time
	AttemptRecovered = "message.attempt.recovered" // success after one of these
)

// Notices are all types of notices.
func Notices() []string {
	return []string{
		EndpointCreated, EndpointUpdated, EndpointDeleted, EndpointEnabled, EndpointDisabled, CircuitOpened, CircuitClosed,
		VerificationSucceeded, VerificationFailed,
		AttemptFailing, AttemptExhausted, AttemptRecovered,
	}
}

// noticeBatch bounds the messages on which notices travel, in bytes.
const noticeBatch = 256 << 10

// notice is what an endpoint of the system tenant receives.
type notice struct {
	Type string `json:"type"`
	Data any    `json:"data"`

	// once names what the notice tells of, when that may be stored again.
	once string
}

// wantedNotices lists the types of notices that any endpoint of the system tenant
// wants. Where nobody listens, this is all that notices cost.
func (s *Store) wantedNotices(ctx context.Context) ([]string, error) {
	rows, err := s.db.Query(ctx, `
		SELECT DISTINCT unnest(coalesce(event_types, $2::text[])) FROM endpoints
		WHERE tenant_id = $1 AND deleted_at IS NULL AND NOT disabled`, SystemTenant, Notices())
	if err != nil {
		return nil, fmt.Errorf("look for who wants notices: %w", err)
	}
	types, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look for who wants notices: %w", err)
	}
	return types, nil
}

// tell stores notices.
func (s *Store) tell(ctx context.Context, notices []notice) error {
	events := make([]NewEvent, len(notices))
	for i, n := range notices {
		payload, err := json.Marshal(n)
		if err != nil {
			return fmt.Errorf("encode notice: %w", err)
		}
		events[i] = NewEvent{Event: event.Event{ID: event.NewID(), Tenant: SystemTenant, Type: n.Type, Payload: payload}, UID: n.once}
	}
	if len(events) == 0 {
		return nil
	}
	if _, _, err := s.Accept(ctx, events, noticeBatch); err != nil {
		return fmt.Errorf("tell of changes: %w", err)
	}
	return nil
}
