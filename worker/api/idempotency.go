package api

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"multiproc/store"
)

// keyHeader is that of the IETF's draft.
const keyHeader = "Idempotency-Key"

// change does a request's work in one transaction of the database, and answers after its commit. A request that has faults
// already does not come to that: all writers would wait for it. What the work finds besides is undone with it.
//
// With an Idempotency-Key the work is done for the first such request only. Its answer is kept in the same transaction, and
// the others get that: on any worker, and also if nobody ever got the first one's.
func (a *API) change(r *request, work func(*store.Tx) (outcome, error)) (result answer, err error) {
	key, err := r.key()
	if err != nil {
		return answer{}, err
	}
	var done outcome
	err = a.update(r, func(tx *store.Tx) error {
		var err error
		if key.Key == "" {
			done, err = work(tx)
			return r.faults.judge("#", err)
		}
		result, err = r.once(tx, key, work)
		return err
	})
	if err == nil && key.Key == "" {
		return done.answer() // here, where nobody waits to write
	}
	return result, err
}

// once does the work if that is not done yet.
func (r *request) once(tx *store.Tx, key store.IdempotencyKey, work func(*store.Tx) (outcome, error)) (answer, error) {
	kept, err := tx.Answer(key)
	if err == nil {
		return replay(kept), nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return answer{}, err
	}
	done, err := work(tx)
	if err = r.faults.judge("#", err); err != nil {
		return answer{}, err
	}
	result, err := done.answer()
	if err != nil {
		return answer{}, err
	}
	return result, tx.KeepAnswer(key, store.Answer{Status: result.status, Location: done.location, Body: result.body})
}

// replay is an answer that was kept.
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

// key is what the client calls the request, with an empty Key if nothing. It fails if the request has faults already.
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

// fingerprint tells the request from others.
func (r *request) fingerprint() (sum [sha256.Size]byte) {
	hash := sha256.New()
	fmt.Fprintf(hash, "%s %s\n", r.Method, r.URL.RequestURI())
	hash.Write(r.body)
	hash.Sum(sum[:0])
	return sum
}

// maxKey bounds a key, in bytes.
const maxKey = 255

// idempotencyKey is the key that the values of the header give, empty if there are none. It may be written as the string of
// a structured field, as the header's draft has it, or bare.
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
			Detail: fmt.Sprintf("the Idempotency-Key must be one of 1 to %d visible ASCII characters", maxKey),
			Errors: []fault{{Field: keyHeader, Detail: "is malformed"}},
		}
	}
	return key, nil
}

// unquote is what a string of a structured field (RFC 9651) stands for.
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
