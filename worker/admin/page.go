package admin

import (
	"bytes"
	"embed"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"multiproc/store"
)

//go:embed templates
var templateFiles embed.FS

// page is what a template makes a page of.
type page struct {
	Title  string
	Crumbs []crumb // the way to the page, without the first one and itself
	Data   any     // the page's own

	// Of the request, set by render.
	User    *store.User // nil: nobody has logged in
	Message string      // of what was done before
	Nav     []navItem
	Debug   bool
}

// crumb is a page on the way to another one.
type crumb struct{ Name, Path string }

type navItem struct {
	Name, Path string
	Current    bool // the page is this one, or below it
}

// loadPages reads the templates: layout.html and parts*.html are what all have, each other file is the "main" of a page.
func (a *Admin) loadPages() (map[string]*template.Template, error) {
	base, err := template.New("layout.html").Option("missingkey=error").Funcs(template.FuncMap{
		"asset":  a.assetURL,
		"moment": moment,
		"number": number,
	}).ParseFS(templateFiles, "templates/layout.html", "templates/parts*.html")
	if err != nil {
		return nil, err
	}
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, err
	}
	pages := map[string]*template.Template{}
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".html")
		if name == "layout" || strings.HasPrefix(name, "parts") {
			continue
		}
		t, err := base.Clone()
		if err != nil {
			return nil, err
		}
		if pages[name], err = t.ParseFS(templateFiles, file); err != nil {
			return nil, err
		}
	}
	return pages, nil
}

// moment is how pages show a time. The zero time is none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// render answers with a page, which is whole or not sent.
func (r *request) render(status int, name string, p page) error {
	p.Debug = r.admin.debug
	if r.session.ID != 0 {
		p.User = &r.session.User
		p.Nav = r.navigation()
		p.Message = r.takeMessage()
	}
	var text bytes.Buffer
	if err := r.admin.pages[name].Execute(&text, p); err != nil {
		return err
	}
	header := r.w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(text.Len()))
	r.w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = text.WriteTo(r.w) // fails only if the client is gone
	}
	return nil
}

// navigation is what of the site whose request it is may see.
func (r *request) navigation() []navItem {
	var items []navItem
	for _, n := range r.admin.navigation {
		if r.may(n.least) {
			path := strings.TrimSuffix(n.path, "{$}")
			current := r.URL.Path == path || path != home && strings.HasPrefix(r.URL.Path, path+"/")
			items = append(items, navItem{n.nav, path, current})
		}
	}
	return items
}
