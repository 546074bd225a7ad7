package target

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"

	"github.com/postrider/postrider/bench/rest"
)

// broker is a webhook-broker: a tenant is a channel with a producer of the same name,
// and its endpoints are consumers. Who may manage it is nobody's question there; what
// it asks to broadcast are tokens of channel and producer, which are made up here.
// https://github.com/newscred/webhook-broker
type broker struct {
	api   rest.Client
	token string // of all channels, producers and consumers
}

func newBroker(c rest.Client) broker { return broker{c, rand.Text()} }

func (b broker) Found(ctx context.Context, name string, urls []string) (Tenant, error) {
	t := Tenant{ID: name}
	for _, path := range []string{producerPath(name), channelPath(name)} {
		if err := b.put(ctx, path, nil); err != nil {
			return t, err
		}
	}
	for i, at := range urls {
		e := Endpoint{ID: fmt.Sprintf("%s-%d", name, i)}
		if err := b.put(ctx, channelPath(name)+"/consumer/"+url.PathEscape(e.ID), url.Values{"callbackUrl": {at}}); err != nil {
			return t, err
		}
		t.Endpoints = append(t.Endpoints, e)
	}
	return t, nil
}

// put makes something that is not there yet.
func (b broker) put(ctx context.Context, path string, form url.Values) error {
	if form == nil {
		form = url.Values{}
	}
	form.Set("token", b.token)
	header := http.Header{
		"Content-Type":        {"application/x-www-form-urlencoded"},
		"If-Unmodified-Since": {"Thu, 01 Jan 1970 00:00:00 GMT"},
	}
	if _, err := b.api.Send(ctx, http.MethodPut, path, header, []byte(form.Encode())); err != nil {
		return fmt.Errorf("create %s: %w", path[1:], err)
	}
	return nil
}

// Dismiss leaves everything there: channels and producers cannot be removed, and the
// consumers of a channel that nobody broadcasts to cost nothing.
func (broker) Dismiss(context.Context, Tenant) error { return nil }

// Form: a message that comes again under the same id is refused, so it was accepted.
func (b broker) Form(tenant string, _ bool) Form {
	return Form{
		URL: b.api.Base() + channelPath(tenant) + "/broadcast",
		Header: http.Header{
			"Content-Type":            {"application/json"},
			"X-Broker-Channel-Token":  {b.token},
			"X-Broker-Producer-Token": {b.token},
			"X-Broker-Producer-Id":    {tenant},
		},
		KeyHeader:      "X-Broker-Message-Id",
		RepeatedStatus: http.StatusConflict,
	}
}

func channelPath(id string) string  { return "/channel/" + url.PathEscape(id) }
func producerPath(id string) string { return "/producer/" + url.PathEscape(id) }
