package store

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// ErrKeyReused says that an idempotency key was already used for another request.
var ErrKeyReused = errors.New("idempotency key was used for another request")

// answersKept is how long an answer is kept at least.
const answersKept = 24 * time.Hour

// IdempotencyKey is what a client calls a request, so that it may ask again without the effect being there twice.
type IdempotencyKey struct {
	Token       int64    // of the client
	Key         string   // 1 to 255 visible ASCII characters
	Fingerprint [32]byte // of the request
}

const maxKey = 255

// Answer is what a request was answered.
type Answer struct {
	Status   int    // of HTTP
	Location string // the header of that name; empty: there was none
	Body     []byte // as it was sent
}

// Answer is what was answered under this key: ErrNotFound if nothing was, ErrKeyReused if it was to another request.
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

// KeepAnswer keeps what was answered, in the transaction that has the effect, for 24 hours at least. It is ErrExists if something
// was already. Its error may be an *InvalidError.
func (tx *Tx) KeepAnswer(k IdempotencyKey, a Answer) error {
	if err := k.valid(); err != nil {
		return err
	}
	if a.Body == nil {
		a.Body = []byte{}
	}
	_, err := tx.insert("idempotency key",
		"INSERT INTO idempotency_keys (token_id, key, fingerprint, status, location, body, created) VALUES (?, ?, ?, ?, ?, ?, ?)",
		k.Token, k.Key, k.Fingerprint[:], a.Status, a.Location, a.Body, micros(tx.now))
	return err
}

func (k IdempotencyKey) valid() error {
	var f faults
	if k.Key == "" || len(k.Key) > maxKey {
		f.add("idempotency-key", "does not have 1 to %d characters", maxKey)
	}
	for i := range len(k.Key) {
		if k.Key[i] <= ' ' || k.Key[i] > '~' {
			f.add("idempotency-key", "has other characters than visible ones of ASCII")
			break
		}
	}
	return f.err()
}

// expireAnswers removes answers that need not be kept any more, the oldest first and at most limit of them.
func (tx *Tx) expireAnswers(limit int) error {
	_, err := tx.exec("DELETE FROM idempotency_keys WHERE id IN (SELECT id FROM idempotency_keys WHERE created <= ? ORDER BY created LIMIT ?)",
		micros(tx.now.Add(-answersKept)), limit)
	if err != nil {
		return fmt.Errorf("expire answers: %w", err)
	}
	return nil
}
