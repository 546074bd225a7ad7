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

// jobsView is the list of the jobs.
type jobsView struct {
	Rows    []web.Job
	Running bool // one of them goes on
	Pages   web.Pages
}

func listJobs(v *web.Visit) error {
	query := v.Query()
	list, err := v.API.Tasks(v.Context(), v.App, query)
	if err != nil {
		return err
	}
	view := jobsView{Pages: web.PagesOf(list, jobsPath, query)}
	for i := range list.Data {
		view.Rows = append(view.Rows, web.JobOf(list.Data[i]))
		view.Running = view.Running || list.Data[i].Status == "running"
	}
	return v.Render("jobs", view)
}

func showJob(v *web.Visit) error {
	t, err := v.API.Task(v.Context(), v.App, v.Value("job"))
	if err != nil {
		return err
	}
	return v.Render("job", web.JobOf(t))
}

// followJob shows how far a job has come until it has ended.
func followJob(v *web.Visit) error {
	t, err := v.API.Task(v.Context(), v.App, v.Value("job"))
	if err != nil {
		return err
	}
	var last web.Job
	return v.Live(followInterval, func(ctx context.Context, live *web.Live) error {
		if t, err = v.API.Task(ctx, v.App, t.ID); err != nil {
			return err
		}
		if now := web.JobOf(t); !reflect.DeepEqual(now, last) {
			last = now
			if err := live.Send("progress", "job", "job", now); err != nil {
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
