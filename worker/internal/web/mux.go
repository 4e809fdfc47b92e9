// Package web is what the JSON API and the admin site share: a table of routes that refuses everything else, ids in paths, and
// the classification of requests that fail.
package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Route is a method of a path.
type Route struct {
	Method, Path string // the path is a pattern of http.ServeMux without a method
	Handler      http.Handler
}

// Mux serves a table of routes. A GET route also serves HEAD. As an *http.ServeMux it sets the pattern of a request: METHOD PATH
// of the route, the path alone if it does not allow the method, and the root if no route has the path.
type Mux struct{ paths http.ServeMux }

// NewMux returns a Mux of routes below a root such as "/admin/". Requests that match none go to refuse, with the value of
// the Allow header; it is empty if there is no such path.
func NewMux(root string, routes []Route, refuse func(w http.ResponseWriter, r *http.Request, allow string)) *Mux {
	m := &Mux{}
	paths := map[string]*methods{}
	for _, r := range routes {
		p := paths[r.Path]
		if p == nil {
			p = &methods{path: r.Path, refuse: refuse, handlers: map[string]handler{}}
			paths[r.Path] = p
			m.paths.Handle(r.Path, p)
		}
		p.handlers[r.Method] = handler{r.Handler, r.Method + " " + r.Path}
	}
	m.paths.HandleFunc(root, func(w http.ResponseWriter, r *http.Request) { refuse(w, r, "") })
	return m
}

// ServeHTTP serves a request below the root.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.paths.ServeHTTP(w, r) }

// Handler returns the handler and the pattern of a request, as (*http.ServeMux).Handler does.
func (m *Mux) Handler(r *http.Request) (h http.Handler, pattern string) {
	h, pattern = m.paths.Handler(r)
	if p, ok := h.(*methods); ok {
		pattern = p.handler(r.Method).pattern
	}
	return h, pattern
}

// methods serves the routes of one path.
type methods struct {
	path     string
	handlers map[string]handler // by method
	refuse   func(w http.ResponseWriter, r *http.Request, allow string)
}

// ServeHTTP also sets the request's pattern.
func (p *methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := p.handler(r.Method)
	r.Pattern = h.pattern
	if h.Handler == nil {
		p.refuse(w, r, p.allow())
		return
	}
	h.ServeHTTP(w, r)
}

// handler returns the handler of a method, or only a pattern if the path does not allow it.
func (p *methods) handler(method string) handler {
	h, ok := p.handlers[method]
	if !ok && method == http.MethodHead {
		h, ok = p.handlers[http.MethodGet]
	}
	if !ok {
		return handler{pattern: p.path}
	}
	return h
}

// handler is the handler of a route with its pattern.
type handler struct {
	http.Handler
	pattern string
}

// allow returns the value of the Allow header.
func (p *methods) allow() string {
	var allowed []string
	for method := range p.handlers {
		allowed = append(allowed, method)
		if method == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	slices.Sort(allowed)
	return strings.Join(slices.Compact(allowed), ", ")
}

// ID returns the id in the path of a request, the wildcard {id}; 0 if there is none. Only the canonical form of a positive number is
// one.
func ID(r *http.Request) int64 {
	text := r.PathValue("id")
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(id, 10) != text {
		return 0
	}
	return max(id, 0)
}
