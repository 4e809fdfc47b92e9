package store

import (
	"fmt"
	"time"
)

// Token is the credential of a program. Who has its secret may use the API.
type Token struct {
	ID        int64     // from 1 on; no other token ever gets it
	Name      string    // of those not revoked, unique
	ReadOnly  bool      // it may look, and change nothing
	Created   time.Time // UTC, as all times
	Expires   time.Time // zero: never
	Revoked   time.Time // zero: it is not
	CreatedBy string    // a user's name, or as the audit log has it
}

const selectToken = "SELECT id, name, read_only, created, expires, revoked, created_by FROM api_tokens"

func scanToken(r row) (t Token, err error) {
	err = r.Scan(&t.ID, &t.Name, &t.ReadOnly, moment{&t.Created}, moment{&t.Expires}, moment{&t.Revoked}, &t.CreatedBy)
	return t, err
}

// CreateToken adds a token, whose ID and secret it gives. Of the secret only a hash is kept. Created and Revoked of t are
// ignored. Its error may be an *InvalidError, or ErrExists for the name.
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

// TokenBySecret is the token that has this secret and may be used now, or ErrNotFound.
func (tx *Tx) TokenBySecret(secret string) (Token, error) {
	hash, ok := hashSecret(secret)
	if !ok {
		return Token{}, fmt.Errorf("token: %w", ErrNotFound)
	}
	return found(tx.queryRow(selectToken+" WHERE hash = ? AND revoked IS NULL AND (expires IS NULL OR expires > ?)",
		hash, micros(tx.now)), scanToken, "token")
}

// Token is the one with this id, or ErrNotFound.
func (tx *Tx) Token(id int64) (Token, error) {
	return found(tx.queryRow(selectToken+" WHERE id = ?", id), scanToken, "token %d", id)
}

// Tokens lists all tokens, the newest first, including the expired and the revoked. The error may be an *InvalidError, for the
// cursor.
func (tx *Tx) Tokens(p Page) (Slice[Token], error) {
	k, s := newest(p), search{where: "TRUE"}
	if err := k.beyond(&s); err != nil {
		return Slice[Token]{}, err
	}
	at := func(t Token) (any, int64) { return t.ID, t.ID }
	return list(tx, k, scanToken, at, selectToken+" WHERE "+s.where+" "+k.order()+" LIMIT ?", s.args...)
}

// RevokeToken makes a token useless from now on. It is ErrNotFound if there is none; revoking it again changes nothing.
func (tx *Tx) RevokeToken(id int64) error {
	return tx.change(fmt.Sprintf("token %d", id),
		"UPDATE api_tokens SET revoked = coalesce(revoked, ?) WHERE id = ?", micros(tx.now), id)
}
