package store

import (
	"context"
	"database/sql"
	"errors"
)

// ErrCredentials says that there is no active user of that name with that password, and not which of these it is.
var ErrCredentials = errors.New("wrong name or password")

// Authenticate is the active user that has this name, in upper or lower case, and password, or ErrCredentials. How long it
// takes says nothing of why: it is as for HashPassword, for whose turn it waits, too.
func (s *Store) Authenticate(ctx context.Context, name, password string) (User, error) {
	user, _, err := s.authenticate(ctx, name, password)
	return user, err
}

// Login is Authenticate and begins a session, whose secret it gives; see CreateSession.
func (s *Store) Login(ctx context.Context, name, password string) (session Session, secret string, err error) {
	user, hash, err := s.authenticate(ctx, name, password)
	if err != nil {
		return Session{}, "", err
	}
	err = s.Update(ctx, func(tx *Tx) error {
		session, secret, err = tx.login(user.ID, hash)
		return err
	})
	return session, secret, err
}

// login begins a session for who has proved to know the password with this hash. To find that out has taken time, in which the
// password may have become another one, and all sessions with the old one were ended.
func (tx *Tx) login(userID int64, hash PasswordHash) (Session, string, error) {
	var is PasswordHash
	err := tx.queryRow("SELECT password FROM users WHERE id = ? AND active", userID).Scan(&is)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Session{}, "", ErrCredentials
	case err != nil:
		return Session{}, "", err
	case is != hash:
		return Session{}, "", ErrCredentials
	}
	return tx.CreateSession(userID)
}

// authenticate also gives the hash of the password.
func (s *Store) authenticate(ctx context.Context, name, password string) (User, PasswordHash, error) {
	if len(password) > maxPassword {
		return User{}, "", ErrCredentials
	}
	var user User
	hash := stranger
	err := s.View(ctx, func(tx *Tx) error {
		var err error
		if user, err = tx.UserByName(name); err != nil {
			return err
		}
		return tx.queryRow("SELECT password FROM users WHERE id = ?", user.ID).Scan(&hash)
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return User{}, "", err
	}
	ok, err := s.matches(ctx, hash, password)
	switch {
	case err != nil:
		return User{}, "", err
	case !ok || !user.Active:
		return User{}, "", ErrCredentials
	}
	return user, hash, nil
}
