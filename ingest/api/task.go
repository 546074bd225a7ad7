package api

import (
	"net/http"
	"time"

	"github.com/postrider/postrider/shared/event"
	"github.com/postrider/postrider/shared/store"
)

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

// startTask stores a task, tells of it and answers with it.
func (s *server) startTask(r *http.Request, t store.Task) (reply, error) {
	t.ID = event.NewID()
	t.Status, t.UpdatedAt = store.TaskRunning, t.ID.Time()
	if err := s.Store.CreateTask(r.Context(), t); err != nil {
		return reply{}, err
	}
	s.Announcer.Announce(r.Context(), t)
	return reply{http.StatusAccepted, showTask(&t)}, nil
}

func (s *server) getTask(r *http.Request) (reply, error) {
	id, err := event.Task.Parse(r.PathValue("task_id"))
	if err != nil {
		return reply{}, notFound()
	}
	t, err := s.Store.Task(r.Context(), id)
	if err != nil {
		return reply{}, err
	}
	return ok(taskWithData{showTask(t), taskData{MessagesSent: t.Done}}), nil
}
