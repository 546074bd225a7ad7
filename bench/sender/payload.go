package sender

import (
	crand "crypto/rand"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

const eventType = "bench.event"

// payload makes the bodies of requests, all of one size. They are random text,
// the same in every run, as servers may compress what repeats.
type payload struct {
	head, tail []byte
}

// nanosDigits is how long Unix nanoseconds are until the year 2286.
const nanosDigits = 19

func newPayload(size int) payload {
	const start, middle, end = `{"sent":`, `,"pad":"`, `"}`
	pad := make([]byte, size-len(start)-nanosDigits-len(middle)-len(end))
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	source := rand.New(rand.NewPCG(1, 2))
	for i := range pad {
		pad[i] = letters[source.IntN(len(letters))]
	}
	return payload{
		head: []byte(`{"eventType":"` + eventType + `","payload":` + start),
		tail: append(append([]byte(middle), pad...), end+"}"...),
	}
}

// body is a new request body. It is not reused: the HTTP client may still read
// it after it has returned the answer.
func (p payload) body(sent time.Time) []byte {
	body := make([]byte, 0, len(p.head)+nanosDigits+len(p.tail))
	body = append(body, p.head...)
	body = strconv.AppendInt(body, sent.UnixNano(), 10)
	return append(body, p.tail...)
}

// runID tells the names and keys of one run from those of all others.
type runID [10]byte

func newRunID() runID {
	var id runID
	_, _ = crand.Read(id[:]) // never fails, by its contract
	return id
}

func (id runID) String() string { return hex.EncodeToString(id[:4]) }

// idempotencyKey looks like those that client libraries make up: auto_<uuid>.
func (id runID) idempotencyKey(n int64) string {
	return fmt.Sprintf("auto_%x-%x-%x-%x-%012x", id[0:4], id[4:6], id[6:8], id[8:10], n)
}
