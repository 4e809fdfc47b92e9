package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime/debug"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// PasswordHash is what is kept of a password, as a PHC string: $argon2id$v=19$m=19456,t=2,p=1$salt$key.
type PasswordHash string

// What a password may have: characters, and bytes.
const (
	minPassword = 8
	maxPassword = 1024
)

// argon2id is how a password is made a key, and the key.
type argon2id struct {
	memory    uint32 // KiB
	time      uint32
	threads   uint8
	salt, key []byte
}

// What a new hash costs; see OWASP's Password Storage Cheat Sheet.
const (
	hashMemory  = 19 << 10
	hashTime    = 2
	hashThreads = 1
	saltBytes   = 16
	keyBytes    = 32
)

// What a hash in the database may ask for at most: it may come from elsewhere, but not take the memory of the server.
const (
	maxHashMemory  = 64 << 10
	maxHashTime    = 10
	maxHashThreads = 8
	maxSaltBytes   = 64
	maxKeyBytes    = 64
)

// stranger is the hash that those without one are compared with, so that they wait as long as others.
const stranger PasswordHash = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// HashPassword makes of a password what is kept of it. It takes 19 MiB of memory and some hundredths of a second, and a Store
// does it one at a time: it waits for its turn, or until ctx is done, or fails with ErrCrowded where too many wait. Its error
// may be an *InvalidError.
func (s *Store) HashPassword(ctx context.Context, password string) (PasswordHash, error) {
	var f faults
	switch {
	case len(password) > maxPassword:
		f.add("password", "has more than %d bytes", maxPassword)
	case utf8.RuneCountInString(password) < minPassword:
		f.add("password", "has fewer than %d characters", minPassword)
	}
	if err := f.err(); err != nil {
		return "", err
	}
	release, err := place(s.places)
	if err != nil {
		return "", err
	}
	defer release()
	hash := argon2id{memory: hashMemory, time: hashTime, threads: hashThreads, salt: make([]byte, saltBytes)}
	_, _ = rand.Read(hash.salt) // never fails
	if hash.key, err = s.derive(ctx, hash, password, keyBytes); err != nil {
		return "", err
	}
	return hash.phc(), nil
}

// derive makes a key of a password when it is its turn.
func (s *Store) derive(ctx context.Context, hash argon2id, password string, keyBytes int) ([]byte, error) {
	select {
	case s.hashing <- struct{}{}:
		defer func() { <-s.hashing }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer debug.FreeOSMemory() // a worker has no 19 MiB to keep for the next one
	return argon2.IDKey([]byte(password), hash.salt, hash.time, hash.memory, hash.threads, uint32(keyBytes)), nil
}

// matches is whether a password is the one that a hash was made of.
func (s *Store) matches(ctx context.Context, hash PasswordHash, password string) (bool, error) {
	h, err := parsePasswordHash(hash)
	if err != nil {
		return false, err
	}
	key, err := s.derive(ctx, h, password, len(h.key))
	return subtle.ConstantTimeCompare(key, h.key) == 1, err
}

var phcEncoding = base64.RawStdEncoding.Strict()

func (h argon2id) phc() PasswordHash {
	return PasswordHash(fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.threads,
		phcEncoding.EncodeToString(h.salt), phcEncoding.EncodeToString(h.key)))
}

func parsePasswordHash(hash PasswordHash) (argon2id, error) {
	bad := errors.New("the hash of the password is none of argon2id")
	parts := bytes.Split([]byte(hash), []byte("$"))
	if len(parts) != 6 {
		return argon2id{}, bad
	}
	var h argon2id
	if _, err := fmt.Sscanf(string(parts[3]), "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); err != nil {
		return argon2id{}, bad
	}
	var salt, key error
	h.salt, salt = phcEncoding.DecodeString(string(parts[4]))
	h.key, key = phcEncoding.DecodeString(string(parts[5]))
	// What is not written as we write it is not ours.
	if salt != nil || key != nil || h.phc() != hash {
		return argon2id{}, bad
	}
	if h.memory > maxHashMemory || h.time < 1 || h.time > maxHashTime || h.threads < 1 || h.threads > maxHashThreads ||
		len(h.salt) < 8 || len(h.salt) > maxSaltBytes || len(h.key) < 16 || len(h.key) > maxKeyBytes {
		return argon2id{}, fmt.Errorf("the hash of the password asks for m=%d,t=%d,p=%d", h.memory, h.time, h.threads)
	}
	return h, nil
}

// hash finds fault with what is no hash of a password.
func (f *faults) hash(hash PasswordHash) {
	if _, err := parsePasswordHash(hash); err != nil {
		f.add("password", "%v", err)
	}
}
