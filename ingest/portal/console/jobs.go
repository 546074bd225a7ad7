package console

import (
	"context"
	"reflect"
	"time"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

const (
	jobsPath = "/console/jobs"

	// progressInterval is how often a job that runs is looked at.
	progressInterval = time.Second
)

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
	return client.Path(append([]string{"console", "jobs", id}, below...)...)
}

// jobsView is the list of the jobs of a kind, of all applications.
type jobsView struct {
	Filter         web.Filter
	Kinds, Results []web.Choice
	Rows           []web.Job
	Pages          web.Pages
}

// kinds are those of the jobs, the one that operators look for first.
var kinds = []string{"dlq.redrive", "endpoint.recover", "endpoint.replay", "endpoint.bulk-replay", "message.resend", "dlq.purge", "application.purge_content"}

func listJobs(v *web.Visit) error {
	view := jobsView{Filter: v.Filter("task", "status")}
	if view.Filter.Value("task") == "" {
		view.Filter.Values.Set("task", kinds[0])
	}
	for _, kind := range kinds {
		view.Kinds = append(view.Kinds, view.Filter.Options("task", kind, web.JobKind(kind))...)
	}
	view.Results = view.Filter.Options("status", "", "any", "running", "Running", "finished", "Done", "failed", "Failed or cancelled")
	list, err := v.API.Tasks(v.Context(), "", view.Filter.Asked())
	if view.Filter.Refused(err) {
		return v.Refuse("jobs", view)
	}
	if err != nil {
		return err
	}
	for _, t := range list.Data {
		view.Rows = append(view.Rows, web.JobOf(t))
	}
	view.Pages = web.PagesOf(list, jobsPath, view.Filter.Values)
	return v.Render("jobs", view)
}

func showJob(v *web.Visit) error {
	t, err := v.API.Task(v.Context(), "", v.Value("job"))
	if err != nil {
		return err
	}
	return v.Render("job", web.JobOf(t))
}

// followJob shows how far a job has come until it has ended.
func followJob(v *web.Visit) error {
	id := v.Value("job")
	var last web.Job
	return v.Live(progressInterval, func(ctx context.Context, live *web.Live) error {
		t, err := v.API.Task(ctx, "", id)
		if err != nil {
			return err
		}
		if now := web.JobOf(t); !reflect.DeepEqual(now, last) { // else it would be read out again
			last = now
			if err := live.Send("progress", "job", "now", now); err != nil {
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
	if err := v.API.CancelTask(v.Context(), "", id); err != nil {
		return err
	}
	return v.Redirect(jobPath(id), "It was cancelled. What it has done stays done.")
}
