package api

import (
	"net/http"
	"time"

	"github.com/postrider/postrider/shared/event"
)

// Fleet is how the processes of the installation are, as they say themselves.
type Fleet struct {
	Complete  bool // all could be asked; else this one is alone in it
	Processes []event.Process
}

func processRoutes() []route {
	return []route{
		{"GET", "/admin/processes", forOperators, (*call).listProcesses},
		{"GET", "/admin/stages", forOperators, (*call).listStages},
	}
}

// process is a process as clients see it.
type process struct {
	Instance         string         `json:"instance"`
	Host             string         `json:"host"`
	PID              int            `json:"pid"`
	Version          string         `json:"version"`
	StartedAt        time.Time      `json:"startedAt"`
	MemoryBytes      int64          `json:"memoryBytes"`
	MemoryLimitBytes int64          `json:"memoryLimitBytes"`
	Goroutines       int            `json:"goroutines"`
	Stages           []processStage `json:"stages"`
}

// processStage is a stage in a process.
type processStage struct {
	Stage  string  `json:"stage"`
	Ready  bool    `json:"ready"`
	Reason *string `json:"reason"` // null: it is ready
}

func showProcess(p *event.Process) process {
	shown := process{
		Instance: p.Instance(), Host: p.Host, PID: p.PID, Version: p.Version, StartedAt: p.Started.UTC(),
		MemoryBytes: p.Memory, MemoryLimitBytes: p.MemoryLimit, Goroutines: p.Goroutines, Stages: []processStage{},
	}
	for _, s := range p.Stages {
		shown.Stages = append(shown.Stages, processStage{s.Stage, s.Fault == "", none(s.Fault)})
	}
	return shown
}

// listProcesses tells how all processes are. They are asked, not the database.
func (c *call) listProcesses(r *http.Request) (reply, error) {
	fleet, err := c.Fleet(r.Context())
	if err != nil {
		return reply{}, err
	}
	shown := make([]process, len(fleet.Processes))
	for i := range fleet.Processes {
		shown[i] = showProcess(&fleet.Processes[i])
	}
	return ok(struct {
		Complete bool      `json:"complete"`
		Data     []process `json:"data"`
	}{fleet.Complete, shown}), nil
}
