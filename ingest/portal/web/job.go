package web

import "github.com/postrider/postrider/ingest/portal/client"

// Job is a task of the API as people see it.
type Job struct {
	client.Task

	State State
	What  string // its kind
}

// JobOf tells of a task.
func JobOf(t client.Task) Job {
	j := Job{Task: t, What: JobKind(t.Kind)}
	switch {
	case t.Status == "running":
		j.State = Busy("Running")
	case t.Data.Cancelled:
		j.State = Off("Cancelled")
	case t.Status == "failed":
		j.State = Bad("Failed")
	default:
		j.State = Good("Done")
	}
	return j
}

// Affected is how many it has sent or removed.
func (j Job) Affected() int64 {
	for _, n := range []*int64{j.Data.MessagesSent, j.Data.MessagesPurged, j.Data.DeadLettersPurged} {
		if n != nil {
			return *n
		}
	}
	return 0
}

// Removes reports whether it removes, and does not send.
func (j Job) Removes() bool { return j.Data.MessagesPurged != nil || j.Data.DeadLettersPurged != nil }

// JobKind says what a kind of task does. One of a later version is shown as it is.
func JobKind(kind string) string {
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
