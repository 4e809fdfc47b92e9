package admin_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"multiproc/store"
	"multiproc/worker/admin"
)

// rules returns the least role of each route, "" for everybody, as docs/api-and-admin.md has it. A new route needs a decision
// there too.
func rules(tb testing.TB) map[string]string {
	tb.Helper()
	page, err := os.ReadFile("../../docs/api-and-admin.md")
	check(tb, err)
	_, text, _ := strings.Cut(string(page), "| who may | pages (`GET`) | changes (`POST`) |\n")
	text, _, _ = strings.Cut(text, "\n\n")
	rules := map[string]string{}
	for line := range strings.Lines(text) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.Contains(line, "`") {
			continue
		}
		role := strings.TrimSpace(cells[1])
		if role == "everybody" {
			role = ""
		}
		for i, method := range []string{"GET", "POST"} {
			for _, path := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[2+i], -1) {
				rules[method+" "+path[1]] = role
			}
		}
	}
	return rules
}

// TestAccess tries all routes and methods, without a login and with each role, and compares the access with the documented one.
func TestAccess(t *testing.T) {
	s := startSite(t)
	s.createUsers(store.User{Name: "another", Role: store.RoleStaff, Active: true})
	s.update(func(tx *store.Tx) error {
		_, _, err := tx.CreateToken(store.Token{Name: "till"})
		return err
	})
	roles := []string{"", "viewer", "staff", "superuser"} // each may what those before it may
	rules := rules(t)
	paths := map[string][]string{}
	for _, route := range admin.Routes() {
		name := route.Method + " " + route.Path
		least, ruled := rules[name]
		if !ruled {
			t.Errorf("%s: no rule for this route", name)
			continue
		}
		delete(rules, name)
		path := pathOf(route)
		paths[route.Path] = append(paths[route.Path], route.Method)
		for i, role := range roles {
			may := i >= slices.Index(roles, least)
			b := s.as(role)
			before := len(s.recorded())
			r := b.ask(route.Method, path, "")
			switch {
			case may && (r.toLogin() && path != "/admin/logout" || r.status == http.StatusForbidden || r.status >= 500 || r.status == http.StatusMethodNotAllowed):
				t.Errorf("%s as %q: %d, though it may", name, role, r.status)
			case !may && role == "" && !r.toLogin():
				t.Errorf("%s without a login: %d", name, r.status)
			case !may && role != "" && r.status != http.StatusForbidden:
				t.Errorf("%s as %q: %d, though it may not", name, role, r.status)
			}
			if !may && len(s.recorded()) != before {
				t.Errorf("%s as %q has changed something: %v", name, role, s.recorded()[0])
			}
			if route.Method == http.MethodGet {
				if head := s.as(role).ask("HEAD", path, ""); head.status != r.status || head.body != "" {
					t.Errorf("HEAD %s as %q: %d %q, but GET: %d", path, role, head.status, head.body, r.status)
				}
			} else {
				for _, header := range []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Origin: https://evil.example"} {
					headers := []string{header}
					if strings.HasPrefix(header, "Origin") {
						headers = append(headers, "Sec-Fetch-Site: ")
					}
					b := s.as(role)
					if r := b.ask(route.Method, path, "x=1", headers...); r.status != http.StatusForbidden || !r.shows("another site") {
						t.Errorf("%s as %q with %s: %d", name, role, header, r.status)
					}
				}
			}
		}
	}
	for name := range rules {
		t.Errorf("%s: a rule without a route", name)
	}
	for path, methods := range paths {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "NONSENSE"} {
			if slices.Contains(methods, method) {
				continue
			}
			for _, role := range roles {
				path := pathOf(admin.Route{Method: method, Path: path})
				if r := s.as(role).ask(method, path, ""); r.status != http.StatusMethodNotAllowed || !strings.Contains(r.header.Get("Allow"), methods[0]) {
					t.Errorf("%s %s as %q: %d, allowed %q", method, path, role, r.status, r.header.Get("Allow"))
				}
			}
		}
	}
	for _, b := range []*browser{s.visitor(), s.as("superuser")} {
		b.want(http.StatusForbidden, b.serve(s.admin.Unruled())) // the zero access
	}
}

