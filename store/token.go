package store

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// Token is a credential of the API, which its secret gives access to. All times are in UTC.
type Token struct {
	ID        int64  // positive, never reused
	Name      string // unique among the tokens that are not revoked
	ReadOnly  bool
	Created   time.Time
	Expires   time.Time // zero: never
	Revoked   time.Time // zero: not revoked
	CreatedBy string    // as Entry.Actor
}

const selectToken = "SELECT id, name, read_only, created, expires, revoked, created_by FROM api_tokens"

func scanToken(r row) (t Token, err error) {
	err = r.Scan(&t.ID, &t.Name, &t.ReadOnly, moment{&t.Created}, moment{&t.Expires}, moment{&t.Revoked}, &t.CreatedBy)
	return t, err
}

// CreateToken adds a token and returns it with its ID, and its secret, of which only a hash is stored. ID, Created and Revoked of t
// are ignored. The error may be an *InvalidError, or ErrExists for the name.
func (tx *Tx) CreateToken(t Token) (Token, string, error) {
	var f faults
	f.name("name", t.Name)
	f.text("created_by", t.CreatedBy, maxName)
	if !t.Expires.IsZero() && !t.Expires.After(tx.now) {
		f.add("expires", "is not in the future")
	}
	if err := f.err(); err != nil {
		return Token{}, "", err
	}
	secret := newSecret()
	hash, _ := hashSecret(secret)
	t.Created, t.Expires, t.Revoked = tx.now, cut(t.Expires), time.Time{}
	var err error
	t.ID, err = tx.insert(fmt.Sprintf("token %q", t.Name),
		"INSERT INTO api_tokens (hash, name, read_only, created, expires, created_by) VALUES (?, ?, ?, ?, ?, ?)",
		hash, t.Name, t.ReadOnly, micros(t.Created), micros(t.Expires), t.CreatedBy)
	if err != nil {
		return Token{}, "", err
	}
	return t, secret, nil
}

// TokenBySecret returns the token with this secret if it is neither expired nor revoked, or ErrNotFound.
func (tx *Tx) TokenBySecret(secret string) (Token, error) {
	hash, ok := hashSecret(secret)
	if !ok {
		return Token{}, fmt.Errorf("token: %w", ErrNotFound)
	}
	return found(tx.queryRow(selectToken+" WHERE hash = ? AND revoked IS NULL AND (expires IS NULL OR expires > ?)",
		hash, micros(tx.now)), scanToken, "token")
}

// Token returns the token with this id, or ErrNotFound.
func (tx *Tx) Token(id int64) (Token, error) {
	return found(tx.queryRow(selectToken+" WHERE id = ?", id), scanToken, "token %d", id)
}

// Tokens lists all tokens, the newest first, including the expired and the revoked. The error may be an *InvalidError, for the
// cursor.
func (tx *Tx) Tokens(p Page) (Slice[Token], error) {
	k, s := newest(p), clause{where: "TRUE"}
	if err := k.beyond(&s); err != nil {
		return Slice[Token]{}, err
	}
	at := func(t Token) (any, int64) { return t.ID, t.ID }
	return list(tx, k, scanToken, at, selectToken+" WHERE "+s.where+" "+k.order()+" LIMIT ?", s.args...)
}

// RevokeToken revokes a token. To revoke it again changes nothing. The error may be ErrNotFound.
func (tx *Tx) RevokeToken(id int64) error {
	return tx.change(fmt.Sprintf("token %d", id),
		"UPDATE api_tokens SET revoked = coalesce(revoked, ?) WHERE id = ?", micros(tx.now), id)
}

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
