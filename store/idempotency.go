package store

import (
	"bytes"
	"errors"
	"time"
)

// ErrKeyReused is the error of an idempotency key that was used for another request.
var ErrKeyReused = errors.New("idempotency key was used for another request")

// answersKept is the minimum age at which a stored answer is removed.
const answersKept = 24 * time.Hour

// IdempotencyKey identifies a request of a client, so that it can be repeated without taking effect twice.
type IdempotencyKey struct {
	Token       int64    // of the client
	Key         string   // 1 to 255 visible ASCII characters
	Fingerprint [32]byte // of the request
}

// Answer is the answer to a request.
type Answer struct {
	Status   int    // HTTP status
	Location string // header; empty: none
	Body     []byte
}

// Answer returns the answer that was kept under this key. The error may be ErrNotFound, or ErrKeyReused if it answered another
// request.
func (tx *Tx) Answer(k IdempotencyKey) (Answer, error) {
	var fingerprint []byte
	scan := func(r row) (a Answer, err error) {
		err = r.Scan(&a.Status, &a.Location, &a.Body, &fingerprint)
		return a, err
	}
	a, err := found(tx.queryRow("SELECT status, location, body, fingerprint FROM idempotency_keys WHERE token_id = ? AND key = ?",
		k.Token, k.Key), scan, "idempotency key")
	switch {
	case err != nil:
		return Answer{}, err
	case !bytes.Equal(fingerprint, k.Fingerprint[:]):
		return Answer{}, ErrKeyReused
	}
	return a, nil
}

// KeepAnswer keeps an answer for 24 hours at least, in the same transaction as the effect of the request. The error may be
// ErrExists if the key has an answer.
func (tx *Tx) KeepAnswer(k IdempotencyKey, a Answer) error {
	if a.Body == nil {
		a.Body = []byte{}
	}
	_, err := tx.insert("idempotency key",
		"INSERT INTO idempotency_keys (token_id, key, fingerprint, status, location, body, created) VALUES (?, ?, ?, ?, ?, ?, ?)",
		k.Token, k.Key, k.Fingerprint[:], a.Status, a.Location, a.Body, micros(tx.now))
	return err
}

// expireAnswers removes answers that need not be kept any longer, the oldest first, and at most limit of them.
func (tx *Tx) expireAnswers(limit int) error {
	_, err := tx.exec("DELETE FROM idempotency_keys WHERE id IN (SELECT id FROM idempotency_keys WHERE created <= ? ORDER BY created LIMIT ?)",
		micros(tx.now.Add(-answersKept)), limit)
	return err
}
