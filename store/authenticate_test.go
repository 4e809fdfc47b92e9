package store

import (
	"errors"
	"testing"
	"time"
)

// createUser makes a user whose password is "correct horse".
func createUser(t *testing.T, s *Store, u User) User {
	t.Helper()
	hash, err := s.HashPassword(t.Context(), "correct horse")
	check(t, err)
	update(t, s, func(tx *Tx) error {
		u, err = tx.CreateUser(u, hash)
		return err
	})
	return u
}

func TestAuthenticate(t *testing.T) {
	s := openStore(t)
	ada := createUser(t, s, User{Name: "Ada", Role: RoleStaff, Active: true})
	createUser(t, s, User{Name: "gone", Role: RoleSuperuser})
	for _, test := range []struct {
		name, user, password string
		ok                   bool
	}{
		{"right", "Ada", "correct horse", true},
		{"right in lower case", "ada", "correct horse", true},
		{"wrong password", "Ada", "Correct horse", false},
		{"no password", "Ada", "", false},
		{"unknown user", "Bob", "correct horse", false},
		{"no user", "", "correct horse", false},
		{"inactive user", "gone", "correct horse", false},
		{"inactive user, wrong password", "gone", "wrong horse", false},
		{"unknown user, no password", "Bob", "", false},
		{"SQL", "' OR 1=1 --", "' OR 1=1 --", false},
		{"NUL", "Ada\x00", "correct horse", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			hashes := watchHashes(t, s)
			user, _, err := s.authenticate(t.Context(), test.user, test.password)
			if test.ok && (user != ada || err != nil) {
				t.Errorf("%+v, %v", user, err)
			}
			if !test.ok && (!errors.Is(err, ErrCredentials) || user != User{}) {
				t.Errorf("%+v, %v, want %v", user, err, ErrCredentials)
			}
			if n := hashes(); n != 1 { // so that it takes as long in each case
				t.Errorf("%d hashes, want 1", n)
			}
		})
	}
}

func TestAuthenticateDamagedHash(t *testing.T) {
	s := openStore(t)
	ada := createUser(t, s, User{Name: "Ada", Role: RoleStaff, Active: true})
	execIn(t, s, "UPDATE users SET password = replace(password, 'm=19456', 'm=4194304') WHERE id = ?", ada.ID)
	hashes := watchHashes(t, s)
	if user, _, err := s.authenticate(t.Context(), "Ada", "correct horse"); err == nil || errors.Is(err, ErrCredentials) {
		t.Errorf("%+v, %v, want another error", user, err)
	}
	if n := hashes(); n != 0 {
		t.Errorf("%d hashes, want none", n)
	}
}

func TestLogin(t *testing.T) {
	s := openStore(t)
	ada := createUser(t, s, User{Name: "ada", Role: RoleStaff, Active: true})
	if _, secret, err := s.Login(t.Context(), Credentials{Name: "ada", Password: "wrong horse"}, ""); !errors.Is(err, ErrCredentials) || secret != "" {
		t.Errorf("a wrong password: %q, %v", secret, err)
	}
	session, secret, err := s.Login(t.Context(), Credentials{Name: "ada", Password: "correct horse"}, "")
	if err != nil || session.User.ID != ada.ID || secret == "" {
		t.Fatalf("%+v, %q, %v", session, secret, err)
	}
	view(t, s, func(tx *Tx) error {
		_, err := tx.SessionBySecret(secret, time.Hour, time.Hour)
		return err
	})

	// The user changes between the check of the password and the session.
	_, hash, err := s.authenticate(t.Context(), "ada", "correct horse")
	check(t, err)
	refused := func(when string) {
		t.Helper()
		err := s.Update(t.Context(), func(tx *Tx) error {
			_, _, err := tx.login(ada.ID, hash)
			return err
		})
		if !errors.Is(err, ErrCredentials) {
			t.Errorf("a session of a user who has %s: %v", when, err)
		}
	}
	idle := ada
	idle.Active = false
	update(t, s, func(tx *Tx) error { return tx.UpdateUser(idle) })
	refused("been deactivated")
	update(t, s, func(tx *Tx) error { return tx.UpdateUser(ada) })
	err = s.View(t.Context(), func(tx *Tx) error {
		_, err := tx.SessionBySecret(secret, time.Hour, time.Hour)
		return err
	})
	if !errors.Is(err, ErrNotFound) {
		t.Errorf("the session of a user who was inactive meanwhile: %v", err)
	}
	other, err := s.HashPassword(t.Context(), "correct horse")
	check(t, err)
	update(t, s, func(tx *Tx) error { return tx.SetPassword(ada.ID, other) })
	refused("another password")
	update(t, s, func(tx *Tx) error { return tx.DeleteUser(ada.ID) })
	refused("been deleted")
}
