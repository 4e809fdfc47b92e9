package store

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUser(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{now: c.now})
	var ada User
	update(t, s, func(tx *Tx) (err error) {
		ada, err = tx.CreateUser(User{ID: 99, Name: "Ada", Role: RoleStaff, Active: true}, dummyHash)
		return err
	})
	want := User{ID: 1, Name: "Ada", Role: RoleStaff, Active: true, Created: c.now()}
	if ada != want {
		t.Errorf("created: %+v, want %+v", ada, want)
	}
	view(t, s, func(tx *Tx) error {
		if got, err := tx.User(1); got != want || err != nil {
			t.Errorf("by id: %+v, %v", got, err)
		}
		if got, err := tx.UserByName("aDA"); got != want || err != nil {
			t.Errorf("by name: %+v, %v", got, err)
		}
		return nil
	})
	want.Name, want.Role, want.Active = "ADA", RoleViewer, false
	update(t, s, func(tx *Tx) error { return tx.UpdateUser(User{ID: 1, Name: "ADA", Role: RoleViewer}) })
	view(t, s, func(tx *Tx) error {
		if got, err := tx.User(1); got != want || err != nil {
			t.Errorf("updated: %+v, %v, want %+v", got, err, want)
		}
		return nil
	})
	update(t, s, func(tx *Tx) error { return tx.DeleteUser(1) })
	if n := number(t, s, "SELECT count(*) FROM users"); n != 0 {
		t.Errorf("%d users after the deletion", n)
	}
}

func TestUserErrors(t *testing.T) {
	s := openStore(t)
	update(t, s, func(tx *Tx) error {
		for _, name := range []string{"Ada", "bob"} {
			if _, err := tx.CreateUser(User{Name: name, Role: RoleViewer}, dummyHash); err != nil {
				return err
			}
		}
		return nil
	})
	for _, test := range []struct {
		name string
		f    func(*Tx) error
		want error
		text string
	}{
		{"id", func(tx *Tx) error { _, err := tx.User(3); return err }, ErrNotFound, "user 3: not found"},
		{"name", func(tx *Tx) error { _, err := tx.UserByName("eve"); return err }, ErrNotFound, `user "eve": not found`},
		{
			"create", func(tx *Tx) error {
				_, err := tx.CreateUser(User{Name: "aDA", Role: RoleViewer}, dummyHash)
				return err
			},
			ErrExists, `user "aDA": exists already`,
		},
		{"update", func(tx *Tx) error { return tx.UpdateUser(User{ID: 1, Name: "Bob", Role: RoleViewer}) }, ErrExists, "user 1: exists already"},
		{"update nothing", func(tx *Tx) error { return tx.UpdateUser(User{ID: 3, Name: "3", Role: RoleViewer}) }, ErrNotFound, "user 3: not found"},
		{"password of nothing", func(tx *Tx) error { return tx.SetPassword(3, dummyHash) }, ErrNotFound, "user 3: not found"},
		{"delete nothing", func(tx *Tx) error { return tx.DeleteUser(3) }, ErrNotFound, "user 3: not found"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := s.Update(t.Context(), test.f); !errors.Is(err, test.want) || err.Error() != test.text {
				t.Errorf("%v, want %s", err, test.text)
			}
		})
	}
}

