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

// PasswordHash is the hash of a password as a PHC string: $argon2id$v=19$m=19456,t=2,p=1$salt$key.
type PasswordHash string

// Lengths of passwords.
const (
	minPassword = 8    // characters
	maxPassword = 1024 // bytes
)

// argon2id is a parsed PasswordHash.
type argon2id struct {
	memory    uint32 // KiB
	time      uint32
	threads   uint8
	salt, key []byte
}

// Parameters of new hashes; see OWASP's Password Storage Cheat Sheet.
const (
	hashMemory  = 19 << 10
	hashTime    = 2
	hashThreads = 1
	saltBytes   = 16
	keyBytes    = 32
)

// Limits on the parameters of a hash in the database. It may come from another program, but must not exhaust the server.
const (
	maxHashMemory  = 64 << 10
	maxHashTime    = 10
	maxHashThreads = 8
	maxSaltBytes   = 64
	maxKeyBytes    = 64
)

// maxHashing is the number of passwords that a process hashes or has waiting, which takes about half a second. More fail with
// ErrCrowded.
const maxHashing = 9

// dummyHash is compared with the passwords of unknown users, so that these take as long as others.
const dummyHash PasswordHash = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// HashPassword returns the hash of a new password. It takes 19 MiB of memory and some hundredths of a second. A Store hashes
// one password at a time: it waits for its turn until ctx is done, and fails with ErrCrowded if too many wait. The error may be
// an *InvalidError.
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
	leave, err := s.enterHashing()
	if err != nil {
		return "", err
	}
	defer leave()
	hash := argon2id{memory: hashMemory, time: hashTime, threads: hashThreads, salt: make([]byte, saltBytes)}
	_, _ = rand.Read(hash.salt) // never fails
	if hash.key, err = s.derive(ctx, hash, password, keyBytes); err != nil {
		return "", err
	}
	return hash.phc(), nil
}

// enterHashing takes one of the maxHashing places until leave is called, or fails with ErrCrowded.
func (s *Store) enterHashing() (leave func(), err error) {
	select {
	case s.places <- struct{}{}:
		return func() { <-s.places }, nil
	default:
		return nil, ErrCrowded
	}
}

// derive derives a key from a password, when no other is being derived.
func (s *Store) derive(ctx context.Context, hash argon2id, password string, keyBytes int) ([]byte, error) {
	select {
	case s.hashing <- struct{}{}:
		defer func() { <-s.hashing }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer debug.FreeOSMemory() // a worker must not keep 19 MiB for the next password
	return argon2.IDKey([]byte(password), hash.salt, hash.time, hash.memory, hash.threads, uint32(keyBytes)), nil
}

// matches reports whether a hash is that of a password.
func (s *Store) matches(ctx context.Context, hash PasswordHash, password string) (bool, error) {
	h, err := parsePasswordHash(hash)
	if err != nil {
		return false, fmt.Errorf("the password hash %w", err)
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
	bad := errors.New("is not an argon2id hash")
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
	// Only the canonical form is accepted.
	if salt != nil || key != nil || h.phc() != hash {
		return argon2id{}, bad
	}
	if h.memory > maxHashMemory || h.time < 1 || h.time > maxHashTime || h.threads < 1 || h.threads > maxHashThreads ||
		len(h.salt) < 8 || len(h.salt) > maxSaltBytes || len(h.key) < 16 || len(h.key) > maxKeyBytes {
		return argon2id{}, fmt.Errorf("is an argon2id hash with parameters out of range: m=%d,t=%d,p=%d", h.memory, h.time, h.threads)
	}
	return h, nil
}

// hash adds a fault if a hash is not a valid PasswordHash.
func (f *faults) hash(hash PasswordHash) {
	if _, err := parsePasswordHash(hash); err != nil {
		f.add("password", "%v", err)
	}
}
