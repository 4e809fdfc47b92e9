package server

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// allowedHosts lets requests for these hosts through. As in Django, ".example.org" is the domain and all below it, and "*" is
// every host.
type allowedHosts struct {
	hosts  []string
	routes *http.ServeMux
}

// allowHosts guards routes. An empty list allows all hosts.
func allowHosts(hosts []string, routes *http.ServeMux) http.Handler {
	if len(hosts) == 0 {
		return routes
	}
	return &allowedHosts{hosts, routes}
}

func (a *allowedHosts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !a.allows(r) {
		refuseHost(w, r)
		return
	}
	a.routes.ServeHTTP(w, r)
}

// Handler is like (*http.ServeMux).Handler, by which the worker counts requests that it refuses itself by their route. Requests
// for other hosts have no route.
func (a *allowedHosts) Handler(r *http.Request) (h http.Handler, pattern string) {
	if !a.allows(r) {
		return http.HandlerFunc(refuseHost), ""
	}
	return a.routes.Handler(r)
}

func (a *allowedHosts) allows(r *http.Request) bool {
	host := hostOf(r.Host)
	return slices.ContainsFunc(a.hosts, func(allowed string) bool { return matchesHost(host, allowed) })
}

func refuseHost(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "host not allowed", http.StatusBadRequest)
}

// hostOf returns a request's host without its port and in lower case, an IPv6 address in its shortest form. It returns "" for text
// that is not a host: something that only ends like a host may begin with anything.
func hostOf(host string) string {
	name, port := host, ""
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		name, port = host[:i], host[i+1:]
	}
	if strings.Trim(port, "0123456789") != "" {
		return ""
	}
	if inner, ok := strings.CutPrefix(name, "["); ok {
		inner, closed := strings.CutSuffix(inner, "]")
		ip, err := netip.ParseAddr(inner)
		if !closed || err != nil {
			return ""
		}
		return ip.String()
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" || strings.HasPrefix(name, ".") {
		return ""
	}
	return name
}

func matchesHost(host, pattern string) bool {
	if pattern == "*" {
		return true
	}
	pattern = strings.ToLower(pattern)
	if domain, ok := strings.CutPrefix(pattern, "."); ok {
		return host == domain || strings.HasSuffix(host, pattern)
	}
	return host != "" && host == hostOf(pattern)
}
