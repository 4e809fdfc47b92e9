package store

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// Secrets of tokens and sessions are 256 random bits, so a hash without salt or cost keeps them.
const (
	secretPrefix = "mp_"
	secretBytes  = 32
)

func newSecret() string {
	var b [secretBytes]byte
	_, _ = rand.Read(b[:]) // never fails
	return secretPrefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// hashSecret is what is kept of a secret, or false if it is none.
func hashSecret(secret string) ([]byte, bool) {
	if !strings.HasPrefix(secret, secretPrefix) || len(secret) != len(secretPrefix)+base64.RawURLEncoding.EncodedLen(secretBytes) {
		return nil, false
	}
	hash := sha256.Sum256([]byte(secret))
	return hash[:], true
}
