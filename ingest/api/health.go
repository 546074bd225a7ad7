package api

import "net/http"

func healthRoutes() []route {
	return []route{
		{"GET", "/health", forAll, (*call).health},
		{"GET", "/health/ping", forAll, (*call).ping},
	}
}

// health tells what works. Without the database nothing can be accepted, so the
// answer is an error; without the queue events are stored and delivered later,
// and taking this process out of service would not help.
func (c *call) health(r *http.Request) (reply, error) {
	type state struct {
		Status string `json:"status"`
	}
	stateOf := func(err error) state {
		if err != nil {
			return state{"error"}
		}
		return state{"ok"}
	}
	health := c.Health(r.Context())
	status := http.StatusOK
	if health.Database != nil {
		status = http.StatusInternalServerError
	}
	return reply{status, map[string]state{
		"database": stateOf(health.Database),
		"queue":    stateOf(health.Queue),
		"cache":    stateOf(nil), // there is none to fail
	}}, nil
}

// ping tells that the process answers.
func (*call) ping(*http.Request) (reply, error) { return done(), nil }
