package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/shared/event"
)

// endpointNews is what happened to an endpoint.
type endpointNews struct {
	kind      string
	trigger   string    // of EndpointDisabled
	failSince time.Time // zero: it did not fail
	openSince time.Time // of CircuitOpened and CircuitClosed
}

// Who disabled an endpoint.
const (
	manual    = "manual"
	automatic = "automatic"
)

// newsOfChange is what there is to tell of an endpoint that its owner changed.
func newsOfChange(wasDisabled, isDisabled bool) []endpointNews {
	news := []endpointNews{{kind: EndpointUpdated}}
	switch {
	case !wasDisabled && isDisabled:
		return append(news, endpointNews{kind: EndpointDisabled, trigger: manual})
	case wasDisabled && !isDisabled:
		return append(news, endpointNews{kind: EndpointEnabled})
	default:
		return news
	}
}

// endpointNotice is the data of a notice of an endpoint.
type endpointNotice struct {
	AppID       string    `json:"appId"`
	AppUID      string    `json:"appUid,omitempty"`
	EndpointID  string    `json:"endpointId"`
	EndpointUID string    `json:"endpointUid,omitempty"`
	FailSince   time.Time `json:"failSince,omitzero"`
	OpenSince   time.Time `json:"openSince,omitzero"`
	Trigger     string    `json:"trigger,omitempty"`
}

// tellOfEndpoint stores notices of what happened to an endpoint. Of what happens
// to those of the system tenant itself nobody is told: that would never end.
func (s *Store) tellOfEndpoint(ctx context.Context, tenant, endpoint event.ID, uid string, news ...endpointNews) error {
	if tenant == SystemTenant {
		return nil
	}
	return s.openly(ctx, func() error { return s.tellOpenly(ctx, tenant, endpoint, uid, news) })
}

func (s *Store) tellOpenly(ctx context.Context, tenant, endpoint event.ID, uid string, news []endpointNews) error {
	wanted, err := s.wantedNotices(ctx)
	if err != nil {
		return err
	}
	news = slices.DeleteFunc(news, func(n endpointNews) bool { return !slices.Contains(wanted, n.kind) })
	if len(news) == 0 {
		return nil
	}
	data := endpointNotice{AppID: event.Tenant.Format(tenant), EndpointID: event.Endpoint.Format(endpoint), EndpointUID: uid}
	if err := s.db.QueryRow(ctx, `SELECT coalesce(uid, '') FROM tenants WHERE id = $1`, tenant).Scan(&data.AppUID); err != nil {
		return fmt.Errorf("read tenant: %w", err)
	}
	notices := make([]notice, len(news))
	for i, n := range news {
		data.Trigger, data.FailSince, data.OpenSince = n.trigger, n.failSince.UTC(), n.openSince.UTC()
		notices[i] = notice{Type: n.kind, Data: data}
	}
	return s.tell(ctx, notices)
}
