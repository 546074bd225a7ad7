package web

import (
	"errors"
	"net/http"

	"github.com/postrider/postrider/ingest/portal/client"
)

// ErrNowhere is the error of a page that there is not.
var ErrNowhere = errors.New("there is no such page")

// errorView is the page that explains an error.
type errorView struct {
	Title, Detail string
	Again         string // address at which it may be tried again; empty: that would do nothing
}

func problem(err error) (*client.Problem, bool) { return errors.AsType[*client.Problem](err) }

// explain shows an error to the visitor. It is the only place that does.
func (p *place) explain(v *Visit, err error) {
	if v.Context().Err() != nil {
		return // nobody looks any more
	}
	status, view := p.view(v, err)
	if status == http.StatusInternalServerError {
		p.Log.Error().Err(err).Str("route", v.r.Pattern).Msg("page failed")
	}
	if v.wrote {
		return
	}
	if status == http.StatusUnauthorized {
		v.dropCookie(sessionCookie)
		v.leave(p.area.Login + "?ended=")
		return
	}
	if v.partial() {
		v.w.Header().Set("HX-Reselect", ".flash") // whatever part was asked for, this takes its place
		err = v.execute(status, "error", "part", view)
	} else {
		err = v.page(status, "error", view)
	}
	if err != nil {
		p.Log.Error().Err(err).Str("route", v.r.Pattern).Msg("page failed")
		http.Error(v.w, view.Title, status)
	}
}

// view is what is said of an error.
func (p *place) view(v *Visit, err error) (int, errorView) {
	var again string
	if v.r.Method == http.MethodGet {
		again = v.r.URL.RequestURI()
	}
	if errors.Is(err, ErrNowhere) {
		return http.StatusNotFound, errorView{"There is no such page", "The address is wrong, or what it was for has gone.", ""}
	}
	said, ok := problem(err)
	if !ok {
		return http.StatusInternalServerError, errorView{"This went wrong", "The fault is ours, and has been written down.", again}
	}
	switch said.Status {
	case http.StatusNotFound:
		return said.Status, errorView{"There is no such thing here", "It may have been deleted, or be another application's.", ""}
	case http.StatusForbidden:
		return said.Status, errorView{"You may not do this", "Your access does not include it. Whoever gave it to you can give you more.", ""}
	case http.StatusTooManyRequests:
		return said.Status, errorView{"Too many requests at once", said.Detail, again}
	case http.StatusServiceUnavailable:
		return said.Status, errorView{"This cannot be known at the moment", said.Detail + ". Messages that were accepted are kept.", again}
	case http.StatusInternalServerError:
		return said.Status, errorView{"This went wrong", "The fault is ours, and has been written down.", again}
	default:
		return said.Status, errorView{"This was refused", said.Summary(), again}
	}
}
