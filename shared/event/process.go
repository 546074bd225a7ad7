package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// SubjectProcess is where every process answers the question how it is. It is on no
// stream.
const SubjectProcess = "process.status"

// What a stage has done is told in steps, which end at the same times in all
// processes.
const (
	WorkStep  = 5 * time.Second
	WorkSteps = 60 // that are told of
)

// ErrBadProcess is returned for an answer that cannot be read.
var ErrBadProcess = errors.New("malformed status of a process")

// Process is how a process is, as it says itself.
type Process struct {
	Host        string      `json:"host"`
	PID         int         `json:"pid"`
	Version     string      `json:"version"`
	Started     time.Time   `json:"started"`
	Memory      int64       `json:"memory"`      // bytes
	MemoryLimit int64       `json:"memoryLimit"` // bytes
	Goroutines  int         `json:"goroutines"`
	Stages      []StageWork `json:"stages"`
}

// Instance names the process among all.
func (p *Process) Instance() string { return p.Host + "/" + strconv.Itoa(p.PID) }

// StageWork is how a stage is in a process, and what it has done there lately.
type StageWork struct {
	Stage string `json:"stage"`
	Fault string `json:"fault,omitempty"` // why it cannot do its work; empty: it can

	Until  time.Time   `json:"until"`            // end of the last step; zero: there was none yet
	Done   []float64   `json:"done,omitempty"`   // in each of the last steps, the newest last
	Delays []Delay     `json:"delays,omitempty"` // of first attempts in the last minute
	Before *Unfinished `json:"before,omitempty"` // what waits for the stage, wherever; nil: not known
}

// Delay is how many first attempts began so long after their event was accepted, and
// later than the Delay before says.
type Delay struct {
	AtMost float64 `json:"atMost,omitempty"` // seconds; 0: however long
	Count  uint64  `json:"count"`
}

// Unfinished is what was last seen to wait for a stage.
type Unfinished struct {
	Messages int       `json:"messages"`
	Oldest   time.Time `json:"oldest"` // zero: there is nothing
	Seen     time.Time `json:"seen"`
}

// ParseProcess reads the answer of a process. It returns ErrBadProcess.
func ParseProcess(data []byte) (Process, error) {
	var p Process
	if err := json.Unmarshal(data, &p); err != nil {
		return Process{}, fmt.Errorf("%w: %w", ErrBadProcess, err)
	}
	for _, s := range p.Stages {
		if len(s.Done) > WorkSteps {
			return Process{}, fmt.Errorf("%w: %d steps", ErrBadProcess, len(s.Done))
		}
	}
	return p, nil
}
