package sender

import (
	crand "crypto/rand"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
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

// firstNumber is the number of a run's first event: from there on, all are of
// the same length.
const firstNumber = 1_000_000_000

const (
	payloadStart  = `{"sent":`
	payloadNumber = `,"number":`
	payloadPad    = `,"pad":"`
	payloadEnd    = `"}`
	messageEnd    = "}" // what stands after the payload
)

func newPayload(size int) payload {
	pad := make([]byte, size-len(payloadStart)-nanosDigits-len(payloadNumber)-len(strconv.Itoa(firstNumber))-len(payloadPad)-len(payloadEnd))
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	source := rand.New(rand.NewPCG(1, 2))
	for i := range pad {
		pad[i] = letters[source.IntN(len(letters))]
	}
	return payload{
		head: []byte(`{"eventType":"` + eventType + `","payload":` + payloadStart),
		tail: slices.Concat([]byte(payloadPad), pad, []byte(payloadEnd+messageEnd)),
	}
}

// body is a new request body, for one event or a batch of them from the nth on.
// It is not reused: the HTTP client may still read it after it has returned the
// answer.
func (p payload) body(sent time.Time, n int64, batch int) []byte {
	const around = nanosDigits + len(payloadNumber) + 20
	if batch <= 1 {
		return p.appendTo(make([]byte, 0, len(p.head)+around+len(p.tail)), sent, n)
	}
	body := make([]byte, 0, batch*(len(p.head)+around+len(p.tail)))
	body = append(body, `{"messages":[`...)
	for i := range batch {
		if i > 0 {
			body = append(body, ',')
		}
		body = p.appendTo(body, sent, n+int64(i))
	}
	return append(body, "]}"...)
}

// payload is the nth event's payload alone, as it is to be delivered.
func (p payload) payload(sent time.Time, n int64) []byte {
	event := p.appendTo(nil, sent, n)
	return event[len(p.head)-len(payloadStart) : len(event)-len(messageEnd)]
}

// appendTo appends the nth event of the run.
func (p payload) appendTo(body []byte, sent time.Time, n int64) []byte {
	body = append(body, p.head...)
	body = strconv.AppendInt(body, sent.UnixNano(), 10)
	body = append(body, payloadNumber...)
	body = strconv.AppendInt(body, firstNumber+n, 10)
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
