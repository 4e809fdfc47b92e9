package store

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestToken(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{now: c.now})
	var token Token
	var secret string
	update(t, s, func(tx *Tx) (err error) {
		token, secret, err = tx.CreateToken(Token{ID: 99, Name: "ci", ReadOnly: true, Expires: c.now().Add(time.Hour), Revoked: c.now(), CreatedBy: "ada"})
		return err
	})
	want := Token{ID: 1, Name: "ci", ReadOnly: true, Created: c.now(), Expires: c.now().Add(time.Hour), CreatedBy: "ada"}
	if diff := cmp.Diff(want, token); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	if !regexp.MustCompile(`^mp_[A-Za-z0-9_-]{43}$`).MatchString(secret) {
		t.Errorf("secret %q", secret)
	}
	check := func(when, secret string, want Token, wantErr error) {
		t.Helper()
		view(t, s, func(tx *Tx) error {
			if got, err := tx.TokenBySecret(secret); !cmp.Equal(got, want) || !errors.Is(err, wantErr) {
				t.Errorf("%s: %+v, %v, want %+v, %v", when, got, err, want, wantErr)
			}
			return nil
		})
	}
	check("at once", secret, want, nil)
	for _, wrong := range []string{"", "mp_", secret[:len(secret)-1], secret + "=", strings.ToLower(secret), "MP" + secret[2:], secret + "\n"} {
		check(wrong, wrong, Token{}, ErrNotFound)
	}
	c.advance(time.Hour - time.Microsecond)
	check("before it expires", secret, want, nil)
	c.advance(time.Microsecond)
	check("expired", secret, Token{}, ErrNotFound)

	update(t, s, func(tx *Tx) (err error) {
		token, secret, err = tx.CreateToken(Token{Name: "endless"})
		return err
	})
	c.advance(100 * 365 * 24 * time.Hour)
	check("without expiry", secret, token, nil)
	for range 2 {
		update(t, s, func(tx *Tx) error { return tx.RevokeToken(token.ID) })
		if token.Revoked.IsZero() {
			token.Revoked = c.now()
		}
		c.advance(time.Second)
		check("revoked", secret, Token{}, ErrNotFound)
		view(t, s, func(tx *Tx) error {
			if got, err := tx.Token(token.ID); !cmp.Equal(got, token) || err != nil {
				t.Errorf("revoked: %+v, %v, want %+v", got, err, token)
			}
			return nil
		})
	}
	if diff := cmp.Diff([]Token{token, want}, walk(t, s, 1, (*Tx).Tokens)); diff != "" {
		t.Errorf("tokens (-want +got):\n%s", diff)
	}
}

func TestTokenErrors(t *testing.T) {
	s := openStore(t)
	create := func(token Token) error {
		return s.Update(t.Context(), func(tx *Tx) error {
			_, _, err := tx.CreateToken(token)
			return err
		})
	}
	want := error(&InvalidError{[]FieldError{
		{"name", "has no visible character"},
		{"created_by", "contains a NUL character"},
		{"expires", "is not in the future"},
	}})
	if diff := cmp.Diff(want, create(Token{Name: " ", CreatedBy: "\x00", Expires: time.Now().Add(-time.Second)})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, step := range []struct {
		name string
		err  error
		want error
	}{
		{"create", create(Token{Name: "a"}), nil},
		{"create again", create(Token{Name: "a"}), ErrExists},
		{"revoke", s.Update(t.Context(), func(tx *Tx) error { return tx.RevokeToken(1) }), nil},
		{"create instead", create(Token{Name: "a"}), nil},
		{"revoke nothing", s.Update(t.Context(), func(tx *Tx) error { return tx.RevokeToken(9) }), ErrNotFound},
		{"nothing", s.View(t.Context(), func(tx *Tx) error { _, err := tx.Token(9); return err }), ErrNotFound},
	} {
		if !errors.Is(step.err, step.want) {
			t.Errorf("%s: %v, want %v", step.name, step.err, step.want)
		}
	}
}
