package main

import (
	"net/http"
	"net/netip"
	"slices"
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
	if !a.allows(r) {
		refuseHost(w, r)
		return
	}
	a.routes.ServeHTTP(w, r)
}

// Handler is where a request goes, as (*http.ServeMux).Handler: what the worker refuses before it is served is counted by its
// route, too. Who asks for another host has none.
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
	http.Error(w, "this host is not served here", http.StatusBadRequest)
}

// hostOf is a request's host without its port and in lower case, an IPv6 address in its shortest form. It is empty where what
// was asked for is none: in something that only ends like a host there may be anything before.
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
