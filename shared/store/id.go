package store

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/postrider/postrider/shared/event"
)

// registerID makes ids travel as uuid. To pgx they are an unknown named type,
// and the vocabulary may not know of pgx, so the two are introduced here: an id
// is wrapped as the [16]byte that it is.
func registerID(_ context.Context, conn *pgx.Conn) error {
	m := conn.TypeMap()
	m.RegisterDefaultPgType(event.ID{}, "uuid")
	m.RegisterDefaultPgType([]event.ID{}, "_uuid")
	m.TryWrapEncodePlanFuncs = append([]pgtype.TryWrapEncodePlanFunc{wrapEncode}, m.TryWrapEncodePlanFuncs...)
	m.TryWrapScanPlanFuncs = append([]pgtype.TryWrapScanPlanFunc{wrapScan}, m.TryWrapScanPlanFuncs...)
	return nil
}

func wrapEncode(value any) (pgtype.WrappedEncodePlanNextSetter, any, bool) {
	if id, ok := value.(event.ID); ok {
		return &encodeID{}, [16]byte(id), true
	}
	return nil, nil, false
}

func wrapScan(target any) (pgtype.WrappedScanPlanNextSetter, any, bool) {
	if id, ok := target.(*event.ID); ok {
		return &scanID{}, (*[16]byte)(id), true
	}
	return nil, nil, false
}

type encodeID struct{ next pgtype.EncodePlan }

func (p *encodeID) SetNext(next pgtype.EncodePlan) { p.next = next }

func (p *encodeID) Encode(value any, buf []byte) ([]byte, error) {
	return p.next.Encode([16]byte(value.(event.ID)), buf) //nolint:forcetypeassert // wrapEncode made sure
}

type scanID struct{ next pgtype.ScanPlan }

func (p *scanID) SetNext(next pgtype.ScanPlan) { p.next = next }

func (p *scanID) Scan(src []byte, target any) error {
	return p.next.Scan(src, (*[16]byte)(target.(*event.ID))) //nolint:forcetypeassert // wrapScan made sure
}

// parseUUID reads the database's text form.
func parseUUID(text string) (event.ID, error) {
	var u pgtype.UUID
	if err := u.Scan(text); err != nil {
		return event.ID{}, err
	}
	return u.Bytes, nil
}

func uuidText(id event.ID) string { return pgtype.UUID{Bytes: id, Valid: true}.String() }
