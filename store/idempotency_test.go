package store

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAnswer(t *testing.T) {
	s := openStore(t)
	key := IdempotencyKey{Token: 1, Key: "k", Fingerprint: [32]byte{1}}
	want := Answer{Status: 201, Location: "/api/v1/transactions/1", Body: []byte("{\"id\":1}\x00\xff")}
	update(t, s, func(tx *Tx) error {
		if _, err := tx.Answer(key); !errors.Is(err, ErrNotFound) {
			t.Errorf("before: %v, want %v", err, ErrNotFound)
		}
		return tx.KeepAnswer(key, want)
	})
	other := key
	other.Fingerprint[31]++
	ofOther := key
	ofOther.Token++
	for name, test := range map[string]struct {
		key  IdempotencyKey
		want Answer
		err  error
	}{
		"same":                       {key, want, nil},
		"another request":            {other, Answer{}, ErrKeyReused},
		"another client":             {ofOther, Answer{}, ErrNotFound},
		"another key":                {IdempotencyKey{Token: 1, Key: "K", Fingerprint: [32]byte{1}}, Answer{}, ErrNotFound},
		"another key, in the middle": {IdempotencyKey{Token: 1, Key: "k%", Fingerprint: [32]byte{1}}, Answer{}, ErrNotFound},
	} {
		view(t, s, func(tx *Tx) error {
			if got, err := tx.Answer(test.key); !cmp.Equal(got, test.want) || !errors.Is(err, test.err) {
				t.Errorf("%s: %+v, %v, want %+v, %v", name, got, err, test.want, test.err)
			}
			return nil
		})
	}
	for _, again := range []IdempotencyKey{key, other} {
		wantErr(t, s.Update(t.Context(), func(tx *Tx) error { return tx.KeepAnswer(again, want) }), ErrExists, "")
	}
	update(t, s, func(tx *Tx) error { return tx.KeepAnswer(ofOther, Answer{Status: 204}) })
	view(t, s, func(tx *Tx) error {
		if got, err := tx.Answer(ofOther); got.Status != 204 || len(got.Body) != 0 || err != nil {
			t.Errorf("without a body: %+v, %v", got, err)
		}
		return nil
	})
}

func TestExpireAnswers(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{now: c.now})
	keys := func(tx *Tx) (keys string, err error) {
		err = tx.queryRow("SELECT coalesce(group_concat(key, '' ORDER BY key), '') FROM idempotency_keys").Scan(&keys)
		return keys, err
	}
	for _, key := range []string{"a", "b", "c"} {
		update(t, s, func(tx *Tx) error { return tx.KeepAnswer(IdempotencyKey{Key: key}, Answer{}) })
		c.advance(time.Second)
	}
	update(t, s, func(tx *Tx) error {
		for _, test := range []struct {
			age  time.Duration // of the last one
			want string
		}{
			{answersKept - 2*time.Second - time.Microsecond, "abc"},
			{answersKept - 2*time.Second, "bc"},
			{answersKept, "c"}, // one at a time
			{answersKept, ""},
			{answersKept, ""},
		} {
			tx.now = c.now().Add(test.age - time.Second)
			if err := tx.expireAnswers(1); err != nil {
				return err
			}
			if got, err := keys(tx); got != test.want || err != nil {
				t.Errorf("after %v: %q, %v, want %q", test.age, got, err, test.want)
			}
		}
		return nil
	})
}
