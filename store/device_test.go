package store

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestDeviceIsNotLockedOut: a browser that has logged in before does so when many have failed to, from wherever. It has a limit of
// its own, and is known for one user, with one password, for some time.
func TestDeviceIsNotLockedOut(t *testing.T) {
	clock := newClock()
	s := openStore(t, Options{now: clock.now})
	ada := createUser(t, s, User{Name: "Ada", Role: RoleStaff, Active: true})
	createUser(t, s, User{Name: "bob", Role: RoleStaff, Active: true})
	var device string
	newDevice := func() {
		t.Helper()
		if err := s.View(t.Context(), func(tx *Tx) (err error) { device, err = tx.NewDevice(ada.ID); return err }); err != nil {
			t.Fatal(err)
		}
	}
	newDevice()
	right := from("203.0.113.7", "ada", "correct horse")
	login := func(name, device, password string) error {
		c := right
		c.Name, c.Device, c.Password = name, device, password
		_, _, err := s.Login(t.Context(), c, "")
		return err
	}
	attack := func() {
		failAttempts(t, s, attemptsOfAddress, right)
		failAttempts(t, s, attemptsOfName, from("198.51.100.1", "ada", ""))
		failAttempts(t, s, attemptsOfName, from("198.51.100.1", "bob", ""))
	}
	attack()
	if err := login("ADA", device, "correct horse"); err != nil {
		t.Errorf("a browser that is known: %v", err)
	}
	for _, other := range []string{"", "x", device[1:], "A" + device[1:] + "A", strings.ToLower(device), device[:len(device)-2] + "AA"} {
		if err := login("ada", other, "correct horse"); !isLocked(err) {
			t.Errorf("%q: %v", other, err)
		}
	}
	if err := login("bob", device, "correct horse"); !isLocked(err) {
		t.Errorf("as another user: %v", err)
	}

	for range attemptsOfPair {
		if err := login("ada", device, "wrong horse"); !errors.Is(err, ErrCredentials) {
			t.Errorf("a wrong password: %v", err)
		}
	}
	if err := login("ada", device, "correct horse"); !isLocked(err) {
		t.Errorf("after its own failures: %v", err)
	}
	newDevice()
	if err := login("ada", device, "correct horse"); err != nil {
		t.Errorf("another browser of the user: %v", err)
	}

	clock.advance(DevicesKept + time.Second)
	attack()
	if err := login("ada", device, "correct horse"); !isLocked(err) {
		t.Errorf("after a long time: %v", err)
	}
	newDevice()
	hash, err := s.HashPassword(t.Context(), "another horse")
	if err != nil {
		t.Fatal(err)
	}
	update(t, s, func(tx *Tx) error { return tx.SetPassword(ada.ID, hash) })
	if err := login("ada", device, "another horse"); !isLocked(err) {
		t.Errorf("with another password: %v", err)
	}
}
