package store

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// Secrets of tokens and sessions have 256 random bits, so a hash needs neither salt nor cost.
const (
	secretPrefix = "mp_"
	secretBytes  = 32
)

func newSecret() string {
	var b [secretBytes]byte
	_, _ = rand.Read(b[:]) // never fails
	return secretPrefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// hashSecret returns the hash that is stored for a secret. It is not ok if the text is not a secret.
func hashSecret(secret string) ([]byte, bool) {
	if !strings.HasPrefix(secret, secretPrefix) || len(secret) != len(secretPrefix)+base64.RawURLEncoding.EncodedLen(secretBytes) {
		return nil, false
	}
	hash := sha256.Sum256([]byte(secret))
	return hash[:], true
}
