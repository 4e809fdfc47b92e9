package store

import (
	"context"
	"errors"
)

// ErrCredentials says that there is no active user of that name with that password, and not which of these it is.
var ErrCredentials = errors.New("wrong name or password")

// Authenticate is the active user that has this name, in upper or lower case, and password, or ErrCredentials. How long it
// takes says nothing of why: it is as for HashPassword, for whose turn it waits, too.
func (s *Store) Authenticate(ctx context.Context, name, password string) (User, error) {
	if len(password) > maxPassword {
		return User{}, ErrCredentials
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
		return User{}, err
	}
	ok, err := s.matches(ctx, hash, password)
	switch {
	case err != nil:
		return User{}, err
	case !ok || !user.Active:
		return User{}, ErrCredentials
	}
	return user, nil
}