// pathOf returns a path of a route, with the id of an existing object that is none of the users in the test.
func pathOf(route admin.Route) string {
	path := strings.TrimSuffix(route.Path, "{$}")
	id := "1"
	if strings.Contains(path, "users") {
		id = "4"
		if strings.HasSuffix(path, "/delete") && route.Method == http.MethodPost {
			id = "5" // that there is not: it is asked for again
		}
	}
	return strings.NewReplacer("{id}", id, "{hash}", "x", "{name}", "admin.css").Replace(path)
}

func TestUnknownPaths(t *testing.T) {
	s := startSite(t)
	for _, role := range []string{"", "superuser"} {
		b := s.as(role)
		for _, path := range []string{"/admin/nothing", "/admin/nothing/", "/admin/users/4/delete/x", "/admin/%00", "/admin/%ff", "/admin/..%2f..%2fetc/passwd"} {
			for _, method := range []string{"GET", "POST", "NONSENSE"} {
				b.want(404, b.ask(method, path, ""))
			}
		}
	}
}

// TestTrailingSlash: a page whose path has a slash at the end redirects to the page, on this site and with the query. Forms do not.
func TestTrailingSlash(t *testing.T) {
	s := startSite(t)
	for _, role := range []string{"", "superuser"} {
		b := s.as(role)
		for _, route := range admin.Routes() {
			if strings.HasSuffix(route.Path, "{$}") {
				continue
			}
			path := pathOf(admin.Route{Method: http.MethodGet, Path: route.Path})
			if strings.Contains(path, "{") {
				continue // below
			}
			get := slices.ContainsFunc(admin.Routes(), func(r admin.Route) bool { return r.Method == http.MethodGet && r.Path == route.Path })
			for _, method := range []string{"GET", "HEAD", "POST", "DELETE"} {
				want := http.StatusNotFound
				if get && (method == "GET" || method == "HEAD") {
					want = http.StatusMovedPermanently
				}
				r := b.want(want, b.ask(method, path+"/?q=a%2Fb&next=//evil.example/", ""))
				if location := r.header.Get("Location"); want == http.StatusMovedPermanently && location != path+"?q=a%2Fb&next=//evil.example/" {
					t.Errorf("%s %s/ leads to %s", method, path, location)
				}
			}
		}
		for path, want := range map[string]string{
			"/admin/users/?":                "/admin/users",
			"/admin/users/4/delete/":        "/admin/users/4/delete",
			"/admin/workers/files/a%2Fb/":   "/admin/workers/files/a%2Fb",
			"/admin/workers/files/%0d%0aX/": "/admin/workers/files/%0d%0aX",
		} {
			if r := b.want(http.StatusMovedPermanently, b.get(path)); r.header.Get("Location") != want {
				t.Errorf("%s leads to %s, want %s", path, r.header.Get("Location"), want)
			}
		}
	}
	// No path leads to another host.
	for _, path := range []string{
		"/admin//evil.example/", "/admin//users/", "/admin/users//", "/admin/./users/", "/admin/x/..//evil.example/", `/admin/\evil.example/`,
		"/admin/%2F/evil.example/", "//evil.example/admin/users/", "//admin/users/", "http://evil.example//evil.example/../admin/users/",
	} {
		w := httptest.NewRecorder()
		s.admin.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
		location := w.Header().Get("Location")
		if to, err := url.Parse(location); err != nil || to.Host != "" || strings.HasPrefix(location, "//") || strings.HasPrefix(location, `/\`) {
			t.Errorf("%s leads to %s", path, location)
		}
	}
}
