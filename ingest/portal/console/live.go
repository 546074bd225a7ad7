package console

import (
	"net/http"
	"net/url"
	"time"

	"github.com/postrider/postrider/ingest/portal/client"
	"github.com/postrider/postrider/ingest/portal/web"
)

// liveInterval is how often a page that shows what goes on asks again.
const liveInterval = 3 * time.Second

// still, in an address, asks for a page that does not change by itself: what moves is
// hard to read for some, and to copy from for all.
const still = "still"

// moving is whether a page goes on changing, and where that is turned.
type moving struct {
	On     bool
	Toggle string // address of the same page the other way
	Stream string // address of what is new
	At     time.Time
}

// movingOf reads it from the address of a page, whose stream is below it.
func movingOf(v *web.Visit, path string) moving {
	query := v.Query()
	m := moving{On: !query.Has(still), At: time.Now()}
	if m.On {
		query.Set(still, "")
	} else {
		query.Del(still)
	}
	m.Toggle = address(path, query)
	query.Del(still)
	m.Stream = address(path+"/live", query)
	return m
}

// address is a path with a query, if there is any.
func address(path string, query url.Values) string {
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// away reports whether something cannot be known at the moment, because NATS or the
// database does not answer. A page says so where it would stand, and shows the rest.
func away(err error) bool { return client.Is(err, http.StatusServiceUnavailable) }
