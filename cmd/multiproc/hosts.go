package main

import (
	"net"
	"net/http"
	"strings"
)

// allowedHosts lets requests for these hosts through. As in Django, ".example.org" stands for the domain and all below it,
// and "*" for everything.
type allowedHosts struct {
	hosts  []string
	routes *http.ServeMux
}

// allowHosts guards routes. Where there are no hosts, all are allowed.
func allowHosts(hosts []string, routes *http.ServeMux) http.Handler {
	if len(hosts) == 0 {
		return routes
	}
	return &allowedHosts{hosts, routes}
}

func (a *allowedHosts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, _ := a.Handler(r)
	h.ServeHTTP(w, r)
}

// Handler is where a request goes: those that are refused before they are served are counted by their route, too.
func (a *allowedHosts) Handler(r *http.Request) (h http.Handler, pattern string) {
	host := hostOf(r.Host)
	for _, allowed := range a.hosts {
		if matchesHost(host, allowed) {
			return a.routes, "/"
		}
	}
	return http.HandlerFunc(refuseHost), "/"
}

func refuseHost(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "this host is not served here", http.StatusBadRequest)
}

// hostOf is a request's host without its port and in lower case.
func hostOf(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func matchesHost(host, pattern string) bool {
	pattern = strings.ToLower(strings.Trim(pattern, "[]"))
	if domain, ok := strings.CutPrefix(pattern, "."); ok {
		return host == domain || strings.HasSuffix(host, pattern)
	}
	return pattern == "*" || host == pattern
}
