package store

import (
	"context"
	"database/sql"
	"errors"
)

// ErrCredentials says that there is no active user of that name with that password, and not which of these it is.
var ErrCredentials = errors.New("wrong name or password")

// Login begins a session for who has these credentials, gives its secret (see CreateSession) and says so in the audit log.
// The session whose secret the browser had before, if any, has ended then. Its error may be ErrCredentials, a *LockedError
// or ErrCrowded.
func (s *Store) Login(ctx context.Context, c Credentials, before string) (session Session, secret string, err error) {
	err = s.attempted(ctx, c, func(a attempt) error {
		user, hash, err := s.authenticate(ctx, c.Name, c.Password)
		if err != nil {
			return err
		}
		return s.Update(ctx, func(tx *Tx) error {
			if session, secret, err = tx.login(user.ID, hash); err != nil {
				return err
			}
			if err := tx.endSession(before); err != nil {
				return err
			}
			if err := tx.forgive(a); err != nil {
				return err
			}
			user := session.User
			return tx.Record(Entry{Actor: user.Name, Action: ActionLogin, Kind: "user", ObjectID: user.ID, Object: user.Name})
		})
	})
	if err != nil {
		return Session{}, "", err
	}
	return session, secret, nil
}

// Confirm is Login without a session: somebody who has one is asked for the password once more.
func (s *Store) Confirm(ctx context.Context, c Credentials) error {
	return s.attempted(ctx, c, func(a attempt) error {
		if _, _, err := s.authenticate(ctx, c.Name, c.Password); err != nil {
			return err
		}
		return s.Update(ctx, func(tx *Tx) error { return tx.forgive(a) })
	})
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

// authenticate is the active user that has this name, in upper or lower case, and password, with the hash of that, or
// ErrCredentials. How long it takes says nothing of why: it is as for HashPassword, for whose turn it waits, too.
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
		hash, err = tx.passwordOf(user.ID)
		return err
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

// passwordOf is what is kept of a user's password, or ErrNotFound.
func (tx *Tx) passwordOf(userID int64) (PasswordHash, error) {
	return found(tx.queryRow("SELECT password FROM users WHERE id = ?", userID), func(r row) (hash PasswordHash, err error) {
		return hash, r.Scan(&hash)
	}, "user %d", userID)
}
