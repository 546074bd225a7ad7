// Package docs shows the description of the API: as JSON to programs, and to
// people as a page that needs neither scripts nor anything from elsewhere.
package docs

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"sync"
	"time"

	"github.com/postrider/postrider/ingest/api/openapi"
)

// Where it all is. The page names the other two.
const (
	DocumentPath = "/api/v1/openapi.json"
	pagePath     = "/docs"
	stylePath    = "/docs/style.css"
)

// static is what is the same for everybody until the program is replaced. It is
// made when it is asked for the first time.
type static struct {
	contentType string
	make        func() ([]byte, error)
	header      map[string]string
}

// handler serves it with a tag, so that it travels once.
func (s static) handler() http.Handler {
	body := sync.OnceValues(s.make)
	tag := sync.OnceValue(func() string {
		text, _ := body()
		sum := sha256.Sum256(text)
		return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := body()
		header := w.Header()
		if err != nil { // tests see to it that there is none
			header.Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusInternalServerError)
			w.Write([]byte("{}"))
			return
		}
		header.Set("Content-Type", s.contentType)
		header.Set("Cache-Control", "public, no-cache") // may be kept, but ask whether it is the same
		header.Set("ETag", tag())
		header.Set("X-Content-Type-Options", "nosniff")
		for name, value := range s.header {
			header.Set(name, value)
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
	})
}

// Handlers are all that there is to read, each at its path.
func Handlers() map[string]http.Handler {
	return map[string]http.Handler{
		DocumentPath: static{contentType: "application/json", make: document}.handler(),
		stylePath:    static{contentType: "text/css; charset=utf-8", make: style}.handler(),
		pagePath:     static{contentType: "text/html; charset=utf-8", make: page, header: pageHeader()}.handler(),
	}
}

func document() ([]byte, error) {
	document, err := openapi.Load()
	if err != nil {
		return nil, err
	}
	return document.JSON, nil
}
