package admin_test

import (
	"io"
	"net/http"
	"net/http/httptrace"
	"testing"
	"time"

	"multiproc/store"
)

// TestRightRevokedWhileWaiting: a user who loses the right to a route while a request waits is refused.
func TestRightRevokedWhileWaiting(t *testing.T) {
	for name, lost := range map[string]string{
		"the role":     "UPDATE users SET role = 'staff' WHERE name = 'superuser'",
		"being active": "UPDATE users SET active = 0 WHERE name = 'superuser'",
		"the session":  "DELETE FROM sessions",
		"the account":  "PRAGMA foreign_keys = on; DELETE FROM users WHERE name = 'superuser'",
	} {
		t.Run(name, func(t *testing.T) {
			s := startSite(t)
			s.update(func(tx *store.Tx) error {
				_, _, err := tx.CreateToken(store.Token{Name: "till"})
				return err
			})
			b := s.as("superuser")
			// The server reads the body after it has admitted the request.
			letIn := make(chan struct{})
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got100Continue: func() { close(letIn) }})
			body, rest := io.Pipe()
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.server.URL+"/admin/tokens/1/revoke", body)
			check(t, err)
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			request.Header.Set("Expect", "100-continue")
			request.AddCookie(&http.Cookie{Name: "multiproc_session", Value: b.secret})
			go func() {
				<-letIn
				s.exec(lost) // by another program, which ends no sessions
				_ = rest.Close()
			}()
			transport := &http.Transport{ExpectContinueTimeout: time.Minute}
			defer transport.CloseIdleConnections()
			response, err := transport.RoundTrip(request)
			check(t, err)
			_ = response.Body.Close()
			if response.StatusCode != http.StatusForbidden {
				t.Errorf("status %d", response.StatusCode)
			}
			s.view(func(tx *store.Tx) error {
				token, err := tx.Token(1)
				if !token.Revoked.IsZero() {
					t.Error("the token was revoked")
				}
				return err
			})
		})
	}
}
