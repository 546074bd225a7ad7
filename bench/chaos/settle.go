package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/postrider/postrider/bench/suite"
)

const (
	idleTick   = 2 * time.Second
	letterPage = 250
)

// settle waits until every delivery has arrived or is dead, or nothing has changed
// for too long, and then for what may still arrive twice.
func (t *trial) settle(ctx context.Context) (verdict, error) {
	dead := map[delivery]bool{}
	told, since := -1, time.Now()
	for {
		found := t.look(ctx, dead)
		if len(found.lost) != told {
			told, since = len(found.lost), time.Now()
			t.Tell("%d deliveries are missing", told)
		}
		if told == 0 || time.Since(since) > t.idle {
			break
		}
		if err := suite.Pause(ctx, idleTick); err != nil {
			return found, err
		}
	}
	if err := suite.Pause(ctx, t.settling); err != nil {
		return verdict{}, err
	}
	return t.look(ctx, dead), nil
}

// look compares, and asks for the dead letters of whoever has not got everything.
func (t *trial) look(ctx context.Context, dead map[delivery]bool) verdict {
	for app := range t.ledger.compare(t.fleet.paths, dead).outstanding() {
		if err := t.letters(ctx, app, dead); err != nil {
			t.Tell("%v", err) // it will be asked again
		}
	}
	return t.ledger.compare(t.fleet.paths, dead)
}

// letters adds the dead letters of an application.
func (t *trial) letters(ctx context.Context, app string, dead map[delivery]bool) error {
	from := ""
	for {
		var page struct {
			Data     []struct{ MsgID, EndpointID string }
			Iterator *string
			Done     bool
		}
		path := fmt.Sprintf("/api/v1/app/%s/dlq?limit=%d&iterator=%s", url.PathEscape(app), letterPage, url.QueryEscape(from))
		if err := t.api.Call(ctx, http.MethodGet, path, nil, &page); err != nil {
			return fmt.Errorf("list dead letters: %w", err)
		}
		for _, letter := range page.Data {
			dead[delivery{letter.MsgID, t.fleet.path[letter.EndpointID]}] = true
		}
		if page.Done || page.Iterator == nil {
			return nil
		}
		from = *page.Iterator
	}
}

// shownSteps is how many steps of a delivery are shown, the last ones.
const shownSteps = 6

// timeline is what Postrider itself knows of a delivery, for whoever looks for what
// was lost.
func (t *trial) timeline(ctx context.Context, m missing) string {
	var page struct {
		Data []struct {
			At         time.Time
			Step       string
			EndpointID string
			Attempt    int
			Lane       string
			Outcome    string
		}
	}
	path := fmt.Sprintf("/api/v1/app/%s/msg/%s/timeline?limit=%d", url.PathEscape(m.app), url.PathEscape(m.message), letterPage)
	if err := t.api.Call(ctx, http.MethodGet, path, nil, &page); err != nil {
		return err.Error()
	}
	var steps []string
	for _, s := range page.Data {
		if s.EndpointID == "" || t.fleet.path[s.EndpointID] == m.path {
			steps = append(steps, strings.TrimSpace(fmt.Sprintf("%s %s %d %s%s", clock(s.At), s.Step, s.Attempt, s.Lane, s.Outcome)))
		}
	}
	return strings.Join(steps[max(0, len(steps)-shownSteps):], "; ")
}
