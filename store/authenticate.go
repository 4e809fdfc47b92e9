package store

import (
	"context"
	"database/sql"
	"errors"
)

// ErrCredentials reports that no active user has that name and password. It does not say which of these is wrong.
var ErrCredentials = errors.New("wrong name or password")

// Login begins a session of the user with these credentials, records it in the audit log and returns the session's secret (see
// CreateSession). It ends the session that the browser had before, given by its secret, if there is one. The error may be
// ErrCredentials, a *LockedError or ErrCrowded.
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
			return tx.Record(Entry{Actor: user.Name, Action: ActionLogin, Kind: KindUser, ObjectID: user.ID, Object: user.Name})
		})
	})
	if err != nil {
		return Session{}, "", err
	}
	return session, secret, nil
}

// Confirm checks the credentials as Login does, with the same limits and errors, but begins no session: for a user who must
// enter the password once more.
func (s *Store) Confirm(ctx context.Context, c Credentials) error {
	return s.attempted(ctx, c, func(a attempt) error {
		if _, _, err := s.authenticate(ctx, c.Name, c.Password); err != nil {
			return err
		}
		return s.Update(ctx, func(tx *Tx) error { return tx.forgive(a) })
	})
}

// login begins a session of a user whose password was compared with this hash. The comparison took time: if the password has
// changed since, all sessions that began with the old one have ended, and this one must not begin.
func (tx *Tx) login(userID int64, hash PasswordHash) (Session, string, error) {
	var current PasswordHash
	err := tx.queryRow("SELECT password FROM users WHERE id = ? AND active", userID).Scan(&current)
	switch {
	case errors.Is(err, sql.ErrNoRows), err == nil && current != hash:
		return Session{}, "", ErrCredentials
	case err != nil:
		return Session{}, "", err
	}
	return tx.CreateSession(userID)
}

// authenticate returns the active user with this name, in upper or lower case, and password, and the password's hash; else
// ErrCredentials. It hashes once in every case, so that its duration does not reveal whether the user exists.
func (s *Store) authenticate(ctx context.Context, name, password string) (User, PasswordHash, error) {
	var user User
	hash := dummyHash
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
