package store

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"multiproc/internal/proctest"
)

// from returns credentials with an address, or with none if it is empty.
func from(address, name, password string) Credentials {
	a, _ := netip.ParseAddr(address)
	return Credentials{Name: name, Password: password, From: a}
}

// failAttempts records failed logins of a user at the current time.
func failAttempts(t *testing.T, s *Store, n int, c Credentials) {
	t.Helper()
	a := newAttempt(c)
	update(t, s, func(tx *Tx) error {
		for range n {
			if _, err := tx.addAttempt(a, tx.now); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestLoginLimit(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{now: c.now})
	createUser(t, s, User{Name: "Ada", Role: RoleStaff, Active: true})
	createUser(t, s, User{Name: "bob", Role: RoleStaff, Active: true})
	login := func(address, name, password string) error {
		_, _, err := s.Login(t.Context(), from(address, name, password), "")
		return err
	}
	hashes := watchHashes(t, s)
	const here, there = "203.0.113.7", "203.0.113.8"
	for _, user := range []string{"ada", "nobody"} {
		first := c.now()
		for _, name := range []string{user, user, user, "  " + user, user} {
			if err := login(here, name, "wrong horse"); !errors.Is(err, ErrCredentials) {
				t.Fatalf("%q: %v, want %v", name, err, ErrCredentials)
			}
			c.advance(time.Minute)
		}
		if err := login(here, user, "wrong horse"); !errors.Is(err, ErrCredentials) { // one was another name
			t.Fatalf("%v, want %v", err, ErrCredentials)
		}
		for _, test := range []struct{ address, name, password string }{
			{here, user, "wrong horse"}, {here, "ADA", "correct horse"}, {"::ffff:" + here, "Ada", "correct horse"},
		} {
			if user == "nobody" {
				test.name = "NoBody"
			}
			locked, ok := errors.AsType[*LockedError](login(test.address, test.name, test.password))
			if !ok || !locked.Until.Equal(first.Add(attemptWindow)) {
				t.Errorf("%v: %v, want one until %v", test, locked, first.Add(attemptWindow))
			}
		}
		c.advance(time.Hour)
	}
	failAttempts(t, s, 5, from(here, "ada", ""))
	for _, c := range []Credentials{from(there, "ada", "correct horse"), from(here, "bob", "correct horse"), from("", "ada", "correct horse")} {
		if _, _, err := s.Login(t.Context(), c, ""); err != nil {
			t.Errorf("%v is locked, too: %v", c, err)
		}
	}
	if err := s.Confirm(t.Context(), from(here, "ada", "correct horse")); !isLocked(err) {
		t.Errorf("Confirm: %v", err)
	}
	c.advance(attemptWindow)
	if err := login(here, "ada", "correct horse"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if n := hashes(); n != 2*6+3+1 {
		t.Errorf("%d hashes, want one for each attempt that was not refused, %d", n, 2*6+3+1)
	}
}

func isLocked(err error) bool {
	_, ok := errors.AsType[*LockedError](err)
	return ok
}

// TestLoginForgives: a successful login or confirmation clears the user's failures at the same address.
func TestLoginForgives(t *testing.T) {
	s := openStore(t)
	createUser(t, s, User{Name: "ada", Role: RoleStaff, Active: true})
	right := from("192.0.2.1", "ada", "correct horse")
	for _, try := range []func() error{
		func() error { _, _, err := s.Login(t.Context(), right, ""); return err },
		func() error { return s.Confirm(t.Context(), right) },
	} {
		failAttempts(t, s, 4, from("192.0.2.2", "ada", ""))
		failAttempts(t, s, 4, right)
		check(t, try())
		if n := number(t, s, "SELECT count(*) FROM login_attempts WHERE address <> 'known'"); n != 4 {
			t.Errorf("%d attempts are left, want the 4 of another address", n)
		}
		update(t, s, func(tx *Tx) error { _, err := tx.exec("DELETE FROM login_attempts"); return err })
	}
}

// TestLoginLimitOfAddress: an address locks for all users, unless it may be that of a proxy.
func TestLoginLimitOfAddress(t *testing.T) {
	for _, test := range []struct {
		attacker, other string
		locked          bool
	}{
		{"203.0.113.7", "203.0.113.7", true},
		{"203.0.113.7", "203.0.113.8", false},
		{"203.0.113.7", "::ffff:203.0.113.7", true},
		{"2001:db8::1", "2001:db8::ffff:1", true}, // one network
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"127.0.0.1", "127.0.0.1", false}, // a proxy
		{"::1", "::1", false},
		{"10.1.2.3", "10.1.2.3", false},
		{"fd00::1", "fd00::1", false},
		{"fe80::1%eth0", "fe80::1%eth0", false},
		{"", "", false}, // a unix socket
	} {
		t.Run(test.attacker+" "+test.other, func(t *testing.T) {
			s := openStore(t)
			createUser(t, s, User{Name: "ada", Role: RoleStaff, Active: true})
			for i := range 19 {
				failAttempts(t, s, 1, from(test.attacker, fmt.Sprint("user ", i), ""))
			}
			if _, _, err := s.Login(t.Context(), from(test.other, "ada", "correct horse"), ""); err != nil {
				t.Fatalf("after 19 failures: %v", err)
			}
			failAttempts(t, s, 1, from(test.attacker, "user 19", ""))
			_, _, err := s.Login(t.Context(), from(test.other, "ada", "correct horse"), "")
			if isLocked(err) != test.locked || err != nil && !test.locked {
				t.Errorf("after 20 failures: %v, want one that locks: %v", err, test.locked)
			}
		})
	}
}

// TestLoginPace: failures of a user at many addresses, or at unknown or loopback ones, slow that user's logins and never lock them.
func TestLoginPace(t *testing.T) {
	for _, test := range []struct {
		name   string
		before int
		from   func(i int) Credentials
		right  Credentials
	}{
		{"many addresses", attemptsOfName, func(i int) Credentials { return from(fmt.Sprintf("198.51.100.%d", i), "ada", "") }, from("203.0.113.7", "ada", "correct horse")},
		{"unknown addresses", attemptsOfPair, func(int) Credentials { return from("", "ada", "") }, from("", "ada", "correct horse")},
		{"loopback", attemptsOfPair, func(int) Credentials { return from("127.0.0.1", "ada", "") }, from("127.0.0.1", "ada", "correct horse")},
		{"loopback, IPv6", attemptsOfPair, func(int) Credentials { return from("::ffff:127.0.0.1", "ada", "") }, from("::1", "ada", "correct horse")},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newClock()
			s := openStore(t, Options{now: c.now})
			createUser(t, s, User{Name: "ada", Role: RoleStaff, Active: true})
			login := func(password string) error {
				right := test.right
				right.Password = password
				_, _, err := s.Login(t.Context(), right, "")
				return err
			}
			for i := range test.before - 1 {
				failAttempts(t, s, 1, test.from(i))
			}
			if err := login("correct horse"); err != nil {
				t.Fatalf("one failure before the limit: %v", err)
			}
			c.advance(loginKept) // then the address is no longer known
			for i := range test.before {
				failAttempts(t, s, 1, test.from(i))
			}
			locked, ok := errors.AsType[*LockedError](login("correct horse"))
			if !ok || !locked.Until.Equal(c.now().Add(attemptsPace)) {
				t.Fatalf("at the limit: %v, want one until %v", locked, c.now().Add(attemptsPace))
			}
			for range 3 { // wrong attempts take turns with refused ones, and are never more than one in attemptsPace
				c.advance(attemptsPace)
				if err := login("wrong horse"); !errors.Is(err, ErrCredentials) {
					t.Fatalf("after %s: %v", attemptsPace, err)
				}
				c.advance(attemptsPace - time.Microsecond)
				if err := login("correct horse"); !isLocked(err) {
					t.Errorf("before %s: %v", attemptsPace, err)
				}
			}
			c.advance(attemptsPace)
			if err := login("correct horse"); err != nil {
				t.Errorf("the right password: %v", err)
			}
		})
	}
}

// TestLoginPaceOfKnown: a stranger who takes every turn does not keep a user from logging in at an address where that user has
// logged in lately. There the user locks as anywhere else.
func TestLoginPaceOfKnown(t *testing.T) {
	for _, confirm := range []bool{false, true} {
		c := newClock()
		s := openStore(t, Options{now: c.now})
		for _, name := range []string{"ada", "bob"} {
			createUser(t, s, User{Name: name, Role: RoleStaff, Active: true})
		}
		try := func(address, name, password string) error {
			if confirm {
				return s.Confirm(t.Context(), from(address, name, password))
			}
			_, _, err := s.Login(t.Context(), from(address, name, password), "")
			return err
		}
		attack := func() {
			for i := range attemptsOfName {
				failAttempts(t, s, 1, from(fmt.Sprintf("198.51.100.%d", i), "ada", ""))
			}
		}
		const home, bobs = "2001:db8::1", "203.0.113.8"
		for _, address := range []string{home, "", "127.0.0.1"} {
			check(t, try(address, "Ada", "correct horse"))
		}
		check(t, try(bobs, "bob", "correct horse"))
		c.advance(loginKept - time.Second)
		attack()
		for range 2 { // the second time the address is known by the first login
			if err := try("2001:db8::2", "ada", "correct horse"); err != nil {
				t.Fatalf("at a known address: %v", err)
			}
			for _, address := range []string{bobs, "", "127.0.0.1", "2001:db8:0:1::1"} {
				if err := try(address, "ada", "correct horse"); !isLocked(err) {
					t.Errorf("from %q: %v", address, err)
				}
			}
			c.advance(2 * time.Second)
		}
		for range attemptsOfPair {
			if err := try(home, "ada", "wrong horse"); !errors.Is(err, ErrCredentials) {
				t.Fatalf("a wrong password at a known address: %v", err)
			}
		}
		locked, ok := errors.AsType[*LockedError](try(home, "ada", "correct horse"))
		if !ok || !locked.Until.Equal(c.now().Add(attemptWindow)) {
			t.Errorf("after failures there: %v, want one until %v", locked, c.now().Add(attemptWindow))
		}
		c.advance(loginKept)
		attack()
		if err := try(home, "ada", "correct horse"); !isLocked(err) {
			t.Errorf("long after the last login: %v", err)
		}
		update(t, s, func(*Tx) error { return nil })
		if n := number(t, s, "SELECT count(*) FROM login_attempts WHERE address = 'known'"); n != 0 {
			t.Errorf("%d known addresses are kept too long", n)
		}
	}
}

// TestLoginLimitAtOnce: of many logins that reach several processes at the same moment, no more than the limit are tried.
func TestLoginLimitAtOnce(t *testing.T) {
	s := openStore(t)
	stores := []*Store{s, openStoreAt(t, pathOf(t, s)), openStoreAt(t, pathOf(t, s))}
	createUser(t, s, User{Name: "ada", Role: RoleStaff, Active: true})
	var mu sync.Mutex
	outcomes := map[string]int{}
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			_, _, err := stores[i%len(stores)].Login(t.Context(), from("127.0.0.1", "ada", "wrong horse"), "")
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, ErrCredentials):
				outcomes["wrong"]++
			case isLocked(err), errors.Is(err, ErrCrowded):
				outcomes["not tried"]++
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if outcomes["wrong"] != attemptsOfPair || outcomes["not tried"] != 60-attemptsOfPair {
		t.Errorf("%v, want %d to be tried", outcomes, attemptsOfPair)
	}
}

