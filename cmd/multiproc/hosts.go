package main

import (
	"net"
	"net/http"
	"strings"
)

// allowHosts lets requests for these hosts through, and all where there are none. As in Django, ".example.org" stands for
// the domain and all below it, and "*" for everything.
func allowHosts(allowed []string, next http.Handler) http.Handler {
	if len(allowed) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := hostOf(r.Host)
		for _, pattern := range allowed {
			if matchesHost(host, pattern) {
				next.ServeHTTP(w, r)
				return
			}
		}
		http.Error(w, "this host is not served here", http.StatusBadRequest)
	})
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
