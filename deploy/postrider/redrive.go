package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/shared/secret"
	"github.com/postrider/postrider/shared/service"
)

const (
	maxAnswer      = 1 << 20 // of the API, in bytes
	answerTimeout  = 30 * time.Second
	redriveKind    = "dlq.redrive"
	redrivesLooked = 50 // of the tasks of all applications
)

// redriver has dead letters delivered again, by the API.
type redriver struct {
	url    string
	token  secret.String
	all    bool
	reason string
	types  string
	since  string
	until  string
	noWait bool
	poll   time.Duration
}

func redrive() *command {
	r := redriver{poll: time.Second}
	return &command{
		name:  "redrive",
		words: "[APPLICATION [ENDPOINT]]",
		short: "deliver dead letters again, through the API, and wait for it",
		long: `Those of an application, of one of its endpoints, or with -all of everybody; all of them,
or those that the flags choose. Ids and uids are both good. The task goes on when this
command is interrupted.

  postrider redrive acme
  postrider redrive acme hook -reason timeout -since 2h
  postrider redrive -all`,
		flags: r.flags,
		run:   r.run,
	}
}

func (r *redriver) flags(fs *flag.FlagSet) {
	fs.StringVar(&r.url, "api-url", "http://127.0.0.1:8071", "`URL` of the API")
	fs.Var(&r.token, "token", "operator `token` that the API accepts")
	fs.BoolVar(&r.all, "all", false, "redrive the dead letters of all applications")
	fs.StringVar(&r.reason, "reason", "", "only those that died of this `reason`, such as timeout")
	fs.StringVar(&r.types, "event-types", "", "only those of these `types`, joined by commas")
	fs.StringVar(&r.since, "since", "", "only messages since this `time`: 2006-01-02T15:04:05Z, or how long ago, such as 10m")
	fs.StringVar(&r.until, "until", "", "only messages before this `time`, in the same form")
	fs.BoolVar(&r.noWait, "no-wait", false, "do not wait until it is done")
}

func (r *redriver) run(ctx context.Context, c *call) error {
	if r.token.IsZero() {
		return notSet("token")
	}
	body, err := r.body(time.Now())
	if err != nil {
		return wrongUse(err)
	}
	switch n := len(c.words); {
	case r.all && n > 0, !r.all && n == 0, n > 2:
		return wrongUse(errors.New("say whose: an application, and perhaps one of its endpoints, or -all"))
	case r.all && len(body) > 0:
		return wrongUse(errors.New("-all is about all dead letters: choose of those of an application"))
	}
	var begun []string
	if r.all {
		begun, err = r.beginAll(ctx)
	} else {
		begun, err = r.begin(ctx, c.words, body)
	}
	if err != nil {
		return err
	}
	for _, id := range begun {
		if err := r.follow(ctx, c.out, id); err != nil {
			return err
		}
	}
	return nil
}

// body is what chooses among the dead letters.
func (r *redriver) body(now time.Time) (map[string]any, error) {
	body := make(map[string]any)
	if r.reason != "" {
		body["reason"] = r.reason
	}
	if r.types != "" {
		body["eventTypes"] = strings.Split(r.types, ",")
	}
	for name, text := range map[string]string{"since": r.since, "until": r.until} {
		if text == "" {
			continue
		}
		at, err := parsePast(name, text, now)
		if err != nil {
			return nil, err
		}
		body[name] = at.UTC().Format(time.RFC3339Nano)
	}
	return body, nil
}

// begin makes the task for an application or endpoint.
func (r *redriver) begin(ctx context.Context, whose []string, body map[string]any) ([]string, error) {
	path := "/app/" + url.PathEscape(whose[0])
	if len(whose) > 1 {
		path += "/endpoint/" + url.PathEscape(whose[1])
	}
	var t redriveTask
	if err := r.ask(ctx, http.MethodPost, path+"/dlq/redrive", body, &t); err != nil {
		return nil, err
	}
	return []string{t.ID}, nil
}

// beginAll makes the task for everybody. The API does not say which it is, as Svix's
// does not, so it is the one that was not there before. If somebody else has made one
// at this moment, that is waited for too.
func (r *redriver) beginAll(ctx context.Context) ([]string, error) {
	before, err := r.tasks(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.ask(ctx, http.MethodPost, "/admin/redrive-dlq", nil, nil); err != nil {
		return nil, err
	}
	after, err := r.tasks(ctx)
	return slices.DeleteFunc(after, func(id string) bool { return slices.Contains(before, id) }), err
}

// tasks are the newest ones that redrive.
func (r *redriver) tasks(ctx context.Context) (ids []string, err error) {
	var list struct{ Data []redriveTask }
	err = r.ask(ctx, http.MethodGet, fmt.Sprintf("/background-task?task=%s&limit=%d", redriveKind, redrivesLooked), nil, &list)
	for _, t := range list.Data {
		ids = append(ids, t.ID)
	}
	return ids, err
}

// redriveTask is how far it has come, as the API says it.
type redriveTask struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Data   struct {
		Done      int64  `json:"done"`
		Total     *int64 `json:"total"`
		Sent      int64  `json:"messagesSent"`
		Cancelled bool   `json:"cancelled"`
	} `json:"data"`
}

// String is one line.
func (t *redriveTask) String() string {
	total := "…"
	if t.Data.Total != nil {
		total = fmt.Sprint(*t.Data.Total)
	}
	return fmt.Sprintf("%s %s: looked at %d of %s, %d on their way again", t.ID, t.Status, t.Data.Done, total, t.Data.Sent)
}

// follow says how far the task is whenever that has changed, until it has ended.
func (r *redriver) follow(ctx context.Context, out io.Writer, id string) error {
	said := ""
	for {
		var t redriveTask
		if err := r.ask(ctx, http.MethodGet, "/background-task/"+url.PathEscape(id), nil, &t); err != nil {
			return err
		}
		if line := t.String(); line != said {
			_, _ = fmt.Fprintln(out, line)
			said = line
		}
		switch {
		case t.Data.Cancelled:
			return fmt.Errorf("task %s was cancelled", id)
		case t.Status == "failed":
			return fmt.Errorf("task %s has failed: see the log of dlq", id)
		case t.Status == "finished", r.noWait:
			return nil
		}
		select {
		case <-time.After(r.poll):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// ask sends a request to the API and reads the answer into what it is for.
func (r *redriver) ask(ctx context.Context, method, path string, body, answer any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, fmt.Errorf("no answer within %s", answerTimeout))
	defer cancel()
	var sent io.Reader = http.NoBody
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("ask the API: %w", err)
		}
		sent = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(r.url, "/")+"/api/v1"+path, sent)
	if err != nil {
		return wrongUse(fmt.Errorf("ask the API: %w", err))
	}
	request.Header.Set("Authorization", "Bearer "+r.token.Reveal())
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask the API: %w\n(is it there? set %s)", err, service.Variable("api-url"))
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read what the API answers: %w", err)
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("the API answers %d to %s %s: %s", response.StatusCode, method, path, bytes.TrimSpace(text))
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("read what the API answers: %w", err)
	}
	return nil
}
