package store

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"
)

func TestHashPassword(t *testing.T) {
	s := openStore(t)
	const password = "correct horse"
	hash, err := s.HashPassword(t.Context(), password)
	check(t, err)
	if again, err := s.HashPassword(t.Context(), password); again == hash || err != nil {
		t.Errorf("%s, %v: the salt is the same", again, err)
	}
	parts := strings.Split(string(hash), "$")
	if got := strings.Join(parts[:4], "$"); got != "$argon2id$v=19$m=19456,t=2,p=1" {
		t.Errorf("%s has other parameters", hash)
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if len(salt) != 16 || err != nil {
		t.Errorf("%d bytes of salt, %v", len(salt), err)
	}
	if key := base64.RawStdEncoding.EncodeToString(argon2.IDKey([]byte(password), salt, 2, 19456, 1, 32)); key != parts[5] {
		t.Errorf("the key is %s, want %s", parts[5], key)
	}
	for other, want := range map[string]bool{password: true, "correct Horse": false, "": false, password + "\x00": false} {
		if got, err := s.matches(t.Context(), hash, other); got != want || err != nil {
			t.Errorf("%q matches: %t, %v, want %t", other, got, err, want)
		}
	}
}

// TestPasswordOfOthers verifies hashes made by the argon2 command.
func TestPasswordOfOthers(t *testing.T) {
	s := openStore(t)
	for hash, want := range map[PasswordHash]bool{
		"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4": true,
		"$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc": true,
		"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHU$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4": false,
	} {
		if got, err := s.matches(t.Context(), hash, "password"); got != want || err != nil {
			t.Errorf("%s: %t, %v, want %t", hash, got, err, want)
		}
	}
}

func TestHashPasswordRefuses(t *testing.T) {
	s := openStore(t)
	for password, want := range map[string]string{
		"":                         "has fewer than 8 characters",
		"1234567":                  "has fewer than 8 characters",
		"üüüüüüü":                  "has fewer than 8 characters",
		strings.Repeat("a", 1025):  "has more than 1024 bytes",
		strings.Repeat("🔑", 257):   "has more than 1024 bytes",
		strings.Repeat("a", 1<<20): "has more than 1024 bytes",
	} {
		_, err := s.HashPassword(t.Context(), password)
		if got := problemOf(t, err, "password"); got != want {
			t.Errorf("%.20q: %q, want %q", password, got, want)
		}
	}
}

func TestParsePasswordHashRefuses(t *testing.T) {
	const salt, key = "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	if _, err := parsePasswordHash("$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + key); err != nil {
		t.Fatal(err)
	}
	for _, hash := range []string{
		"", "password", "$argon2id$", "$$$$$", "!",
		"$argon2i$v=19$m=19456,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=16$m=19456,t=2,p=1$" + salt + "$" + key,
		"$argon2id$m=19456,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=4194304,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=4294967296,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=19456,t=4294967295,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=19456,t=0,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=19456,t=2,p=0$" + salt + "$" + key,
		"$argon2id$v=19$m=19456,t=2,p=255$" + salt + "$" + key,
		"$argon2id$v=19$m=19456,t=2,p=257$" + salt + "$" + key,
		"$argon2id$v=19$m=-1,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=019456,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=19456,t=2,p=1,x=1$" + salt + "$" + key,
		"$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$",
		"$argon2id$v=19$m=19456,t=2,p=1$$" + key,
		"$argon2id$v=19$m=19456,t=2,p=1$" + salt + "=$" + key,
		"$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + key + "\n",
		"$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + key + "$",
		"$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + strings.Repeat("A", 1<<20),
	} {
		if h, err := parsePasswordHash(PasswordHash(hash)); err == nil {
			t.Errorf("%.100q: no error, but %+v", hash, h)
		}
	}
}

// FuzzParsePasswordHash: an accepted hash has bounded parameters and is in canonical form.
func FuzzParsePasswordHash(f *testing.F) {
	f.Add(string(dummyHash))
	f.Add("$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := parsePasswordHash(PasswordHash(text))
		if err != nil {
			return
		}
		if h.memory > 64<<10 || h.time > 10 || h.threads > 8 || len(h.salt) > 64 || len(h.key) > 64 || string(h.phc()) != text {
			t.Errorf("%q: %+v", text, h)
		}
	})
}

// watchHashes counts the derivations: each begins by a send on hashing and ends by a receive.
func watchHashes(t *testing.T, s *Store) (count func() int) {
	t.Helper()
	turn, n, stop, done := make(chan struct{}), 0, make(chan struct{}), make(chan struct{})
	s.hashing = turn
	go func() {
		defer close(done)
		for {
			select {
			case <-turn:
				n++
				turn <- struct{}{}
			case <-stop:
				return
			}
		}
	}()
	return func() int {
		close(stop)
		<-done
		return n
	}
}

// TestHashPasswordInTurn: a process hashes one password at a time, also for an unknown user.
func TestHashPasswordInTurn(t *testing.T) {
	s := openStore(t)
	s.hashing <- struct{}{} // another password is being hashed
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("gone")
	errs := make(chan error)
	for range maxHashing / 2 {
		go func() {
			_, err := s.HashPassword(ctx, "correct horse")
			errs <- err
		}()
		go func() {
			_, _, err := s.authenticate(ctx, "nobody", "correct horse")
			errs <- err
		}()
	}
	cancel(cause)
	for range 2 * (maxHashing / 2) {
		if err := <-errs; !errors.Is(err, cause) && !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want %v: it did not wait for its turn", err, cause)
		}
	}
	<-s.hashing
	if _, err := s.HashPassword(t.Context(), "correct horse"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestHashPasswordMemory: the memory of hashes is released.
func TestHashPasswordMemory(t *testing.T) {
	s := openStore(t)
	errs := make(chan error)
	for i := range 5 {
		go func() {
			_, err := s.HashPassword(t.Context(), fmt.Sprintf("correct horse %d", i))
			errs <- err
		}()
	}
	for range 5 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if kept := m.HeapSys - m.HeapReleased; kept > 16<<20 {
		t.Errorf("%d bytes of heap are kept", kept)
	}
}
