package store

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func TestSession(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{now: c.now})
	ada := createUser(t, s, User{Name: "ada", Role: RoleStaff, Active: true})
	c.advance(time.Second)
	var begun Session
	var secret string
	update(t, s, func(tx *Tx) (err error) {
		begun, secret, err = tx.CreateSession(ada.ID)
		return err
	})
	ada.LastLogin = c.now()
	want := Session{ID: 1, User: ada, Created: c.now(), Seen: c.now()}
	if begun != want {
		t.Errorf("created: %+v, want %+v", begun, want)
	}
	const idle, absolute = time.Hour, 3 * time.Hour
	check := func(when string, secret string, want Session, wantErr error) {
		t.Helper()
		view(t, s, func(tx *Tx) error {
			if got, err := tx.SessionBySecret(secret, idle, absolute); got != want || !errors.Is(err, wantErr) {
				t.Errorf("%s: %+v, %v, want %+v, %v", when, got, err, want, wantErr)
			}
			return nil
		})
	}
	check("at once", secret, want, nil)
	c.advance(idle - time.Microsecond)
	check("before it is idle", secret, want, nil)
	update(t, s, func(tx *Tx) error { return tx.TouchSession(1) })
	want.Seen = c.now()
	c.advance(idle - time.Microsecond)
	check("after it was seen", secret, want, nil)
	c.advance(time.Microsecond)
	check("idle", secret, Session{}, ErrNotFound)
	update(t, s, func(tx *Tx) error { return tx.TouchSession(1) })
	want.Seen = c.now()
	check("seen again", secret, want, nil)
	c.advance(idle - time.Microsecond)
	update(t, s, func(tx *Tx) error { return tx.TouchSession(1) })
	c.advance(2 * time.Microsecond)
	check("too old", secret, Session{}, ErrNotFound)

	update(t, s, func(tx *Tx) (err error) {
		_, secret, err = tx.CreateSession(ada.ID)
		return err
	})
	other := []byte(secret)
	other[len(other)-2] ^= 1
	for _, wrong := range []string{"", "mp_", secret[1:], secret + "A", string(other), "' OR 1=1 --", string(make([]byte, len(secret)))} {
		check(wrong, wrong, Session{}, ErrNotFound)
	}
	update(t, s, func(tx *Tx) error { return tx.UpdateUser(User{ID: ada.ID, Name: "ada", Role: RoleStaff}) })
	check("of an inactive user", secret, Session{}, ErrNotFound)
	err := s.Update(t.Context(), func(tx *Tx) error {
		_, _, err := tx.CreateSession(ada.ID)
		return err
	})
	wantErr(t, err, ErrNotFound, "")
}

func TestSessionsEnd(t *testing.T) {
	s := openStore(t)
	ada, bob := createUser(t, s, User{Name: "ada", Role: RoleStaff, Active: true}), createUser(t, s, User{Name: "bob", Role: RoleStaff, Active: true})
	left := func() (n int) {
		view(t, s, func(tx *Tx) error { return tx.queryRow("SELECT count(*) FROM sessions").Scan(&n) })
		return n
	}
	update(t, s, func(tx *Tx) error {
		for _, id := range []int64{ada.ID, ada.ID, ada.ID, bob.ID, bob.ID} {
			if _, _, err := tx.CreateSession(id); err != nil {
				return err
			}
		}
		return nil
	})
	for range 2 {
		update(t, s, func(tx *Tx) error { return tx.DeleteSession(1) })
		if n := left(); n != 4 {
			t.Errorf("%d sessions after one has ended, want 4", n)
		}
	}
	wantErr(t, s.Update(t.Context(), func(tx *Tx) error { return tx.TouchSession(1) }), ErrNotFound, "")
	update(t, s, func(tx *Tx) error { return tx.endSessions(ada.ID) })
	if n := left(); n != 2 {
		t.Errorf("%d sessions after those of a user have ended, want 2", n)
	}
	update(t, s, func(tx *Tx) error { return tx.DeleteUser(bob.ID) })
	if n := left(); n != 0 {
		t.Errorf("%d sessions without users", n)
	}
}

func TestExpireSessions(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{now: c.now})
	ada := createUser(t, s, User{Name: "ada", Role: RoleStaff, Active: true})
	create := func(n int) {
		update(t, s, func(tx *Tx) error {
			for range n {
				if _, _, err := tx.CreateSession(ada.ID); err != nil {
					return err
				}
			}
			return nil
		})
	}
	create(5)
	c.advance(time.Microsecond)
	create(2)
	err := s.Update(t.Context(), func(tx *Tx) error {
		for _, test := range []struct {
			age  time.Duration
			want int
		}{
			{sessionsKept - time.Microsecond, 7},
			{sessionsKept, 4}, // three at a time
			{sessionsKept, 2},
			{sessionsKept, 2},
			{sessionsKept + time.Microsecond, 0},
		} {
			tx.now = c.now().Add(test.age - time.Microsecond)
			if err := tx.expireSessions(3); err != nil {
				return err
			}
			var n int
			if err := tx.queryRow("SELECT count(*) FROM sessions").Scan(&n); err != nil {
				return err
			}
			if n != test.want {
				t.Errorf("after %v: %d sessions, want %d", test.age, n, test.want)
			}
		}
		return nil
	})
	check(t, err)
}

// TestSecretsAreNotKept: the files of the database have no usable secret.
func TestSecretsAreNotKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "multiproc.db")
	s := openStoreAt(t, path)
	ada := createUser(t, s, User{Name: "ada", Role: RoleStaff, Active: true})
	secrets := []string{"correct horse"}
	seen := map[string]bool{}
	update(t, s, func(tx *Tx) error {
		for _, name := range []string{"a", "b"} {
			_, session, err := tx.CreateSession(ada.ID)
			if err != nil {
				return err
			}
			_, token, err := tx.CreateToken(Token{Name: name})
			if err != nil {
				return err
			}
			secrets = append(secrets, session, token)
		}
		return nil
	})
	// By another process: closing the file in this one would release the locks of SQLite.
	content, err := exec.CommandContext(t.Context(), "cat", path, path+"-wal").Output()
	if err != nil || !bytes.Contains(content, []byte("argon2id")) {
		t.Fatalf("%v, or the hash of the password is not to be seen", err)
	}
	for _, secret := range secrets {
		if bytes.Contains(content, []byte(secret)) {
			t.Errorf("the secret %s is kept", secret)
		}
		seen[secret] = true
	}
	if len(seen) != 5 {
		t.Errorf("%d different secrets, want 5", len(seen))
	}
}
