package api

import (
	"errors"
	"io"
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

	// firstRoom is what a body has from the beginning. It gets as much again as it
	// has whenever that is full: who announces much and sends little takes little.
	firstRoom = 4 << 10
)

// room is what the requests under way have of this process's memory. Who finds no
// room is told so at once.
type room struct{ requests, bodies *semaphore.Weighted }

func newRoom() *room {
	return &room{semaphore.NewWeighted(maxRequests), semaphore.NewWeighted(bodyRoom)}
}

// enter makes room for a request, or returns ErrOverloaded. leave gives it back.
func (m *room) enter() (leave func(), err error) {
	if !m.requests.TryAcquire(1) {
		return func() {}, ErrOverloaded
	}
	return func() { m.requests.Release(1) }, nil
}

// body is that of a request while it comes in, and the room that it takes.
type body struct {
	from  io.ReadCloser
	room  *room
	most  int64 // that can come, in bytes
	read  int64
	held  int64
	ended bool // nothing more comes
}

// body has the body of a request take room as it comes in, until the limit. leave
// gives all of it back.
func (m *room) body(w http.ResponseWriter, r *http.Request, limit int64) *body {
	b := &body{from: http.MaxBytesReader(w, r.Body, limit), room: m, most: limit, ended: r.Body == http.NoBody}
	if r.ContentLength >= 0 {
		b.most = min(r.ContentLength, limit)
	}
	return b
}

// Read returns ErrOverloaded where there is no room for more.
func (b *body) Read(p []byte) (int, error) {
	if more := min(max(firstRoom, b.held), b.most-b.held); b.read == b.held && more > 0 {
		if !b.room.bodies.TryAcquire(more) {
			return 0, ErrOverloaded
		}
		b.held += more
	}
	if b.read < b.held {
		p = p[:min(int64(len(p)), b.held-b.read)]
	}
	n, err := b.from.Read(p)
	b.read += int64(n)
	b.ended = errors.Is(err, io.EOF)
	return n, err
}

// Close closes what is read from.
func (b *body) Close() error { return b.from.Close() }

func (b *body) leave() { b.room.bodies.Release(b.held) }
