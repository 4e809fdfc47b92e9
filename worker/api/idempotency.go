package api

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"multiproc/store"
)

// keyHeader is the header of the IETF draft "The Idempotency-Key HTTP Header Field".
const keyHeader = "Idempotency-Key"

// change does the work of a request in one transaction of the database, and answers after its commit. A request with faults
// fails before, so that no writer waits for it. If the work finds faults, it is undone.
//
// With an Idempotency-Key only the first request does the work. Its answer is stored in the same transaction, and later requests
// with the key get it: from any worker, even if the first client never did.
func (r *request) change(work func(*store.Tx) (outcome, error)) (result answer, err error) {
	key, err := r.key()
	if err != nil {
		return answer{}, err
	}
	var done outcome
	err = r.update(func(tx *store.Tx) error {
		var err error
		if key.Key == "" {
			done, err = work(tx)
			return r.faults.problemOr("#", err)
		}
		result, err = r.once(tx, key, work)
		return err
	})
	if err == nil && key.Key == "" {
		return done.answer() // outside the transaction, so that no writer waits
	}
	return result, err
}

// once does the work unless there is an answer under the key.
func (r *request) once(tx *store.Tx, key store.IdempotencyKey, work func(*store.Tx) (outcome, error)) (answer, error) {
	kept, err := tx.Answer(key)
	if err == nil {
		return replay(kept), nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return answer{}, err
	}
	done, err := work(tx)
	if err = r.faults.problemOr("#", err); err != nil {
		return answer{}, err
	}
	result, err := done.answer()
	if err != nil {
		return answer{}, err
	}
	return result, tx.KeepAnswer(key, store.Answer{Status: result.status, Location: done.location, Body: result.body})
}

// replay returns a stored answer.
func replay(kept store.Answer) answer {
	a := answer{status: kept.Status, header: http.Header{"Idempotency-Replayed": {"true"}}}
	if len(kept.Body) > 0 {
		a.body = kept.Body
	}
	if kept.Location != "" {
		a.header.Set("Location", kept.Location)
	}
	return a
}

// key returns the idempotency key of the request, with an empty Key if it has none. It fails if the request has faults.
func (r *request) key() (store.IdempotencyKey, error) {
	if r.faults.any() {
		return store.IdempotencyKey{}, r.faults.problem()
	}
	key, err := idempotencyKey(r.Header.Values(keyHeader))
	if err != nil || key == "" {
		return store.IdempotencyKey{}, err
	}
	return store.IdempotencyKey{Token: r.token.ID, Key: key, Fingerprint: r.fingerprint()}, nil
}

// fingerprint identifies the request.
func (r *request) fingerprint() (sum [sha256.Size]byte) {
	hash := sha256.New()
	fmt.Fprintf(hash, "%s %s\n", r.Method, r.URL.RequestURI())
	hash.Write(r.body)
	hash.Sum(sum[:0])
	return sum
}

// maxKey bounds a key, in bytes.
const maxKey = 255

// idempotencyKey returns the key in the values of the header, empty if there are none. The key may be bare or a string of a
// structured field, as in the draft.
func idempotencyKey(values []string) (string, error) {
	if len(values) == 0 {
		return "", nil
	}
	key, ok := values[0], len(values) == 1
	if strings.HasPrefix(key, `"`) {
		key, ok = unquote(key)
		ok = ok && len(values) == 1
	}
	invisible := func(c rune) bool { return c < '!' || '~' < c }
	if !ok || key == "" || len(key) > maxKey || strings.ContainsFunc(key, invisible) {
		return "", &problemError{
			Status: http.StatusBadRequest,
			Detail: fmt.Sprintf("the Idempotency-Key must have 1 to %d visible ASCII characters", maxKey),
			Errors: []fault{{Field: keyHeader, Detail: "is malformed"}},
		}
	}
	return key, nil
}

// unquote returns the value of a string of a structured field (RFC 9651).
func unquote(s string) (string, bool) {
	var text strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; c {
		case '"':
			return text.String(), i == len(s)-1
		case '\\':
			i++
			if i == len(s) || s[i] != '"' && s[i] != '\\' {
				return "", false
			}
			text.WriteByte(s[i])
		default:
			text.WriteByte(c)
		}
	}
	return "", false
}