// TestLoginCrowded: the queue is short, and an attempt that was not tried does not count.
func TestLoginCrowded(t *testing.T) {
	s := openStore(t)
	createUser(t, s, User{Name: "ada", Role: RoleStaff, Active: true})
	s.hashing <- struct{}{} // another password is being hashed
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error)
	for i := range maxHashing {
		go func() {
			_, _, err := s.Login(ctx, Credentials{Name: fmt.Sprint(i)}, "")
			errs <- err
		}()
	}
	proctest.Eventually(t, "all wait for their turn", func() bool { return number(t, s, "SELECT count(*) FROM login_attempts") == maxHashing })
	right := Credentials{Name: "ada", Password: "correct horse"}
	if _, _, err := s.Login(t.Context(), right, ""); !errors.Is(err, ErrCrowded) {
		t.Errorf("one more login: %v, want %v", err, ErrCrowded)
	}
	if _, err := s.HashPassword(t.Context(), "correct horse"); !errors.Is(err, ErrCrowded) {
		t.Errorf("a new password: %v, want %v", err, ErrCrowded)
	}
	cancel()
	for range maxHashing {
		wantErr(t, <-errs, context.Canceled, "")
	}
	<-s.hashing
	if n := number(t, s, "SELECT count(*) FROM login_attempts"); n != 0 {
		t.Errorf("%d attempts count that were not tried", n)
	}
	if _, _, err := s.Login(t.Context(), right, ""); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestLoginTooLong: text too long for a password is not a guess, and locks nobody out.
func TestLoginTooLong(t *testing.T) {
	s := openStore(t)
	createUser(t, s, User{Name: "ada", Role: RoleStaff, Active: true})
	for range 2 * attemptsOfName {
		_, _, err := s.Login(t.Context(), from("192.0.2.1", "ada", strings.Repeat("x", maxPassword+1)), "")
		if !errors.Is(err, ErrCredentials) {
			t.Fatal(err)
		}
	}
	if _, _, err := s.Login(t.Context(), from("192.0.2.1", "ada", "correct horse"), ""); err != nil {
		t.Error(err)
	}
}

// TestAttemptsExpire: attempts that no longer count are deleted, a batch with each commit.
func TestAttemptsExpire(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{now: c.now})
	failAttempts(t, s, expiredAtOnce+1, from("127.0.0.1", "ada", ""))
	c.advance(attemptWindow)
	failAttempts(t, s, 1, from("127.0.0.1", "ada", ""))
	for _, want := range []int64{2, 1} { // a batch with each commit
		if n := number(t, s, "SELECT count(*) FROM login_attempts"); n != want {
			t.Errorf("%d attempts, want %d", n, want)
		}
		update(t, s, func(*Tx) error { return nil })
	}
}
