package api

import (
	"errors"
	"net/http"
	"strings"

	"multiproc/store"
)

// authenticate sets the token of the request and checks that it may take the route. Each request looks its token up, so that a
// revoked one is refused at once.
func (r *request) authenticate(tx *store.Tx) error {
	secret, ok := bearer(r.Header.Get("Authorization"))
	if !ok {
		return unauthorized("", "missing token: send the header Authorization: Bearer TOKEN")
	}
	var err error
	if r.token, err = tx.TokenBySecret(secret); errors.Is(err, store.ErrNotFound) {
		return invalidToken()
	}
	if err == nil && r.token.ReadOnly && r.route.write != nil {
		return &problemError{
			Status: http.StatusForbidden,
			Detail: "the token is read-only",
			header: http.Header{"Www-Authenticate": {challenge + `, error="insufficient_scope"`}},
		}
	}
	return err
}

// update is the store's Update. It checks the token again, which may have been revoked or expired while the request waited.
func (r *request) update(f func(*store.Tx) error) error {
	return r.api.store.Update(r.Context(), func(tx *store.Tx) error {
		token, err := tx.Token(r.token.ID)
		expired := !token.Expires.IsZero() && !token.Expires.After(tx.Now())
		switch {
		case errors.Is(err, store.ErrNotFound), expired, !token.Revoked.IsZero():
			return invalidToken()
		case err != nil:
			return err
		}
		return f(tx)
	})
}

// bearer returns the token in an Authorization header.
func bearer(authorization string) (token string, ok bool) {
	scheme, token, _ := strings.Cut(authorization, " ")
	token = strings.TrimSpace(token)
	return token, token != "" && strings.EqualFold(scheme, "bearer")
}

// challenge is the authentication challenge of RFC 6750.
const challenge = `Bearer realm="multiproc"`

func unauthorized(parameters, detail string) error {
	return &problemError{
		Status: http.StatusUnauthorized,
		Detail: detail,
		header: http.Header{"Www-Authenticate": {challenge + parameters}},
	}
}

func invalidToken() error {
	return unauthorized(`, error="invalid_token"`, "the token is unknown, expired or revoked")
}
