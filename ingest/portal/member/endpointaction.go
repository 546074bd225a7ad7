package member

import (
	"context"

	"github.com/postrider/postrider/ingest/portal/web"
)

func endpointActionRoutes() []web.Route {
	return []web.Route{
		web.Post("/endpoints/{endpoint}/pause", pauseEndpoint),
		web.Post("/endpoints/{endpoint}/resume", resumeEndpoint),
		web.Post("/endpoints/{endpoint}/verify", verifyEndpoint),
		web.Post("/endpoints/{endpoint}/reset", resetEndpoint),
		web.Post("/endpoints/{endpoint}/enable", enableEndpoint),
		web.Get("/endpoints/{endpoint}/disable", confirmDisable),
		web.Post("/endpoints/{endpoint}/disable", disableEndpoint),
		web.Get("/endpoints/{endpoint}/delete", confirmDelete),
		web.Post("/endpoints/{endpoint}/delete", deleteEndpoint),
	}
}

// act does something with the endpoint of the path and goes back to its page.
func act(v *web.Visit, do func(ctx context.Context, app, endpoint string) error, done string) error {
	id := v.Value("endpoint")
	if err := do(v.Context(), v.App, id); err != nil {
		return err
	}
	return v.Redirect(endpointPath(id), done)
}

func pauseEndpoint(v *web.Visit) error {
	return act(v, v.API.PauseEndpoint, "Paused. Messages wait until you resume it.")
}

func resumeEndpoint(v *web.Visit) error {
	return act(v, v.API.ResumeEndpoint, "Resumed. The messages that waited are on their way.")
}

func verifyEndpoint(v *web.Visit) error {
	return act(v, v.API.VerifyEndpoint, "A challenge is on its way.")
}

func resetEndpoint(v *web.Visit) error {
	return act(v, v.API.ResetCircuit, "Attempts are made again.")
}

func enableEndpoint(v *web.Visit) error {
	return act(v, enabled(v, true), "Enabled. Messages from now on are sent to it.")
}

func disableEndpoint(v *web.Visit) error {
	return act(v, enabled(v, false), "Disabled.")
}

func enabled(v *web.Visit, on bool) func(ctx context.Context, app, endpoint string) error {
	return func(ctx context.Context, app, endpoint string) error {
		return v.API.ChangeEndpoint(ctx, app, endpoint, map[string]any{"disabled": !on})
	}
}

func confirmDisable(v *web.Visit) error {
	e, err := v.API.Endpoint(v.Context(), v.App, v.Value("endpoint"))
	if err != nil {
		return err
	}
	return v.Confirm(web.Confirm{
		Title: "Disable this endpoint?",
		Says: []string{
			e.URL,
			"Nothing is sent to it any more. Messages that come meanwhile are recorded as dead letters: you can have them sent when it is enabled again, for as long as messages are kept.",
			"To have messages wait only for a while, pause it instead.",
		},
		Action: endpointPath(e.ID, "disable"), Button: "Disable endpoint", Back: endpointPath(e.ID),
	})
}

func confirmDelete(v *web.Visit) error {
	e, err := v.API.Endpoint(v.Context(), v.App, v.Value("endpoint"))
	if err != nil {
		return err
	}
	return v.Confirm(web.Confirm{
		Title: "Delete this endpoint?",
		Says: []string{
			e.URL,
			"Nothing is sent to it any more, and what waits for it or has failed is not sent either. Its secret, its headers and its settings are gone. This cannot be taken back.",
			"To stop it for a while, disable or pause it instead.",
		},
		Action: endpointPath(e.ID, "delete"), Button: "Delete endpoint", Back: endpointPath(e.ID), Danger: true,
	})
}

func deleteEndpoint(v *web.Visit) error {
	if err := v.API.DeleteEndpoint(v.Context(), v.App, v.Value("endpoint")); err != nil {
		return err
	}
	return v.Redirect(endpointsPath, "The endpoint was deleted.")
}