func TestUserName(t *testing.T) {
	s := openStore(t)
	const characters = "must consist of letters, digits and @.+-_"
	const alphabets = "mixes alphabets, some of whose letters look alike"
	for name, want := range map[string]string{
		"a@b.c+d-e_f":            "",
		"Łukasz42":               "",
		"李雷":                     "",
		strings.Repeat("ü", 150): "",
		strings.Repeat("ü", 151): "has more than 150 characters",
		"":                       "is empty",
		" ":                      characters,
		"a b":                    characters,
		"a\n":                    characters,
		"a'":                     characters,
		"<a>":                    characters,
		"a/b":                    characters,
		"e\u0301":                characters,
		"\u202ea":                characters,
		"a\u3164":                characters, // a blank letter
		"\uffa0":                 characters,
		" ada":                   characters,
		"ada\u00a0":              characters,
		"\u200bada":              characters,
		"ada\u00ad":              characters,
		"\u212aate":              "is not in Unicode's normal form NFC, in which an accented letter is one character", // the Kelvin sign
		"аda":                    alphabets,                                                                           // the first letter is Cyrillic
		"adο":                    alphabets,                                                                           // the last one is Greek
		"Ада":                    "",
		"Άδα":                    "",
	} {
		err := s.Update(t.Context(), func(tx *Tx) error {
			_, err := tx.CreateUser(User{Name: name, Role: RoleViewer}, dummyHash)
			return err
		})
		if want == "" {
			if err != nil {
				t.Errorf("%q: %v", name, err)
			}
		} else if got := problemOf(t, err, "username"); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestUserInvalid(t *testing.T) {
	s := openStore(t)
	const role, hash = "must be viewer, staff or superuser", "is not an argon2id hash"
	err := s.Update(t.Context(), func(tx *Tx) error {
		_, err := tx.CreateUser(User{Role: "root"}, "password")
		return err
	})
	want := error(&InvalidError{[]FieldError{{"username", "is empty"}, {"role", role}, {"password", hash}}})
	if diff := cmp.Diff(want, err); diff != "" {
		t.Errorf("create (-want +got):\n%s", diff)
	}
	err = s.Update(t.Context(), func(tx *Tx) error { return tx.UpdateUser(User{Name: "a", Role: "Staff"}) })
	if got := problemOf(t, err, "role"); got != role {
		t.Errorf("update: %q, want %q", got, role)
	}
	err = s.Update(t.Context(), func(tx *Tx) error { return tx.SetPassword(1, "") })
	if got := problemOf(t, err, "password"); got != hash {
		t.Errorf("set password: %q, want %q", got, hash)
	}
}

func TestSetPassword(t *testing.T) {
	s := openStore(t)
	ada, bob := createUser(t, s, User{Name: "ada", Role: RoleStaff, Active: true}), createUser(t, s, User{Name: "bob", Role: RoleStaff, Active: true})
	var secrets []string
	update(t, s, func(tx *Tx) error {
		for _, user := range []User{ada, ada, bob} {
			_, secret, err := tx.CreateSession(user.ID)
			if err != nil {
				return err
			}
			secrets = append(secrets, secret)
		}
		return nil
	})
	hash, err := s.HashPassword(t.Context(), "battery staple")
	check(t, err)
	update(t, s, func(tx *Tx) error { return tx.SetPassword(ada.ID, hash) })
	if _, _, err := s.authenticate(t.Context(), "ada", "battery staple"); err != nil {
		t.Errorf("the new password: %v", err)
	}
	if _, _, err := s.authenticate(t.Context(), "ada", "correct horse"); !errors.Is(err, ErrCredentials) {
		t.Errorf("the old password: %v, want %v", err, ErrCredentials)
	}
	view(t, s, func(tx *Tx) error {
		for i, want := range []error{ErrNotFound, ErrNotFound, nil} {
			if _, err := tx.SessionBySecret(secrets[i], sessionsKept, sessionsKept); !errors.Is(err, want) {
				t.Errorf("session %d: %v, want %v", i, err, want)
			}
		}
		return nil
	})
}

// TestUserNameOfBefore: a user whose name is no longer allowed can still be changed.
func TestUserNameOfBefore(t *testing.T) {
	s := openStore(t)
	update(t, s, func(tx *Tx) error {
		if _, err := tx.CreateUser(User{Name: "eve", Role: RoleStaff, Active: true}, dummyHash); err != nil {
			return err
		}
		if _, err := tx.exec("UPDATE users SET name = ?", "a\u3164"); err != nil {
			return err
		}
		return tx.UpdateUser(User{ID: 1, Name: "a\u3164", Role: RoleStaff})
	})
	view(t, s, func(tx *Tx) error {
		if u, err := tx.User(1); u.Active || err != nil {
			t.Errorf("%+v, %v", u, err)
		}
		return nil
	})
}
