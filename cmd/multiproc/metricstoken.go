package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
)

// metricsToken is what a scrape has to bring; empty: nothing. It is what Prometheus sends of the same file, which is all but
// white space around it.
func metricsToken(content []byte) (string, error) {
	token := bytes.TrimSpace(content)
	if len(token) == 0 {
		return "", errors.New("it has no token")
	}
	if bytes.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errors.New("a token is one word of ASCII")
	}
	return string(token), nil
}

// requireToken lets those through to the metrics who bring the token. Without one, it lets everybody.
func requireToken(token string, metrics http.Handler) http.Handler {
	if token == "" {
		return metrics
	}
	want := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, brought, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(brought)) // of one length, so that the comparison tells nothing of the token's
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="metrics"`)
			http.Error(w, "metrics are shown to who brings the token", http.StatusUnauthorized)
			return
		}
		metrics.ServeHTTP(w, r)
	})
}
