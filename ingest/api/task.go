package api

import (
	"context"
	"net/http"
	"time"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

func taskRoutes() []route {
	return []route{
		{"GET", "/background-task", forOperators, (*call).listTasks},
		{"GET", "/background-task/{task_id}", forOperators, (*call).getTask},
		{"POST", "/background-task/{task_id}/cancel", forOperators, (*call).cancelTask},
		{"GET", appPath + "/background-task", forMembers, (*call).listTasksOfApplication},
		{"GET", appPath + "/background-task/{task_id}", forMembers, (*call).getTask},
		{"POST", appPath + "/background-task/{task_id}/cancel", forReplayers, (*call).cancelTask},
	}
}

// task is a job under way, as clients see it.
type task struct {
	ID        string    `json:"id"`
	Status    string    `json:"status"`
	Task      string    `json:"task"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// taskWithData is a task with what it has done so far.
type taskWithData struct {
	task
	Data taskData `json:"data"`
}

// taskData is how far a task has come: how many it has looked at of all there are
// to look at, and how many of these it sent or removed.
type taskData struct {
	Done           int64  `json:"done"`
	Total          *int64 `json:"total"` // null until it is counted
	MessagesSent   *int64 `json:"messagesSent,omitempty"`
	MessagesPurged *int64 `json:"messagesPurged,omitempty"`
	LettersPurged  *int64 `json:"deadLettersPurged,omitempty"`
	Cancelled      bool   `json:"cancelled,omitempty"`
}

func showTask(t *store.Task) task {
	return task{ID: event.Task.Format(t.ID), Status: t.Status, Task: t.Kind, UpdatedAt: t.UpdatedAt.UTC()}
}

func showTaskWithData(t *store.Task) taskWithData {
	data := taskData{Done: t.Done, Cancelled: t.Cancelled}
	if t.Total != store.Uncounted {
		data.Total = &t.Total
	}
	switch t.Kind {
	case store.TaskExpunge:
		data.MessagesPurged = &t.Affected
	case store.TaskPurge:
		data.LettersPurged = &t.Affected
	default:
		data.MessagesSent = &t.Affected
	}
	return taskWithData{showTask(t), data}
}

// startTask stores a task, tells of it once it is committed and answers with it.
func (c *call) startTask(r *http.Request, t store.Task) (reply, error) {
	t.ID = event.NewID()
	if err := c.Store.CreateTask(r.Context(), &t); err != nil {
		return reply{}, err
	}
	c.afterwards(func(ctx context.Context) { c.Announcer.Announce(ctx, t) })
	return reply{http.StatusAccepted, showTask(&t)}, nil
}

// task finds the task of the path: where that names an application, one of its own.
func (c *call) task(r *http.Request) (*store.Task, error) {
	var owner event.ID
	if r.PathValue("app_id") != "" {
		tenant, err := c.tenant(r)
		if err != nil {
			return nil, err
		}
		owner = tenant.ID
	}
	id, err := event.Task.Parse(r.PathValue("task_id"))
	if err != nil {
		return nil, notFound()
	}
	t, err := c.Store.Task(r.Context(), id)
	if err == nil && !owner.IsZero() && t.Tenant != owner {
		return nil, notFound()
	}
	return t, err
}

// cancelTask ends a task after the part that it is at. What it has done stays
// done, and one that has ended stays as it is.
func (c *call) cancelTask(r *http.Request) (reply, error) {
	t, err := c.task(r)
	if err == nil {
		t, err = c.Store.CancelTask(r.Context(), t.ID)
	}
	if err != nil {
		return reply{}, err
	}
	return ok(showTaskWithData(t)), nil
}

func (c *call) getTask(r *http.Request) (reply, error) {
	t, err := c.task(r)
	if err != nil {
		return reply{}, err
	}
	return ok(showTaskWithData(t)), nil
}

// listTasks lists tasks, newest first. Published clients refuse a whole list for
// one kind that they do not know, so those that are ours are in it only when they
// are asked for.
func (c *call) listTasks(r *http.Request) (reply, error) {
	p := readParams(r)
	filter := p.tasks()
	if filter.Kinds == nil {
		filter.Kinds = []string{store.TaskRecover, store.TaskReplay, store.TaskBulkReplay, store.TaskExpunge}
	}
	return c.tasks(r, p, filter)
}

// listTasksOfApplication lists all tasks of an application, newest first. No
// published client knows it.
func (c *call) listTasksOfApplication(r *http.Request) (reply, error) {
	p := readParams(r)
	filter := p.tasks()
	t, err := c.tenant(r)
	if err != nil {
		return reply{}, err
	}
	filter.Tenant = t.ID
	return c.tasks(r, p, filter)
}

// tasks reads which tasks are asked for.
func (p *params) tasks() (filter store.TaskFilter) {
	if kind := p.name("task"); kind != "" {
		filter.Kinds = []string{kind}
	}
	switch filter.Status = p.values.Get("status"); filter.Status {
	case "", store.TaskRunning, store.TaskFinished, store.TaskFailed:
	default:
		p.malformed("status")
	}
	return filter
}

func (c *call) tasks(r *http.Request, p *params, filter store.TaskFilter) (reply, error) {
	page := p.page(event.Task, p.ascending(false))
	if err := p.err(); err != nil {
		return reply{}, err
	}
	tasks, more, err := c.Store.Tasks(r.Context(), filter, page)
	if err != nil {
		return reply{}, err
	}
	return listOf(tasks, more, showTaskWithData, func(t *store.Task) string { return event.Task.Format(t.ID) }), nil
}
