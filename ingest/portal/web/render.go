package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed templates
var ownFiles embed.FS

// views are the pages of an area by name, each a set of templates with the layout.
type views map[string]*template.Template

// parse reads the templates of an area. Each file but parts.html is a page: it defines
// "title" and "main", and may define parts of it that are also shown by themselves.
func parse(area *Area) (views, error) {
	base, err := template.New("").Option("missingkey=error").Funcs(functions()).ParseFS(ownFiles, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, err
	}
	if _, err := fs.Stat(area.Files, "templates/parts.html"); err == nil {
		if base, err = base.ParseFS(area.Files, "templates/parts.html"); err != nil {
			return nil, err
		}
	}
	all := make(views)
	for _, from := range []fs.FS{ownFiles, area.Files} {
		names, err := fs.Glob(from, "templates/*.html")
		if err != nil {
			return nil, err
		}
		for _, file := range names {
			name := strings.TrimSuffix(path.Base(file), ".html")
			if name == "parts" || name == "layout" {
				continue
			}
			page, err := base.Clone()
			if err != nil {
				return nil, err
			}
			if all[name], err = page.ParseFS(from, file); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// frame is what the layout shows around a page.
type frame struct {
	Area  *Area
	Dress dress
	Theme string // light, dark, or empty
	Who   string
	Flash string
	Path  string // of the page, to come back to
	In    bool   // whether somebody has logged in
	Waits bool   // whether nothing is delivered at the moment
	View  any
}

// Here reports whether a link of the navigation leads to where the visitor is.
func (f frame) Here(link Link) bool {
	rest, below := strings.CutPrefix(f.Path, link.Path)
	return rest == "" || below && link.Path != f.Area.Path+"/" && (rest[0] == '/' || rest[0] == '?')
}

// Render shows a page: the file of that name, with what its templates are told. What
// htmx asks for comes without the layout, so that it can take out the part it wants.
func (v *Visit) Render(name string, view any) error {
	if v.partial() {
		return v.execute(http.StatusOK, name, "main", view)
	}
	return v.page(http.StatusOK, name, view)
}

// Refuse is Render of a form that the API has found wrong.
func (v *Visit) Refuse(name string, view any) error {
	if v.partial() {
		return v.execute(http.StatusUnprocessableEntity, name, "main", view)
	}
	return v.page(http.StatusUnprocessableEntity, name, view)
}

// Part shows one template of a page's file by itself, for htmx to put in its place.
func (v *Visit) Part(name, part string, view any) error {
	return v.execute(http.StatusOK, name, part, view)
}

// page is a whole page.
func (v *Visit) page(status int, name string, view any) error {
	f := frame{Area: v.in.area, Dress: v.in.dress, Theme: v.theme(), Flash: v.flash(), Path: v.r.URL.RequestURI(), In: !v.session.Token.IsZero(), View: view}
	if f.In && status < http.StatusInternalServerError { // else what is asked now may hang as well
		f.Who = v.in.area.Who(v)
		health, err := v.API.Health(v.Context())
		f.Waits = err == nil && !health.Queue.OK() // of the database, the page itself says that it is away
	}
	return v.execute(status, name, "layout", f)
}

// execute writes a template that has worked to its end, and nothing of one that has
// not.
func (v *Visit) execute(status int, name, part string, view any) error {
	text, err := v.in.execute(name, part, view)
	if err != nil {
		return err
	}
	v.wrote = true
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(status)
	v.w.Write(text) //nolint:gosec // html/template has escaped it
	return nil
}

func (p *place) execute(name, part string, view any) ([]byte, error) {
	page, ok := p.views[name]
	if !ok {
		return nil, fmt.Errorf("render %s: no such page", name)
	}
	var out bytes.Buffer
	if err := page.ExecuteTemplate(&out, part, view); err != nil {
		return nil, fmt.Errorf("render %s: %w", name, err)
	}
	return out.Bytes(), nil
}
