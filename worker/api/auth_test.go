package api_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"multiproc/store"
	"multiproc/worker/api"
)

// TestTokens sends every kind of token to every route.
func TestTokens(t *testing.T) {
	s := startAPI(t)
	expired := s.createToken(store.Token{Name: "expired"})
	s.exec("UPDATE api_tokens SET expires = 1 WHERE name = 'expired'")
	revoked := s.createToken(store.Token{Name: "revoked"})
	s.update(func(tx *store.Tx) error {
		token, err := tx.TokenBySecret(revoked)
		if err != nil {
			return err
		}
		return tx.RevokeToken(token.ID)
	})
	const bare, invalid, scope = `Bearer realm="multiproc"`, `Bearer realm="multiproc", error="invalid_token"`,
		`Bearer realm="multiproc", error="insufficient_scope"`
	kinds := []struct {
		name, header string
		status       int // 0: neither 401 nor 403
		challenge    string
	}{
		{"no header", "", 401, bare},
		{"no token", "Bearer ", 401, bare},
		{"another scheme", "Basic " + s.writer, 401, bare},
		{"the token alone", s.writer, 401, bare},
		{"a wrong token", "Bearer mp_" + strings.Repeat("A", 43), 401, invalid},
		{"no token at all", "Bearer '\" OR 1=1 --", 401, invalid},
		{"half a token", "Bearer " + s.writer[:20], 401, invalid},
		{"more than a token", "Bearer " + s.writer + "x", 401, invalid},
		{"two tokens", "Bearer " + s.writer + " " + s.writer, 401, invalid},
		{"a long token", "Bearer " + strings.Repeat("x", 30_000), 401, invalid},
		{"an expired token", "Bearer " + expired, 401, invalid},
		{"a revoked token", "Bearer " + revoked, 401, invalid},
		{"a reader's token", "Bearer " + s.reader, 403, scope},
		{"a writer's token", "Bearer " + s.writer, 0, ""},
		{"a writer's token, in lower case", "bearer  " + s.writer, 0, ""},
	}
	for _, r := range api.Routes() {
		for _, kind := range kinds {
			// A token that may write gets an error about the body.
			c := call{
				method: r.Method, path: strings.Replace(r.Path, "{id}", "4711", 1), body: "{",
				header: http.Header{"Authorization": {kind.header}},
			}
			if kind.header == "" {
				c.header["Authorization"] = nil
			}
			want := kind.status
			if r.Public || want == 403 && !r.Write {
				want = 0
			}
			got := s.do(c)
			switch {
			case want == 0 && (got.status == 401 || got.status == 403), want != 0 && got.status != want:
				t.Errorf("%s %s with %s: %d %s", r.Method, r.Path, kind.name, got.status, got.body)
			case want != 0 && got.header.Get("WWW-Authenticate") != kind.challenge:
				t.Errorf("%s %s with %s: %q", r.Method, r.Path, kind.name, got.header.Get("WWW-Authenticate"))
			}
		}
	}
	if n := s.transactions(); n != 0 {
		t.Errorf("%d transactions", n)
	}
	for _, secret := range []string{s.writer, s.reader, expired, revoked} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("a token is in the log:\n%s", s.log)
		}
	}
}

// TestRevokedAtOnce: a revoked token is refused at once, on every worker.
func TestRevokedAtOnce(t *testing.T) {
	s := startAPI(t)
	s.get("/api/v1/transactions")
	other := serveAPI(t, s.database)
	other.update(func(tx *store.Tx) error {
		token, err := tx.TokenBySecret(s.writer)
		return errors.Join(err, tx.RevokeToken(token.ID))
	})
	s.want(401, call{method: "GET", path: "/api/v1/transactions"})
	s.want(401, call{method: "POST", path: "/api/v1/transactions", body: pending})
}

// bodyFunc is a body that is made when it is read.
type bodyFunc func() string

func (f *bodyFunc) Read(p []byte) (int, error) {
	if *f == nil {
		return 0, io.EOF
	}
	n := copy(p, (*f)())
	*f = nil
	return n, nil
}

// TestRevokedWhileWaiting: a token that is revoked or expires before the request may write is refused.
func TestRevokedWhileWaiting(t *testing.T) {
	for _, change := range []string{"revoked = 1", "expires = 1"} {
		s := startAPI(t)
		post := func(body string) response {
			t.Helper()
			asked := bodyFunc(func() string { // the server reads it after it has checked the token
				s.exec("UPDATE api_tokens SET " + change + " WHERE name = 'till'")
				return body
			})
			r, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/api/v1/transactions", &asked)
			check(t, err)
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer "+s.writer)
			r.Header.Set("Expect", "100-continue")
			transport := http.DefaultTransport.(*http.Transport).Clone()
			transport.ExpectContinueTimeout = time.Minute
			defer transport.CloseIdleConnections()
			got, err := transport.RoundTrip(r)
			check(t, err)
			defer got.Body.Close()
			return response{status: got.StatusCode, header: got.Header}
		}
		if got := post(pending); got.status != 401 || !strings.Contains(got.header.Get("WWW-Authenticate"), "invalid_token") {
			t.Errorf("%s: %d %v", change, got.status, got.header)
		}
		if n := s.transactions(); n != 0 {
			t.Errorf("%s: %d transactions", change, n)
		}
	}
}
