package member

import (
	"context"
	"reflect"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

const jobsPath = "/portal/jobs"

func jobRoutes() []web.Route {
	return []web.Route{
		web.Get("/jobs", listJobs),
		web.Get("/jobs/{job}", showJob),
		web.Get("/jobs/{job}/live", followJob),
		web.Post("/jobs/{job}/cancel", cancelJob),
	}
}

// jobPath is the page of a job, or one below it.
func jobPath(id string, below ...string) string {
	return client.Path(append([]string{"portal", "jobs", id}, below...)...)
}

// job is a task as people see it.
type job struct {
	client.Task

	State web.State
	What  string // its kind
}

func jobOf(t *client.Task) job {
	j := job{Task: *t, What: jobKind(t.Kind)}
	switch {
	case t.Status == "running":
		j.State = web.Busy("Running")
	case t.Data.Cancelled:
		j.State = web.Off("Cancelled")
	case t.Status == "failed":
		j.State = web.Bad("Failed")
	default:
		j.State = web.Good("Done")
	}
	return j
}

// Share is how much of a job is done, in percent; nil: it is not known of how much.
func (j job) Share() *int64 {
	if j.Data.Total == nil || *j.Data.Total == 0 {
		return nil
	}
	return new(min(100, j.Data.Done*100 / *j.Data.Total))
}

// jobKind says what a kind of task does.
func jobKind(kind string) string {
	switch kind {
	case "message.resend":
		return "Resend of a message"
	case "endpoint.recover":
		return "Recovery of failed messages"
	case "endpoint.replay":
		return "Replay of missing messages"
	case "endpoint.bulk-replay":
		return "Replay of messages"
	case "dlq.redrive":
		return "Redrive of dead letters"
	case "dlq.purge":
		return "Removal of dead letters"
	case "application.purge_content":
		return "Removal of payloads"
	default:
		return kind
	}
}

// jobsView is the list of the jobs.
type jobsView struct {
	Rows    []job
	Running bool // one of them goes on
	Pages   web.Pages
}

func listJobs(v *web.Visit) error {
	f := filterOf(v)
	list, err := v.API.Tasks(v.Context(), v.App, f.asked())
	if err != nil {
		return err
	}
	view := jobsView{Pages: web.PagesOf(list, jobsPath, f.Values)}
	for i := range list.Data {
		view.Rows = append(view.Rows, jobOf(&list.Data[i]))
		view.Running = view.Running || list.Data[i].Status == "running"
	}
	return v.Render("jobs", view)
}

func showJob(v *web.Visit) error {
	t, err := v.API.Task(v.Context(), v.App, v.Value("job"))
	if err != nil {
		return err
	}
	return v.Render("job", jobOf(&t))
}

// followJob shows how far a job has come until it has ended.
func followJob(v *web.Visit) error {
	t, err := v.API.Task(v.Context(), v.App, v.Value("job"))
	if err != nil {
		return err
	}
	var last job
	return v.Live(followInterval, func(ctx context.Context, live *web.Live) error {
		if t, err = v.API.Task(ctx, v.App, t.ID); err != nil {
			return err
		}
		if now := jobOf(&t); !reflect.DeepEqual(now, last) {
			last = now
			if err := live.Send("progress", "job", "progress", now); err != nil {
				return err
			}
		}
		if t.Status != "running" {
			return live.Send("done", "job", "done", nil)
		}
		return nil
	})
}

func cancelJob(v *web.Visit) error {
	id := v.Value("job")
	if err := v.API.CancelTask(v.Context(), v.App, id); err != nil {
		return err
	}
	return v.Redirect(jobPath(id), "It was cancelled. What it has done stays done.")
}
