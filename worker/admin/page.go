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

// page is the data of a page.
type page struct {
	Title  string
	Crumbs []crumb // the pages above this one, without home
	Data   any     // of its template

	// Set by render.
	User    *store.User // nil: no session
	Message string      // about the last change
	Nav     []navItem
	Debug   bool
}

// crumb is a page above another one.
type crumb struct{ Name, Path string }

type navItem struct {
	Name, Path string
	Current    bool // it is this page, or above it
}

// loadPages reads the templates: layout.html and parts*.html are shared, each other file defines "main" of a page.
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

// moment returns a time as pages show it, empty for the zero time.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// show answers with a page that f makes of the database.
func (r *request) show(status int, name string, f func(*store.Tx) (page, error)) error {
	var p page
	err := r.view(func(tx *store.Tx) (err error) {
		p, err = f(tx)
		return err
	})
	if err != nil {
		return err
	}
	return r.render(status, name, p)
}

// render answers with a page. It sends the whole page or fails.
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

// navigation returns the part of the navigation that the user may take.
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

// contentPolicy allows what is embedded in this program and nothing else: no inline script or style, which may be injected.
const contentPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// secure sets the security headers of an answer.
func secure(header http.Header) {
	header.Set("Content-Security-Policy", contentPolicy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY") // for browsers without frame-ancestors
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	header.Set("Cache-Control", "no-store")
}
