package api

import (
	"context"
	"net/http"
	"time"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

// taskFailed is a status that clients may ask for and no task of ours ever has.
const taskFailed = "failed"

func taskRoutes() []route {
	return []route{
		{"GET", "/background-task", forOperators, (*call).listTasks},
		{"GET", "/background-task/{task_id}", forOperators, (*call).getTask},
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

type taskData struct {
	MessagesSent int64 `json:"messagesSent"`
}

func showTask(t *store.Task) task {
	return task{ID: event.Task.Format(t.ID), Status: t.Status, Task: t.Kind, UpdatedAt: t.UpdatedAt.UTC()}
}

func showTaskWithData(t *store.Task) taskWithData {
	return taskWithData{showTask(t), taskData{MessagesSent: t.Done}}
}

// startTask stores a task, tells of it once it is committed and answers with it.
func (c *call) startTask(r *http.Request, t store.Task) (reply, error) {
	t.ID = event.NewID()
	t.Status, t.UpdatedAt = store.TaskRunning, t.ID.Time()
	if err := c.Store.CreateTask(r.Context(), t); err != nil {
		return reply{}, err
	}
	c.afterwards(func(ctx context.Context) { c.Announcer.Announce(ctx, t) })
	return reply{http.StatusAccepted, showTask(&t)}, nil
}

func (c *call) getTask(r *http.Request) (reply, error) {
	id, err := event.Task.Parse(r.PathValue("task_id"))
	if err != nil {
		return reply{}, notFound()
	}
	t, err := c.Store.Task(r.Context(), id)
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
	filter := store.TaskFilter{Kinds: []string{store.TaskRecover}}
	if kind := p.name("task"); kind != "" {
		filter.Kinds = []string{kind}
	}
	switch filter.Status = p.values.Get("status"); filter.Status {
	case "", store.TaskRunning, store.TaskFinished, taskFailed:
	default:
		p.malformed("status")
	}
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
