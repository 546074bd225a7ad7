package sender

import (
	crand "crypto/rand"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/postrider/postrider/bench/target"
)

// payload makes the payloads of events. They are random text, the same in every run,
// as servers may compress what repeats.
type payload struct{ pad []byte }

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
)

// payloadRest is what a payload is beside the text.
const payloadRest = len(payloadStart) + nanosDigits + len(payloadNumber) + len("1000000000") + len(payloadPad) + len(payloadEnd)

// newPayload makes payloads up to that size.
func newPayload(most int) payload {
	pad := make([]byte, most-payloadRest)
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	source := rand.New(rand.NewPCG(1, 2))
	for i := range pad {
		pad[i] = letters[source.IntN(len(letters))]
	}
	return payload{pad}
}

// formSize is about what a form adds to an event, in bytes.
const formSize = 256

// body is a new request body, for one event or a batch of them from the nth on, each
// with a payload of that size. It is not reused: the HTTP client may still read it
// after it has returned the answer.
func (p payload) body(f *target.Form, key string, sent time.Time, n int64, batch, size int) []byte {
	body := make([]byte, 0, len(f.Open)+batch*(size+formSize)+len(f.Close))
	body = append(body, f.Open...)
	for i := range batch {
		if i > 0 {
			body = append(body, ',')
		}
		body = f.AppendEvent(body, key, func(body []byte) []byte { return p.appendTo(body, sent, n+int64(i), size) })
	}
	return append(body, f.Close...)
}

// appendTo appends the payload of the nth event of the run, as it is to be delivered.
func (p payload) appendTo(body []byte, sent time.Time, n int64, size int) []byte {
	body = append(body, payloadStart...)
	body = strconv.AppendInt(body, sent.UnixNano(), 10)
	body = append(body, payloadNumber...)
	body = strconv.AppendInt(body, firstNumber+n, 10)
	body = append(body, payloadPad...)
	body = append(body, p.pad[:size-payloadRest]...)
	return append(body, payloadEnd...)
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
