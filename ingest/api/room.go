package api

import (
	"net/http"

	"golang.org/x/sync/semaphore"
)

const (
	// Requests of a process that are under way at the same time. Each waits for
	// something, so this is not what bounds a quick database.
	maxRequests = 4096

	// bodyRoom is for their bodies, in bytes. What is made of one is as large again
	// until it is committed.
	bodyRoom = 96 << 20
)

// room is what the requests under way have of this process's memory. Who finds no
// room is told so at once, before anything of the request is read.
type room struct{ requests, bodies *semaphore.Weighted }

func newRoom() *room {
	return &room{semaphore.NewWeighted(maxRequests), semaphore.NewWeighted(bodyRoom)}
}

// take makes room for a request whose body may be so long, or returns
// ErrOverloaded. leave gives it back.
func (m *room) take(r *http.Request, limit int64) (leave func(), err error) {
	body := limit
	if r.ContentLength >= 0 {
		body = min(r.ContentLength, limit)
	}
	if !m.requests.TryAcquire(1) {
		return nil, ErrOverloaded
	}
	if !m.bodies.TryAcquire(body) {
		m.requests.Release(1)
		return nil, ErrOverloaded
	}
	return func() {
		m.bodies.Release(body)
		m.requests.Release(1)
	}, nil
}
