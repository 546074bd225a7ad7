package client

import (
	"context"
	"net/url"
	"time"
)

// Task is a job that goes on after it was asked for, such as a redrive.
type Task struct {
	ID        string    `json:"id"`
	Status    string    `json:"status"` // running, finished or failed
	Kind      string    `json:"task"`   // such as "dlq.redrive"
	UpdatedAt time.Time `json:"updatedAt"`
	Data      TaskData  `json:"data"` // nothing in the answer to whoever starts one
}

// TaskData is how far a task has come. Of what it affects, only its kind is there.
type TaskData struct {
	Done              int64  `json:"done"`  // messages or dead letters looked at
	Total             *int64 `json:"total"` // of these; nil: not counted yet
	MessagesSent      *int64 `json:"messagesSent"`
	MessagesPurged    *int64 `json:"messagesPurged"`
	DeadLettersPurged *int64 `json:"deadLettersPurged"`
	Cancelled         bool   `json:"cancelled"`
}

// tasksPath is where the tasks of an application are, or with none all that an operator
// sees.
func tasksPath(app string, below ...string) string {
	names := append([]string{"background-task"}, below...)
	if app != "" {
		names = append([]string{"app", app}, names...)
	}
	return Path(names...)
}

// Tasks is a page of the tasks of an application, or of all where none is named. Query
// is status, task (the kind), limit, iterator and order.
func (c *Client) Tasks(ctx context.Context, app string, query url.Values) (List[Task], error) {
	var page List[Task]
	return page, c.Get(ctx, tasksPath(app), query, &page)
}

// Task is one task of an application, or of any where none is named.
func (c *Client) Task(ctx context.Context, app, id string) (Task, error) {
	var t Task
	return t, c.Get(ctx, tasksPath(app, id), nil, &t)
}

// CancelTask stops a task after the part that it is at.
func (c *Client) CancelTask(ctx context.Context, app, id string) error {
	return c.Post(ctx, tasksPath(app, id, "cancel"), nil, nil, nil)
}
