package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"net/netip"
	"strings"
	"time"
)

// ErrCrowded says that too many passwords are being hashed, for logins or to be kept: try again.
var ErrCrowded = errors.New("too many passwords at a time")

// LockedError says that too many logins have failed for there to be another try before Until, whatever the password.
type LockedError struct{ Until time.Time }

// Error is one line, with the time.
func (e *LockedError) Error() string {
	return "too many logins have failed, none is tried until " + e.Until.Format(time.RFC3339)
}

// Credentials are what somebody says to be a user by.
type Credentials struct {
	Name, Password string
	From           netip.Addr // where they are; the zero Addr: that is not known
	Device         string     // what the browser has of NewDevice; empty, or anything: nothing
}

// How many logins may have failed in a time until no more are tried, by whichever process. All are counted, of users that
// there are and of others alike.
//
// For a user from one address it is few: a person who does not know the password after five guesses waits or asks. That is
// no way to lock somebody else out, who is at another address. From one address for all users it is what people behind one
// address may need. For one user from all addresses it is so many that one attacker cannot lock the user out, and so few
// that many attackers together cannot guess: 9,600 passwords a day. A browser in which the user has logged in before is
// counted by itself, as an address is, and nobody else locks it out.
const (
	attemptWindow     = 15 * time.Minute
	attemptsOfPair    = 5
	attemptsOfAddress = 20
	attemptsOfName    = 100
)

// maxHashing is how many passwords a process has under way at a time, all but one of which wait for their turn to be hashed:
// half a second or so. More fail with ErrCrowded rather than to wait, and with them whoever comes next. Those of whom nothing
// is known, and who may be as many as they like, leave some to the others.
const (
	maxHashing   = 9
	maxStrangers = 7
)

// place takes one of the places until it is released.
func place(places chan struct{}) (release func(), err error) {
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	default:
		return nil, ErrCrowded
	}
}

// attempt is a login that counts as failed until it has succeeded.
type attempt struct {
	id            int64
	name          []byte
	pair, address string // where it comes from: for the user's count, and for the address's; empty: not counted
	known         bool   // it comes from a browser that the user has logged in with; pair is that
}

func newAttempt(c Credentials) attempt {
	name := sha256.Sum256([]byte(strings.ToLower(c.Name)))
	a := attempt{name: name[:]}
	if !c.From.IsValid() {
		return a
	}
	addr := c.From.Unmap().WithZone("")
	a.pair = addr.String()
	if addr.Is6() {
		// Whoever has one has the other 2^64 of its network, too.
		a.pair = netip.PrefixFrom(addr, 64).Masked().String()
	}
	// The others may be those of a proxy, with everybody behind it: one guest could lock all out.
	if !addr.IsLoopback() && !addr.IsPrivate() && !addr.IsLinkLocalUnicast() {
		a.address = a.pair
	}
	return a
}

// by has the attempt count for a browser that is known, and for nothing else. The id is no address.
func (a *attempt) by(device string) {
	if device != "" {
		a.pair, a.address, a.known = "device "+device, "", true
	}
}

// attempted calls f, which tries the credentials, unless too many have failed: a *LockedError. What f finds to be wrong,
// ErrCredentials, counts; other errors do not.
func (s *Store) attempted(ctx context.Context, c Credentials, f func(attempt) error) error {
	if len(c.Password) > maxPassword {
		return ErrCredentials // nobody's, whoever it is: that costs nothing, and is no guess
	}
	a := newAttempt(c)
	// Those who are locked out are told so without a place in the queue: they may be many.
	err := s.View(ctx, func(tx *Tx) error {
		a.by(tx.deviceOf(c))
		return tx.checkAttempts(a)
	})
	if err != nil {
		return err
	}
	if !a.known {
		release, err := place(s.strangers)
		if err != nil {
			return err
		}
		defer release()
	}
	release, err := place(s.places)
	if err != nil {
		return err
	}
	defer release()
	// It is counted before it is known to have failed: of all that are tried at once, no more than a few get to it.
	err = s.Update(ctx, func(tx *Tx) (err error) {
		if err := tx.checkAttempts(a); err != nil {
			return err
		}
		a.id, err = tx.insert("login attempt", "INSERT INTO login_attempts (time, name, address) VALUES (?, ?, ?)",
			micros(tx.now), a.name, a.pair)
		return err
	})
	if err != nil {
		return err
	}
	err = f(a)
	if err != nil && !errors.Is(err, ErrCredentials) {
		gone := s.Update(context.WithoutCancel(ctx), func(tx *Tx) error {
			_, err := tx.exec("DELETE FROM login_attempts WHERE id = ?", a.id)
			return err
		})
		return errors.Join(err, gone)
	}
	return err
}

// checkAttempts finds out whether one more is allowed.
func (tx *Tx) checkAttempts(a attempt) error {
	limits := []struct {
		most  int
		where string
		args  []any
	}{
		{attemptsOfPair, "name = ? AND address = ?", []any{a.name, a.pair}},
		{attemptsOfName, "name = ?", []any{a.name}},
		{attemptsOfAddress, "address = ?", []any{a.address}},
	}
	switch {
	case a.known:
		limits = limits[:1]
	case a.address == "":
		limits = limits[:2]
	}
	var until time.Time
	for _, limit := range limits {
		var first time.Time // of those that are as many as there may be
		err := tx.queryRow("SELECT time FROM login_attempts WHERE "+limit.where+" AND time > ? ORDER BY time DESC LIMIT 1 OFFSET ?",
			append(limit.args, micros(tx.now.Add(-attemptWindow)), limit.most-1)...).Scan(moment{&first})
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return err
		case first.Add(attemptWindow).After(until):
			until = first.Add(attemptWindow)
		}
	}
	if !until.IsZero() {
		return &LockedError{until}
	}
	return nil
}

// forgive takes back what has failed before the attempt that succeeded, and the attempt.
func (tx *Tx) forgive(a attempt) error {
	_, err := tx.exec("DELETE FROM login_attempts WHERE name = ? AND address = ?", a.name, a.pair)
	return err
}

// expireAttempts removes those that count no more, the oldest first and at most limit of them.
func (tx *Tx) expireAttempts(limit int) error {
	_, err := tx.exec("DELETE FROM login_attempts WHERE id IN (SELECT id FROM login_attempts WHERE time <= ? ORDER BY time LIMIT ?)",
		micros(tx.now.Add(-attemptWindow)), limit)
	return err
}
