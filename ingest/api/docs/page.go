package docs

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"

	"github.com/postrider/postrider/ingest/api/openapi"
)

//go:embed page.html style.css
var files embed.FS

// pageHeader lets nothing run on the page, and lets it ask nobody but us.
func pageHeader() map[string]string {
	return map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		"Referrer-Policy":         "no-referrer",
	}
}

func style() ([]byte, error) { return files.ReadFile("style.css") }

func page() ([]byte, error) {
	document, err := openapi.Load()
	if err != nil {
		return nil, err
	}
	layout, err := template.ParseFS(files, "page.html")
	if err != nil {
		return nil, fmt.Errorf("parse page: %w", err)
	}
	view, err := view(document)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := layout.Execute(&out, view); err != nil {
		return nil, fmt.Errorf("render page: %w", err)
	}
	return out.Bytes(), nil
}
